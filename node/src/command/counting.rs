//! `counting`: a cycle count in bins, by several people, that somebody approves.

use outpost_schema::{counting::CountingNumber, id::ProductId, op::CountLine};
use serde_json::json;

use super::{Failure, count::Mark, sell::amount, status, till::Till, wanted};
use crate::{
    config::Config,
    web::{
        countings::{
            ApproveSaid, BinSaid, CancelSaid, CountingShown, CountingWhole, OpenSaid, RecountSaid, ScanSaid,
            ScannedShown, StandingShown, TallyShown, TypedSaid, WhyShown,
        },
        stock::SeenSaid,
    },
};

/// Count bin by bin, by several people; nothing is booked until somebody approves it
#[derive(Debug, clap::Subcommand)]
pub enum Counting {
    /// Open a counting of some bins; those who count are not shown what the book says
    Open(Open),
    /// Begin with a bin, one more perhaps: what is typed there from now on was seen after this
    Bin {
        /// Which counting
        #[arg(value_name = "COUNTING")]
        counting: CountingNumber,
        /// Which bin
        #[arg(value_name = "BIN")]
        bin: String,
        /// Who counts there
        #[arg(long, value_name = "NAME")]
        by: String,
        /// How far another device here is, as its `outpost-node mark` shows; give one for each that sells meanwhile
        #[arg(long = "mark", value_name = "MARK")]
        marks: Vec<Mark>,
    },
    /// Add what is scanned in a bin
    Scan(Scan),
    /// Write down how many of something are in a bin
    Count(Typed),
    /// Look at what was seen beside what the book says; nobody counts on, but what is counted again
    Review {
        /// Which counting
        #[arg(value_name = "COUNTING")]
        counting: CountingNumber,
    },
    /// Have products counted again, by somebody else, in every bin in which they were seen
    Recount {
        /// Which counting
        #[arg(value_name = "COUNTING")]
        counting: CountingNumber,
        /// A barcode or sku
        #[arg(required = true, value_name = "CODE")]
        products: Vec<String>,
    },
    /// Book what was seen
    Approve(Approve),
    /// Give a counting up: nothing more of it is booked, and its bins are free
    Cancel {
        /// Which counting
        #[arg(value_name = "COUNTING")]
        counting: CountingNumber,
        /// Who says so
        #[arg(long, value_name = "NAME")]
        by: String,
    },
    /// List countings that are not over
    List {
        /// What is over too
        #[arg(long)]
        all: bool,
    },
    /// Show what was seen so far
    Show {
        /// Which counting
        #[arg(value_name = "COUNTING")]
        counting: CountingNumber,
    },
}

/// What `counting open` takes.
#[derive(Debug, clap::Args)]
pub struct Open {
    /// What is written on the bins
    #[arg(required = true, value_name = "BIN")]
    pub bins: Vec<String>,
    /// Who opens it
    #[arg(long, value_name = "NAME")]
    pub by: String,
    /// Show those who count what the book says
    #[arg(long)]
    pub open: bool,
    /// So many units off need no second count [default: 1]
    #[arg(long, value_name = "UNITS")]
    pub tolerance: Option<i64>,
    /// Nor so many percent of what should be there [default: 2]
    #[arg(long, value_name = "PERCENT")]
    pub percent: Option<i64>,
}

/// Who counts where.
#[derive(Debug, clap::Args)]
pub struct Place {
    /// Which counting
    #[arg(value_name = "COUNTING")]
    pub counting: CountingNumber,
    /// Which bin
    #[arg(long, value_name = "BIN")]
    pub bin: String,
    /// Who counts
    #[arg(long, value_name = "NAME")]
    pub by: String,
    /// How far another device here is, as its `outpost-node mark` shows; give one for each that sells meanwhile
    #[arg(long = "mark", value_name = "MARK")]
    pub marks: Vec<Mark>,
    /// Nobody else is there for the second count
    #[arg(long)]
    pub alone: bool,
}

/// What `counting scan` takes.
#[derive(Debug, clap::Args)]
pub struct Scan {
    #[command(flatten)]
    place: Place,
    /// A barcode or sku, with xN for more than one unit
    #[arg(required = true, value_name = "CODE[xN]")]
    products: Vec<String>,
}

