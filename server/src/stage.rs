//! Named stages at which a test may end the process as kill -9 would. Only in debug builds.
//!
//! Every piece of work stands in the one list below with the moments that it passes; a story in
//! `tests/shop` dies at each of them.

use std::fmt;

use outpost_sync::wire::Problem;

use crate::db::MIGRATIONS;

/// The environment variable that names the stage.
pub const VARIABLE: &str = "OUTPOST_DIE_AT";

/// How far a piece of work has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// It is under way.
    Begun,
    /// All is written, and nothing is certain.
    BeforeCommit,
    /// It is certain, and nobody was answered.
    AfterCommit,
    /// A file is written.
    Written,
    /// It has its name.
    Named,
    /// It is kept, and will be found again.
    Kept,
    /// Postgres has dumped everything.
    Dumped,
    /// The book knows of the backup.
    Counted,
    /// The dump is in the new database.
    Poured,
    /// It was compared, and is right.
    Passed,
}

impl Moment {
    const fn word(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::BeforeCommit => "before_commit",
            Self::AfterCommit => "after_commit",
            Self::Written => "written",
            Self::Named => "named",
            Self::Kept => "kept",
            Self::Dumped => "dumped",
            Self::Counted => "counted",
            Self::Poured => "poured",
            Self::Passed => "passed",
        }
    }
}

use Moment::{AfterCommit, BeforeCommit, Begun, Counted, Dumped, Kept, Named, Passed, Poured, Written};

/// What a transaction passes whose caller waits for an answer.
const ANSWERED: &[Moment] = &[BeforeCommit, AfterCommit];

macro_rules! works {
    ($($(#[doc = $doc:literal])+ $work:ident = $word:literal: $moments:expr;)+) => {
        /// A piece of work that is done whole or not at all.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Work {
            $($(#[doc = $doc])+ $work,)+
        }

        impl Work {
            /// Every one of them.
            pub const ALL: &[Self] = &[$(Self::$work),+];

            const fn word(self) -> &'static str {
                match self { $(Self::$work => $word),+ }
            }

            /// The moments that it passes.
            pub const fn moments(self) -> &'static [Moment] {
                match self { $(Self::$work => $moments),+ }
            }
        }
    };
}

works! {
    /// A push is booked.
    Push = "push": ANSWERED;
    /// A device tells what it was granted.
    Report = "report": ANSWERED;
    /// A device gets another life.
    Life = "life": ANSWERED;
    /// Units are held for somebody.
    Hold = "hold": ANSWERED;
    /// A hold becomes allotment.
    HoldAllotted = "hold_allotted": ANSWERED;
    /// A device is added.
    AddNode = "add_node": ANSWERED;
    /// A catalogue or opening stock is taken in.
    Import = "import": ANSWERED;
    /// The database begins another life.
    Epoch = "epoch": &[BeforeCommit];
    /// A file to fill devices from is made.
    Bootstrap = "bootstrap": &[Written, Named, Kept];
    /// Everything is written into a folder.
    Backup = "backup": &[Dumped, Kept, Counted];
    /// Everything is brought back.
    Restore = "restore": &[Begun, Poured, Passed];
    /// The tables grow.
    Migration = "migration": &[Begun, BeforeCommit, AfterCommit];
}

/// One stage: a piece of work at one of its moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage {
    work: Work,
    /// Which migration, if it is one.
    name: Option<&'static str>,
    moment: Moment,
}

impl Work {
    /// The stages of this work, each migration's by itself.
    pub fn stages(self) -> Vec<Stage> {
        let named = |name| self.moments().iter().map(move |moment| Stage { work: self, name, moment: *moment });
        if self == Self::Migration {
            MIGRATIONS.iter().flat_map(|(name, _)| named(Some(*name))).collect()
        } else {
            named(None).collect()
        }
    }

    /// This work at this moment, which is one of its own.
    pub fn at(self, moment: Moment) -> Stage {
        assert!(self.moments().contains(&moment), "{self:?} does not pass {moment:?}");
        Stage { work: self, name: None, moment }
    }
}

impl Stage {
    /// Whose it is.
    pub const fn work(self) -> Work {
        self.work
    }

    /// How far the work has come.
    pub const fn moment(self) -> Moment {
        self.moment
    }

    /// Which migration it is of; none for other work.
    pub const fn migration(self) -> Option<&'static str> {
        self.name
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (work, moment) = (self.work.word(), self.moment.word());
        match self.name {
            Some(name) => write!(f, "{work}.{name}.{moment}"),
            None => write!(f, "{work}.{moment}"),
        }
    }
}

/// Every stage there is.
pub fn all() -> Vec<Stage> {
    Work::ALL.iter().flat_map(|work| work.stages()).collect()
}

/// Looks whether the stage that was asked for exists. A release build knows none, and looks at nothing.
///
/// # Errors
/// `unknown_stage`.
pub fn check() -> Result<(), Problem> {
    let wanted = std::env::var(VARIABLE).ok().filter(|_| cfg!(debug_assertions));
    match wanted {
        Some(wanted) if !all().iter().any(|stage| stage.to_string() == wanted) => {
            let sentence =
                format!("{VARIABLE} names {wanted:?}, and no work here passes that; look at server/src/stage.rs");
            Err(Problem::new("unknown_stage", sentence))
        }
        Some(_) | None => Ok(()),
    }
}

/// Ends the process here, with nothing flushed and nothing dropped, if a test asked for it.
pub(crate) fn reach(work: Work, moment: Moment) {
    die_if_wanted(work, moment, || work.at(moment).to_string());
}

/// The same for one migration.
pub(crate) fn reach_migration(name: &str, moment: Moment) {
    die_if_wanted(Work::Migration, moment, || format!("{}.{name}.{}", Work::Migration.word(), moment.word()));
}

fn die_if_wanted(work: Work, moment: Moment, stage: impl Fn() -> String) {
    debug_assert!(work.moments().contains(&moment), "{work:?} is not listed to pass {moment:?}");
    if cfg!(debug_assertions) && std::env::var_os(VARIABLE).is_some_and(|wanted| *wanted == *stage()) {
        std::process::abort();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_stages_have_one_name() {
        let names: BTreeSet<String> = all().iter().map(Stage::to_string).collect();
        assert_eq!(names.len(), all().len());
    }
}
