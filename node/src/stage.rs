//! Named stages at which a test may end the process as kill -9 would. Only in debug builds.
//!
//! Every piece of work stands in the one list below with the moments that it passes; a story in
//! `tests/shop` dies at each of them. What follows from the list is in [`outpost_sync::stage`].

pub use outpost_sync::stage::VARIABLE;
use outpost_sync::{moments, works};

use crate::db;

moments! {
    /// The database as it was is copied.
    Copied = "copied";
    /// Its transaction is open.
    Begun = "begun";
    /// The journal's entry is written.
    Journaled = "journaled";
    /// All is written, and nothing is certain.
    BeforeCommit = "before_commit";
    /// It is certain, and nobody knows.
    AfterCommit = "after_commit";
    /// A part of a file is on the disk.
    Landing = "landing";
    /// The file is a database.
    Unpacked = "unpacked";
    /// The database is one for this device.
    Admitted = "admitted";
    /// What is this device's own is in the new database too.
    MovedIn = "moved_in";
    /// The old database is closed.
    BeforeRename = "before_rename";
    /// The new one has its name.
    AfterRename = "after_rename";
    /// It is all there, and has no name yet.
    Ready = "ready";
    /// What stood in its place is moved aside.
    Aside = "aside";
    /// It is over.
    Done = "done";
}

use Moment::{
    Admitted, AfterCommit, AfterRename, Aside, BeforeCommit, BeforeRename, Begun, Copied, Done, Journaled, Landing,
    MovedIn, Ready, Unpacked,
};

/// What every transaction passes.
const WRITTEN: &[Moment] = &[Begun, BeforeCommit, AfterCommit];

/// What a migration passes that finds something to copy.
const MIGRATED: &[Moment] = &[Copied, Begun, BeforeCommit, AfterCommit];

works! {
    FILE = "node/src/stage.rs";
    MIGRATIONS = migrations();
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
    /// There are more or fewer than the book says.
    Adjust = "adjust": WRITTEN;
    /// Goods go on the road.
    Send = "send": WRITTEN;
    /// Goods come from the road.
    Arrive = "arrive": WRITTEN;
    /// A receipt is taken back.
    UndoReceipt = "undo_receipt": WRITTEN;
    /// Goods were counted.
    Count = "count": WRITTEN;
    /// Something is written down in a counting.
    Counting = "counting": WRITTEN;
    /// What was counted is booked.
    Approve = "approve": WRITTEN;
    /// Allotment goes back.
    GiveBack = "give_back": WRITTEN;
    /// Allotment is asked for.
    Ask = "ask": WRITTEN;
    /// An order is a step further.
    Advance = "advance": WRITTEN;
    /// An order is cancelled.
    Cancel = "cancel": WRITTEN;
    /// Goods come back.
    TakeBack = "take_back": WRITTEN;
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
    /// What changed of the catalogue is indexed.
    Index = "index": WRITTEN;
    /// What the index reflects for good is forgotten.
    ForgetChanges = "forget_changes": WRITTEN;
    /// The device is copied into a file.
    Backup = "backup": &[Ready];
    /// A device that was put back is kept from selling.
    Quarantine = "quarantine": WRITTEN;
    /// A device is put back.
    Restore = "restore": &[Ready, Aside];
    /// The tables grow.
    Migration = "migration": MIGRATED;
}

/// Each migration with what it passes. The first has nothing to copy.
fn migrations() -> Vec<(&'static str, &'static [Moment])> {
    let moments = [WRITTEN].into_iter().chain(std::iter::repeat(MIGRATED));
    db::migrations::names().into_iter().zip(moments).collect()
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

    #[test]
    fn every_migration_but_the_first_copies_what_was_there() {
        let copies = Work::Migration.stages().into_iter().filter(|stage| stage.moment() == Copied);
        let copied: Vec<_> = copies.filter_map(Stage::migration).collect();
        assert_eq!(copied, db::migrations::names()[1..]);
    }
}
