//! A count says "I saw 7", and with it what had been done before the eyes counted: its *cut*.
//!
//! Somebody counts while others sell, and what they sold may reach head office hours later. So a difference to a book
//! is worth nothing by itself; what was seen is true of one moment. The cut names that moment journal by journal:
//! of its own journal the counting device knows everything; of another one it knows what it had heard by the feed,
//! and, if somebody read the mark off that device's screen, exactly how far it was. One that answered when it was asked
//! right after the eyes had counted says from where on everything was after.
//! What is on neither side of it is put there by its time, as far as clocks are known; and what remains is *doubtful*:
//! it counts the way that leaves fewer, and asks for another count.
//!
//! This is a consistent cut as of Chandy and Lamport (1985), with the shelf as the one process that keeps no journal.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{clock::Timestamp, fault::Fault, id::IncarnationId, journal::SEQ_MAX};

/// What two clocks may drift apart between two contacts, in microseconds: two minutes. A device that stands further
/// from where it stood had its clock set, and what it told since the last contact has no time.
pub const DRIFT_MAX: i64 = 120_000_000;

/// What a measurement of a clock may be wrong by, in microseconds, because a call takes its time: a minute.
pub const LATENCY_MAX: i64 = 60_000_000;

/// Journals that a cut names at most: more devices than that sell from no warehouse.
pub const JOURNALS_MAX: usize = 1_000;

/// How far a journal is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upto {
    /// Whose.
    pub incarnation_id: IncarnationId,
    /// Its last entry that is known.
    pub seq: i64,
}

/// What had been done when the eyes counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// When counting began, by the counting device's clock.
    pub since: Timestamp,
    /// When it ended; with the op, if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Up to when it had heard head office, by that one's clock: what head office itself had done was done before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heard_at: Option<Timestamp>,
    /// Of other journals, what the device had heard: all of that was before. What came after it is not known.
    pub heard: Vec<Upto>,
    /// Of other journals, how far they were while it was counted: what came after that was after.
    pub read: Vec<Upto>,
    /// Of other journals, how far they were when the last eyes were done: what came after that was after, and of what
    /// came before it more may be known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub done: Vec<Upto>,
}

/// A span of head office's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Not before this.
    pub from: Timestamp,
    /// Not after this.
    pub to: Timestamp,
}

/// How a device's clock stands to head office's, measured at each contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skew {
    /// Microseconds that it is ahead.
    pub ahead: i64,
    /// Whether it stood there at the contact before, too: what was told since then has a time.
    pub is_steady: bool,
}

/// An op as far as a cut must know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// The life that wrote it first; none: head office.
    pub life: Option<IncarnationId>,
    /// Its place there.
    pub seq: i64,
    /// When it happened, if that is known.
    pub at: Option<Span>,
}

/// On which side of a cut an op is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The eyes saw what it had left.
    Before,
    /// They saw what was there before it.
    After,
    /// Nobody knows.
    Doubtful,
}

/// A count that what moves is compared with: the last one of its stock row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InForce {
    /// The life that counted.
    pub life: IncarnationId,
    /// The op.
    pub seq: i64,
    /// What had been done.
    pub cut: Cut,
    /// While it was counted, by head office's clock, if that is known.
    pub while_counting: Option<Span>,
    /// How many were seen.
    pub counted: i64,
    /// Its line in the op.
    pub line: i32,
    /// How many lines the op has.
    pub lines: i32,
    /// Late movements that it has answered with their opposite.
    pub answered: i32,
    /// Units of which nobody knows on which side they are.
    pub doubtful: i64,
}

/// Checks how far other journals were read to be.
///
/// # Errors
/// `too_many_lines` beyond [`JOURNALS_MAX`], `amount_out_of_range` for what is no place in a journal.
pub fn check_marks(marks: &[Upto]) -> Result<(), Fault> {
    let count = marks.len();
    if count > JOURNALS_MAX {
        return Err(Fault::TooManyLines { count, max: JOURNALS_MAX });
    }
    let wrong = marks.iter().find(|upto| !(0..=SEQ_MAX).contains(&upto.seq));
    wrong.map_or(Ok(()), |upto| Err(Fault::AmountOutOfRange { units: upto.seq }))
}

impl Span {
    /// A moment of head office's own clock.
    pub const fn at(moment: Timestamp) -> Self {
        Self { from: moment, to: moment }
    }
}

