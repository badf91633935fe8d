//! Keeps the rules of the workspace, which `ARCHITECTURE.md` tells: who may import whom, where clocks,
//! chance and SQL stand, how long things get, and that documents name only what exists.

#[path = "tidy/rules.rs"]
mod rules;
#[path = "tidy/scenarios.rs"]
mod scenarios;
#[path = "tidy/sizes.rs"]
mod sizes;
#[path = "tidy/source.rs"]
mod source;

use std::{fs, io::Write, path::Path};

use source::Source;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Folders that a build or a run makes, and git's own.
const MADE: [&str; 3] = ["target", ".git", ".outpost"];

/// The names in a folder, sorted; none if there is no such folder.
fn names(folder: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(Path::new(ROOT).join(folder)) else { return Vec::new() };
    let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name().into_string();
    let mut names: Vec<String> = entries.map(|entry| name(entry).expect("names are UTF-8")).collect();
    names.sort();
    names
}

/// Every path below a folder, folders too, as it is written from the top.
fn below(folder: &str) -> Vec<String> {
    let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
    let here = names(folder).into_iter().filter(|name| !MADE.contains(&name.as_str()));
    here.map(|name| format!("{prefix}{name}")).flat_map(|path| [vec![path.clone()], below(&path)].concat()).collect()
}

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every Rust file below these folders, taken apart.
fn sources(folders: &[&str]) -> Vec<(String, Source)> {
    let paths = folders.iter().flat_map(|folder| below(folder)).filter(|path| path.ends_with(".rs"));
    paths.map(|path| (path.clone(), Source::of(&read(&path)))).collect()
}

fn rooms() -> Vec<(String, Source)> {
    sources(&["schema/src", "sync/src", "node/src", "server/src"])
}

fn everything() -> Vec<(String, Source)> {
    sources(&["schema", "sync", "node", "server", "tests", "examples"])
}

fn none(breaches: Vec<String>) {
    assert!(breaches.is_empty(), "\n{}\nsee ARCHITECTURE.md", breaches.join("\n"));
}

fn all_keep(files: Vec<(String, Source)>, rule: impl Fn(&str, &Source) -> Vec<String>) {
    assert!(!files.is_empty(), "there are files to look at");
    none(files.iter().flat_map(|(path, source)| rule(path, source)).collect());
}

#[test]
fn rooms_import_in_one_direction() {
    none(
        rules::ROOMS.iter().flat_map(|(room, _)| rules::manifest(room, &read(&format!("{room}/Cargo.toml")))).collect(),
    );
    all_keep(rooms(), rules::imports);
}

#[test]
fn time_and_chance_come_through_one_door() {
    all_keep(rooms(), rules::clock_and_chance);
}

#[test]
fn sql_stands_under_db() {
    all_keep(rooms(), rules::sql);
}

#[test]
fn only_the_cart_names_crdts() {
    all_keep(everything(), rules::cart_crate);
}

#[test]
fn unsafe_code_stands_in_one_place() {
    all_keep(everything(), rules::unsafe_code);
    let heads = ["/src/lib.rs", "/src/main.rs"];
    let heads = rooms().into_iter().filter(|(path, _)| heads.iter().any(|head| path.ends_with(head)));
    all_keep(heads.collect(), rules::forbids_unsafe);
}

#[test]
fn nothing_is_left_behind() {
    all_keep(everything(), rules::left_behind);
}

#[test]
fn no_test_sleeps() {
    all_keep(everything(), rules::sleeps);
}

/// What is long is written past the test harness, so that it is seen although the test passes.
#[test]
fn nothing_outgrows_reason() {
    let long: Vec<_> = everything().iter().flat_map(|(path, source)| sizes::long(path, source)).collect();
    let list = |long: &sizes::Long| format!("long: {} has {} lines", long.what, long.lines);
    for line in long.iter().map(list) {
        writeln!(std::io::stderr(), "{line}").expect("stderr takes a line");
    }
    none(long.iter().filter(|long| long.fails).map(list).collect());
}

#[test]
fn the_top_holds_what_belongs_there() {
    none(rules::top(&names("")));
}

#[test]
fn migrations_are_numbered_without_gaps() {
    let folders = ["migrations/node", "migrations/server"];
    none(folders.iter().flat_map(|folder| rules::numbered(folder, &names(folder))).collect());
}

#[test]
fn every_bad_day_is_told_by_a_test_that_exists() {
    none(scenarios::breaches(&read("tests/SCENARIOS.md"), |path| fs::read_to_string(Path::new(ROOT).join(path)).ok()));
}

#[test]
fn documents_name_only_what_exists() {
    let there = below("");
    let documents = ["README.md", "ARCHITECTURE.md", "server/RECOVERY.md", "tests/SCENARIOS.md"];
    none(documents.iter().flat_map(|document| rules::paths(document, &read(document), &there)).collect());
}
