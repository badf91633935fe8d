//! Keeps what searches covered: the last run's beside the build, for `cargo figures faults`; and, with
//! `OUTPOST_RECORD=write`, here, for the README.

use std::{env, fs, path::Path};

use serde::Serialize;

use crate::recorded::{RECORDED, last_run};

/// Keeps a part of this run under its name.
pub fn keep(name: &str, part: &impl Serialize) {
    let text = serde_json::to_string_pretty(part).expect("numbers always encode") + "\n";
    write(&last_run(), name, &text);
    if env::var_os("OUTPOST_RECORD").is_some_and(|wanted| wanted == "write") {
        write(Path::new(RECORDED), name, &text);
    }
}

fn write(folder: &Path, name: &str, text: &str) {
    fs::create_dir_all(folder).expect("a folder for a few numbers");
    fs::write(folder.join(format!("{name}.json")), text).expect("room for a few numbers");
}

#[test]
fn the_readme_shows_the_recorded_run() {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).expect("the README");
    let table = crate::recorded::Recorded::read(Path::new(RECORDED)).table();
    assert!(readme.contains(&table), "the README should show the run that was recorded last:\n\n{table}");
}
