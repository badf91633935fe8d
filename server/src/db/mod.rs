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
mod undone;
pub mod warehouses;
pub mod written_off;

use std::{
    collections::BTreeSet,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolConfig, PoolError, RecyclingMethod, Runtime, Timeouts,
};
use futures_util::future::{BoxFuture, try_join};
use outpost_schema::{
    id::{ProductId, WarehouseId},
    stock::StockKey,
};
use tokio::time::timeout;
use tokio_postgres::{Config, CopyOutStream, NoTls, Row, Statement, types::ToSql};

pub use migrations::{MIGRATIONS, MigrateError, migrate};

use self::epochs::Cluster;
use crate::{error::Error, output::Safety};

/// Connections to Postgres: more callers than this wait in line, which is faster than more backends
/// that wait for each other's locks and cores.
pub const CONNECTIONS_MAX: usize = 32;

/// Nobody waits longer than this for a connection.
const CONNECTION_WAIT: Duration = Duration::from_secs(10);

/// A transaction that lost a race is tried again at most this often.
const TRIES_MAX: u32 = 6;

/// A commit that must be safe elsewhere too is waited for this long; longer than a restarted receiver
/// takes to connect, and short enough that its caller still listens.
const COMMIT_WAIT: Duration = Duration::from_secs(8);

/// A parameter list, as the statements take it.
pub type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

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
        match begin {
            Begin::Alone(begin) => {
                let tx = Tx::begin(self, begin).await?;
                let answer = work(tx.clone()).await;
                tx.end(answer).await
            }
            Begin::WithWork(begin) => {
                let tx = Tx::on(self).await?;
                let begun = async { Ok(tx.open.client().batch_execute(begin).await?) };
                // The beginning is looked at first whenever there is news: if it fails, nothing more is asked.
                let answer = try_join(begun, work(tx.clone())).await.map(|((), answer)| answer);
                tx.end(answer).await
            }
        }
    }
}

