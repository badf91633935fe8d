//! Whether what was seen may be booked, or somebody counts again.

use super::{Book, Look, Moment, Moved, Sight, Stale, Tolerance, sight};

/// One time that a product is counted in a counting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// What was seen, bin by bin.
    pub looks: Vec<Look>,
    /// What the book said then; none before the first look.
    pub book: Option<Book>,
}

/// Why somebody counts again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is far from what the book says, and nobody else has seen the same.
    Variance,
    /// Some were moved here while the eyes went from bin to bin.
    MovedMeanwhile,
    /// It cannot be made a number any more.
    Stale(Stale),
}

/// How a product stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is being counted: again, if these bins are still to be looked at as they were before.
    Unfinished {
        /// Bins in which it was seen before, and not yet this time.
        bins: Vec<String>,
    },
    /// It is what the book says, or near enough.
    Fits,
    /// Two counts say the same.
    Confirmed,
    /// Somebody counts it again.
    Recount(Why),
}

/// How a product stands, and what its last count comes to, if that is a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// How it stands.
    pub standing: Standing,
    /// What its last round comes to.
    pub sight: Option<Sight>,
}

impl Judged {
    /// What may be booked; `by_word` if somebody says so with a reason although it should be counted again.
    ///
    /// # Errors
    /// How it stands instead. No word helps where there is no number, or bins are missing from it.
    pub fn booked(&self, by_word: bool) -> Result<&Sight, &Standing> {
        let may = match &self.standing {
            Standing::Fits | Standing::Confirmed => true,
            Standing::Recount(Why::Variance | Why::MovedMeanwhile) => by_word,
            Standing::Recount(Why::Stale(_)) | Standing::Unfinished { .. } => false,
        };
        self.sight.as_ref().filter(|_| may).ok_or(&self.standing)
    }
}

/// How a product stands after its rounds, the last of which counts. `moves` and `now` are as for [`sight`].
///
/// A count that is near the book is good. One that is not is compared with those before it, each as of now: where two
/// pairs of eyes saw the same number, or the same difference to the book, the book is wrong.
pub fn judge(rounds: &[Round], moves: &[Moved], now: &Moment, tolerance: Tolerance) -> Judged {
    let Some((last, former)) = rounds.split_last() else {
        return Judged { standing: Standing::Unfinished { bins: Vec::new() }, sight: None };
    };
    let Some(book) = last.book.filter(|_| !last.looks.is_empty()) else {
        return Judged { standing: Standing::Unfinished { bins: missing(last, former) }, sight: None };
    };
    let bins = missing(last, former);
    if !bins.is_empty() {
        return Judged { standing: Standing::Unfinished { bins }, sight: None };
    }
    let seen = match sight(&last.looks, book, moves, now) {
        Ok(seen) => seen,
        Err(stale) => return Judged { standing: Standing::Recount(Why::Stale(stale)), sight: None },
    };
    let number = |round: &Round| sight(&round.looks, round.book?, moves, now).ok();
    let agrees = |other: Sight| {
        let allows = |difference| tolerance.allows(difference, seen.expected);
        allows(seen.counted - other.counted) || allows(seen.variance() - other.variance())
    };
    let standing = if seen.doubtful > 0 {
        Standing::Recount(Why::MovedMeanwhile)
    } else if tolerance.allows(seen.variance(), seen.expected) {
        Standing::Fits
    } else if former.iter().filter_map(number).any(agrees) {
        Standing::Confirmed
    } else {
        Standing::Recount(Why::Variance)
    };
    Judged { standing, sight: Some(seen) }
}

