//! Named stages at which a test may end the process as kill -9 would. Only in debug builds.
//!
//! Every piece of work stands in the one list below with the moments that it passes; a story in
//! `tests/shop` dies at each of them. What follows from the list is in [`outpost_sync::stage`].

pub use outpost_sync::stage::VARIABLE;
use outpost_sync::{moments, works};

use crate::db::MIGRATIONS;

moments! {
    /// It is under way.
    Begun = "begun";
    /// All is written, and nothing is certain.
    BeforeCommit = "before_commit";
    /// It is certain, and nobody was answered.
    AfterCommit = "after_commit";
    /// A file is written.
    Written = "written";
    /// It has its name.
    Named = "named";
    /// It is kept, and will be found again.
    Kept = "kept";
    /// Postgres has dumped everything.
    Dumped = "dumped";
    /// The book knows of the backup.
    Counted = "counted";
    /// The dump is in the new database.
    Poured = "poured";
    /// It was compared, and is right.
    Passed = "passed";
}

use Moment::{AfterCommit, BeforeCommit, Begun, Counted, Dumped, Kept, Named, Passed, Poured, Written};

/// What a transaction passes whose caller waits for an answer.
const ANSWERED: &[Moment] = &[BeforeCommit, AfterCommit];

/// What each migration passes.
const MIGRATED: &[Moment] = &[Begun, BeforeCommit, AfterCommit];

works! {
    FILE = "server/src/stage.rs";
    MIGRATIONS = migrations();
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
    Migration = "migration": MIGRATED;
}

fn migrations() -> Vec<(&'static str, &'static [Moment])> {
    MIGRATIONS.iter().map(|(name, _)| (*name, MIGRATED)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_stages_have_one_name() {
        let names: BTreeSet<String> = all().iter().map(ToString::to_string).collect();
        assert_eq!(names.len(), all().len());
    }
}