impl Skew {
    /// What is known after a device, whose clock was as `before`, said what it shows now.
    pub fn measured(before: Option<Self>, theirs: Timestamp, ours: Timestamp) -> Self {
        let ahead = theirs.micros().saturating_sub(ours.micros());
        let is_steady = before.is_some_and(|before| before.ahead.abs_diff(ahead) <= DRIFT_MAX.unsigned_abs());
        Self { ahead, is_steady }
    }

    /// When something happened between `from` and `to` of the device's clock, if that can be known.
    pub fn span(self, from: Timestamp, to: Timestamp) -> Option<Span> {
        let moved = |moment: Timestamp, by: i64| {
            Timestamp::from_micros(moment.micros().saturating_sub(self.ahead).saturating_add(by))
        };
        let error = DRIFT_MAX + LATENCY_MAX;
        self.is_steady.then(|| Span { from: moved(from, -error), to: moved(to, error) })
    }
}

impl Cut {
    /// A cut names journals, each at most once a list, and places in them.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        [&self.heard, &self.read, &self.done].into_iter().try_for_each(|list| check_marks(list))
    }

    fn of(list: &[Upto], life: IncarnationId) -> Option<i64> {
        list.iter().filter(|upto| upto.incarnation_id == life).map(|upto| upto.seq).max()
    }

    /// When counting had ended, of a count that was told at `told`.
    pub fn ended(&self, told: Timestamp) -> Timestamp {
        self.until.unwrap_or(told).max(self.since)
    }

    /// How far each journal was known: everything up to there was before. What was read while it was counted says so
    /// better than what had been heard when the count was written down, which may be more; so does how far it was when
    /// the eyes were done.
    pub fn known(&self) -> BTreeMap<IncarnationId, i64> {
        let lives = self.heard.iter().chain(&self.read).map(|upto| upto.incarnation_id);
        lives.map(|life| (life, self.heard_of(life))).collect()
    }

    /// The same of one journal.
    pub fn heard_of(&self, life: IncarnationId) -> i64 {
        let heard = || Self::of(&self.heard, life).unwrap_or(0).min(Self::of(&self.done, life).unwrap_or(SEQ_MAX));
        Self::of(&self.read, life).unwrap_or_else(heard)
    }
}

impl InForce {
    /// On which side an op is.
    pub fn when(&self, op: Told) -> When {
        if let Some(life) = op.life {
            if life == self.life {
                return if op.seq < self.seq { When::Before } else { When::After };
            }
            if op.seq <= self.cut.heard_of(life) {
                return When::Before;
            }
            let was_done = Cut::of(&self.cut.done, life).is_some_and(|done| op.seq > done);
            if was_done || Cut::of(&self.cut.read, life).is_some() {
                return When::After;
            }
        }
        if let (None, Some(at), Some(heard_at)) = (op.life, op.at, self.cut.heard_at)
            && at.to <= heard_at
        {
            return When::Before;
        }
        match (op.at, self.while_counting) {
            (Some(at), Some(counting)) if at.to < counting.from => When::Before,
            (Some(at), Some(counting)) if at.from > counting.to => When::After,
            (Some(_) | None, Some(_) | None) => When::Doubtful,
        }
    }

    /// How much of a movement is beyond what was seen. What is doubtful leaves fewer: what left is taken to have left
    /// afterwards, and what came to have been seen.
    pub fn beyond(&self, op: Told, delta: i64) -> i64 {
        match self.when(op) {
            When::Before => 0,
            When::After => delta,
            When::Doubtful => delta.min(0),
        }
    }

    /// The op itself, for another count.
    pub const fn told(&self) -> Told {
        Told { life: Some(self.life), seq: self.seq, at: self.while_counting }
    }

