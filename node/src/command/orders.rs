//! `orders`: the last ones, or one receipt again.

use outpost_schema::{order::Order, word::Word as _};
use outpost_sync::wire::Problem;

use super::{Failure, till::Till};
use crate::{config::Config, orders::Awaiting, web::orders::OrderListed};

/// Rows, if nobody says how many.
const ROWS: usize = 20;

/// List the last orders, or print a receipt again
#[derive(Debug, clap::Args)]
pub struct Orders {
    /// A receipt's number, such as K1-000042, to print it again
    #[arg(value_name = "RECEIPT")]
    pub receipt: Option<String>,
    /// Rows at most
    #[arg(long, default_value_t = ROWS)]
    pub limit: usize,
}

/// Lists or prints.
///
/// # Errors
/// If there is no such receipt, or the device cannot be read.
pub fn run(config: &Config, orders: &Orders) -> Result<(), Failure> {
    let till = Till::open(config)?;
    if let Some(receipt) = &orders.receipt {
        let found: Vec<Order> = till.get("/v1/orders", &[("receipt", receipt)])?;
        let order = found.first().ok_or_else(|| {
            Problem::new(
                "unknown_receipt",
                format!("there is no receipt {receipt} here; look with `outpost-node orders`"),
            )
        })?;
        say!("{}", till.text(&format!("/v1/orders/{}/receipt", order.order_id))?);
        return Ok(());
    }
    let found: Vec<OrderListed> = till.get("/v1/orders", &[("limit", &orders.limit.to_string())])?;
    say!("{:<14} {:<11} {:>6} {:>12}  ORDER", "RECEIPT", "STATUS", "LINES", "TOTAL");
    for OrderListed { order, confirmation } in &found {
        let standing = match confirmation {
            Some(Awaiting::Awaited) => "unconfirmed",
            Some(Awaiting::Confirmed) | None => order.status.word(),
        };
        let (receipt, lines) = (order.receipt.to_string(), order.items.len());
        say!("{receipt:<14} {standing:<11} {lines:>6} {:>12}  {}", order.total_amount, order.order_id);
    }
    Ok(())
}
