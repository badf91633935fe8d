//! `outpost-server recovery`: whether head office is hearing from its devices after a restore.

use outpost_sync::wire::Problem;
use serde::Serialize;

use super::{moment, print_json};
use crate::{
    epoch::{self, Awaited, Recovery},
    server::Server,
};

/// How it is shown.
#[derive(clap::Args)]
pub(super) struct Args {
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// What programs are told.
#[derive(Serialize)]
struct Shown {
    epoch: i64,
    reason: String,
    recovering: bool,
    waits_for: Vec<String>,
}

pub(super) async fn run(args: &Args, server: &Server) -> Result<(), Problem> {
    let recovery = epoch::recovery(server).await?;
    if args.json {
        let Recovery { epoch, awaited } = recovery;
        let (recovering, waits_for) = (epoch.is_recovering(), awaited.into_iter().map(|one| one.node).collect());
        return print_json(&Shown { epoch: epoch.number, reason: epoch.reason, recovering, waits_for });
    }
    for line in told(&recovery) {
        println!("{line}");
    }
    Ok(())
}

/// The same in plain words.
fn told(recovery: &Recovery) -> Vec<String> {
    let Recovery { epoch, awaited } = recovery;
    if !epoch.is_recovering() {
        return vec![format!(
            "Nothing is waited for. This is epoch {} since {} UTC.",
            epoch.number,
            moment(epoch.started_at)
        )];
    }
    let mut lines = vec![
        format!(
            "Head office is hearing from its devices since {} UTC ({}).",
            moment(epoch.started_at),
            why(&epoch.reason)
        ),
        "Sales go on everywhere; no stock is promised to anybody until these have reported:".to_owned(),
    ];
    lines.extend(awaited.iter().map(one));
    lines.push(
        "Switch them on and let them reach head office. If one will not come back: outpost-server node give-up NAME"
            .to_owned(),
    );
    lines
}

fn one(awaited: &Awaited) -> String {
    let Awaited { node, number, seen_at, acked_seq, head, .. } = awaited;
    let heard = seen_at.map_or_else(|| "never heard".to_owned(), |at| format!("last heard {} UTC", moment(at)));
    let life = if *number > 1 { format!(" (life {number})") } else { String::new() };
    match head {
        Some(head) => format!(
            "  {node}{life}: has told what it holds, {} of its entries are to come; {heard}",
            (head - acked_seq).max(0)
        ),
        None => format!("  {node}{life}: has not told what it holds; {heard}"),
    }
}

fn why(reason: &str) -> &str {
    match reason {
        "restored" => "its database was restored",
        "other_cluster" => "its database was moved or restored to another cluster",
        "promoted" => "a standby was promoted, or the cluster was set back to a moment",
        "set_back" => "its data folder was copied back",
        "node_ahead" => "a device had been told more than the database knows",
        "cursor_ahead" => "a device had read more than the database holds",
        other => other,
    }
}
