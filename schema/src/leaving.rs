//! When a device may go: closed for good, or to another place. Pure, for head office and for the device itself.

use crate::planted::{Bug, is_planted};

/// What there still is of a device where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaving {
    /// Units that it may sell without asking, in all of its lives.
    pub open: i64,
    /// What it wrote and nobody has booked yet.
    pub waiting: i64,
    /// Whether head office was put back, and has not heard since what it had granted to it and been told by it.
    pub is_unheard: bool,
}

/// What keeps a device from going.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Nobody knows what it may sell, or has told, before it has called.
    Unheard,
    /// It may still sell something.
    StillOpen,
    /// Some of what it said is not booked.
    OpsWait,
    /// It has not said that it told everything.
    NotClosed,
}

impl Missing {
    /// The stable code that programs match on.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unheard => "unheard",
            Self::StillOpen => "still_open",
            Self::OpsWait => "ops_wait",
            Self::NotClosed => "not_closed",
        }
    }
}

impl Leaving {
    /// What keeps it from going to another place: whatever it has left behind there nobody could sell.
    pub fn keeps_it_here(self) -> Option<Missing> {
        if is_planted(Bug::OpenKeptAfterMove) { Self { open: 0, ..self }.left() } else { self.left() }
    }

    /// What keeps it from being closed: it must have said that it told everything. One that is lost never will.
    pub fn keeps_it_open(self, is_closed: bool, is_lost: bool) -> Option<Missing> {
        let is_over = is_closed || is_lost || is_planted(Bug::RetiredUntold);
        let told = Self { is_unheard: self.is_unheard && !is_lost, ..self };
        told.left().or((!is_over).then_some(Missing::NotClosed))
    }

    const fn left(self) -> Option<Missing> {
        match (self.is_unheard, self.open, self.waiting) {
            (true, _, _) => Some(Missing::Unheard),
            (false, 1.., _) => Some(Missing::StillOpen),
            (false, _, 1..) => Some(Missing::OpsWait),
            (false, _, _) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_goes_when_it_has_left_nothing_and_is_closed_when_it_says_that_it_told_everything() {
        use Missing::{NotClosed, OpsWait, StillOpen};
        let cases = [
            ((3, 2), Some(StillOpen), Some(StillOpen)),
            ((0, 2), Some(OpsWait), Some(OpsWait)),
            ((0, 0), None, Some(NotClosed)),
        ];
        for ((open, waiting), here, unclosed) in cases {
            let leaving = Leaving { open, waiting, is_unheard: false };
            assert_eq!(leaving.keeps_it_here(), here, "{leaving:?}");
            assert_eq!(leaving.keeps_it_open(false, false), unclosed, "{leaving:?}");
            assert_eq!(leaving.keeps_it_open(true, false), here, "{leaving:?}, closed");
            assert_eq!(leaving.keeps_it_open(false, true), here, "{leaving:?}, lost");
            let unheard = Leaving { is_unheard: true, ..leaving };
            assert_eq!(unheard.keeps_it_here(), Some(Missing::Unheard));
            assert_eq!(unheard.keeps_it_open(true, false), Some(Missing::Unheard));
            assert_eq!(unheard.keeps_it_open(false, true), here, "nobody will hear it");
        }
    }
}
