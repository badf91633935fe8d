//! That no stage is without a story, and none is asked for that does not exist.

use outpost_node::stage;
use outpost_server::stage as at_office;

use super::{AT_TILL, backups, checks, counting, lives, office, office_stages, rounds, searching, stages, till};
use crate::{filling::killed as filling, migrating, support::process::program};

#[test]
fn at_every_stage_of_a_till_somebody_dies() {
    let mut told = stages(&AT_TILL);
    let told_by =
        [&rounds::WORKS[..], &lives::WORKS, &checks::WORKS, &counting::WORKS, &backups::WORKS, &searching::WORKS];
    for works in [&till::works()[..]].into_iter().chain(told_by) {
        told.extend(stages(works));
    }
    told.extend(filling::at_till());
    told.extend(migrating::at_till());
    let untold: Vec<String> =
        stage::all().iter().filter(|stage| !told.contains(stage)).map(ToString::to_string).collect();
    assert_eq!(untold, Vec::<String>::new(), "no story dies there");
}

#[test]
fn at_every_stage_of_head_office_somebody_dies() {
    let mut told = office_stages(&[at_office::Work::Push]);
    told.extend(office_stages(&office::WORKS));
    told.extend(office_stages(&backups::AT_OFFICE));
    told.extend(filling::at_office());
    told.extend(migrating::at_office());
    let untold: Vec<String> =
        at_office::all().iter().filter(|stage| !told.contains(stage)).map(ToString::to_string).collect();
    assert_eq!(untold, Vec::<String>::new(), "no story dies there");
}

#[test]
fn a_stage_that_does_not_exist_is_refused() {
    for (name, verb) in [("outpost-node", "status"), ("outpost-server", "check")] {
        let mut asked = std::process::Command::new(program(name));
        let said = asked.arg(verb).env(stage::VARIABLE, "sale.after_comit").output().expect("it runs");
        let told = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(!said.status.success() && told.contains("(unknown_stage)"), "{name}: {told}");
        assert!(told.contains("sale.after_comit"), "{name}: {told}");
    }
}
