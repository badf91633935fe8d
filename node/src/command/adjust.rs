//! `receive` and `adjust`: goods that came in, broke, went missing or turned up, and who says so.

use outpost_schema::{
    id::DeliveryId,
    journal::Mark,
    movement::{Cause, Lot, Received},
};
use outpost_sync::wire::Problem;

use super::{Failure, deliveries, sell::amount, status, till::Till, wanted};
use crate::{
    config::Config,
    web::{
        stock::{AdjustSaid, ChangeSaid, ReceivedLineSaid, ReceivedSaid},
        transfers::UndoSaid,
    },
};

/// What there is to say of goods that move
#[derive(Clone, Debug, clap::Args)]
pub struct Remark {
    /// Who did it
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
    /// What else there is to know
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
    /// The maker's lot or batch
    #[arg(long, value_name = "LOT")]
    pub lot: Option<String>,
    /// Until when they are good, as the label says
    #[arg(long, value_name = "DATE")]
    pub expires: Option<String>,
}

/// Write down goods that came in
#[derive(Debug, clap::Args)]
pub struct Receive {
    /// A barcode or sku, with xN for more than one unit
    #[arg(required_unless_present_any = ["undo", "scan"], value_name = "CODE[xN]")]
    pub products: Vec<String>,
    /// They are of this delivery, which is expected here: its reference
    #[arg(long, value_name = "REFERENCE")]
    pub delivery: Option<String>,
    /// Take the last receipt back instead: scanned twice, or the wrong thing
    #[arg(long, conflicts_with_all = ["products", "delivery", "scan"])]
    pub undo: bool,
    /// Read one code after another, as a scanner types them; each is certain once it is answered. The word undo
    /// takes the last one back
    #[arg(long, conflicts_with = "products")]
    pub scan: bool,
    #[command(flatten)]
    remark: Remark,
}

/// Write down that there are more or fewer than the book says, and why
#[derive(Debug, clap::Args)]
#[command(after_help = "A correction changes the book either way: write TEA=-3 or TEA=2, and say why with --note. \
To write down what you saw on the shelf, use `outpost-node count`.")]
pub struct Adjust {
    /// What happened: damaged, lost, found or corrected
    #[arg(value_name = "WHY")]
    pub cause: Cause,
    /// A barcode or sku, with xN for more than one unit; for a correction CODE=CHANGE
    #[arg(required = true, value_name = "CODE[xN]")]
    pub products: Vec<String>,
    #[command(flatten)]
    remark: Remark,
}

/// Takes goods in.
///
/// # Errors
/// What the shop says, or the machine.
pub fn receive(config: &Config, receive: &Receive) -> Result<(), Failure> {
    let till = Till::open(config)?;
    if receive.undo {
        undo(&till, &receive.remark)?;
        say!("{}", status::waiting(&till)?);
        return Ok(());
    }
    let delivery = match &receive.delivery {
        Some(name) => Some(deliveries::find(&till, name)?.delivery_id),
        None => None,
    };
    if receive.scan {
        scan(&till, receive, delivery)?;
    } else {
        take_in(&till, &receive.products, receive, delivery)?;
    }
    say!("{}", status::waiting(&till)?);
    Ok(())
}

/// One op a scan: what was answered is certain. A code that means nothing here is told, and the next one is read.
fn scan(till: &Till, receive: &Receive, delivery: Option<DeliveryId>) -> Result<(), Failure> {
    for line in std::io::stdin().lines() {
        let line = line.map_err(|error| Problem::new("no_input", format!("no more can be read: {error}")))?;
        let done = match line.trim() {
            "" => continue,
            "undo" => undo(till, &receive.remark),
            code => take_in(till, &[code.to_owned()], receive, delivery),
        };
        if let Err(failure) = done {
            say!("{}", failure.problem);
        }
    }
    Ok(())
}

fn undo(till: &Till, remark: &Remark) -> Result<(), Failure> {
    let Remark { by: person, note, .. } = remark.clone();
    let undone: Received = till.post("/v1/stock/receive/undo", &UndoSaid { person, note })?;
    for line in &undone.lines {
        say!("Took back {} of {}", line.amount.units(), wanted::name(till, line.product_id));
    }
    Ok(())
}

fn take_in(till: &Till, products: &[String], receive: &Receive, delivery: Option<DeliveryId>) -> Result<(), Failure> {
    let wanted = wanted::each(till, products)?;
    let Remark { by: person, note, lot, expires } = receive.remark.clone();
    let line = |wanted: &wanted::Wanted| {
        let Lot { lot, expires } = wanted.lot_as(lot.as_ref(), expires.as_ref());
        Ok(ReceivedLineSaid {
            product_id: wanted.offer.product.product_id,
            amount: amount(wanted.units)?,
            lot,
            expires,
        })
    };
    let lines = wanted.iter().map(line).collect::<Result<_, Failure>>()?;
    let _mark: Mark = till.post("/v1/stock/receive", &ReceivedSaid { lines, person, note, delivery })?;
    for wanted in &wanted {
        let lot = wanted.lot_as(lot.as_ref(), expires.as_ref());
        say!("Received {} of {}{}", wanted.units, wanted.offer.product.name, told(&lot));
    }
    Ok(())
}

/// What is kept of the lot, so that whoever scans sees that it was read.
fn told(lot: &Lot) -> String {
    let lot_told = lot.lot.iter().map(|lot| format!(", lot {lot}"));
    lot_told.chain(lot.expires.iter().map(|date| format!(", good until {date}"))).collect()
}

/// Sets the book right.
///
/// # Errors
/// What the shop says, or the machine.
pub fn adjust(config: &Config, adjust: &Adjust) -> Result<(), Failure> {
    let till = Till::open(config)?;
    let wanted = changes(&till, adjust)?;
    let Remark { by: person, note, lot, expires } = adjust.remark.clone();
    let line = |wanted: &wanted::Wanted| {
        let Lot { lot, expires } = wanted.lot_as(lot.as_ref(), expires.as_ref());
        ChangeSaid { product_id: wanted.offer.product.product_id, delta: wanted.units, lot, expires }
    };
    let said = AdjustSaid { cause: adjust.cause, lines: wanted.iter().map(line).collect(), person, note };
    let _mark: Mark = till.post("/v1/stock/adjust", &said)?;
    for wanted in &wanted {
        say!("{}: {}, the book changes by {:+}", wanted.offer.product.name, adjust.cause, wanted.units);
    }
    say!("{}", status::waiting(&till)?);
    Ok(())
}

/// What changes by how much: the cause says which way, or, if the book was wrong, the person.
fn changes(till: &Till, adjust: &Adjust) -> Result<Vec<wanted::Wanted>, Failure> {
    if let Some(sign) = adjust.cause.sign() {
        let mut wanted = wanted::each(till, &adjust.products)?;
        wanted.iter_mut().for_each(|wanted| wanted.units = wanted.units.saturating_mul(sign));
        return Ok(wanted);
    }
    let change = |text: &String| {
        let (code, units) = wanted::split(text, '=').ok_or_else(|| {
            Failure::usage("bad_change", format!("{text:?} is no change; write it like TEA=-3 or TEA=2"))
        })?;
        Ok(wanted::Wanted::plain(wanted::product(till, code)?, units))
    };
    adjust.products.iter().map(change).collect()
}
