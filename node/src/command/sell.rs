//! `sell`: a sale from the terminal, with a receipt.

use outpost_schema::{id::HoldId, money::Money, order::Fulfilment, quantity::Amount};

use super::{
    Failure, status,
    till::Till,
    wanted::{self, Wanted},
};
use crate::{
    config::Config,
    web::sales::{LineSaid, SaleSaid, SoldShown, TenderSaid},
};

/// Sell some products, with or without a line
#[derive(Debug, clap::Args)]
pub struct Sell {
    /// What is sold: a barcode or sku, with xN for more than one unit (TEAx3, 4006381333931x2), or what a scanner
    /// reads from a label, which may tell amount and price
    #[arg(required = true, value_name = "CODE[xN]")]
    pub products: Vec<String>,
    /// The cash that was handed over
    #[arg(long, value_name = "AMOUNT", required_unless_present = "card")]
    pub cash: Option<Money>,
    /// The terminal's reference of a card payment, for what the cash leaves; never a card's number
    #[arg(long, value_name = "REFERENCE")]
    pub card: Option<String>,
    /// Take an order that is handed over later; what may not be sold here without asking is then to be confirmed
    #[arg(long)]
    pub order: bool,
    /// A hold of the customer that the order uses up; may be repeated
    #[arg(long, value_name = "ID", requires = "order")]
    pub hold: Vec<HoldId>,
    /// A price agreed at the till, such as RUG=80.00; may be repeated
    #[arg(long, value_name = "CODE=AMOUNT")]
    pub price: Vec<String>,
}

/// Sells.
///
/// # Errors
/// What the shop says, or the machine.
pub fn run(config: &Config, sell: &Sell) -> Result<(), Failure> {
    let till = Till::open(config)?;
    let agreed = sell.price.iter().map(|text| agreed(&till, text)).collect::<Result<Vec<_>, _>>()?;
    let wanted = wanted::each(&till, &sell.products)?;
    let sale = SaleSaid {
        lines: wanted.iter().map(|wanted| line(wanted, &agreed)).collect::<Result<_, Failure>>()?,
        tenders: tenders(sell),
        customer: None,
        fulfilment: if sell.order { Fulfilment::Ship } else { Fulfilment::CarryOut },
        to_be_confirmed: sell.order,
        shipping_address_id: None,
        billing_address_id: None,
        holds: sell.hold.clone(),
    };
    let sold: SoldShown = till.post("/v1/sales", &sale)?;
    say!("{}", till.text(&format!("/v1/orders/{}/receipt", sold.order.order_id))?);
    if sold.to_be_confirmed {
        say!("To be confirmed: head office says when the goods are there; look with `outpost-node orders`.");
    }
    say!("{}", status::waiting(&till)?);
    Ok(())
}

fn line(wanted: &Wanted, agreed: &[(outpost_schema::id::ProductId, Money)]) -> Result<LineSaid, Failure> {
    let product_id = wanted.offer.product.product_id;
    let price = agreed.iter().find(|(product, _)| *product == product_id).map(|(_, price)| *price);
    Ok(LineSaid { product_id, quantity: amount(wanted.units)?, price: price.or(wanted.price) })
}

pub(super) fn amount(units: i64) -> Result<Amount, Failure> {
    Amount::new(units).map_err(|fault| Failure::usage(fault.code(), fault.to_string()))
}

fn agreed(till: &Till, text: &str) -> Result<(outpost_schema::id::ProductId, Money), Failure> {
    let wrong = || Failure::usage("bad_price", format!("{text:?} is no price; write it like RUG=80.00"));
    let (code, price) = text.rsplit_once('=').ok_or_else(wrong)?;
    let price = price.parse().map_err(|_| wrong())?;
    Ok((wanted::product(till, code)?.product.product_id, price))
}

fn tenders(sell: &Sell) -> Vec<TenderSaid> {
    let cash = sell.cash.map(|given| TenderSaid::Cash { given, amount: None });
    let card = sell.card.clone().map(|reference| TenderSaid::Card { reference, amount: None });
    cash.into_iter().chain(card).collect()
}
