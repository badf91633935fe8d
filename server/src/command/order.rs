//! `outpost-server orders list` and `orders returns`.

use outpost_schema::order::OrderStatus;
use outpost_sync::wire::Problem;

use super::{moment, print_json, table};
use crate::{
    db::office::{self, ConfirmationSeen, OrdersWanted},
    server::Server,
};

/// What `orders` can do.
#[derive(clap::Subcommand)]
pub(super) enum Verb {
    /// List the newest orders
    List {
        /// Only those that stand there: pending, processed, cancelled, shipped, delivered
        #[arg(long)]
        status: Option<String>,
        /// Only those that wait for goods: taken at a till that could not promise them
        #[arg(long)]
        awaiting: bool,
        /// How many
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=10_000))]
        limit: i64,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// List what came back, the newest first
    Returns {
        /// How many
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=10_000))]
        limit: i64,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(verb: Verb, server: &Server) -> Result<(), Problem> {
    match verb {
        Verb::List { status, awaiting, limit, json } => {
            let status: Option<OrderStatus> = status.map(|word| word.parse()).transpose()?;
            list(OrdersWanted { before: None, status, awaiting, limit }, json, server).await
        }
        Verb::Returns { limit, json } => returns(limit, json, server).await,
    }
}

async fn returns(limit: i64, json: bool, server: &Server) -> Result<(), Problem> {
    let returns = server.db.snapshot(|tx| async move { office::returns(&tx, limit).await }).await?;
    if json {
        return print_json(&returns);
    }
    let rows: Vec<_> = returns
        .into_iter()
        .map(|r| {
            let (units, damaged) = (r.units.to_string(), r.damaged.to_string());
            let (at, refunded) = (moment(r.created_at), r.refunded.to_string());
            [r.receipt, r.order_receipt, at, r.node, r.warehouse, units, damaged, refunded, r.reason]
        })
        .collect();
    let head = ["receipt", "of", "at (UTC)", "device", "warehouse", "units", "damaged", "refunded", "why"];
    table::print(head, &rows, "nothing came back yet");
    Ok(())
}

async fn list(wanted: OrdersWanted, json: bool, server: &Server) -> Result<(), Problem> {
    let orders = server.db.snapshot(|tx| async move { office::orders(&tx, wanted).await }).await?;
    if json {
        return print_json(&orders);
    }
    let rows: Vec<_> = orders
        .into_iter()
        .map(|o| {
            let (total, lines) = (o.total_amount.to_string(), o.lines.to_string());
            let (returned, refunded) = (o.returned.to_string(), o.refunded.to_string());
            let status = match o.confirmation {
                Some(ConfirmationSeen::Awaited) if o.status < OrderStatus::Cancelled => "unconfirmed".to_owned(),
                Some(ConfirmationSeen::Awaited | ConfirmationSeen::Confirmed { .. }) | None => o.status.to_string(),
            };
            let at = moment(o.created_at);
            [o.receipt, at, o.node, o.warehouse, status, lines, total, returned, refunded]
        })
        .collect();
    let head = ["receipt", "at (UTC)", "device", "warehouse", "status", "lines", "total", "returned", "refunded"];
    table::print(head, &rows, "no orders yet");
    Ok(())
}
