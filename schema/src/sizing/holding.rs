//! What head office keeps beside an allotment's totals, and how it evens out a row.

use super::{
    Demand, Marks,
    plan::{Holder, Move, keep_while_short, plan},
};
use crate::{
    clock::Timestamp,
    planted::{Bug, is_planted},
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

    /// Of what it has, what it was asked to give back and has not.
    fn coming(&self) -> i64 {
        let open = self.allotment.open();
        self.outlook.keep(self.allotment.granted).map_or(0, |keep| (open - keep).max(0))
    }

    /// Whether it is heard of now and has something that nobody asked it for.
    pub fn is_unasked(&self) -> bool {
        self.is_near && self.allotment.open() > self.coming()
    }

    /// Whether its row is to be looked at: it is low, or waits for what it asked for.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.outlook.waits_for(now) > 0 || self.marks(now).is_low(self.allotment.open())
    }

    fn holder(&self, now: Timestamp) -> Holder {
        let open = self.allotment.open();
        Holder {
            open,
            coming: self.coming(),
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
/// there, or less is left than is kept back: then nobody is asked for the sake of others, because what came back would
/// be nobody's, or kept back itself, and whoever has something would be asked again for the next unit.
pub fn free(level: Level, kept_back: i64) -> Option<i64> {
    let is_met = level.unbacked() == 0 && level.available() >= kept_back;
    is_met.then(|| due_at_home(level, kept_back, 0))
}

/// What of a row its home is granted unasked: all that is available but what is kept back for orders, and what the home
/// gave back itself. `db/grants.rs` of the server says the same in SQL, over sets.
pub fn due_at_home(level: Level, kept_back: i64, spared: i64) -> i64 {
    let kept_back = if is_planted(Bug::KeptBackGranted) { 0 } else { kept_back };
    (level.available() - kept_back - spared).max(0)
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

/// Asks for what somebody wants to hold of a row of which only so much is available: as for whoever waits at a till, by
/// [`plan`], and nobody where that would not be enough, or a wish without measure would empty every till. Says who is
/// asked. What they give back is free for whoever comes first.
pub fn call_for(wanted: i64, available: i64, holdings: &mut [Holding], now: Timestamp) -> Vec<usize> {
    let mut holders: Vec<Holder> = holdings.iter().map(|holding| holding.holder(now)).collect();
    holders.push(Holder::who_wants(wanted));
    let moves = plan(available, &holders);
    let comes = |(holder, is): (&Holder, &Move)| match is.keep {
        Some(keep) => holder.open - keep,
        None if holder.is_near => holder.coming,
        None => 0,
    };
    let come: i64 = holders.iter().zip(&moves).map(comes).sum();
    if available + come < wanted || is_planted(Bug::RefusalAsksNobody) {
        return Vec::new();
    }
    let mut asked = Vec::new();
    for (place, (is, holding)) in moves.iter().zip(holdings).enumerate() {
        if let Some(keep) = is.keep {
            holding.outlook.recall = Some((keep, holding.allotment.granted));
            asked.push(place);
        }
    }
    asked
}

/// Whether somebody is to be asked for more of a row of which so many units more are promised than are there: what was
/// asked for, where that is heard, is on its way.
pub fn lacks_a_recall(short: i64, holdings: &[Holding]) -> bool {
    let coming: i64 = holdings.iter().filter(|holding| holding.is_near).map(Holding::coming).sum();
    coming < short && holdings.iter().any(Holding::is_unasked)
}

/// Recalls as [`keep_while_short`] says, of a row of which so many units more are promised than are there. Says who is
/// asked for more than it was before.
pub fn call_back(short: i64, holdings: &mut [Holding], now: Timestamp) -> Vec<usize> {
    if is_planted(Bug::ShortRecallForgotten) {
        return Vec::new();
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn holding(open: i64, keep: Option<i64>, is_near: bool) -> Holding {
        let allotment = Allotment::default().grant(open);
        let outlook = Outlook { recall: keep.map(|keep| (keep, open)), ..Outlook::default() };
        Holding { allotment, outlook, cover: 0, is_near }
    }

    #[test]
    fn a_row_that_is_short_lacks_a_recall_as_long_as_somebody_in_reach_may_keep_what_is_needed() {
        let cases = [
            (3, vec![holding(5, None, true)], true),
            (3, vec![holding(5, None, false)], false),
            (3, vec![holding(5, Some(2), true)], false),
            (4, vec![holding(5, Some(2), true)], true),
            (9, vec![holding(5, Some(0), true)], false),
            (3, vec![holding(5, Some(2), true), holding(4, None, true)], false),
            (3, vec![holding(5, Some(2), false), holding(4, None, true)], true),
            (3, vec![holding(0, None, true)], false),
            (0, vec![holding(5, None, true)], false),
        ];
        for (short, mut holdings, expected) in cases {
            assert_eq!(lacks_a_recall(short, &holdings), expected, "short of {short}: {holdings:?}");
            call_back(short, &mut holdings, Timestamp::from_micros(0));
            assert!(!lacks_a_recall(short, &holdings), "asked once: {holdings:?}");
        }
    }
}
