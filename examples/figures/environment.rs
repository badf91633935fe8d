//! What the numbers were measured on, and how much memory it took.

use std::{fs, process::Command};

/// Says in one line on what machine and programs the figures stand. Objects are for programs, so with
/// `json` the line goes where errors go.
pub fn tell(json: bool) {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let sqlite = rusqlite::version();
    let line = format!("{cores} cores, {}, SQLite {sqlite}, fsync on for both, load {}", postgres(), load());
    if json { eprintln!("{line}") } else { println!("{line}") }
}

/// The highest version that the usual places of the program hold, as it says itself.
fn postgres() -> String {
    let places = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut said: Vec<String> = places.filter_map(|place| version(&place.path().join("bin/postgres"))).collect();
    said.extend(version("postgres".as_ref()));
    said.sort();
    said.pop().unwrap_or_else(|| "PostgreSQL unknown".to_owned())
}

fn version(program: &std::path::Path) -> Option<String> {
    let output = Command::new(program).arg("--version").output().ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    let number = said.split_whitespace().find(|word| word.starts_with(|first: char| first.is_ascii_digit()))?;
    Some(format!("PostgreSQL {number}"))
}

/// How many wanted to run in the last minute: what else the machine is busy with.
fn load() -> String {
    let said = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    said.split_whitespace().next().unwrap_or("unknown").to_owned()
}

/// Forgets this process's peak of memory, so that the next one is of what follows.
pub fn forget_peak() {
    // Where the kernel does not offer it, the peak is that of the whole run.
    _ = fs::write("/proc/self/clear_refs", "5");
}

/// The most memory this process held since [`forget_peak`], in MB; 0 where the kernel does not say.
pub fn peak_mb() -> f64 {
    let said = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = said.lines().find(|line| line.starts_with("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    kilobytes.unwrap_or(0.0) / 1024.0
}
