//! `outpost-server backup`: everything, into a folder.

use std::path::PathBuf;

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget};
use outpost_sync::wire::Problem;

use super::{say, told};
use crate::{
    backup::{self, BackupError, Shelf, Taken},
    server::Server,
};

/// What a backup needs to know.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The folder that backups are put into, best on another disk; made if it is not there
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,
    /// How many to keep there; older ones are deleted once the new one is whole
    #[arg(long, value_name = "N", default_value_t = backup::KEEP, value_parser = at_least_one)]
    keep: usize,
    /// Count backups no longer whose whole folder is not there, such as those on a disk that is lost
    #[arg(long)]
    forget_missing: bool,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("keep at least 1".to_owned()),
        Ok(number) => Ok(number),
    }
}

pub(super) async fn run(args: &Args, server: &Server) -> Result<(), Problem> {
    let failed = |error: BackupError| told(&error, BackupError::code);
    let shelf = Shelf::open(&args.to).map_err(failed)?;
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let moved = |bytes| bar.set_message(format!("{} written", HumanBytes(bytes)));
    let taken = backup::take(server, &shelf, args.keep, args.forget_missing, moved).await.map_err(failed)?;
    bar.finish_and_clear();
    sentences(&taken).iter().for_each(say);
    Ok(())
}

fn sentences(taken: &Taken) -> Vec<String> {
    let manifest = &taken.manifest;
    let rows = |table: &str| manifest.rows.get(table).copied().unwrap_or_default();
    let mut lines = vec![
        format!("the backup is whole: {}", taken.folder.display()),
        format!(
            "as of {}: {} orders, {} products, {} devices, in {}",
            manifest.taken,
            rows("orders"),
            rows("products"),
            rows("nodes"),
            HumanBytes(manifest.dump.bytes)
        ),
    ];
    if taken.pruned > 0 {
        lines.push(format!("{} older ones were deleted after that", taken.pruned));
    }
    for kept in &taken.missed {
        lines.push(format!("{} is gone and is counted no longer", kept.folder.display()));
    }
    for kept in &taken.away {
        lines.push(format!(
            "{} is not there now and still counts; if that disk is lost, give --forget-missing",
            kept.folder.display()
        ));
    }
    lines
}
