//! Whatever crosses a wire or a disk, made up, damaged and forged: each target reads any bytes and checks what
//! must hold of what comes out, not only that nothing panics.
//!
//! The suite first replays the kept cases (`tests/fuzz/cases`, a folder for each target), then makes a few
//! thousand inputs from a seed, the same in every run. With variables it makes others:
//!
//! ```sh
//! OUTPOST_FUZZ_SEED=7 OUTPOST_FUZZ_TIMES=50 cargo test --locked --workspace --test fuzz   # 50 times as many, from another seed
//! OUTPOST_FUZZ_CASE=/tmp/case cargo test --locked --workspace --test fuzz settle          # one input again
//! ```
//!
//! For hours, guided by what the code has not done yet, libFuzzer drives the same targets. It needs a C++ compiler
//! and nothing else:
//!
//! ```sh
//! tests/fuzz/hours.sh settle 3600    # one target, that many seconds
//! tests/fuzz/hours.sh all 600        # each of them in turn
//! ```
//!
//! What it finds lies in a folder for temporary files, which it names; whoever mends the cause keeps the case
//! below `tests/fuzz/cases`, and it is replayed first in every run.

mod office;
mod run;
mod targets;

macro_rules! tests {
    ($($name:ident)*) => {$(
        #[test]
        fn $name() {
            run::target(stringify!($name));
        }
    )*};
}

tests! { barcode scan money text cursor entry bodies page frame carried settle cart replicas csv config }

/// What runs for hours is what runs here: the lock of that crate names no other version of anything.
#[test]
fn hours_are_spent_on_the_same_versions() {
    let named = |lock: &'static str| {
        let lines = lock.lines().collect::<Vec<_>>();
        let pairs = lines.windows(2).filter(|pair| pair[0].starts_with("name = ") && pair[1].starts_with("version = "));
        pairs.map(|pair| (pair[0], pair[1])).collect::<Vec<_>>()
    };
    let ours = named(include_str!("../../Cargo.lock"));
    let own = ["name = \"libfuzzer-sys\"", "name = \"outpost-fuzz-hours\""];
    for package in named(include_str!("hours/Cargo.lock")) {
        let is_same = ours.contains(&package) || own.contains(&package.0);
        assert!(
            is_same,
            "{package:?}: cp Cargo.lock tests/fuzz/hours/, then cargo metadata --manifest-path tests/fuzz/hours/Cargo.toml"
        );
    }
}

/// A target that is not in the list above would never run, and a case without a target is never replayed.
#[test]
fn every_target_runs_and_every_case_is_replayed() {
    let names: Vec<&str> = targets::ALL.iter().map(|target| target.name).collect();
    let listed = include_str!("main.rs").lines().find_map(|line| line.strip_prefix("tests! {")).unwrap_or_default();
    assert_eq!(listed.trim_end_matches('}').split_whitespace().collect::<Vec<_>>(), names);
    for folder in run::folders() {
        assert!(names.contains(&folder.as_str()), "tests/fuzz/cases/{folder} belongs to no target");
    }
}
