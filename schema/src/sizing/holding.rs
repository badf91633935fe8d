//! What head office keeps beside an allotment's totals, and how it evens out a row.

use super::{
    Demand, Marks,
    plan::{Holder, keep_while_short, plan},
};
use crate::{
    clock::Timestamp,
    stock::{Allotment, Level},
};

/// What was asked for stays for an hour where it was asked for, in seconds.
const ASK_KEPT: i64 = 3_600;

/// What is known of an allotment beside its totals, so that it can be sized.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outlook {
    /// What its till sells; none if it has sold nothing.
    pub demand: Option<Demand>,
    /// What of its last ask it did not get, and when it asked.
    pub asked: Option<(i64, Timestamp)>,
    /// Its full mark as last told; 0 if it was not.
    pub full: i64,
    /// What it is asked to keep at most, and the total G at which it was: who is granted more is asked no more.
    pub recall: Option<(i64, i64)>,
    /// Of a home: what it gave back and nobody has taken since. It is not granted again unasked.
    pub spared: i64,
}

impl Outlook {
    /// What its till still waits for.
    pub fn waits_for(&self, now: Timestamp) -> i64 {
        let stands =
            |at: Timestamp| now.seconds_since(at) < super::ASK_LASTS && at.seconds_since(now) < super::ASK_LASTS;
        self.asked.map_or(0, |(units, at)| if stands(at) { units } else { 0 })
    }

    /// After it was granted units: what it waits for is less. What it waited for last stays there as if it were asked
    /// for now, or the last unit would go round all who once wanted it.
    #[must_use]
    pub fn granted(self, units: i64, now: Timestamp) -> Self {
        let served = |(asked, at): (i64, Timestamp)| match (asked - units).max(0) {
            0 if asked > 0 => (0, now),
            left => (left, at),
        };
        Self { asked: self.asked.map(served), ..self }
    }

    /// After it asked, and so many units were not there. A later ask takes the place of an earlier one.
    #[must_use]
    pub fn asked_in_vain(self, units: i64, at: Timestamp) -> Self {
        Self { asked: Some((units.max(0), at)), ..self }
    }

    /// Whether it asked so lately that what it has is left there, whoever else waits: somebody wanted it at its till.
    fn has_just_asked(&self, now: Timestamp) -> bool {
        let is_fresh = |at: Timestamp| now.seconds_since(at) < ASK_KEPT && at.seconds_since(now) < ASK_KEPT;
        self.asked.is_some_and(|(_, at)| is_fresh(at))
    }

    /// What it is asked to keep at most, given its total G.
    pub fn keep(&self, granted: i64) -> Option<i64> {
        self.recall.filter(|(_, at)| *at == granted).map(|(keep, _)| keep)
    }
}

/// A journal's part in a shared stock row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holding {
    /// Its totals.
    pub allotment: Allotment,
    /// What is known beside them.
    pub outlook: Outlook,
    /// The seconds for which its device is to be prepared: see [`super::Waits::cover`].
    pub cover: i64,
    /// Whether it is heard of now.
    pub is_near: bool,
}

impl Holding {
    fn marks(&self, now: Timestamp) -> Marks {
        Marks::of(self.outlook.demand, self.cover, now)
    }

    /// Whether somebody has just asked there for what it has, and got it.
    fn is_served(&self, now: Timestamp) -> bool {
        self.outlook.has_just_asked(now) && self.outlook.waits_for(now) == 0
    }

    /// Whether its row is to be looked at: it is low, or waits for what it asked for.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.outlook.waits_for(now) > 0 || self.marks(now).is_low(self.allotment.open())
    }

    fn holder(&self, now: Timestamp) -> Holder {
        let open = self.allotment.open();
        Holder {
            open,
            coming: self.outlook.keep(self.allotment.granted).map_or(0, |keep| (open - keep).max(0)),
            marks: self.marks(now),
            weight: self.outlook.demand.map_or(1, |demand| demand.weight(self.cover, now)),
            asked: self.outlook.waits_for(now),
            // Of what it has beyond its need nobody else is given a share either.
            is_near: self.is_near && !(self.is_served(now) && open > self.marks(now).full),
            is_served: self.is_served(now),
        }
    }
}

/// What of a row may be granted unasked, where so much is kept back for orders. None while more is promised than is
/// there: then nobody is asked for the sake of others, because what came back would be nobody's.
pub fn free(level: Level, kept_back: i64) -> Option<i64> {
    (level.unbacked() == 0).then(|| (level.available() - kept_back).max(0))
}

/// Grants and recalls as [`plan`] says, over all who hold something of a row of which so much is available.
/// Says who changed, and by how much each now has more open.
pub fn even_out(available: i64, holdings: &mut [Holding], now: Timestamp) -> Vec<(usize, i64)> {
    let moves = plan(available, &holdings.iter().map(|holding| holding.holder(now)).collect::<Vec<_>>());
    let mut changed = Vec::new();
    for (place, (is, holding)) in moves.into_iter().zip(holdings).enumerate() {
        let full = holding.marks(now).full;
        if is.grant > 0 {
            holding.allotment = holding.allotment.grant(is.grant);
            holding.outlook = holding.outlook.granted(is.grant, now);
        } else if let Some(keep) = is.keep {
            holding.outlook.recall = Some((keep, holding.allotment.granted));
        } else {
            continue;
        }
        holding.outlook.full = full;
        changed.push((place, is.grant));
    }
    changed
}

/// Recalls as [`keep_while_short`] says, of a row of which so many units more are promised than are there. Says who is
/// asked for more than it was before.
pub fn call_back(short: i64, holdings: &mut [Holding], now: Timestamp) -> Vec<usize> {
    // Somebody who has just asked gives back, too: what it was granted is not there.
    let holder = |holding: &Holding| Holder { is_near: holding.is_near, ..holding.holder(now) };
    let holders: Vec<Holder> = holdings.iter().map(holder).collect();
    let mut asked = Vec::new();
    for (place, (keep, holding)) in keep_while_short(short, &holders).into_iter().zip(holdings).enumerate() {
        let granted = holding.allotment.granted;
        let before = holding.outlook.keep(granted).unwrap_or(i64::MAX);
        if let Some(keep) = keep.filter(|keep| *keep < before) {
            holding.outlook.recall = Some((keep, granted));
            asked.push(place);
        }
    }
    asked
}
