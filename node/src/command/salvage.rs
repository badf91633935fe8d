//! `salvage`: out of a damaged database comes what head office does not have yet.

use std::path::PathBuf;

use outpost_schema::world::World as _;

use super::Failure;
use crate::{config::Config, salvage, time::Real};

/// Write what head office does not have yet into a file, even from a damaged database
#[derive(Debug, clap::Args)]
pub struct Salvage {
    /// The file to carry to head office; it must not exist
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// Then put the damaged database aside, so that this folder can join with a new card
    #[arg(long)]
    put_aside: bool,
}

/// Salvages.
///
/// # Errors
/// If nothing can be read, or the file cannot be written.
pub fn run(config: &Config, wanted: &Salvage) -> Result<(), Failure> {
    let found = salvage::salvage(&config.data, Real.now())?;
    salvage::write(&found, &wanted.to)?;
    let (entries, carts, acked) = (found.entries(), found.carts(), found.head.acked.seq);
    say!("{entries} entries after number {acked} and {carts} carts are in {}.", wanted.to.display());
    say!("Carry it to head office: `outpost-server import-ops {}`.", wanted.to.display());
    match runs(&found.unreadable).as_slice() {
        [] => say!("Every entry that waited could be read."),
        lost => say!("These entries cannot be read any more: {}. Tell head office.", lost.join(", ")),
    }
    if wanted.put_aside {
        let aside = salvage::put_aside(&config.data, Real.now())?;
        say!("The damaged database is kept as {}.", aside.display());
    }
    Ok(())
}

/// Numbers in order, as people read them: `3, 7 to 9`.
fn runs(numbers: &[i64]) -> Vec<String> {
    numbers
        .chunk_by(|a, b| a + 1 == *b)
        .map(|run| match run {
            [] => String::new(),
            [one] => one.to_string(),
            [first, .., last] => format!("{first} to {last}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_in_runs() {
        assert_eq!(runs(&[3, 7, 8, 9, 11, 12]), ["3", "7 to 9", "11 to 12"]);
        assert!(runs(&[]).is_empty());
    }
}