/// Bins in which a product was seen in an earlier round and is still to be looked for in the last one.
fn missing(last: &Round, former: &[Round]) -> Vec<String> {
    let mut bins: Vec<String> = former.iter().flat_map(|round| &round.looks).map(|look| look.bin.clone()).collect();
    bins.retain(|bin| last.looks.iter().all(|look| look.bin != *bin));
    bins.sort();
    bins.dedup();
    bins
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{clock::Timestamp, id::IncarnationId, stock::Reason};

    const TOLERANCE: Tolerance = Tolerance { units: 1, percent: 0 };

    fn at(seq: i64) -> Moment {
        let (life, at) = (IncarnationId(Uuid::from_u128(1)), Timestamp::from_micros(seq));
        Moment { life, seq, at, ahead: None, heard_at: None, known: Vec::new(), read: Vec::new(), asked: Vec::new() }
    }

    /// Counted with the `seq`th entry, in bins A, B, ..., while the book said `balance`.
    fn round(seq: i64, balance: i64, units: &[i64]) -> Round {
        let bins = ["A", "B", "C"].into_iter().zip(units);
        let look = |(bin, units): (&str, &i64)| Look {
            bin: bin.to_owned(),
            person: "Ada".to_owned(),
            units: *units,
            from: at(seq),
            to: at(seq),
        };
        Round { looks: bins.map(look).collect(), book: Some(Book { balance, seq }) }
    }

    fn standing(rounds: &[Round], moves: &[Moved]) -> Standing {
        judge(rounds, moves, &at(99), TOLERANCE).standing
    }

    const OFF: Standing = Standing::Recount(Why::Variance);

    #[test]
    fn a_count_fits_or_another_one_says_the_same() {
        let unfinished = |bins: &[&str]| Standing::Unfinished { bins: bins.iter().map(ToString::to_string).collect() };
        let cases: [(&[Round], Standing); 12] = [
            (&[], unfinished(&[])),
            (&[Round::default()], unfinished(&[])),
            (&[round(1, 12, &[5, 7])], Standing::Fits),
            (&[round(1, 13, &[5, 7])], Standing::Fits),
            (&[round(1, 14, &[5, 7])], OFF),
            (&[round(1, 14, &[5, 7]), Round::default()], unfinished(&["A", "B"])),
            (&[round(1, 14, &[5, 7]), round(2, 14, &[5])], unfinished(&["B"])),
            (&[round(1, 14, &[5, 7]), round(2, 14, &[6, 5])], Standing::Confirmed),
            (&[round(1, 14, &[5, 7]), round(2, 14, &[8, 7])], Standing::Fits),
            (&[round(1, 14, &[5, 7]), round(2, 14, &[5, 2])], OFF),
            (&[round(1, 14, &[5, 7]), round(2, 14, &[5, 2]), round(3, 14, &[7, 5])], Standing::Confirmed),
            (&[round(1, 14, &[5, 7]), round(2, 14, &[5, 2]), round(3, 14, &[9, 0])], OFF),
        ];
        for (rounds, expected) in cases {
            assert_eq!(standing(rounds, &[]), expected, "{rounds:?}");
        }
    }

    #[test]
    fn two_counts_are_compared_as_of_now() {
        let sold = [Moved { seq: 2, delta: -4, reason: Reason::Sold }];
        let first = round(1, 20, &[12]);
        assert_eq!(standing(&[first.clone(), round(3, 16, &[8])], &sold), Standing::Confirmed);
        assert_eq!(standing(&[first.clone(), round(3, 16, &[12])], &sold), OFF, "four were sold meanwhile");
        // Somebody else sold three, and that was heard: the difference to the book is the same.
        assert_eq!(standing(&[first, round(3, 13, &[5])], &sold), Standing::Confirmed);
    }

    #[test]
    fn what_moved_meanwhile_is_counted_again_unless_somebody_says_otherwise() {
        let mut apart = round(1, 12, &[5, 7]);
        apart.looks[1].from = at(3);
        apart.looks[1].to = at(3);
        let sold = [Moved { seq: 2, delta: -1, reason: Reason::Sold }];
        let judged = judge(&[apart], &sold, &at(99), TOLERANCE);
        assert_eq!(judged.standing, Standing::Recount(Why::MovedMeanwhile));
        assert_eq!(judged.booked(false), Err(&Standing::Recount(Why::MovedMeanwhile)));
        assert_eq!(judged.booked(true).map(|sight| sight.counted), Ok(11));
    }

    #[test]
    fn no_word_books_what_is_no_number() {
        let put_right = [Moved { seq: 2, delta: 1, reason: Reason::Counted }];
        let stale = judge(&[round(1, 12, &[12])], &put_right, &at(99), TOLERANCE);
        assert_eq!(stale.booked(true), Err(&Standing::Recount(Why::Stale(Stale::BookChanged))));
        let unfinished = judge(&[round(1, 14, &[5, 7]), round(2, 14, &[5])], &[], &at(99), TOLERANCE);
        assert!(unfinished.booked(true).is_err());
        assert!(judge(&[round(1, 14, &[12])], &[], &at(99), TOLERANCE).booked(true).is_ok());
        assert!(judge(&[round(1, 14, &[12])], &[], &at(99), TOLERANCE).booked(false).is_err());
    }
}
