//! `count`: what was seen on the shelf.

use outpost_schema::{count::Upto, op::CountLine};
use outpost_sync::wire::Marks;

use super::{Failure, status, till::Till, wanted};
use crate::{
    config::Config,
    web::stock::{CountSaid, SeenSaid},
};

/// Write down what was seen on the shelf
#[derive(Debug, clap::Args)]
pub struct Count {
    /// A barcode or sku, and how many were seen
    #[arg(required = true, value_name = "CODE=SEEN")]
    pub seen: Vec<String>,
    /// How far another device here is, as its `outpost-node mark` shows; give one for each that sells meanwhile
    #[arg(long = "mark", value_name = "MARK")]
    pub marks: Vec<Mark>,
    /// Who counted
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
    /// What else there is to know
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
}

/// How far a device is, as it is read off one screen and typed at another: `LIFE:NUMBER`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark(pub Upto);

impl std::str::FromStr for Mark {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "this is no mark; copy it whole from `outpost-node mark` at the other device";
        let (life, seq) = text.rsplit_once(':').ok_or(wrong)?;
        let incarnation_id = life.parse().map_err(|_| wrong)?;
        Ok(Self(Upto { incarnation_id, seq: seq.parse().map_err(|_| wrong)? }))
    }
}

impl std::fmt::Display for Mark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.0.incarnation_id, self.0.seq)
    }
}

/// Shows how far this device is.
///
/// # Errors
/// If the device cannot be read.
pub fn mark(config: &Config) -> Result<(), Failure> {
    let till = Till::open(config)?;
    say!("{}", Mark(till.get("/v1/mark", &[])?));
    Ok(())
}

/// Counts.
///
/// # Errors
/// What the shop says, or the machine.
pub fn run(config: &Config, count: &Count) -> Result<(), Failure> {
    let till = Till::open(config)?;
    let (mut lines, mut names) = (Vec::new(), Vec::new());
    for text in &count.seen {
        let (product, counted) = wanted::seen(&till, text)?;
        lines.push(SeenSaid { product_id: product.product_id, counted });
        names.push(product.name);
    }
    let others: Marks = till.get("/v1/marks", &[])?;
    for name in &others.silent {
        say!("{name} does not say how far it is; if it sold or received some of this just now, count again later");
    }
    let said = CountSaid {
        lines,
        marks: count.marks.iter().map(|mark| mark.0).collect(),
        done: Some(others.marks),
        person: count.by.clone(),
        note: count.note.clone(),
    };
    let moved: Vec<CountLine> = till.post("/v1/stock/count", &said)?;
    for (line, name) in moved.iter().zip(names) {
        match line.delta {
            0 => say!("{name}: {} seen, as the book says", line.counted),
            delta => say!("{name}: {} seen, the book is corrected by {delta:+}", line.counted),
        }
    }
    say!("{}", status::waiting(&till)?);
    Ok(())
}
