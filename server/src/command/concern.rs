//! `outpost-server concerns list`.

use outpost_sync::wire::Problem;

use super::{moment, print_json, table};
use crate::{db::office, server::Server};

/// Concerns in one look: nobody reads more.
const CONCERNS_MAX: i64 = 500;

/// What `concerns` can do.
#[derive(clap::Subcommand)]
pub(super) enum Verb {
    /// List what people must look at
    List {
        /// Those that are over, too
        #[arg(long)]
        all: bool,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(verb: Verb, server: &Server) -> Result<(), Problem> {
    let Verb::List { all, json } = verb;
    let concerns = server.db.snapshot(|tx| async move { office::concerns(&tx, all, CONCERNS_MAX).await }).await?;
    if json {
        return print_json(&concerns);
    }
    let rows: Vec<_> = concerns
        .into_iter()
        .map(|concern| {
            let state = concern.closed_at.map_or_else(|| "open".to_owned(), |at| format!("over since {}", moment(at)));
            let about = concern.about.unwrap_or(concern.subject);
            [moment(concern.opened_at), state, about, concern.node.unwrap_or_default(), concern.sentence.to_owned()]
        })
        .collect();
    table::print(["since (UTC)", "state", "about", "device", "what"], &rows, "nothing: all is well");
    Ok(())
}
