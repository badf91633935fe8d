//! The server as one value: its database, the world it reads time and chance from, and the bell that
//! wakes whoever waits for news.

use std::{fmt, sync::Arc};

use outpost_schema::{clock::Timestamp, id::EpochId, money::Currency, world::World};
use tokio::sync::watch;
use tokio_postgres::Config;

use crate::{
    db::{Db, backups, databases, epochs, laws, migrate, settings},
    error::Error,
    output::Safety,
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
        let mut client = databases::connect(db.config()).await?;
        if backups::is_half_restored(&client).await? {
            return Err(Error::RestoreUnfinished);
        }
        migrate(&mut client).await?;
        let now = world.now();
        let fresh = EpochId::new(now, world.id_chance());
        let (epoch, currency) = db
            .transaction(|tx| async move {
                // Whoever restores a backup begins the next epoch by opening it, however often that is cut short.
                let epoch = match backups::end_restore(&tx).await? {
                    Some(reason) => epochs::begin(&tx, fresh, now, &reason).await?,
                    None => epochs::present(&tx, fresh, now).await?,
                };
                Ok((epoch, settings::currency(&tx, currency).await?))
            })
            .await?;
        Ok(Self { db, world, epoch, currency, bell: watch::Sender::new(0) })
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
