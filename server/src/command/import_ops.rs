//! `outpost-server import-ops`: takes what a device without a line wrote down, and writes the reply.

use std::{
    fs::{self, File},
    io::{BufReader, BufWriter},
    path::{Path, PathBuf},
};

use outpost_schema::verdict::Verdict;
use outpost_sync::{carried::BadFile, wire::Problem};

use super::moment;
use crate::{
    carried::{self, NotTaken, Replied, Taken},
    db::nodes,
    server::Server,
};

/// What is imported, and where the reply goes.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The file that `outpost-node export` wrote
    file: PathBuf,
    /// Write what the device is to hear to this file, for `outpost-node import`; it must not exist yet
    #[arg(long, value_name = "FILE")]
    reply: Option<PathBuf>,
}

pub(super) async fn run(args: Args, server: &Server) -> Result<(), Problem> {
    let file = File::open(&args.file).map_err(|error| not_taken(BadFile::Disk(error)))?;
    if let Some(path) = args.reply.as_deref().filter(|path| path.exists()) {
        let sentence = format!("there is a file {} already; name another one for the reply", path.display());
        return Err(Problem::new("file_exists", sentence));
    }
    let taken = carried::take(server, BufReader::new(file)).await?;
    for sentence in sentences(&taken, &name(server, &taken).await?) {
        println!("{sentence}");
    }
    if let Some(path) = &args.reply {
        println!("{}", replied(write(server, &taken, path).await?, path));
    }
    match taken.missing {
        None => Ok(()),
        Some((from, to)) => Err(Problem::new("entries_missing", missing(from, to))),
    }
}

fn not_taken(bad: BadFile) -> Problem {
    NotTaken::from(bad).into()
}

/// What people call the device.
async fn name(server: &Server, taken: &Taken) -> Result<String, Problem> {
    let nodes = server.db.snapshot(|tx| async move { nodes::nodes(&tx).await }).await?;
    let found = nodes.into_iter().find(|node| node.node_id == taken.node_id);
    Ok(found.map_or_else(|| taken.node_id.to_string(), |node| node.name))
}

fn sentences(taken: &Taken, name: &str) -> Vec<String> {
    let made_at = moment(taken.head.made_at);
    let (new, known) = (taken.new, taken.known);
    let mut lines = vec![format!("{name}, export of {made_at}: {new} entries were taken, {known} were known already")];
    let refused = taken.count(|verdict| matches!(verdict, Verdict::Refused(_)));
    let set_aside = taken.count(Verdict::is_set_aside);
    let mut say = |line: String, if_any: bool| lines.extend(Some(line).filter(|_| if_any));
    say(format!("{refused} asks were refused; the device hears why"), refused > 0);
    say(format!("{set_aside} entries are set aside until what they lack arrives; look at the concerns"), set_aside > 0);
    say(format!("{} carts came along", taken.carts()), taken.carts() > 0);
    say(
        "the journal goes on in two ways: this device was copied or put back; its entries are kept as evidence".into(),
        taken.is_frozen(),
    );
    lines
}

fn missing(from: i64, to: i64) -> String {
    format!(
        "nothing of this file was taken: entries {from} to {to} before it are missing here; import the earlier export \
         that has them first, or carry a reply (--reply FILE) to the device and let it export again"
    )
}

fn replied(replied: Replied, path: &Path) -> String {
    let Replied { aggregates, is_level } = replied;
    let more = if is_level { "" } else { "; there is more: let the device export again once it has heard this" };
    format!("the reply with {aggregates} pieces of news is in {}{more}", path.display())
}

/// Writes a reply that is whole under its name, or not there.
async fn write(server: &Server, taken: &Taken, path: &Path) -> Result<Replied, Problem> {
    let aside = path.with_added_extension("partial");
    let written = write_aside(server, taken, &aside, path).await;
    if written.is_err() {
        _ = fs::remove_file(&aside);
    }
    Ok(written?)
}

async fn write_aside(server: &Server, taken: &Taken, aside: &Path, path: &Path) -> Result<Replied, NotTaken> {
    let out = BufWriter::new(File::create(aside).map_err(BadFile::Disk)?);
    let replied = carried::reply(server, taken, out).await?;
    File::open(aside).and_then(|file| file.sync_all()).map_err(BadFile::Disk)?;
    fs::rename(aside, path).map_err(BadFile::Disk)?;
    Ok(replied)
}
