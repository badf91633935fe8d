//! `outpost-server transfers list | show | write-off`.

use outpost_schema::transfer::Transfer;
use outpost_sync::wire::Problem;

use super::{moment, print_json, table};
use crate::{
    db::{names::Names, transfers as stored},
    server::Server,
    transfers::{self, GivenUp},
};

/// Transfers in one look.
const ROWS_MAX: i64 = 200;

/// What `transfers` can do.
#[derive(clap::Subcommand)]
pub(super) enum Verb {
    /// List those that are on the road, or were told of only by who received them
    List {
        /// Those that are over too
        #[arg(long)]
        all: bool,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Show what left, what came, and what is missing
    Show {
        /// What is written on the boxes, or the id
        code: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Give up what is missing of a transfer that is complete: it is lost, in the book of its sender
    WriteOff {
        /// What is written on the boxes, or the id
        code: String,
        /// Who gives it up
        #[arg(long, value_name = "NAME")]
        by: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        note: String,
    },
}

pub(super) async fn run(verb: Verb, server: &Server) -> Result<(), Problem> {
    match verb {
        Verb::List { all, json } => list(server, all, json).await,
        Verb::Show { code, json } => show(server, &code, json).await,
        Verb::WriteOff { code, by, note } => write_off(server, &code, GivenUp { by, note }).await,
    }
}

async fn list(server: &Server, all: bool, json: bool) -> Result<(), Problem> {
    let looked = server
        .db
        .snapshot(|tx| async move { Ok((stored::list(&tx, all, ROWS_MAX).await?, Names::load(&tx, &[]).await?)) });
    let (transfers, names) = looked.await?;
    if json {
        return print_json(&transfers);
    }
    let rows: Vec<_> = transfers
        .iter()
        .map(|transfer| {
            let (sent, came, on_road) = units(transfer);
            let place = |place| names.warehouse(place);
            let [from, to, at] = transfer.route.map_or_else(
                || ["not told yet".to_owned(), String::new(), String::new()],
                |route| [place(route.from_id), place(route.to_id), moment(route.sent_at)],
            );
            let [sent, came, on_road] = [sent, came, on_road].map(|units| units.to_string());
            [transfer.code.to_string(), from, to, at, sent, came, on_road, state(transfer).to_owned()]
        })
        .collect();
    let columns = ["code", "from", "to", "sent", "units", "came", "on the road", "state"];
    table::print(columns, &rows, "nothing is on the road");
    Ok(())
}

async fn show(server: &Server, code: &str, json: bool) -> Result<(), Problem> {
    let looked = server.db.snapshot(|tx| async move {
        let transfer = transfers::find(&tx, code).await?;
        let products: Vec<_> = transfer.rows.iter().map(|row| row.product_id).collect();
        Ok((Names::load(&tx, &products).await?, transfer))
    });
    let (names, transfer) = looked.await?;
    if json {
        return print_json(&transfer);
    }
    println!("{}  {}", transfer.code, state(&transfer));
    if let Some(route) = transfer.route {
        let (from, to) = (names.warehouse(route.from_id), names.warehouse(route.to_id));
        println!("from {from} to {to}, sent {}", moment(route.sent_at));
    }
    let rows: Vec<_> = transfer
        .rows
        .iter()
        .map(|row| {
            let [sent, came, damaged, lost] = [row.sent, row.arrived, row.damaged, row.lost].map(|n| n.to_string());
            [names.product(row.product_id), names.warehouse(row.warehouse_id), sent, came, damaged, lost]
        })
        .collect();
    table::print(["product", "at", "left", "came", "damaged", "written off"], &rows, "nothing was told of it");
    for (product_id, of) in transfer.totals() {
        let product = names.product(product_id);
        match (of.on_road(), of.excess()) {
            (0, 0) => {}
            (0, excess) => println!("{product}: {excess} more came than anybody says to have sent"),
            (units, _) if transfer.complete => println!("{product}: {units} missing"),
            (units, _) => println!("{product}: {units} on the road"),
        }
    }
    Ok(())
}

async fn write_off(server: &Server, code: &str, said: GivenUp) -> Result<(), Problem> {
    let lost = transfers::write_off(server, code, &said).await?;
    let products: Vec<_> = lost.iter().map(|(key, _)| key.product_id).collect();
    let products = products.as_slice();
    let names = server.db.snapshot(|tx| async move { Names::load(&tx, products).await }).await?;
    if lost.is_empty() {
        println!("nothing of it is missing");
    }
    for (key, units) in lost {
        let (product, place) = (names.product(key.product_id), names.warehouse(key.warehouse_id));
        println!("{product}: {units} written off at {place}");
    }
    Ok(())
}

fn units(transfer: &Transfer) -> (i64, i64, i64) {
    let totals = transfer.totals();
    let sum = |of: fn(&outpost_schema::transfer::Totals) -> i64| totals.values().map(of).sum();
    (sum(|of| of.sent), sum(|of| of.arrived), sum(|of| of.on_road()))
}

fn state(transfer: &Transfer) -> &'static str {
    let [excess, missing] = transfer.surprises().map(|surprise| surprise.units());
    match (transfer.route, excess, missing) {
        (None, ..) => "came before it was told",
        (Some(_), 1.., _) => "too much came",
        (Some(_), _, 1..) => "goods are missing",
        (Some(_), ..) if transfer.is_over() => "arrived",
        (Some(_), ..) => "on the road",
    }
}
