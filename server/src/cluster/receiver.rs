//! `pg_receivewal` as a child of ours: started again whenever it ends, soon at first, then less often.
//! While it is away every commit waits, which is the promise.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::Command,
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_postgres::Config;

use super::{Cluster, ClusterError, MAINTENANCE, account::Account, client};
use crate::{db::replication::RECEIVER, time::Stopwatch};

/// The pause before it is started again, and the longest.
const PAUSE: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// One that lived this long has worked: the next pause is the shortest again.
const WORKED: Duration = Duration::from_secs(30);

/// How long it may take to end after Postgres did.
const ENDING_WAIT: Duration = Duration::from_secs(10);

/// How it is started.
#[derive(Debug)]
struct Recipe {
    account: Account,
    program: PathBuf,
    config: Config,
    wal: PathBuf,
}

impl Recipe {
    fn command(&self) -> Command {
        let mut command = self.account.command(&self.program);
        client::connect_by(&mut command, &self.config);
        // The name by which commits wait for it.
        command.env("PGAPPNAME", RECEIVER);
        command.arg("-D").arg(&self.wal).args(["--slot", RECEIVER, "--synchronous", "--no-loop", "--no-password"]);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        Command::from(command)
    }
}

/// A receiver that is kept alive. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Receiver {
    task: JoinHandle<()>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    is_ending: AtomicBool,
    last_words: Mutex<String>,
}

/// Starts the receiver that writes the cluster's log into `wal`.
pub(super) fn start(cluster: &Cluster, wal: &Path) -> Result<Receiver, ClusterError> {
    let recipe = Recipe {
        account: cluster.account.clone(),
        program: cluster.binaries.client("pg_receivewal")?,
        config: cluster.config(MAINTENANCE),
        wal: wal.to_owned(),
    };
    let shared = Arc::new(Shared::default());
    Ok(Receiver { task: tokio::spawn(keep_alive(recipe, Arc::clone(&shared))), shared })
}

impl Receiver {
    /// From now on it is not started again.
    pub fn let_go(&self) {
        self.shared.is_ending.store(true, Ordering::Relaxed);
    }

    /// Waits for its end, which follows that of Postgres.
    pub async fn finish(mut self) {
        self.let_go();
        if timeout(ENDING_WAIT, &mut self.task).await.is_err() {
            tracing::warn!("the archive's receiver did not end with Postgres and is ended now");
        }
    }

    /// What it said last.
    pub fn last_words(&self) -> String {
        self.shared.last_words.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn keep_alive(recipe: Recipe, shared: Arc<Shared>) {
    let mut pause = PAUSE;
    loop {
        let began = Stopwatch::start();
        let ended = live(&recipe, &shared).await;
        if shared.is_ending.load(Ordering::Relaxed) {
            return;
        }
        if began.elapsed() > WORKED {
            pause = PAUSE;
        }
        let said = shared.last_words.lock().unwrap_or_else(PoisonError::into_inner).clone();
        tracing::error!(
            code = "archive_behind",
            archive = %recipe.wal.display(),
            "the archive's receiver ended ({ended}) and is started again in {} ms: {said}", pause.as_millis()
        );
        sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// One life of it, from start to end.
async fn live(recipe: &Recipe, shared: &Shared) -> String {
    let spawned = recipe.command().kill_on_drop(true).spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) => return error.to_string(),
    };
    if let Some(words) = child.stderr.take() {
        hear(words, shared).await;
    }
    child.wait().await.map_or_else(|error| error.to_string(), |status| status.to_string())
}

/// Keeps what it says last; returns when it says no more.
async fn hear(from: impl AsyncRead + Unpin, shared: &Shared) {
    let mut lines = BufReader::new(from).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        tracing::debug!("the archive's receiver says: {line}");
        *shared.last_words.lock().unwrap_or_else(PoisonError::into_inner) = line;
    }
}
