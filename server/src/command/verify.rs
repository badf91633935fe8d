//! `outpost-server verify`: the book against its laws, the feed's marks against the book, and when each
//! device last compared itself.

use std::process::ExitCode;

use outpost_sync::wire::Problem;

use super::{moment, table};
use crate::{
    db::checks::CheckSeen,
    digest::{self, Verified},
    server::Server,
};

/// How it is done.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Mark anew what is wrongly marked, so that every device hears of it
    #[arg(long)]
    mend: bool,
}

pub(super) async fn run(args: &Args, server: &Server) -> Result<ExitCode, Problem> {
    let mut found = digest::verify(server).await?;
    show(&found);
    if args.mend && !found.marks.is_empty() {
        let marked = digest::mark_anew(server).await?;
        println!("{marked} marks were set anew; devices hear of them with their next round");
        found.marks = digest::verify(server).await?.marks;
    }
    let is_well = found.broken.is_empty() && found.marks.is_empty();
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show(found: &Verified) {
    if found.broken.is_empty() {
        println!("The book keeps its laws: every unit is where it says, and nothing is promised twice.");
    }
    found.broken.iter().for_each(|law| println!("broken: {law}"));
    if found.marks.is_empty() {
        println!("Everything in the book is told to the devices that should hear of it.");
    }
    for (wrong, (count, cases)) in &found.marks {
        println!("{count} times something {}: {}", wrong.sentence(), cases.join(", "));
    }
    if !found.marks.is_empty() {
        println!("`outpost-server verify --mend` tells the devices again.");
    }
    let columns = ["device", "last compared", "last whole walk", "rows in it", "mended ever", "unexplained"];
    let rows: Vec<_> = found.nodes.iter().map(row).collect();
    table::print(columns, &rows, "no devices yet: outpost-server node add --kind till --warehouse NAME");
    if found.nodes.iter().any(|node| node.unexplained > 0) {
        println!(
            "What is unexplained differs on a device although each row is as the book has it: see above for marks."
        );
    }
}

fn row(node: &CheckSeen) -> [String; 6] {
    let when = |at| Option::map_or_else(at, || "never".to_owned(), moment);
    [
        node.name.clone(),
        when(node.compared_at),
        when(node.walked_at),
        node.walked_rows.to_string(),
        node.mended.to_string(),
        node.unexplained.to_string(),
    ]
}
