//! `outpost-server synonyms ...`: words by which customers ask for the same goods.

use std::path::{Path, PathBuf};

use outpost_schema::{
    id::SynonymsId,
    synonym::{Group, Phrase, Synonyms},
};
use outpost_sync::wire::Problem;

use super::{print_json, table};
use crate::{
    db::synonyms as kept,
    error::Error,
    server::Server,
    synonyms::{self, Changed},
};

/// What `synonyms` can do.
#[derive(clap::Subcommand)]
pub(super) enum Verb {
    /// List them
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Say that words or phrases mean the same
    #[command(after_help = "For example: outpost-server synonyms add \"soft drink\" soda pop")]
    Add {
        /// Who searches a till for one of these finds the others
        #[arg(required = true, value_name = "WORDS")]
        phrases: Vec<String>,
        /// Who searches for one of those finds this too, and not the other way round
        #[arg(long, value_name = "WORDS")]
        also: Vec<String>,
    },
    /// Take a group out
    Remove {
        /// Its id, or a word or phrase that stands in no other group
        group: String,
    },
    /// Take groups from a text file, all of them or none
    #[command(
        after_help = "One group a line: `soft drink, soda, pop`, or one way: `trainers => sneakers`. Lines that begin with # are passed over."
    )]
    Import {
        /// The file
        file: PathBuf,
        /// Take out what does not stand in it
        #[arg(long)]
        replace: bool,
    },
}

pub(super) async fn run(verb: Verb, server: &Server) -> Result<(), Problem> {
    match verb {
        Verb::List { json } => list(json, server).await,
        Verb::Add { phrases, also } => {
            let group = Group::of(&phrases, &also).map_err(Error::Fault)?;
            told(synonyms::add(server, &[group]).await?);
            Ok(())
        }
        Verb::Remove { group } => {
            synonyms::remove(server, named(&group, server).await?).await?;
            println!("taken out; devices hear of it with their next news");
            Ok(())
        }
        Verb::Import { file, replace } => {
            let groups = read(&file)?;
            let put =
                if replace { synonyms::replace(server, &groups).await } else { synonyms::add(server, &groups).await };
            told(put?);
            Ok(())
        }
    }
}

fn told(Changed { added, removed }: Changed) {
    match (added, removed) {
        (0, 0) => println!("nothing changed"),
        (added, 0) => println!("{added} added; devices hear of it with their next news"),
        (added, removed) => println!("{added} added, {removed} taken out; devices hear of it with their next news"),
    }
}

async fn all(server: &Server) -> Result<Vec<Synonyms>, Problem> {
    Ok(server.db.snapshot(|tx| async move { kept::list(&tx, None, i64::MAX).await }).await?)
}

async fn list(json: bool, server: &Server) -> Result<(), Problem> {
    let all = all(server).await?;
    if json {
        return print_json(&all);
    }
    let said = |phrases: &[Phrase]| phrases.iter().map(Phrase::text).collect::<Vec<_>>().join(", ");
    let row = |kept: &Synonyms| [kept.synonyms_id.to_string(), said(&kept.group.phrases), said(&kept.group.also)];
    let rows: Vec<_> = all.iter().map(row).collect();
    table::print(
        ["group", "mean the same", "find too"],
        &rows,
        "there are none: outpost-server synonyms add WORDS WORDS",
    );
    Ok(())
}

/// The group with that id, or the only one in which something stands.
async fn named(word: &str, server: &Server) -> Result<SynonymsId, Problem> {
    if let Ok(synonyms_id) = word.parse() {
        return Ok(synonyms_id);
    }
    let phrase: Phrase = word.parse().map_err(Error::Fault)?;
    let found = all(server).await?.into_iter().filter(|kept| kept.group.all().any(|one| *one == phrase));
    match found.map(|kept| kept.synonyms_id).collect::<Vec<_>>().as_slice() {
        [] => Err(Error::NotFound { what: "group of synonyms with", name: phrase.to_string() }.into()),
        [one] => Ok(*one),
        several => {
            let ids = several.iter().map(SynonymsId::to_string).collect::<Vec<_>>().join(", ");
            Err(Problem::new(
                "several_found",
                format!("{phrase:?} stands in several groups; name one by its id: {ids}"),
            ))
        }
    }
}

fn read(file: &Path) -> Result<Vec<Group>, Problem> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        Problem::new("no_file", format!("{} cannot be read ({error}); name another file", file.display()))
    })?;
    let bad = |line: usize, what: &dyn std::fmt::Display| {
        Problem::new("bad_row", format!("line {line}: {what}; nothing was changed"))
    };
    let lines =
        text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
    lines
        .map(|(line, number)| line.parse().map_err(|fault: outpost_schema::fault::Fault| bad(number, &fault)))
        .collect()
}
