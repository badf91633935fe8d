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
    db::{Db, Moved, backups, databases, laws, migrate, settings},
    epoch::{self, Epoch, Reason},
    error::Error,
    output::Safety,
};

/// Head office. Shared behind an [`Arc`]; every use case is a function that takes it.
pub struct Server {
    /// What it keeps.
    pub db: Db,
    /// Time and chance.
    pub world: Arc<dyn World>,
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
        let opening = Db::new(config.clone());
        let mut client = databases::connect(opening.config()).await?;
        if backups::is_half_restored(&client).await? {
            return Err(Error::RestoreUnfinished);
        }
        migrate(&mut client).await?;
        let of_world = &*world;
        let (epoch, currency) = opening
            .transaction(|tx| async move {
                // Whoever restores a backup begins the next epoch by opening it, however often that is cut short.
                let epoch = match backups::end_restore(&tx).await? {
                    Some(from) => epoch::begin(&tx, of_world, &Reason::Restored { from }).await?,
                    None => epoch::present(&tx, of_world).await?,
                };
                Ok((epoch, settings::currency(&tx, currency).await?))
            })
            .await?;
        let db = Db::guarded(config, epoch.cluster, moved(opening, Arc::clone(&world)));
        Ok(Self { db, world, currency, bell: watch::Sender::new(0), files: OnceLock::new() })
    }

    /// Keeps files to fill nodes from in this folder, from now on; those of other epochs than the present
    /// one go. Only the first folder counts.
    ///
    /// # Errors
    /// If the folder cannot be made or read.
    pub fn keep_files(&self, folder: &Path, epoch: EpochId) -> io::Result<()> {
        let files = Arc::new(Files::open(folder, epoch)?);
        _ = self.files.set(files);
        Ok(())
    }

    /// The files to fill nodes from, if they are kept.
    pub(crate) fn files(&self) -> Option<Arc<Files>> {
        self.files.get().cloned()
    }

    /// Which life of the database this is. Asked of the database each time: another process may have
    /// begun the next one.
    ///
    /// # Errors
    /// If Postgres fails.
    pub async fn epoch(&self) -> Result<Epoch, Error> {
        Ok(epoch::recovery(self).await?.epoch)
    }

    /// The same, where every commit must be safe elsewhere too before it is answered.
    #[must_use]
    pub fn watched(self, safety: Arc<Safety>) -> Self {
        Self { db: self.db.watched(safety), ..self }
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
        f.debug_struct("Server").field("currency", &self.currency).finish_non_exhaustive()
    }
}

/// Begins the next epoch when a connection leads to another life of the database, over connections
/// that nobody else is given.
pub(crate) fn moved(aside: Db, world: Arc<dyn World>) -> Moved {
    Box::new(move || {
        let (aside, world) = (aside.clone(), Arc::clone(&world));
        Box::pin(async move {
            let world = &*world;
            Ok(aside.transaction(|tx| async move { epoch::present(&tx, world).await }).await?.cluster)
        })
    })
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
