//! `transfer`: goods that go to another warehouse, and goods that come from one.

use std::collections::BTreeMap;

use outpost_schema::{id::ProductId, quantity::Amount, transfer::TransferCode};

use super::{Failure, hold::place_called, sell::amount, status, till::Till, wanted};
use crate::{
    config::Config,
    web::{
        stock::AmountSaid,
        transfers::{ArriveSaid, CameSaid, SendSaid, TransferShown},
    },
};

/// Goods on the road between warehouses
#[derive(Debug, clap::Subcommand)]
pub enum Transfer {
    /// Put goods on the road, and say what to write on the boxes
    Send(Send),
    /// Write down what came of a transfer, all of it or a part
    Arrive(Arrive),
    /// List what is on the road from here or to here
    List {
        /// What is over too
        #[arg(long)]
        all: bool,
    },
    /// Show what left, what came, and what is missing
    Show {
        /// What is written on the boxes
        #[arg(value_name = "TRANSFER")]
        code: TransferCode,
    },
}

/// What `transfer send` takes.
#[derive(Debug, clap::Args)]
pub struct Send {
    /// Where they go
    #[arg(long, value_name = "PLACE")]
    pub to: String,
    /// A barcode or sku, with xN for more than one unit
    #[arg(required = true, value_name = "CODE[xN]")]
    pub products: Vec<String>,
    /// They leave although they are promised to others
    #[arg(long)]
    pub anyway: bool,
    /// Who sends them
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
    /// What else there is to know
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
}

/// What `transfer arrive` takes.
#[derive(Debug, clap::Args)]
pub struct Arrive {
    /// What is written on the boxes
    #[arg(value_name = "TRANSFER")]
    pub code: TransferCode,
    /// A barcode or sku, with xN for more than one unit; damaged ones are counted here too
    #[arg(value_name = "CODE[xN]", required_unless_present = "complete")]
    pub products: Vec<String>,
    /// Of what came, this came damaged
    #[arg(long, value_name = "CODE[xN]")]
    pub damaged: Vec<String>,
    /// No more is to come: what has not come is missing
    #[arg(long)]
    pub complete: bool,
    /// Who takes them in
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
    /// What else there is to know
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
}

/// Does it.
///
/// # Errors
/// What the shop says, or the machine.
pub fn run(config: &Config, verb: &Transfer) -> Result<(), Failure> {
    let till = Till::open(config)?;
    match verb {
        Transfer::Send(wanted) => send(&till, wanted),
        Transfer::Arrive(wanted) => arrive(&till, wanted),
        Transfer::List { all } => list(&till, *all),
        Transfer::Show { code } => show(&till, code),
    }
}

fn send(till: &Till, send: &Send) -> Result<(), Failure> {
    let to = place_called(till, &send.to)?;
    let wanted = wanted::each(till, &send.products)?;
    let line = |wanted: &wanted::Wanted| {
        Ok(AmountSaid { product_id: wanted.offer.product.product_id, amount: amount(wanted.units)? })
    };
    let lines = wanted.iter().map(line).collect::<Result<_, Failure>>()?;
    let (person, note) = (send.by.clone(), send.note.clone());
    let said = SendSaid { to, lines, anyway: send.anyway, person, note };
    let sent: TransferShown = till.post("/v1/transfers", &said)?;
    for wanted in &wanted {
        say!("Sent {} of {} to {}", wanted.units, wanted.offer.product.name, send.to);
    }
    say!("Write on the boxes: {}", sent.code);
    say!("{}", status::waiting(till)?);
    Ok(())
}

fn arrive(till: &Till, arrive: &Arrive) -> Result<(), Failure> {
    let (came, damaged) = (wanted::each(till, &arrive.products)?, wanted::each(till, &arrive.damaged)?);
    let mut broken: BTreeMap<ProductId, i64> = BTreeMap::new();
    for wanted in &damaged {
        *broken.entry(wanted.offer.product.product_id).or_default() += wanted.units;
    }
    let mut units: BTreeMap<ProductId, i64> = BTreeMap::new();
    for wanted in &came {
        *units.entry(wanted.offer.product.product_id).or_default() += wanted.units;
    }
    if let Some(other) = damaged.iter().find(|wanted| !units.contains_key(&wanted.offer.product.product_id)) {
        let sentence =
            format!("{:?} came damaged and did not come; name it among what came too", other.offer.product.name);
        return Err(Failure::usage("damaged_only", sentence));
    }
    let line = |(product_id, units): (ProductId, i64)| {
        let came: Amount = amount(units)?;
        Ok(CameSaid { product_id, came, damaged: broken.get(&product_id).copied().unwrap_or(0) })
    };
    let lines = units.into_iter().map(line).collect::<Result<_, Failure>>()?;
    let said = ArriveSaid { lines, complete: arrive.complete, person: arrive.by.clone(), note: arrive.note.clone() };
    let shown: TransferShown = till.post(&format!("/v1/transfers/{}/arrive", arrive.code), &said)?;
    for wanted in &came {
        say!("{} of {} came", wanted.units, wanted.offer.product.name);
    }
    say!("{}", state(&shown));
    say!("{}", status::waiting(till)?);
    Ok(())
}

fn list(till: &Till, all: bool) -> Result<(), Failure> {
    let found: Vec<TransferShown> = till.get("/v1/transfers", &[("all", if all { "true" } else { "false" })])?;
    say!("{:<14} {:<24} {:<24} STATE", "TRANSFER", "FROM", "TO");
    for one in &found {
        let place = |name: &Option<String>| name.clone().unwrap_or_else(|| "not told here yet".to_owned());
        say!("{:<14} {:<24} {:<24} {}", one.code, place(&one.from), place(&one.to), state(one));
    }
    Ok(())
}

fn show(till: &Till, code: &TransferCode) -> Result<(), Failure> {
    let one: TransferShown = till.get(&format!("/v1/transfers/{code}"), &[])?;
    say!("{}  {}", one.code, state(&one));
    say!("{:<36} {:>10} {:>10} {:>10} {:>11}", "PRODUCT", "LEFT", "CAME", "DAMAGED", "WRITTEN OFF");
    for row in &one.transfer.rows {
        let name = wanted::name(till, row.product_id);
        say!("{name:<36} {:>10} {:>10} {:>10} {:>11}", row.sent, row.arrived, row.damaged, row.lost);
    }
    Ok(())
}

fn state(one: &TransferShown) -> String {
    let sum = |units: &[(ProductId, i64)]| units.iter().map(|(_, units)| units).sum::<i64>();
    match (one.transfer.route, sum(&one.excess), sum(&one.on_road)) {
        (None, ..) => "the sender has not been heard here yet".to_owned(),
        (Some(_), excess @ 1.., _) => format!("{excess} more came than were sent"),
        (Some(_), _, 0) => "all has come".to_owned(),
        (Some(_), _, missing) if one.transfer.complete => format!("{missing} missing"),
        (Some(_), _, on_road) => format!("{on_road} on the road"),
    }
}
