//! A counting as it is answered.

use outpost_schema::{
    clock::Timestamp,
    counting::{CountingNumber, CountingState, Look, Stale, Standing, Why},
    id::{ProductId, WarehouseId},
    money::Money,
    op::CountLine,
};
use serde::{Deserialize, Serialize};

use crate::{
    countings::{Counting, Tally},
    error::Error,
    web::App,
};

/// A counting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountingShown {
    /// Which.
    pub counting: CountingNumber,
    /// Where the device stood when it was opened.
    pub warehouse_id: WarehouseId,
    /// `open`, `review`, `approved` or `cancelled`.
    pub state: CountingState,
    /// Who opened it.
    pub opened_by: String,
    /// When.
    pub opened_at: Timestamp,
    /// Whether those who count are not shown what the book says.
    pub blind: bool,
    /// So many units need no second count.
    pub tolerance_units: i64,
    /// Nor so many hundredths of what should be there.
    pub tolerance_percent: i64,
    /// Its bins.
    pub bins: Vec<String>,
    /// Who approved the last of it or gave it up.
    pub closed_by: Option<String>,
    /// When.
    pub closed_at: Option<Timestamp>,
}

/// A counting and what was seen in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountingWhole {
    /// The counting.
    #[serde(flatten)]
    pub counting: CountingShown,
    /// Product by product.
    pub products: Vec<TallyShown>,
}

/// A product of a counting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TallyShown {
    /// Which.
    pub product_id: ProductId,
    /// Its name, if it is known here.
    pub name: Option<String>,
    /// Which time it is counted, from 1.
    pub round: usize,
    /// What was seen this time.
    pub seen: Vec<LookShown>,
    /// Bins in which it is still to be counted again.
    pub missing: Vec<String>,
    /// Beside what the book says; nothing while it is counted blind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub numbers: Option<NumbersShown>,
    /// How it stands; nothing while it is counted blind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standing: Option<StandingShown>,
    /// Why it is to be counted again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<WhyShown>,
    /// What was booked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub booked: Option<CountLine>,
}

/// How a product stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StandingShown {
    /// It is being counted.
    Counting,
    /// It is what the book says, or near enough.
    Fits,
    /// Two counts say the same.
    Confirmed,
    /// Somebody counts it again.
    CountAgain,
}

/// Why a product is to be counted again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhyShown {
    /// It is far from what the book says.
    Variance,
    /// Some were moved on this device while its bins were counted.
    MovedMeanwhile,
    /// The device was put back or began anew since.
    OtherLife,
    /// The book was set right since.
    BookChanged,
    /// More left since than were seen.
    MoreLeft,
}

/// What one person saw in one bin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookShown {
    /// Where.
    pub bin: String,
    /// Who.
    pub person: String,
    /// How many.
    pub counted: i64,
}

/// What was seen, beside the book; both as of now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumbersShown {
    /// What was seen, and what this device moved since.
    pub counted: i64,
    /// What the book says.
    pub expected: i64,
    /// The difference.
    pub variance: i64,
    /// What the difference is worth, if the product has a price.
    pub worth: Option<Money>,
    /// Units that this device moved while the bins were counted.
    pub doubtful: i64,
}

pub(super) fn shown(counting: Counting) -> CountingShown {
    let Counting { number, warehouse_id, opened_by, opened_at, terms, state, closed, bins } = counting;
    let (closed_by, closed_at) = closed.unzip();
    CountingShown {
        counting: number,
        warehouse_id,
        state,
        opened_by,
        opened_at,
        blind: terms.blind,
        tolerance_units: terms.tolerance.units,
        tolerance_percent: terms.tolerance.percent,
        bins,
        closed_by,
        closed_at,
    }
}

pub(super) fn whole(app: &App, (counting, tallies): (Counting, Vec<Tally>)) -> Result<CountingWhole, Error> {
    let products = tallies.into_iter().map(|tally| tally_shown(app, tally)).collect::<Result<_, _>>()?;
    Ok(CountingWhole { counting: shown(counting), products })
}

fn tally_shown(app: &App, tally: Tally) -> Result<TallyShown, Error> {
    let Tally { product_id, round, looks, missing, judged, worth, booked } = tally;
    let name = app.node.product(product_id)?.map(|offer| offer.product.name);
    let seen = |look: Look| LookShown { bin: look.bin, person: look.person, counted: look.units };
    let seen = looks.into_iter().map(seen).collect();
    let standing = judged.as_ref().map(|judged| standing_shown(&judged.standing));
    let why = judged.as_ref().and_then(|judged| why_shown(&judged.standing));
    let numbers = judged.and_then(|judged| judged.sight).map(|sight| NumbersShown {
        counted: sight.counted,
        expected: sight.expected,
        variance: sight.variance(),
        worth,
        doubtful: sight.doubtful,
    });
    Ok(TallyShown { product_id, name, round, seen, missing, numbers, standing, why, booked })
}

const fn standing_shown(standing: &Standing) -> StandingShown {
    match standing {
        Standing::Unfinished { .. } => StandingShown::Counting,
        Standing::Fits => StandingShown::Fits,
        Standing::Confirmed => StandingShown::Confirmed,
        Standing::Recount(_) => StandingShown::CountAgain,
    }
}

const fn why_shown(standing: &Standing) -> Option<WhyShown> {
    match standing {
        Standing::Unfinished { .. } | Standing::Fits | Standing::Confirmed => None,
        Standing::Recount(Why::Variance) => Some(WhyShown::Variance),
        Standing::Recount(Why::MovedMeanwhile) => Some(WhyShown::MovedMeanwhile),
        Standing::Recount(Why::Stale(Stale::OtherLife)) => Some(WhyShown::OtherLife),
        Standing::Recount(Why::Stale(Stale::BookChanged)) => Some(WhyShown::BookChanged),
        Standing::Recount(Why::Stale(Stale::MoreLeft)) => Some(WhyShown::MoreLeft),
    }
}
