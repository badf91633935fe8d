//! What is said while the example works, and the table and the line at its end.

use std::{collections::BTreeMap, io::IsTerminal as _};

use indicatif::{ProgressBar, ProgressStyle};
use outpost_schema::money::Money;
use serde::Serialize;

/// One chapter of the day, said as it begins.
pub fn chapter(text: &str) {
    println!("\n• {text}");
}

/// One thing worth knowing, below its chapter.
pub fn note(text: &str) {
    println!("  {text}");
}

/// A bar that counts what is done; silent where nobody watches.
pub fn progress(what: &'static str, length: usize) -> ProgressBar {
    if !std::io::stdout().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(length as u64).with_message(what);
    let style = ProgressStyle::with_template("  {msg:<24} {bar:40} {pos}/{len}").expect("a sound template");
    bar.set_style(style);
    bar
}

/// How the day ended; its JSON is the last line.
#[derive(Debug, Default, Serialize)]
pub struct Outcome {
    /// Sales that a customer was told of.
    pub sold: usize,
    /// What they cost together.
    pub takings: String,
    /// Ops that no node has been answered for yet.
    pub waiting: usize,
    /// Units promised twice.
    pub oversold: i64,
    /// Sales told and not in the server's book.
    pub lost: usize,
    /// Receipts that are in the book twice.
    pub duplicated: usize,
    /// Concerns open at the server.
    pub concerns: usize,
    /// Whether every node has what the server has, and no law is broken.
    pub agree: bool,
}

impl Outcome {
    /// Whether every promise was kept.
    pub fn is_good(&self) -> bool {
        let Self { waiting, oversold, lost, duplicated, agree, .. } = self;
        *agree && *waiting == 0 && *oversold == 0 && *lost == 0 && *duplicated == 0
    }

    /// Prints the table, then the JSON as the last line.
    pub fn print(&self, takings: &BTreeMap<String, (usize, Money)>, concerns: &[String], broken: &[String]) {
        println!("\nHow the day ended");
        println!("  {:<22}{:>8}   {:>12}", "", "sales", "takings");
        for (node, (sales, money)) in takings {
            println!("  {node:<22}{sales:>8}   {:>12}", money.to_string());
        }
        println!("  {:<22}{:>8}   {:>12}", "all together", self.sold, self.takings);
        println!();
        for (what, count) in [
            ("waiting to be sent", self.waiting.to_string()),
            ("promised twice", self.oversold.to_string()),
            ("lost", self.lost.to_string()),
            ("booked twice", self.duplicated.to_string()),
            ("to be looked at", self.concerns.to_string()),
        ] {
            println!("  {what:<22}{count:>8}");
        }
        concerns.iter().for_each(|concern| println!("    - {concern}"));
        broken.iter().for_each(|what| println!("  BROKEN: {what}"));
        println!(
            "  {}\n",
            if self.agree { "The server and every node have the same book." } else { "The books differ." }
        );
        println!("{}", serde_json::to_string(self).expect("plain figures always encode"));
    }
}
