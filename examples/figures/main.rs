//! `cargo figures`: how fast this machine does what a shop asks for, each beside a limit or a peer
//! that is measured in the same run, turn by turn, so that the machine's own drift cancels.
//!
//! `cargo figures list` names them, `cargo figures sale` measures one, `cargo figures all` each of
//! them; `--json` prints one object a line. Nothing that is timed is ever asserted.

mod allotment;
mod bare;
mod bootstrap;
mod cart;
mod catalogue;
mod catch_up;
mod digest;
mod disk;
mod environment;
mod faults;
mod goods;
mod herd;
mod holds;
mod http;
mod import;
mod journal;
mod numbers;
mod postgres;
mod push;
#[path = "../../tests/simulation/recorded.rs"]
mod recorded;
mod relevance;
mod report;
mod sale;
mod search;
mod shop;
#[path = "../../tests/simulation/tally.rs"]
mod tally;
mod till;
mod watch;

use std::process::ExitCode;

use clap::Parser;

use crate::report::{Figure, Report};

/// Every figure, in the order in which `all` measures them.
const FIGURES: [&Figure; 13] = [
    &sale::FIGURE,
    &push::FIGURE,
    &holds::FIGURE,
    &allotment::FIGURE,
    &cart::FIGURE,
    &import::FIGURE,
    &bootstrap::FIGURE,
    &catch_up::FIGURE,
    &digest::FIGURE,
    &herd::FIGURE,
    &relevance::FIGURE,
    &search::FIGURE,
    &faults::FIGURE,
];

/// Measures what this machine does, beside a limit measured in the same run.
#[derive(Debug, Parser)]
#[command(name = "cargo figures")]
struct Asked {
    /// The figure to measure; `all` for each of them, `list` for their names
    #[arg(default_value = "list")]
    name: String,
    /// One JSON object a line, for programs
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    if let Some(served) = herd::serves() {
        return served.map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS);
    }
    let asked = Asked::parse();
    let chosen: Vec<&Figure> = match asked.name.as_str() {
        "list" => return list(),
        "all" => FIGURES.to_vec(),
        name => FIGURES.iter().copied().filter(|figure| figure.name == name).collect(),
    };
    if chosen.is_empty() {
        eprintln!("there is no figure {:?}; `cargo figures list` names the ones there are", asked.name);
        return ExitCode::from(2);
    }
    environment::tell(asked.json);
    let failed = chosen.into_iter().filter(|figure| !is_measured(figure, asked.json)).count();
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn list() -> ExitCode {
    let width = FIGURES.iter().map(|figure| figure.name.len()).max().unwrap_or(0);
    for figure in FIGURES {
        println!("{:width$}  {}", figure.name, figure.tells);
    }
    println!("{:width$}  Each of them, one after another.", "all");
    ExitCode::SUCCESS
}

/// Measures and shows a figure; one that cannot be measured says why, and the next one goes on.
fn is_measured(figure: &'static Figure, json: bool) -> bool {
    let mut report = Report::begin(figure, json);
    match (figure.measure)(&mut report) {
        Ok(()) => report.finish(),
        Err(error) => {
            eprintln!("{} could not be measured: {error}", figure.name);
            return false;
        }
    }
    true
}
