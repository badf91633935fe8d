//! An open transaction: what is asked within it, and how it ends.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use deadpool_postgres::Object;
use futures_util::future::try_join;
use tokio::time::timeout;
use tokio_postgres::{CopyOutStream, Row, Statement, types::ToSql};

use crate::{error::Error, output::Safety};

/// A parameter list, as the statements take it.
pub type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

/// A commit that must be safe elsewhere too is waited for this long; longer than a restarted receiver
/// takes to connect, and short enough that its caller still listens.
const COMMIT_WAIT: Duration = Duration::from_secs(8);

/// How a transaction begins, with this statement.
#[derive(Clone, Copy, Debug)]
pub(super) enum Begin<'a> {
    /// It is waited for before anything else is asked.
    Alone(&'a str),
    /// What is asked first is sent right behind it.
    WithWork(&'a str),
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
    /// On a connection of its own, on which nothing has begun yet.
    pub(super) fn on(client: Object, safety: Option<Arc<Safety>>) -> Self {
        let (has_failed, is_over) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { open: Arc::new(Open { client: Some(client), safety, has_failed, is_over }) }
    }

    pub(super) async fn begin(&self, begin: &str) -> Result<(), Error> {
        Ok(self.open.client().batch_execute(begin).await?)
    }

    /// Begins, and does the work; whoever calls ends it by the answer.
    pub(super) async fn run<T, F>(&self, begin: Begin<'_>, work: &impl Fn(Self) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        match begin {
            Begin::Alone(begin) => {
                self.begin(begin).await?;
                work(self.clone()).await
            }
            // The beginning is looked at first whenever there is news: if it fails, nothing more is asked.
            Begin::WithWork(begin) => try_join(self.begin(begin), work(self.clone())).await.map(|((), answer)| answer),
        }
    }

    /// Commits what was done without an error, and rolls back the rest.
    pub(super) async fn end<T>(&self, answer: Result<T, Error>) -> Result<T, Error> {
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

    pub(super) async fn commit(&self) -> Result<(), Error> {
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

    pub(super) async fn roll_back(&self) {
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
