//! `ask` and `give-back`: goods by code and number.

use outpost_schema::journal::Mark;
use serde_json::json;

use super::{Failure, sell::amount, status, till::Till, wanted};
use crate::{
    config::Config,
    web::{
        status::RoundShown,
        stock::{AmountSaid, GivenBack, GoodsSaid},
    },
};

/// Some products and how many of each
#[derive(Debug, clap::Args)]
pub struct Goods {
    /// A barcode or sku, with xN for more than one unit
    #[arg(required = true, value_name = "CODE[xN]")]
    pub products: Vec<String>,
}

/// What is given back
#[derive(Debug, clap::Args)]
pub struct Back {
    /// A barcode or sku, with xN for more than one unit
    #[arg(required_unless_present = "all", value_name = "CODE[xN]")]
    products: Vec<String>,
    /// Everything that may be sold here without asking: this device goes to another place
    #[arg(long, conflicts_with = "products")]
    all: bool,
}

/// Gives back.
///
/// # Errors
/// What the shop says, or the machine.
pub fn give_back(config: &Config, back: Back) -> Result<(), Failure> {
    if !back.all {
        return run(config, &Goods { products: back.products }, Deed::GiveBack);
    }
    let till = Till::open(config)?;
    let given: GivenBack = till.post("/v1/stock/give-back-all", &json!({}))?;
    say!("Gave back {} units", given.units);
    say!("{}", status::waiting(&till)?);
    Ok(())
}

/// Closes the journal: this device is to be retired.
///
/// # Errors
/// What the shop says, or the machine; why head office could not be reached.
pub fn retire(config: &Config) -> Result<(), Failure> {
    let till = Till::open(config)?;
    let given: GivenBack = till.post("/v1/retire", &json!({}))?;
    say!("Gave back {} units, and closed the journal", given.units);
    let done: RoundShown = till.post("/v1/round", &json!({}))?;
    say!("{} sent. At head office: outpost-server nodes retire", done.pushed);
    Ok(())
}

/// What is done with goods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// More of them may be sold here, if head office agrees.
    Ask,
    /// Others may sell them.
    GiveBack,
}

/// Does it.
///
/// # Errors
/// What the shop says, or the machine.
pub fn run(config: &Config, goods: &Goods, deed: Deed) -> Result<(), Failure> {
    let till = Till::open(config)?;
    let wanted = wanted::each(&till, &goods.products)?;
    let line = |wanted: &wanted::Wanted| {
        Ok(AmountSaid { product_id: wanted.offer.product.product_id, amount: amount(wanted.units)? })
    };
    let lines = wanted.iter().map(line).collect::<Result<_, Failure>>()?;
    let (path, done) = match deed {
        Deed::Ask => ("/v1/stock/ask", "Asked for"),
        Deed::GiveBack => ("/v1/stock/give-back", "Gave back"),
    };
    let _mark: Mark = till.post(path, &GoodsSaid { lines })?;
    for wanted in &wanted {
        say!("{done} {} of {}", wanted.units, wanted.offer.product.name);
    }
    say!("{}", status::waiting(&till)?);
    Ok(())
}
