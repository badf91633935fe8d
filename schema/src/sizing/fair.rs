//! Fair shares of what is not enough.

use crate::planted::{Bug, is_planted};

/// What somebody may have of units that many want.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// How much it is worth beside the others, from 1 to [`crate::stock::SUM_MAX`].
    pub weight: i64,
    /// It takes no more than this.
    pub most: i64,
}

/// Shares units out by weight, to nobody more than it takes, whole units and nothing left while somebody takes more.
///
/// Each unit goes where it is worth most: the k-th of a claim is worth its weight over 2k - 1, the first of two equal
/// ones wins. That is the divisor method of Webster and Sainte-Laguë. Equal weights make it max-min fair, and unlike
/// the largest remainder it never takes a unit from anybody because there is one more to share (Balinski, Young 1982).
pub fn shares(units: i64, claims: &[Claim]) -> Vec<i64> {
    let wanted: i128 = claims.iter().map(takes).sum();
    let units = i128::from(units.max(0)).min(wanted);
    let mut given = if units == wanted { claims.iter().map(takes).collect() } else { most_worth(units, claims) };
    // What is left are units worth almost the same: a few, or of an enormous number a small part at a time.
    let mut left = units - given.iter().sum::<i128>();
    let lot = (left / (4 * claims.len().max(1) as i128)).max(1);
    while left > 0
        && let Some(place) = next(claims, &given)
    {
        let more = lot.min(left).min(takes(&claims[place]) - given[place]);
        (given[place], left) = (given[place] + more, left - more);
    }
    if is_planted(Bug::SharesBeyond) && units > 0 {
        given.iter_mut().zip(claims).for_each(|(given, claim)| *given = (*given + 1).min(takes(claim)));
    }
    given.into_iter().map(|given| i64::try_from(given).unwrap_or(i64::MAX)).collect()
}

/// Of each claim those units that are worth more than the least worth at which they are no more than `units`.
fn most_worth(units: i128, claims: &[Claim]) -> Vec<i128> {
    // So fine that two units of one claim are worth different numbers; beyond 2^62 nothing would fit.
    let fine = (4 * units * units).clamp(1, 1 << 62);
    let above = |claim: &Claim, worth: i128| takes(claim).min((weight(claim) * fine / (worth + 1) + 1) / 2);
    let (mut low, mut high) = (-1, claims.iter().map(weight).max().unwrap_or(1) * fine);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        let count: i128 = claims.iter().map(|claim| above(claim, middle)).sum();
        if count <= units { high = middle } else { low = middle }
    }
    claims.iter().map(|claim| above(claim, high)).collect()
}

fn takes(claim: &Claim) -> i128 {
    i128::from(claim.most.max(0))
}

fn weight(claim: &Claim) -> i128 {
    i128::from(claim.weight.max(1))
}

/// To whom the next unit is worth most; the first of equals.
fn next(claims: &[Claim], given: &[i128]) -> Option<usize> {
    let takes_more = |place: &usize| given[*place] < takes(&claims[*place]);
    (0..claims.len()).filter(takes_more).reduce(|best, place| {
        let (ours, theirs) =
            (weight(&claims[place]) * (2 * given[best] + 1), weight(&claims[best]) * (2 * given[place] + 1));
        if ours > theirs { place } else { best }
    })
}
