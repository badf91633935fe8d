//! Output commit: whether what is committed here is safe elsewhere too before anybody is told.
//!
//! Postgres itself makes each commit wait for the archive or the standby; that is the promise. This
//! watches whether it can be kept. While it cannot, what would write is refused at once and by name, so
//! that callers do not pile up behind commits that nobody can answer; what only reads goes on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::sleep;
use tokio_postgres::{Client, Config};

use crate::{
    db::{
        databases,
        replication::{self, Standbys},
    },
    error::Error,
    wake::Task,
};

/// How often it is looked at.
const POLL: Duration = Duration::from_millis(500);

/// Who must have every commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elsewhere {
    /// A folder on another disk, which the server itself keeps.
    Archive,
    /// A standby of Postgres's own.
    Standby,
}

impl Elsewhere {
    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Archive => "archive",
            Self::Standby => "standby",
        }
    }
}

/// Whether commits are safe elsewhere now.
#[derive(Debug)]
pub struct Safety {
    elsewhere: Elsewhere,
    is_safe: AtomicBool,
}

impl Safety {
    /// It is, until somebody sees that it is not.
    pub fn new(elsewhere: Elsewhere) -> Self {
        Self { elsewhere, is_safe: AtomicBool::new(true) }
    }

    /// Refuses while commits cannot be safe elsewhere.
    ///
    /// # Errors
    /// [`Error::ArchiveBehind`].
    pub fn check(&self) -> Result<(), Error> {
        if self.is_safe.load(Ordering::Relaxed) { Ok(()) } else { Err(self.behind()) }
    }

    /// What is told of a commit that is not safe elsewhere in time.
    pub fn behind(&self) -> Error {
        Error::ArchiveBehind { elsewhere: self.elsewhere }
    }

    /// Notes what was seen, and says in the log what changed.
    pub(crate) fn note(&self, seen: Standbys) {
        let is_safe = seen == Standbys::Connected;
        let was_safe = self.is_safe.swap(is_safe, Ordering::Relaxed);
        let word = self.elsewhere.word();
        match (was_safe, is_safe) {
            (true, false) => tracing::error!(
                code = "archive_behind",
                "the {word} is not there ({}), so nothing that changes the book is answered until it is; tills go on \
                 selling, and what only reads goes on",
                reason(seen)
            ),
            (false, true) => tracing::info!("the {word} has every commit again; what waited is answered"),
            (true, true) | (false, false) => {}
        }
    }
}

const fn reason(seen: Standbys) -> &'static str {
    match seen {
        Standbys::NotAskedFor => "synchronous_standby_names was emptied",
        Standbys::Connected => "it is connected",
        Standbys::Gone => "nobody is connected that commits wait for",
        Standbys::Late => "a commit has waited for it for longer than 5 seconds",
        Standbys::Hidden => "this database user may not see it",
    }
}

/// Watches, for as long as the task lives.
pub fn watch(config: Config, safety: Arc<Safety>) -> Task {
    Task::start(async move {
        loop {
            // Without a connection there is nothing to be refused: nobody else has one either.
            if let Ok(client) = databases::connect(&config).await {
                look(&client, &safety).await;
            }
            sleep(POLL).await;
        }
    })
}

async fn look(client: &Client, safety: &Safety) {
    while let Ok(seen) = replication::standbys(client).await {
        safety.note(seen);
        sleep(POLL).await;
    }
}

/// Where the commits of a private cluster must be safe too: in its archive, while it has one.
///
/// # Errors
/// What Postgres says.
pub async fn kept_elsewhere(config: &Config) -> Result<Option<Elsewhere>, Error> {
    let client = databases::connect(config).await?;
    let is_asked_for = replication::standbys(&client).await? != Standbys::NotAskedFor;
    Ok(is_asked_for.then_some(Elsewhere::Archive))
}

/// Refuses a database whose commits wait for no standby, or for one that is not there.
///
/// # Errors
/// [`Error::NoStandby`] with what is missing and the cure.
pub async fn require_standby(config: &Config) -> Result<(), Error> {
    let client = databases::connect(config).await?;
    let missing = match replication::standbys(&client).await? {
        Standbys::Connected | Standbys::Late => return Ok(()),
        Standbys::NotAskedFor => {
            "no commit waits for a standby; set synchronous_standby_names to the standby's application_name and reload"
        }
        Standbys::Gone => "the standby that synchronous_standby_names names is not connected; start it",
        Standbys::Hidden => "this database user may not see the standbys; run `grant pg_monitor to` it as a superuser",
    };
    Err(Error::NoStandby { missing })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn while_it_is_not_seen_nothing_is_written() {
        let safety = Safety::new(Elsewhere::Archive);
        for (seen, may_write) in [
            (Standbys::Connected, true),
            (Standbys::Gone, false),
            (Standbys::Late, false),
            (Standbys::Hidden, false),
            (Standbys::NotAskedFor, false),
            (Standbys::Connected, true),
        ] {
            safety.note(seen);
            assert_eq!(safety.check().is_ok(), may_write, "{seen:?}");
        }
        safety.note(Standbys::Gone);
        assert_eq!(safety.check().map_err(|error| error.code()), Err("archive_behind"));
    }
}
