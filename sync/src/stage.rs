//! Named stages at which a test may end the process as kill -9 would. Only in debug builds.
//!
//! Each machine lists its own pieces of work with the moments that they pass, by [`moments!`](crate::moments) and
//! [`works!`](crate::works). What follows from such a list is here, once for both.

mod list;
#[cfg(test)]
mod tests;

use std::fmt;

use crate::wire::Problem;

/// The environment variable that names the stage.
pub const VARIABLE: &str = "OUTPOST_DIE_AT";

/// How far a piece of work has come.
pub trait Moment: Copy + Eq + fmt::Debug + 'static {
    /// What it is called in a stage's name.
    fn word(self) -> &'static str;
}

/// A piece of work that is done whole or not at all.
pub trait Work: Copy + Eq + fmt::Debug + 'static {
    /// How far it has come.
    type Moment: Moment;
    /// Every one of the machine's.
    const ALL: &'static [Self];
    /// The one that is done once for each migration.
    const MIGRATION: Self;
    /// Where they are listed: who asks for one that is not there is told to look.
    const FILE: &'static str;

    /// What it is called in a stage's name.
    fn word(self) -> &'static str;

    /// The moments that it passes.
    fn moments(self) -> &'static [Self::Moment];

    /// Each migration by its name, with those of the moments that it passes.
    fn migrations() -> Vec<(&'static str, &'static [Self::Moment])>;
}

/// One stage: a piece of work at one of its moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage<W: Work> {
    work: W,
    /// Which migration, if it is one.
    name: Option<&'static str>,
    moment: W::Moment,
}

impl<W: Work> Stage<W> {
    /// Every stage there is.
    pub fn all() -> Vec<Self> {
        W::ALL.iter().flat_map(|work| Self::of(*work)).collect()
    }

    /// The stages of this work, each migration's by itself.
    pub fn of(work: W) -> Vec<Self> {
        let passed = if work == W::MIGRATION {
            W::migrations().into_iter().map(|(name, moments)| (Some(name), moments)).collect()
        } else {
            vec![(None, work.moments())]
        };
        let stages = |(name, moments): (_, &'static [W::Moment])| moments.iter().map(move |at| (name, *at));
        passed.into_iter().flat_map(stages).map(|(name, moment)| Self { work, name, moment }).collect()
    }

    /// This work at this moment, which is one of its own.
    pub fn at(work: W, moment: W::Moment) -> Self {
        assert!(work.moments().contains(&moment), "{work:?} does not pass {moment:?}");
        Self { work, name: None, moment }
    }

    /// Whose it is.
    pub const fn work(self) -> W {
        self.work
    }

    /// How far the work has come.
    pub const fn moment(self) -> W::Moment {
        self.moment
    }

    /// Which migration it is of; none for other work.
    pub const fn migration(self) -> Option<&'static str> {
        self.name
    }
}

impl<W: Work> fmt::Display for Stage<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&spelled(self.work, self.name, self.moment))
    }
}

fn spelled<W: Work>(work: W, name: Option<&str>, moment: W::Moment) -> String {
    let words = [Some(work.word()), name, Some(moment.word())];
    words.into_iter().flatten().collect::<Vec<_>>().join(".")
}

/// Looks whether the stage that was asked for exists. A release build knows none, and looks at nothing.
///
/// # Errors
/// `unknown_stage`.
pub fn check<W: Work>() -> Result<(), Problem> {
    let wanted = std::env::var(VARIABLE).ok().filter(|_| cfg!(debug_assertions));
    wanted.map_or(Ok(()), |wanted| find::<W>(&wanted).map(drop))
}

fn find<W: Work>(wanted: &str) -> Result<Stage<W>, Problem> {
    Stage::all().into_iter().find(|stage| stage.to_string() == wanted).ok_or_else(|| {
        let sentence = format!("{VARIABLE} names {wanted:?}, and no work here passes that; look at {}", W::FILE);
        Problem::new("unknown_stage", sentence)
    })
}

/// Ends the process here, with nothing flushed and nothing dropped, if a test asked for it. The name is a migration's.
pub fn reach<W: Work>(work: W, name: Option<&str>, moment: W::Moment) {
    debug_assert!(work.moments().contains(&moment), "{work:?} is not listed to pass {moment:?}");
    let is_wanted = |wanted: std::ffi::OsString| *wanted == *spelled(work, name, moment);
    if cfg!(debug_assertions) && std::env::var_os(VARIABLE).is_some_and(is_wanted) {
        std::process::abort();
    }
}
