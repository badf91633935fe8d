//! `outpost-server orders list`.

use outpost_schema::order::OrderStatus;
use outpost_sync::wire::Problem;

use super::{moment, print_json, table};
use crate::{db::office, server::Server};

/// What `orders` can do.
#[derive(clap::Subcommand)]
pub(super) enum Verb {
    /// List the newest orders
    List {
        /// Only those that stand there: pending, processed, cancelled, shipped, delivered
        #[arg(long)]
        status: Option<String>,
        /// How many
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=10_000))]
        limit: i64,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(verb: Verb, server: &Server) -> Result<(), Problem> {
    let Verb::List { status, limit, json } = verb;
    let status: Option<OrderStatus> = status.map(|word| word.parse()).transpose()?;
    let orders = server.db.snapshot(|tx| async move { office::orders(&tx, None, status, limit).await }).await?;
    if json {
        return print_json(&orders);
    }
    let rows: Vec<_> = orders
        .into_iter()
        .map(|o| {
            let (total, lines) = (o.total_amount.to_string(), o.lines.to_string());
            [o.receipt, moment(o.created_at), o.node, o.warehouse, o.status.to_string(), lines, total]
        })
        .collect();
    table::print(["receipt", "at (UTC)", "device", "warehouse", "status", "lines", "total"], &rows, "no orders yet");
    Ok(())
}
