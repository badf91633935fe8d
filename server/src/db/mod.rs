//! What the server keeps in Postgres. All of its SQL is below this module.
//!
//! Work is done in transactions: [`Db::transaction`] for what changes something, [`Db::snapshot`]
//! for what reads many things as of one moment. Every statement is prepared once per connection.

pub mod backups;
pub mod bootstrap;
pub mod carts;
pub mod catalogue;
pub mod checks;
pub mod concerns;
pub mod confirmations;
pub mod counts;
pub mod databases;
pub mod deliveries;
pub mod devices;
pub mod digest;
pub mod effects;
pub mod epochs;
pub mod feed;
#[cfg(test)]
pub(crate) mod fixture;
pub mod grants;
pub mod ground;
pub mod health;
pub mod holds;
pub mod holes;
pub mod horizon;
pub mod images;
pub mod import;
pub mod journals;
pub mod laws;
pub mod listen;
pub mod lives;
pub mod marks;
pub mod migrations;
pub mod names;
pub mod nodes;
pub mod office;
pub mod ops;
pub mod presence;
pub mod replication;
pub mod rules;
pub mod settings;
pub mod settlements;
pub mod shelf;
pub mod short;
pub mod sizing;
pub mod synonyms;
pub mod transfers;
mod tx;
mod undone;
pub mod warehouses;
pub mod written_off;

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolConfig, PoolError, RecyclingMethod, Runtime, Timeouts,
};
use futures_util::future::BoxFuture;
use outpost_schema::{
    id::{ProductId, WarehouseId},
    stock::StockKey,
};
use tokio_postgres::{Config, NoTls};

use self::{epochs::Cluster, tx::Begin};
pub use self::{
    migrations::{MIGRATIONS, MigrateError, migrate},
    tx::{Params, Tx},
};
use crate::{error::Error, output::Safety};

/// Connections to Postgres: more callers than this wait in line, which is faster than more backends
/// that wait for each other's locks and cores.
pub const CONNECTIONS_MAX: usize = 32;

/// Nobody waits longer than this for a connection.
const CONNECTION_WAIT: Duration = Duration::from_secs(10);

/// A transaction that lost a race is tried again at most this often.
const TRIES_MAX: u32 = 6;

/// Notes that the database lives elsewhere than it did, and says where.
pub type Moved = Box<dyn Fn() -> BoxFuture<'static, Result<Cluster, Error>> + Send + Sync>;

/// Where connections must lead. One that leads elsewhere is not used before that was noted.
struct Guard {
    expected: Mutex<Cluster>,
    moved: Moved,
}

/// What a refused connection is called in the pool.
const ELSEWHERE: &str = "the connection leads to another life of the database";

/// The database: a pool of connections.
#[derive(Clone)]
pub struct Db {
    pool: Pool,
    config: Config,
    guard: Option<Arc<Guard>>,
    safety: Option<Arc<Safety>>,
}

impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Db").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Db {
    /// A pool that connects when it is first asked.
    pub fn new(config: Config) -> Self {
        Self::build(config, None)
    }

    /// A pool whose every new connection is looked at: if it does not lead to `expected`, `moved` is
    /// called before anything is asked of it.
    pub fn guarded(config: Config, expected: Cluster, moved: Moved) -> Self {
        Self::build(config, Some(Arc::new(Guard { expected: Mutex::new(expected), moved })))
    }

    fn build(mut config: Config, guard: Option<Arc<Guard>>) -> Self {
        // Compiling a statement to machine code costs more than any of ours takes.
        let options = config.get_options().map_or_else(String::new, |options| format!("{options} "));
        config.options(format!("{options}-c jit=off")).application_name("outpost-server");
        let recycled = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(config.clone(), NoTls, recycled);
        let limits = PoolConfig {
            max_size: CONNECTIONS_MAX,
            timeouts: Timeouts { wait: Some(CONNECTION_WAIT), create: Some(CONNECTION_WAIT), recycle: None },
            ..PoolConfig::default()
        };
        let mut pool = Pool::builder(manager).config(limits).runtime(Runtime::Tokio1);
        if let Some(guard) = guard.clone() {
            pool = pool.post_create(Hook::async_fn(move |client, _| {
                let guard = Arc::clone(&guard);
                Box::pin(async move { guard.look(client).await })
            }));
        }
        Self { pool: pool.build().expect("a pool with timeouts has its runtime"), config, guard, safety: None }
    }

    /// The same, where every commit must be safe elsewhere too before it is answered.
    #[must_use]
    pub fn watched(self, safety: Arc<Safety>) -> Self {
        Self { safety: Some(safety), ..self }
    }

    /// Whether commits can be safe wherever they must be.
    ///
    /// # Errors
    /// [`Error::ArchiveBehind`].
    pub fn is_safe(&self) -> Result<(), Error> {
        self.safety.as_ref().map_or(Ok(()), |safety| safety.check())
    }

    /// How it connects, for a connection of its own: one that listens, or that migrates.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// A connection of the pool, for as long as the value lives.
    ///
    /// # Errors
    /// [`Error::NoConnection`].
    pub async fn client(&self) -> Result<Object, Error> {
        let mut tries = 0;
        loop {
            tries += 1;
            match (self.pool.get().await, &self.guard) {
                (Err(PoolError::PostCreateHook(HookError::Message(_))), Some(guard)) if tries < TRIES_MAX => {
                    let cluster = (guard.moved)().await?;
                    *guard.expected.lock().unwrap_or_else(PoisonError::into_inner) = cluster;
                }
                (answer, _) => return Ok(answer?),
            }
        }
    }

    /// Runs `work` in a transaction and commits it. If it lost a race (a deadlock, a serialization
    /// failure) or its connection before anything was told to commit, all of it is done again.
    ///
    /// # Errors
    /// What `work` says, [`Error::CommitUnknown`] if the connection broke while it committed, and
    /// [`Error::ArchiveBehind`] if it can't be, or was not in time, safe where it must be.
    pub async fn transaction<T, F>(&self, work: impl Fn(Tx) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        self.tried(Begin::Alone("begin"), work).await
    }

    /// The same in as few exchanges with Postgres as there can be: the transaction begins with settings of its own,
    /// and what `work` asks first is sent right behind, without waiting for an answer. The rest is up to `work`; see
    /// [`Tx::execute_last`].
    ///
    /// # Errors
    /// Those of [`Db::transaction`].
    pub async fn short_transaction<T, F>(&self, begin: &str, work: impl Fn(Tx) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        self.tried(Begin::WithWork(begin), work).await
    }

    async fn tried<T, F>(&self, begin: Begin<'_>, work: impl Fn(Tx) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let mut tries = 0;
        loop {
            tries += 1;
            self.is_safe()?;
            match self.attempt(begin, &work).await {
                Err(error) if error.is_worth_another_try() && tries < TRIES_MAX => {
                    tracing::debug!(tries, "a transaction is tried again: {error}");
                }
                answer => return answer,
            }
        }
    }

    /// Runs `work`, which only reads, as of one moment.
    ///
    /// # Errors
    /// What `work` says.
    pub async fn snapshot<T, F>(&self, work: impl Fn(Tx) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        self.attempt(Begin::Alone("begin isolation level repeatable read read only"), &work).await
    }

    async fn attempt<T, F>(&self, begin: Begin<'_>, work: &impl Fn(Tx) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let tx = self.open().await?;
        let answer = tx.run(begin, work).await;
        tx.end(answer).await
    }

    async fn open(&self) -> Result<Tx, Error> {
        Ok(Tx::on(self.client().await?, self.safety.clone()))
    }
}

impl Guard {
    async fn look(&self, client: &tokio_postgres::Client) -> Result<(), HookError> {
        let cluster = epochs::led_to(client).await.map_err(HookError::Backend)?;
        let expected = self.expected.lock().unwrap_or_else(PoisonError::into_inner);
        if *expected == cluster { Ok(()) } else { Err(HookError::message(ELSEWHERE)) }
    }
}

/// Stock keys as two columns, in order.
pub(crate) fn columns(keys: &BTreeSet<StockKey>) -> (Vec<ProductId>, Vec<WarehouseId>) {
    keys.iter().map(|key| (key.product_id, key.warehouse_id)).unzip()
}

/// What Postgres said, in full: an error of the client alone reads "db error", and the cause lies
/// below it.
pub fn said(error: &tokio_postgres::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]
mod tests;
