//! The server as one value: its database, the world it reads time and chance from, and the bell that
//! wakes whoever waits for news.

use std::{
    fmt, io,
    path::Path,
    sync::{Arc, OnceLock},
};

use outpost_schema::{clock::Timestamp, id::EpochId, money::Currency, world::World};
use tokio::sync::watch;
use tokio_postgres::Config;

use crate::{
    bootstrap::Files,
    db::{Db, databases, epochs, laws, migrate, settings},
    error::Error,
};

/// Head office. Shared behind an [`Arc`]; every use case is a function that takes it.
pub struct Server {
    /// What it keeps.
    pub db: Db,
    /// Time and chance.
    pub world: Arc<dyn World>,
    /// Which life of the database this is.
    pub epoch: EpochId,
    /// The network's one currency.
    pub currency: Currency,
    /// Counts this process's news; see [`Server::news`].
    bell: watch::Sender<u64>,
    /// Where files to fill nodes from are kept, if they are.
    files: OnceLock<Arc<Files>>,
}

impl Server {
    /// Connects, brings the tables up to date and reads what never changes while it runs.
    ///
    /// # Errors
    /// If Postgres cannot be reached or the tables cannot be brought up to date.
    pub async fn open(config: Config, world: Arc<dyn World>) -> Result<Self, Error> {
        Self::open_with(config, world, None).await
    }

    /// The same, for a network whose currency is `currency`: chosen now, or before and equal.
    ///
    /// # Errors
    /// Those of [`Server::open`], and [`Error::OtherCurrency`].
    pub async fn open_with(config: Config, world: Arc<dyn World>, currency: Option<Currency>) -> Result<Self, Error> {
        let db = Db::new(config);
        migrate(&mut databases::connect(db.config()).await?).await?;
        let now = world.now();
        let fresh = EpochId::new(now, world.id_chance());
        let (epoch, currency) = db
            .transaction(|tx| async move {
                let epoch = epochs::present(&tx, fresh, now).await?;
                Ok((epoch, settings::currency(&tx, currency).await?))
            })
            .await?;
        Ok(Self { db, world, epoch, currency, bell: watch::Sender::new(0), files: OnceLock::new() })
    }

    /// Keeps files to fill nodes from in this folder, from now on. Only the first folder counts.
    ///
    /// # Errors
    /// If the folder cannot be made or read.
    pub fn keep_files(&self, folder: &Path) -> io::Result<()> {
        let files = Arc::new(Files::open(folder, self.epoch)?);
        _ = self.files.set(files);
        Ok(())
    }

    /// The files to fill nodes from, if they are kept.
    pub(crate) fn files(&self) -> Option<Arc<Files>> {
        self.files.get().cloned()
    }

    /// The laws of the book that are broken, as sentences; none if all is well. Reads everything.
    ///
    /// # Errors
    /// If Postgres fails.
    pub async fn laws(&self) -> Result<Vec<String>, Error> {
        self.db.snapshot(|tx| async move { laws::broken(&tx).await }).await
    }

    /// The wall clock.
    pub fn now(&self) -> Timestamp {
        self.world.now()
    }

    /// Wakes whoever waits for news. Called after a commit that changed something that travels.
    pub fn ring(&self) {
        self.bell.send_modify(|rung| *rung = rung.wrapping_add(1));
    }

    /// A receiver that hears every [`Server::ring`] from now on.
    pub fn news(&self) -> watch::Receiver<u64> {
        self.bell.subscribe()
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("epoch", &self.epoch).field("currency", &self.currency).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Handlers run on any thread, so what they await must be able to move between threads.
    #[test]
    fn a_transaction_can_move_between_threads() {
        fn moves<T: Send>(_: &T) {}
        fn opening(config: Config, world: Arc<dyn World>) {
            moves(&Server::open(config, world));
        }
        fn using(server: &Server, names: &[String]) {
            let used = server.db.transaction(|tx| async move { tx.execute("select $1::text[]", &[&names]).await });
            moves(&used);
        }
        let _checked_by_the_compiler = (opening, using);
    }
}