/// How a transaction begins, with this statement.
#[derive(Clone, Copy, Debug)]
enum Begin<'a> {
    /// It is waited for before anything else is asked.
    Alone(&'a str),
    /// What is asked first is sent right behind it.
    WithWork(&'a str),
}

impl Guard {
    async fn look(&self, client: &tokio_postgres::Client) -> Result<(), HookError> {
        let cluster = epochs::led_to(client).await.map_err(HookError::Backend)?;
        let expected = self.expected.lock().unwrap_or_else(PoisonError::into_inner);
        if *expected == cluster { Ok(()) } else { Err(HookError::message(ELSEWHERE)) }
    }
}

/// An open transaction; its clones are the same one.
#[derive(Clone)]
pub struct Tx {
    open: Arc<Open>,
}

/// A connection within a transaction.
struct Open {
    client: Option<Object>,
    safety: Option<Arc<Safety>>,
    has_failed: AtomicBool,
    is_over: AtomicBool,
}

impl Tx {
    async fn begin(db: &Db, begin: &str) -> Result<Self, Error> {
        let tx = Self::on(db).await?;
        tx.open.client().batch_execute(begin).await?;
        Ok(tx)
    }

    /// On a connection of its own, on which nothing has begun yet.
    async fn on(db: &Db) -> Result<Self, Error> {
        let client = db.client().await?;
        let open = Arc::new(Open {
            client: Some(client),
            safety: db.safety.clone(),
            has_failed: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
        });
        Ok(Self { open })
    }

    async fn end<T>(&self, answer: Result<T, Error>) -> Result<T, Error> {
        match answer {
            Ok(_) if self.open.is_over.load(Ordering::Relaxed) => {}
            Ok(_) => self.commit().await?,
            Err(_) => self.roll_back().await,
        }
        answer
    }

    /// Every row.
    ///
    /// # Errors
    /// What Postgres says; the transaction can then only be rolled back.
    pub async fn query(&self, sql: &str, params: Params<'_>) -> Result<Vec<Row>, Error> {
        let statement = self.prepare(sql).await?;
        self.open.client().query(&statement, params).await.map_err(|error| self.failed(error))
    }

    /// The row, if there is one.
    ///
    /// # Errors
    /// What Postgres says; the transaction can then only be rolled back.
    pub async fn query_opt(&self, sql: &str, params: Params<'_>) -> Result<Option<Row>, Error> {
        let statement = self.prepare(sql).await?;
        self.open.client().query_opt(&statement, params).await.map_err(|error| self.failed(error))
    }

    /// The one row.
    ///
    /// # Errors
    /// What Postgres says; the transaction can then only be rolled back.
    pub async fn query_one(&self, sql: &str, params: Params<'_>) -> Result<Row, Error> {
        let statement = self.prepare(sql).await?;
        self.open.client().query_one(&statement, params).await.map_err(|error| self.failed(error))
    }

    /// Writes, and says how many rows.
    ///
    /// # Errors
    /// What Postgres says; the transaction can then only be rolled back.
    pub async fn execute(&self, sql: &str, params: Params<'_>) -> Result<u64, Error> {
        let statement = self.prepare(sql).await?;
        self.open.client().execute(&statement, params).await.map_err(|error| self.failed(error))
    }

    /// Has these statements ready, so that questions asked at once are answered in the order in which they are
    /// asked: none waits for its plan while the next goes ahead.
    ///
    /// # Errors
    /// What Postgres says; the transaction can then only be rolled back.
    pub async fn prepare_all(&self, statements: &[&str]) -> Result<(), Error> {
        for sql in statements {
            self.prepare(sql).await?;
        }
        Ok(())
    }

    /// The rows of a `copy .. to stdout`, one by one as Postgres sends them. What goes wrong on
    /// the way is told to the transaction with `Tx::failed`.
    ///
    /// # Errors
    /// What Postgres says; the transaction can then only be rolled back.
    pub async fn copy_out(&self, copy: &str) -> Result<CopyOutStream, Error> {
        self.open.client().copy_out(copy).await.map_err(|error| self.failed(error))
    }

    async fn prepare(&self, sql: &str) -> Result<Statement, Error> {
        self.open.client().prepare_cached(sql).await.map_err(|error| self.failed(error))
    }

    /// Postgres answers the commit of a failed transaction with a rollback and no error, so whoever
    /// passes over an error must not come to think that it was committed.
    pub(crate) fn failed(&self, error: tokio_postgres::Error) -> Error {
        self.open.has_failed.store(true, Ordering::Relaxed);
        Error::Db(error)
    }

    /// Writes the last thing of all: the commit is sent right behind it. If it fails, so does the transaction.
    ///
    /// # Errors
    /// What Postgres says of either.
    pub async fn execute_last(&self, sql: &str, params: Params<'_>) -> Result<(), Error> {
        self.prepare(sql).await?;
        try_join(self.execute(sql, params), self.commit()).await.map(drop)
    }

    async fn commit(&self) -> Result<(), Error> {
        assert!(!self.open.has_failed.load(Ordering::Relaxed), "an error within a transaction was passed over");
        let committing = self.open.client().batch_execute("commit");
        let committed = match &self.open.safety {
            None => committing.await,
            // Whoever stops waiting leaves the commit to itself: it shows only once it is safe.
            Some(safety) => timeout(COMMIT_WAIT, committing).await.map_err(|_| safety.behind())?,
        };
        committed.map_err(|error| match error.as_db_error() {
            Some(_) => Error::Db(error),
            None => Error::CommitUnknown(error),
        })?;
        self.open.is_over.store(true, Ordering::Relaxed);
        Ok(())
    }

    async fn roll_back(&self) {
        if self.open.client().batch_execute("rollback").await.is_ok() {
            self.open.is_over.store(true, Ordering::Relaxed);
        }
    }
}

impl Open {
    fn client(&self) -> &Object {
        self.client.as_ref().expect("the connection is taken only when this is dropped")
    }
}

impl Drop for Open {
    /// A transaction that nobody ended, because whoever awaited it went away, ends with its connection.
    fn drop(&mut self) {
        if !self.is_over.load(Ordering::Relaxed) {
            drop(self.client.take().map(Object::take));
        }
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
