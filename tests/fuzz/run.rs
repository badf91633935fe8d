//! Drives a target in the suite: kept cases, then inputs from a seed.

use std::{
    env, fs,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::{Path, PathBuf},
};

use rand::{Rng as _, RngCore as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::targets::{ALL, Target};

/// No input is longer.
const LENGTH_MAX: usize = 4_096;

/// Runs the target of that name over its kept cases and over made inputs; or over one case, if one is named.
pub fn target(name: &str) {
    let target = ALL.into_iter().find(|target| target.name == name).expect("a target of that name");
    if let Some(case) = env::var_os("OUTPOST_FUZZ_CASE") {
        return (target.run)(&fs::read(case).expect("the case can be read"));
    }
    for (path, bytes) in kept(name) {
        check(target, &bytes, || path.display().to_string());
    }
    for input in inputs(target, 0) {
        check(target, &input, || written(name, &input));
    }
}

/// The inputs that the suite makes for a target; `more` makes others.
pub fn inputs(target: Target, more: u64) -> impl Iterator<Item = Vec<u8>> {
    let kept: Vec<Vec<u8>> = kept(target.name).into_iter().map(|(_, bytes)| bytes).collect();
    let mut chance = ChaCha8Rng::seed_from_u64(number("OUTPOST_FUZZ_SEED", 1).wrapping_add(more));
    let count = u64::from(target.inputs) * number("OUTPOST_FUZZ_TIMES", 1);
    (0..count).map(move |_| input(&kept, &mut chance))
}

/// Folders of kept cases.
pub fn folders() -> Vec<String> {
    let entries = fs::read_dir(cases()).expect("a folder of cases");
    entries.map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned()).collect()
}

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/cases")
}

fn kept(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(cases().join(name)).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read(path).expect("readable"))).collect()
}

fn number(variable: &str, usual: u64) -> u64 {
    env::var(variable).map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}

/// Noise of any length, mostly short; or a kept case with some of its bytes replaced.
fn input(kept: &[Vec<u8>], chance: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = vec![0; LENGTH_MAX >> chance.random_range(0..8)];
    chance.fill_bytes(&mut bytes);
    if !kept.is_empty() && chance.random_ratio(1, 4) {
        let mut case = kept[chance.random_range(0..kept.len())].clone();
        for _ in 0..chance.random_range(1..8) {
            let at = chance.random_range(0..=case.len());
            case.truncate(if chance.random_ratio(1, 8) { at } else { case.len() });
            if let Some(byte) = case.get_mut(at) {
                *byte = chance.random();
            }
        }
        bytes.truncate(chance.random_range(0..=bytes.len()));
        case.extend(bytes);
        return case;
    }
    bytes
}

/// Runs it, and says how to run it again if it fails.
fn check(target: Target, bytes: &[u8], named: impl FnOnce() -> String) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (target.run)(bytes))) {
        let (path, name) = (named(), target.name);
        eprintln!("again: OUTPOST_FUZZ_CASE={path} cargo test --locked --workspace --test fuzz {name}");
        resume_unwind(panic);
    }
}

/// Keeps an input where temporary files belong.
fn written(name: &str, bytes: &[u8]) -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{name}"));
    fs::write(&path, bytes).expect("the folder for temporary files can be written to");
    path.display().to_string()
}
