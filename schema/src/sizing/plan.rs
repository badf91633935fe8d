//! Who is granted what of a stock row, and who is asked to give back.

use super::{
    Marks,
    fair::{Claim, shares},
};
use crate::planted::{Bug, is_planted};

/// One that holds an allotment of the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// What it may sell without asking.
    pub open: i64,
    /// Of that, what it was asked to give back and has not.
    pub coming: i64,
    /// Between which marks it should be.
    pub marks: Marks,
    /// What a unit there is worth beside the others: see [`super::Demand::weight`].
    pub weight: i64,
    /// What it asked for in vain: somebody stands at the till.
    pub asked: i64,
    /// Whether it is heard of now. Nobody else is granted or asked anything: it would not hear.
    pub is_near: bool,
    /// Whether it has just got what it asked for: that stays there.
    pub is_served: bool,
}

/// What becomes of a holder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Move {
    /// Granted at once, out of what is available.
    pub grant: i64,
    /// Asked to keep at most this: what it gives back is free when it says so, and not before.
    pub keep: Option<i64>,
}

/// Says what is granted of `available` units, and who else is asked to give back because that is not enough.
///
/// What all near holders have and what is available is shared by [`shares`]; whoever is low is topped up, while it is
/// scarce to its share of a part only, and whoever has more than its share of all is asked: above the high mark of that,
/// or down to it if somebody waits. Nothing moves where everybody is between the marks, so doing as it says once leaves
/// nothing to do.
pub fn plan(available: i64, holders: &[Holder]) -> Vec<Move> {
    let near = |holder: &&Holder| holder.is_near;
    let pool = holders.iter().filter(near).map(|holder| holder.open).sum::<i64>() + available.max(0);
    let claims: Vec<Claim> = holders.iter().map(Holder::claim).collect();
    let (fair, ready) = (shares(pool, &claims), shares(to_share(pool, holders), &claims));
    let lacks: Vec<Claim> = holders.iter().zip(&ready).map(|(holder, ready)| holder.lack(*ready)).collect();
    let missing = lacks.iter().map(|lack| lack.most).sum::<i64>() - available.max(0);
    let more = if is_planted(Bug::RecalledCountedFree) { missing.max(0) } else { 0 };
    let granted = shares(available + more, &lacks);
    let mut moves: Vec<Move> = granted.iter().map(|grant| Move { grant: *grant, keep: None }).collect();
    let coming: i64 = holders.iter().filter(near).map(|holder| holder.coming).sum();
    let unmet = |(holder, granted): (&Holder, &i64)| (holder.asked - granted).max(0);
    let urgent: i64 = holders.iter().zip(&granted).filter(|(holder, _)| holder.is_near).map(unmet).sum();
    recall(missing - coming, urgent - coming, holders, &fair, &mut moves);
    moves
}

/// Up to what of a pool it is topped up: all, if everybody can be full of it. While it is scarce a third stays at head
/// office, which sells it to whoever asks: so it lies behind no cut line while somebody elsewhere is refused. Whoever
/// waits has a share in all there is.
fn to_share(pool: i64, holders: &[Holder]) -> i64 {
    let wanted: i64 = holders.iter().map(|holder| holder.claim().most).sum();
    let waited_for: i64 = holders.iter().filter(|holder| holder.is_near).map(Holder::waited_for).sum();
    if wanted <= pool { pool } else { (pool * 2 / 3).max(waited_for.min(pool)) }
}

/// Says what each keeps at most of a row of which so many units more are promised than are there: what near holders
/// have, less that, is shared by [`shares`], and whoever has more than its share is asked for the rest. What everybody
/// is asked for sums up to what is short, or to all that they have. None: it keeps what it has.
pub fn keep_while_short(short: i64, holders: &[Holder]) -> Vec<Option<i64>> {
    let spare = |holder: &Holder| if holder.is_near { holder.open } else { 0 };
    let left = holders.iter().map(spare).sum::<i64>() - short.max(0);
    let claims: Vec<Claim> =
        holders.iter().map(|holder| Claim { weight: holder.weight, most: spare(holder) }).collect();
    let fair = shares(left, &claims);
    let keep = |(holder, fair): (&Holder, i64)| (spare(holder) > fair).then_some(fair);
    holders.iter().zip(fair).map(keep).collect()
}

impl Holder {
    /// Somebody who has nothing and wants so many.
    pub(super) fn who_wants(asked: i64) -> Self {
        Self { open: 0, coming: 0, marks: Marks::default(), weight: 1, asked, is_near: true, is_served: false }
    }

    /// Its claim to what there is. Whoever waits wants what it has, too: if only what is missing counted, each unit that
    /// came would make its claim smaller, and two who wait would hand one unit to and fro.
    fn claim(&self) -> Claim {
        let wanted = self.waited_for();
        let most = if self.is_near { self.marks.full.max(wanted) } else { 0 };
        Claim { weight: self.weight.saturating_add(wanted.saturating_mul(super::PARTS)), most }
    }

    /// What somebody at its till waits to have there; nothing if nobody does.
    fn waited_for(&self) -> i64 {
        if self.asked > 0 { self.open + self.asked } else { 0 }
    }

    /// What it lacks of its share, if it is to be topped up.
    fn lack(&self, ready: i64) -> Claim {
        let is_due = self.is_near && (self.asked > 0 || self.open < Marks::around(ready).low);
        Claim { most: if is_due { (ready - self.open).max(0) } else { 0 }, ..self.claim() }
    }
}

/// Asks those who have most beyond their share first.
fn recall(missing: i64, urgent: i64, holders: &[Holder], fair: &[i64], moves: &mut [Move]) {
    let spare = |place: usize| {
        let (holder, fair) = (&holders[place], fair[place]);
        let left = holder.open - holder.coming;
        let is_high = left > Marks::around(fair).high;
        if holder.is_near && !holder.is_served && (is_high || urgent > 0) { (left - fair).max(0) } else { 0 }
    };
    let mut order: Vec<(i64, usize)> = (0..holders.len()).map(|place| (-spare(place), place)).collect();
    order.sort_unstable();
    let mut missing = missing;
    for (spare, place) in order.into_iter().map(|(less, place)| (-less, place)).filter(|(spare, _)| *spare > 0) {
        if missing <= 0 {
            return;
        }
        let taken = spare.min(missing);
        missing -= taken;
        moves[place].keep = Some(holders[place].open - holders[place].coming - taken);
    }
}