    /// The line of the next movement that this count makes, which no other line of its op uses.
    pub const fn next_line(&self) -> i32 {
        self.line + self.lines * (self.answered + 1)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const MINUTE: i64 = 60_000_000;

    fn life(number: u128) -> IncarnationId {
        IncarnationId(Uuid::from_u128(number))
    }

    fn minute(number: i64) -> Timestamp {
        Timestamp::from_micros(number * MINUTE)
    }

    /// Counted by life 1 with its tenth op, between minute 100 and 105. It had heard life 2 up to 5, read life 3 at 8, of
    /// life 5 read 4 before the first bin and 6 after the last, and read life 6 at 7; of that and of life 7, which was done
    /// at 3, it heard more until it wrote the count down.
    fn count() -> InForce {
        let upto = |number, seq| Upto { incarnation_id: life(number), seq };
        let cut = Cut {
            since: minute(100),
            until: Some(minute(105)),
            heard_at: Some(minute(60)),
            heard: vec![upto(2, 5), upto(3, 2), upto(5, 4), upto(6, 9), upto(7, 5)],
            read: vec![upto(3, 8), upto(6, 7)],
            done: vec![upto(5, 6), upto(7, 3)],
        };
        let while_counting = Some(Span { from: minute(97), to: minute(108) });
        let (life, seq, counted) = (life(1), 10, 7);
        InForce { life, seq, cut, while_counting, counted, line: 1, lines: 3, answered: 0, doubtful: 0 }
    }

    #[test]
    fn an_op_is_before_after_or_nobody_knows() {
        let at = |from, to| Some(Span { from: minute(from), to: minute(to) });
        let cases = [
            (Some(1), 9, None, When::Before),
            (Some(1), 11, None, When::After),
            (Some(2), 5, None, When::Before),
            (Some(2), 5, at(200, 206), When::Before),
            (Some(2), 6, None, When::Doubtful),
            (Some(2), 6, at(80, 86), When::Before),
            (Some(2), 6, at(94, 100), When::Doubtful),
            (Some(2), 6, at(108, 114), When::Doubtful),
            (Some(2), 6, at(109, 115), When::After),
            (Some(3), 8, at(200, 206), When::Before),
            (Some(3), 9, at(80, 86), When::After),
            (Some(5), 4, None, When::Before),
            (Some(5), 5, None, When::Doubtful),
            (Some(5), 5, at(80, 86), When::Before),
            (Some(5), 6, at(200, 206), When::After),
            (Some(5), 7, at(80, 86), When::After),
            (Some(6), 7, None, When::Before),
            (Some(6), 8, None, When::After),
            (Some(7), 3, None, When::Before),
            (Some(7), 4, None, When::After),
            (Some(4), 1, None, When::Doubtful),
            (Some(4), 1, at(10, 16), When::Before),
            (None, 0, at(50, 50), When::Before),
            (None, 0, at(100, 100), When::Doubtful),
            (None, 0, at(110, 110), When::After),
        ];
        for (by, seq, at, expected) in cases {
            let told = Told { life: by.map(life), seq, at };
            assert_eq!(count().when(told), expected, "{by:?} {seq} {at:?}");
        }
        let unknown = InForce { while_counting: None, ..count() };
        assert_eq!(unknown.when(Told { life: None, seq: 0, at: at(60, 60) }), When::Before, "it had heard of that");
        assert_eq!(unknown.when(Told { life: None, seq: 0, at: at(61, 61) }), When::Doubtful);
    }

    #[test]
    fn a_count_that_was_told_later_ended_when_the_eyes_did() {
        let cut = count().cut;
        assert_eq!(cut.ended(minute(300)), minute(105));
        assert_eq!(Cut { until: None, ..cut.clone() }.ended(minute(300)), minute(300));
        assert_eq!(Cut { until: Some(minute(7)), ..cut }.ended(minute(300)), minute(100), "never before it began");
    }

    #[test]
    fn what_is_doubtful_leaves_fewer() {
        let doubtful = Told { life: Some(life(2)), seq: 6, at: None };
        assert_eq!((count().beyond(doubtful, -3), count().beyond(doubtful, 3)), (-3, 0));
    }

    #[test]
    fn a_clock_has_a_time_once_it_was_met_twice_at_the_same_place() {
        let first = Skew::measured(None, minute(10), minute(7));
        assert_eq!((first.ahead, first.span(minute(10), minute(10))), (3 * MINUTE, None));
        let steady = Skew::measured(Some(first), minute(21), minute(17));
        assert_eq!(steady.span(minute(21), minute(22)), Some(Span { from: minute(14), to: minute(21) }));
        let set = Skew::measured(Some(steady), minute(90), minute(20));
        assert_eq!(set.span(minute(90), minute(90)), None);
        assert!(Skew::measured(Some(set), minute(91), minute(21)).is_steady);
    }

    #[test]
    fn no_two_movements_of_a_count_share_a_line() {
        let lines =
            (0..3).flat_map(|line| (0..4).map(move |answered| InForce { line, answered, ..count() }.next_line()));
        let lines: std::collections::BTreeSet<_> = lines.chain(0..3).collect();
        assert_eq!(lines.len(), 15);
    }
}