/// What `counting count` takes.
#[derive(Debug, clap::Args)]
pub struct Typed {
    #[command(flatten)]
    place: Place,
    /// A barcode or sku, and how many are in the bin
    #[arg(required = true, value_name = "CODE=SEEN")]
    seen: Vec<String>,
    /// These stand for what was written before by the same person
    #[arg(long)]
    again: bool,
}

/// What `counting approve` takes.
#[derive(Debug, clap::Args)]
pub struct Approve {
    /// Which counting
    #[arg(value_name = "COUNTING")]
    pub counting: CountingNumber,
    /// Only these: a barcode or sku
    #[arg(value_name = "CODE")]
    pub products: Vec<String>,
    /// Who approves
    #[arg(long, value_name = "NAME")]
    pub by: String,
    /// Why it is booked although it should be counted again
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// Does it.
///
/// # Errors
/// What the shop says, or the machine.
pub fn run(config: &Config, verb: &Counting) -> Result<(), Failure> {
    let till = Till::open(config)?;
    match verb {
        Counting::Open(wanted) => open(&till, wanted),
        Counting::Bin { counting, bin, by, marks } => {
            let said = BinSaid { bin: bin.clone(), person: by.clone(), marks: uptos(marks) };
            let shown: CountingShown = till.post(&path(*counting, "/bins"), &said)?;
            say!("{by} counts in {bin}; counting {} is of {}", shown.counting, shown.bins.join(", "));
            Ok(())
        }
        Counting::Scan(wanted) => scan(&till, wanted),
        Counting::Count(wanted) => count(&till, wanted),
        Counting::Review { counting } => {
            print(&till.post(&path(*counting, "/review"), &json!({}))?);
            Ok(())
        }
        Counting::Recount { counting, products } => {
            let said = RecountSaid { products: ids(&till, products)? };
            print(&till.post(&path(*counting, "/recount"), &said)?);
            Ok(())
        }
        Counting::Approve(wanted) => approve(&till, wanted),
        Counting::Cancel { counting, by } => {
            let said = CancelSaid { person: by.clone() };
            let shown: CountingShown = till.post(&path(*counting, "/cancel"), &said)?;
            say!("Counting {} is given up; {} free again", shown.counting, shown.bins.join(", "));
            Ok(())
        }
        Counting::List { all } => list(&till, *all),
        Counting::Show { counting } => {
            print(&till.get(&path(*counting, ""), &[])?);
            Ok(())
        }
    }
}

fn path(counting: CountingNumber, of: &str) -> String {
    format!("/v1/countings/{counting}{of}")
}

fn uptos(marks: &[Mark]) -> Vec<outpost_schema::count::Upto> {
    marks.iter().map(|mark| mark.0).collect()
}

fn ids(till: &Till, codes: &[String]) -> Result<Vec<ProductId>, Failure> {
    codes.iter().map(|code| Ok(wanted::product(till, code)?.product.product_id)).collect()
}

fn open(till: &Till, open: &Open) -> Result<(), Failure> {
    let said = OpenSaid {
        person: open.by.clone(),
        bins: open.bins.clone(),
        blind: !open.open,
        tolerance_units: open.tolerance,
        tolerance_percent: open.percent,
    };
    let shown: CountingShown = till.post("/v1/countings", &said)?;
    say!("Counting {} is open: {}", shown.counting, shown.bins.join(", "));
    Ok(())
}

fn scan(till: &Till, scan: &Scan) -> Result<(), Failure> {
    let Place { counting, bin, by, marks, alone } = &scan.place;
    for wanted in wanted::each(till, &scan.products)? {
        let said = ScanSaid {
            bin: bin.clone(),
            person: by.clone(),
            product_id: wanted.offer.product.product_id,
            amount: amount(wanted.units)?,
            marks: uptos(marks),
            alone: *alone,
        };
        let shown: ScannedShown = till.post(&path(*counting, "/scan"), &said)?;
        say!("{}: {} seen in {bin}", wanted.offer.product.name, shown.counted);
    }
    Ok(())
}

fn count(till: &Till, typed: &Typed) -> Result<(), Failure> {
    let Place { counting, bin, by, marks, alone } = &typed.place;
    let (mut lines, mut names) = (Vec::new(), Vec::new());
    for text in &typed.seen {
        let (product, counted) = wanted::seen(till, text)?;
        lines.push(SeenSaid { product_id: product.product_id, counted });
        names.push((product.name, counted));
    }
    let (bin, person) = (bin.clone(), by.clone());
    let said = TypedSaid { bin, person, lines, marks: uptos(marks), again: typed.again, alone: *alone };
    let _: CountingShown = till.post(&path(*counting, "/count"), &said)?;
    for (name, counted) in names {
        say!("{name}: {counted} seen in {}", said.bin);
    }
    Ok(())
}

fn approve(till: &Till, approve: &Approve) -> Result<(), Failure> {
    let said = ApproveSaid {
        person: approve.by.clone(),
        products: ids(till, &approve.products)?,
        reason: approve.reason.clone(),
    };
    let booked: Vec<CountLine> = till.post(&path(approve.counting, "/approve"), &said)?;
    for line in booked {
        let name = wanted::name(till, line.product_id);
        match line.delta {
            0 => say!("{name}: {} counted, as the book says", line.counted),
            delta => say!("{name}: {} counted, the book is corrected by {delta:+}", line.counted),
        }
    }
    say!("{}", status::waiting(till)?);
    Ok(())
}

fn list(till: &Till, all: bool) -> Result<(), Failure> {
    let found: Vec<CountingShown> = till.get("/v1/countings", &[("all", if all { "true" } else { "false" })])?;
    say!("{:<8} {:<10} {:<20} BINS", "COUNTING", "STATE", "OPENED BY");
    for one in &found {
        say!("{:<8} {:<10} {:<20} {}", one.counting.0, one.state, one.opened_by, one.bins.join(", "));
    }
    Ok(())
}

fn print(whole: &CountingWhole) {
    let CountingShown { counting, state, bins, .. } = &whole.counting;
    say!("Counting {counting} ({state}): {}", bins.join(", "));
    for product in &whole.products {
        let name = product.name.clone().unwrap_or_else(|| product.product_id.to_string());
        let seen: Vec<_> =
            product.seen.iter().map(|look| format!("{} in {} by {}", look.counted, look.bin, look.person)).collect();
        say!("{name}: {}", if seen.is_empty() { "nothing yet".to_owned() } else { seen.join(", ") });
        if let Some(numbers) = product.numbers {
            let worth = numbers.worth.map(|worth| format!(" ({worth})")).unwrap_or_default();
            let (counted, expected) = (numbers.counted, numbers.expected);
            say!("  {counted} counted, {expected} in the book: {:+}{worth}", numbers.variance);
        }
        say!("  {}", standing(product));
    }
    let is_seen = |bin: &&String| {
        whole.products.iter().any(|one| one.missing.contains(bin) || one.seen.iter().any(|look| look.bin == **bin))
    };
    let empty: Vec<&str> = bins.iter().filter(|bin| !is_seen(bin)).map(String::as_str).collect();
    if !state.is_over() && !empty.is_empty() {
        say!("Nothing is written down for {}", empty.join(", "));
    }
}

fn standing(product: &TallyShown) -> String {
    let missing = product.missing.join(", ");
    match (product.standing, product.booked) {
        (_, Some(booked)) => format!("approved, {:+}", booked.delta),
        (None | Some(StandingShown::Counting), None) if missing.is_empty() => "being counted".to_owned(),
        (None | Some(StandingShown::Counting), None) => format!("to be counted again in {missing}"),
        (Some(StandingShown::Fits), None) => "fits".to_owned(),
        (Some(StandingShown::Confirmed), None) => "two counts say the same".to_owned(),
        (Some(StandingShown::CountAgain), None) => match product.why {
            Some(WhyShown::Variance) | None => "count it again: it is far from what the book says".to_owned(),
            Some(WhyShown::MovedMeanwhile) => {
                "count it again: some were moved on this device while its bins were counted".to_owned()
            }
            Some(WhyShown::OtherLife) => "count it again: this device was put back since".to_owned(),
            Some(WhyShown::BookChanged) => "count it again: the book was set right since".to_owned(),
            Some(WhyShown::MoreLeft) => "count it again: more left since than were seen".to_owned(),
        },
    }
}
