//! `orders`: the last ones, one receipt again, or one that moves on or is called off.

use outpost_schema::{
    journal::Mark,
    order::{Order, OrderStatus},
    word::Word as _,
};
use outpost_sync::wire::Problem;
use serde_json::json;

use super::{Failure, status, till::Till};
use crate::{config::Config, orders::Awaiting, web::orders::OrderListed};

/// Rows, if nobody says how many.
const ROWS: usize = 20;

/// List the last orders, print a receipt again, or move an order on
#[derive(Debug, clap::Args)]
pub struct Orders {
    /// A receipt's number, such as K1-000042, to print it again
    #[arg(value_name = "RECEIPT")]
    pub receipt: Option<String>,
    /// Move it on: processed, shipped (handed over) or delivered
    #[arg(long, value_name = "STATUS", requires = "receipt")]
    pub to: Option<OrderStatus>,
    /// Ask for it to be called off; head office says whether its goods are still there
    #[arg(long, requires = "receipt", conflicts_with = "to")]
    pub cancel: bool,
    /// Rows at most
    #[arg(long, default_value_t = ROWS)]
    pub limit: usize,
}

/// Lists, prints, or moves one on.
///
/// # Errors
/// If there is no such receipt, or the device cannot be read.
pub fn run(config: &Config, orders: &Orders) -> Result<(), Failure> {
    let till = Till::open(config)?;
    if let Some(receipt) = &orders.receipt {
        let order = of_receipt(&till, receipt)?;
        return match (orders.to, orders.cancel) {
            (Some(status), _) => advance(&till, &order, status),
            (None, true) => cancel(&till, &order),
            (None, false) => {
                say!("{}", till.text(&format!("/v1/orders/{}/receipt", order.order_id))?);
                Ok(())
            }
        };
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

fn of_receipt(till: &Till, receipt: &str) -> Result<Order, Failure> {
    let found: Vec<Order> = till.get("/v1/orders", &[("receipt", receipt)])?;
    let none = || format!("there is no receipt {receipt} here; look with `outpost-node orders`");
    found.into_iter().next().ok_or_else(|| Problem::new("unknown_receipt", none()).into())
}

fn advance(till: &Till, order: &Order, status: OrderStatus) -> Result<(), Failure> {
    let path = format!("/v1/orders/{}/status", order.order_id);
    let order: Order = till.post(&path, &json!({ "status": status.word() }))?;
    say!("{} is {}.", order.receipt, order.status);
    say!("{}", status::waiting(till)?);
    Ok(())
}

fn cancel(till: &Till, order: &Order) -> Result<(), Failure> {
    let _mark: Mark = till.post(&format!("/v1/orders/{}/cancel", order.order_id), &json!({}))?;
    say!("{} is to be called off; look with `outpost-node orders` once head office has been heard.", order.receipt);
    say!("{}", status::waiting(till)?);
    Ok(())
}
