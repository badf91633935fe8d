//! `outpost-server price SKU=PRICE ...`: all of them change, or none.

use outpost_schema::{id::ProductId, money::Money};
use outpost_sync::wire::Problem;

use super::product;
use crate::{publish, server::Server};

/// What `price` takes.
#[derive(clap::Args)]
pub(super) struct Args {
    /// A product's sku, barcode or id, and its price: TEA=2.50, or TEA=none
    #[arg(required = true, value_name = "SKU=PRICE")]
    prices: Vec<String>,
}

pub(super) async fn run(args: Args, server: &Server) -> Result<(), Problem> {
    let mut prices = Vec::new();
    for text in &args.prices {
        prices.push(price(text, server).await?);
    }
    let changed = publish::reprice(server, &prices).await?;
    println!("{changed} of {} prices changed", prices.len());
    Ok(())
}

async fn price(text: &str, server: &Server) -> Result<(ProductId, Option<Money>), Problem> {
    let cure = || Problem::new("not_a_price", format!("{text:?} sets no price; write it like TEA=2.50, or TEA=none"));
    let (word, price) = text.rsplit_once('=').ok_or_else(cure)?;
    let price = if price == "none" { None } else { Some(price.parse().map_err(|_| cure())?) };
    Ok((product::find(server, word).await?.product_id, price))
}
