//! `outpost-server holds list | release | extend`.

use outpost_schema::id::HoldId;
use outpost_sync::wire::Problem;

use super::{moment, print_json, product, table};
use crate::{
    db::{
        holds::{self, ListWanted},
        import,
    },
    error::Error,
    hold::{self, standing::By},
    server::Server,
};

/// Lines in one look; name a product or a warehouse to see less.
const LINES_MAX: i64 = 200;

/// What `holds` can do.
#[derive(clap::Subcommand)]
pub(super) enum Verb {
    /// List what is held for buyers, those that end first before the others
    List {
        /// Only of this product: its sku, barcode or id
        #[arg(long)]
        product: Option<String>,
        /// Only there
        #[arg(long, value_name = "NAME")]
        warehouse: Option<String>,
        /// Only what is past its time; it counts as promised until somebody needs the units
        #[arg(long)]
        over: bool,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Release a hold: what it promised may be promised to others
    Release {
        /// Its id
        hold: HoldId,
    },
    /// Let a hold last longer
    Extend {
        /// Its id
        hold: HoldId,
        /// How long it lasts from now
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..=1440))]
        minutes: i64,
    },
}

pub(super) async fn run(verb: Verb, server: &Server) -> Result<(), Problem> {
    match verb {
        Verb::List { product, warehouse, over, json } => {
            let product_id = match product {
                Some(word) => Some(product::find(server, &word).await?.product_id),
                None => None,
            };
            list(server, ListWanted { product_id, warehouse_id: None, over, limit: LINES_MAX }, warehouse, json).await
        }
        Verb::Release { hold } => {
            hold::release(server, By::Office, hold).await?;
            println!("{hold} is released.");
            Ok(())
        }
        Verb::Extend { hold, minutes } => {
            let until = server.now().plus_seconds(minutes * 60);
            let lasts = hold::extend(server, By::Office, hold, until).await?;
            println!("{hold} lasts until {}.", moment(lasts.expires_at));
            Ok(())
        }
    }
}

async fn list(server: &Server, wanted: ListWanted, warehouse: Option<String>, json: bool) -> Result<(), Problem> {
    let (warehouse, now) = (warehouse.as_deref(), server.now());
    let lines = server.db.snapshot(|tx| async move {
        let warehouse_id = match warehouse {
            Some(name) => {
                let no_warehouse = || Error::NotFound { what: "warehouse", name: name.to_owned() };
                Some(import::warehouse(&tx, name).await?.ok_or_else(no_warehouse)?)
            }
            None => None,
        };
        holds::list(&tx, ListWanted { warehouse_id, ..wanted }, now).await
    });
    let lines = lines.await?;
    if json {
        return print_json(&lines);
    }
    let rows: Vec<_> = lines
        .into_iter()
        .map(|line| {
            let buyer = match (line.cart_id, line.order_id) {
                (Some(cart), _) => format!("cart {cart}"),
                (None, Some(order)) => format!("order {order}"),
                (None, None) => "nobody named".to_owned(),
            };
            let until = moment(line.expires_at) + if line.expires_at <= now { " (over)" } else { "" };
            let (hold, sku) = (line.hold_id.to_string(), line.sku.unwrap_or_default());
            [hold, sku, line.name, line.warehouse, line.amount.to_string(), buyer, until]
        })
        .collect();
    table::print(["hold", "sku", "name", "warehouse", "units", "for", "until"], &rows, "nothing is held");
    Ok(())
}
