//! A small machine's list, and what follows from it.

use Moment::{Begun, Copied, Done};

use super::find;

crate::moments! {
    /// What was there is copied.
    Copied = "copied";
    /// It is under way.
    Begun = "begun";
    /// It is over.
    Done = "done";
}

crate::works! {
    FILE = "some/stage.rs";
    MIGRATIONS = vec![("0001_a", &[Begun]), ("0002_b", Work::Migration.moments())];
    /// Goods are sold.
    Sale = "sale": &[Begun, Done];
    /// The tables grow.
    Migration = "migration": &[Copied, Begun];
}

#[test]
fn each_work_has_its_stages_and_each_migration_its_own() {
    let names: Vec<_> = all().iter().map(ToString::to_string).collect();
    let expected =
        ["sale.begun", "sale.done", "migration.0001_a.begun", "migration.0002_b.copied", "migration.0002_b.begun"];
    assert_eq!(names, expected);
    assert_eq!([Work::Sale.at(Begun), Work::Sale.at(Done)], *Work::Sale.stages());
    let last = Work::Migration.stages()[2];
    assert_eq!((last.work(), last.migration(), last.moment()), (Work::Migration, Some("0002_b"), Begun));
}

#[test]
fn a_stage_is_found_by_its_name_and_no_other_is() {
    for stage in all() {
        assert_eq!(find(&stage.to_string()), Ok(stage));
    }
    let problem = find::<Work>("sale.dnoe").expect_err("no such stage");
    assert_eq!(
        problem.to_string(),
        "OUTPOST_DIE_AT names \"sale.dnoe\", and no work here passes that; look at some/stage.rs (unknown_stage)"
    );
}

#[test]
fn whoever_was_not_asked_to_die_goes_on() {
    assert_eq!(check(), Ok(()));
    reach(Work::Sale, Done);
    reach_migration("0001_a", Begun);
}

#[test]
#[should_panic(expected = "Sale does not pass Copied")]
fn work_is_at_no_moment_that_it_does_not_pass() {
    Work::Sale.at(Copied);
}
