//! `verify`: compares everything that is kept here with head office, and says in plain words what came of it.

use std::collections::BTreeMap;

use outpost_schema::feed::Kind;
use outpost_sync::{
    verify::{Compared, Outcome},
    wire::Problem,
};

use super::{Failure, status, till::Till};
use crate::{
    config::Config,
    web::verify::{VerifyShown, VerifyWanted},
};

/// Slices in a row that could not be compared because the two never stood at one place.
const MISSES_MAX: usize = 20;

/// Rows after which a line says how far it is.
const PROGRESS_ROWS: usize = 20_000;

/// Mended rows that are named; the rest is counted.
const NAMED_MAX: usize = 20;

/// What a whole walk found.
#[derive(Default)]
struct Walk {
    rows: BTreeMap<Kind, usize>,
    own: usize,
    moving: usize,
    unexplained: usize,
    mended: Vec<String>,
}

/// Compares everything.
///
/// # Errors
/// `not_equal` if something differs that could not be mended, `other_form`, `never_level`, or why head
/// office could not be reached.
pub fn run(config: &Config) -> Result<(), Failure> {
    let till = Till::open(config)?;
    let walk = walk(&till)?;
    report(&walk);
    say!("{}", status::waiting(&till)?);
    if walk.unexplained == 0 {
        return Ok(());
    }
    let sentence = format!(
        "{} rows differ although each is as head office has it; head office must run `outpost-server verify`",
        walk.unexplained
    );
    Err(Problem::new("not_equal", sentence).into())
}

fn walk(till: &Till) -> Result<Walk, Failure> {
    let (mut walk, mut anew, mut misses, mut told) = (Walk::default(), true, 0, 0);
    loop {
        let shown: VerifyShown = till.post("/v1/verify", &VerifyWanted { anew })?;
        match shown.outcome {
            Outcome::Compared(compared) => {
                (anew, misses) = (false, 0);
                let is_end = compared.is_end;
                walk.note(compared, shown.mended);
                if is_end {
                    return Ok(walk);
                }
                let rows: usize = walk.rows.values().sum();
                if rows >= told + PROGRESS_ROWS {
                    told = rows;
                    say!("{rows} rows compared so far, {} mended ...", walk.mended.len());
                }
            }
            Outcome::NotNow if misses < MISSES_MAX => misses += 1,
            Outcome::NotNow => {
                let sentence = "this device and head office never stood at one place; look at `outpost-node status`";
                return Err(Problem::new("never_level", sentence).into());
            }
            Outcome::OtherForm { .. } => {
                let sentence =
                    "head office runs another version, so nothing can be compared; update whichever is older";
                return Err(Problem::new("other_form", sentence).into());
            }
        }
    }
}

impl Walk {
    fn note(&mut self, compared: Compared, mended: Vec<String>) {
        for (kind, rows) in compared.rows {
            *self.rows.entry(kind).or_default() += rows;
        }
        self.own += compared.own;
        self.moving += compared.moving;
        self.unexplained += compared.unexplained;
        self.mended.extend(mended);
    }
}

fn report(walk: &Walk) {
    let kinds = walk.rows.iter().filter(|(_, rows)| **rows > 0);
    let kinds: Vec<String> = kinds.map(|(kind, rows)| format!("{rows} {}", plural(*kind))).collect();
    say!("Compared with head office: {}.", if kinds.is_empty() { "nothing yet".to_owned() } else { kinds.join(", ") });
    if walk.mended.is_empty() && walk.unexplained == 0 {
        say!("Everything here is as head office has it.");
    }
    if !walk.mended.is_empty() {
        say!("{} had gone bad here and were fetched again:", walk.mended.len());
        walk.mended.iter().take(NAMED_MAX).for_each(|mended| say!("  - {mended}"));
        if walk.mended.len() > NAMED_MAX {
            say!("  and {} more", walk.mended.len() - NAMED_MAX);
        }
        say!("Look at this device's disk: rows do not go bad by themselves.");
    }
    if walk.own > 0 {
        say!("{} are this device's own and not yet heard of by head office; they were left as they are.", walk.own);
    }
    if walk.moving > 0 {
        say!("{} were changing just then; they are looked at with the next walk.", walk.moving);
    }
}

const fn plural(kind: Kind) -> &'static str {
    match kind {
        Kind::Warehouse => "places",
        Kind::Category => "categories",
        Kind::Product => "products",
        Kind::Stock => "stock rows",
        Kind::Allotment => "allotments",
        Kind::User => "customers",
        Kind::Address => "addresses",
        Kind::Order => "orders",
        Kind::Review => "reviews",
        Kind::Return => "returns",
        Kind::Cart => "carts",
        Kind::Concern => "concerns",
        Kind::Transfer => "transfers",
        Kind::Delivery => "deliveries",
        Kind::Rule => "rules",
        Kind::Confirmation => "orders to be confirmed",
        Kind::Synonyms => "groups of synonyms",
        Kind::Verdict => "verdicts",
    }
}
