//! Named stages at which a test may end the process as kill -9 would. Only in debug builds.
//!
//! Every piece of work stands in the one list below with the moments that it passes; a story in
//! `tests/shop` dies at each of them.

use std::fmt;

use outpost_sync::wire::Problem;

use crate::db;

/// The environment variable that names the stage.
pub const VARIABLE: &str = "OUTPOST_DIE_AT";

/// How far a piece of work has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The database as it was is copied.
    Copied,
    /// Its transaction is open.
    Begun,
    /// The journal's entry is written.
    Journaled,
    /// All is written, and nothing is certain.
    BeforeCommit,
    /// It is certain, and nobody knows.
    AfterCommit,
    /// A part of a file is on the disk.
    Landing,
    /// The file is a database.
    Unpacked,
    /// The database is one for this device.
    Admitted,
    /// What is this device's own is in the new database too.
    MovedIn,
    /// The old database is closed.
    BeforeRename,
    /// The new one has its name.
    AfterRename,
    /// It is all there, and has no name yet.
    Ready,
    /// What stood in its place is moved aside.
    Aside,
    /// It is over.
    Done,
}

impl Moment {
    const fn word(self) -> &'static str {
        match self {
            Self::Copied => "copied",
            Self::Begun => "begun",
            Self::Journaled => "journaled",
            Self::BeforeCommit => "before_commit",
            Self::AfterCommit => "after_commit",
            Self::Landing => "landing",
            Self::Unpacked => "unpacked",
            Self::Admitted => "admitted",
            Self::MovedIn => "moved_in",
            Self::BeforeRename => "before_rename",
            Self::AfterRename => "after_rename",
            Self::Ready => "ready",
            Self::Aside => "aside",
            Self::Done => "done",
        }
    }
}

use Moment::{
    Admitted, AfterCommit, AfterRename, Aside, BeforeCommit, BeforeRename, Begun, Copied, Done, Journaled, Landing,
    MovedIn, Ready, Unpacked,
};

/// What every transaction passes.
const WRITTEN: &[Moment] = &[Begun, BeforeCommit, AfterCommit];

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
    /// Goods are sold.
    Sale = "sale": &[Begun, Journaled, BeforeCommit, AfterCommit];
    /// A cart changes.
    Cart = "cart": WRITTEN;
    /// A customer is written down.
    AddCustomer = "add_customer": WRITTEN;
    /// An address.
    AddAddress = "add_address": WRITTEN;
    /// An opinion of a product.
    AddReview = "add_review": WRITTEN;
    /// Goods came in.
    Receive = "receive": WRITTEN;
    /// Goods were counted.
    Count = "count": WRITTEN;
    /// Allotment goes back.
    GiveBack = "give_back": WRITTEN;
    /// Allotment is asked for.
    Ask = "ask": WRITTEN;
    /// An order is a step further.
    Advance = "advance": WRITTEN;
    /// An order is cancelled.
    Cancel = "cancel": WRITTEN;
    /// A card is taken.
    Join = "join": WRITTEN;
    /// What head office answered to a push is noted.
    Settle = "settle": WRITTEN;
    /// The journal goes on from where head office stands.
    StandAt = "stand_at": WRITTEN;
    /// Head office says that the journal went on in two ways.
    Freeze = "freeze": WRITTEN;
    /// A page of the feed.
    Apply = "apply": WRITTEN;
    /// Head office has heard what this device was granted.
    Reported = "reported": WRITTEN;
    /// The device is a copy of itself.
    SetBack = "set_back": WRITTEN;
    /// Another life is to be asked for.
    LifeWanted = "life_wanted": WRITTEN;
    /// It begins.
    BeginLife = "begin_life": WRITTEN;
    /// Old entries are forgotten.
    Forget = "forget": WRITTEN;
    /// Why a round failed is noted.
    NoteProblem = "note_problem": WRITTEN;
    /// The device is filled.
    Fill = "fill": &[Begun, BeforeCommit, AfterCommit, Landing, Unpacked, Admitted];
    /// A file that was no good is noted.
    NoteBadFile = "note_bad_file": WRITTEN;
    /// A page of the feed is read aside.
    ApplyAside = "apply_aside": WRITTEN;
    /// What is to be taken over is counted.
    Measure = "measure": WRITTEN;
    /// A range of it is taken over.
    Merge = "merge": WRITTEN;
    /// The database aside becomes the device's own.
    Adopt = "adopt": &[MovedIn, BeforeRename, AfterRename, Done];
    /// The comparison with head office waits.
    PutOff = "put_off": WRITTEN;
    /// It begins anew.
    Walk = "walk": WRITTEN;
    /// It comes a slice further.
    MoveOn = "move_on": WRITTEN;
    /// A row is mended.
    Mend = "mend": WRITTEN;
    /// Head office has heard what was mended.
    FindingsHeard = "findings_heard": WRITTEN;
    /// The log is moved into the database.
    Checkpoint = "checkpoint": &[Begun, Done];
    /// The device is copied into a file.
    Backup = "backup": &[Ready];
    /// A device that was put back is kept from selling.
    Quarantine = "quarantine": WRITTEN;
    /// A device is put back.
    Restore = "restore": &[Ready, Aside];
    /// The tables grow.
    Migration = "migration": &[Copied, Begun, BeforeCommit, AfterCommit];
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
    /// The stages of this work, each migration's by itself. The first has nothing to copy.
    pub fn stages(self) -> Vec<Stage> {
        let named = |name| self.moments().iter().map(move |moment| Stage { work: self, name, moment: *moment });
        if self != Self::Migration {
            return named(None).collect();
        }
        let names = db::migrations::names();
        let first = names.first().copied();
        let all = names.into_iter().flat_map(|name| named(Some(name)));
        all.filter(|stage| stage.moment != Copied || stage.name != first).collect()
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
                format!("{VARIABLE} names {wanted:?}, and no work here passes that; look at node/src/stage.rs");
            Err(Problem::new("unknown_stage", sentence))
        }
        Some(_) | None => Ok(()),
    }
}

/// Ends the process here, with nothing flushed and nothing dropped, if a test asked for it.
pub(crate) fn reach(work: Work, moment: Moment) {
    die_if_wanted(work, None, moment);
}

/// The same for one migration.
pub(crate) fn reach_migration(name: &'static str, moment: Moment) {
    die_if_wanted(Work::Migration, Some(name), moment);
}

fn die_if_wanted(work: Work, name: Option<&'static str>, moment: Moment) {
    debug_assert!(work.moments().contains(&moment), "{work:?} is not listed to pass {moment:?}");
    let stage = Stage { work, name, moment };
    if cfg!(debug_assertions) && std::env::var_os(VARIABLE).is_some_and(|wanted| *wanted == *stage.to_string()) {
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
