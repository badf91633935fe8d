//! The private Postgres cluster that the server runs when it is given no other database.
//!
//! It is made from the machine's own Postgres programs, listens on a Unix socket only, and belongs
//! to one data folder. Starting it is safe at any moment and any number of times: a cluster that
//! runs is used, one that crashed recovers, one that was half made is made again. What is stale is
//! left for Postgres itself to judge. Stopping waits until it is gone.

mod account;
mod archive;
mod binaries;
mod client;
mod error;
mod folders;
mod postmaster;
mod receiver;
mod recover;
mod wal;

use std::{
    ffi::OsString,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use nix::{errno::Errno, sys::signal::kill, unistd::Pid};
use tokio::time::sleep;
use tokio_postgres::{Config, NoTls};

pub(crate) use archive::{Archive, release};
pub(crate) use client::Client;
pub use error::ClusterError;

use self::{account::Account, binaries::Binaries, folders::Folders, postmaster::Postmaster};
use crate::{db::databases, time::Stopwatch};

/// The database that the server keeps its tables in.
pub const DATABASE: &str = "outpost";

/// The one role of the cluster; the socket's folder decides who may use it.
const ROLE: &str = "outpost";

/// The database that exists in every cluster, for the time before ours does.
pub(crate) const MAINTENANCE: &str = "postgres";

/// How soon we look again whether it answers: a start takes about a tenth of a second.
const POLL: Duration = Duration::from_millis(20);

/// The longest pause between two looks. Each look at a Postgres that recovers is a line in its log.
const POLL_MAX: Duration = Duration::from_secs(1);

/// How long one connection may take to be made: no network lies between, only a busy machine.
const CONNECT_WAIT: Duration = Duration::from_secs(15);

/// The pause before trying again while a crashed one's processes still end.
const RETRY: Duration = Duration::from_millis(200);

/// How long a start may take while no Postgres of ours lives: the end of a crashed one's processes.
const START_WAIT: Duration = Duration::from_secs(60);

/// How long a start may take while our Postgres lives: recovery reads up to a gigabyte of its log.
const RECOVERY_WAIT: Duration = Duration::from_secs(600);

/// How long a stop may take: the last checkpoint writes all that is not yet in the data files.
const STOP_SECONDS_MAX: u64 = 120;

/// How many connections Postgres takes: the server's pool, and room for the people who look inside.
const CONNECTIONS_MAX: u32 = 200;

/// The port in the name of the socket.
const PORT: u16 = 5432;

/// What must survive what. Production keeps everything; the other two are for data made to be
/// thrown away, and survive the kill of any process, but not (or not surely) a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Every commit is on disk when it is answered.
    Kept,
    /// The same, but making the cluster skips the wait for the disk.
    Throwaway,
    /// Nothing waits for the disk.
    Unsynced,
}

/// A running private cluster. Dropping it stops it if this value started it; one that was already
/// running is left running.
#[derive(Debug)]
pub struct Cluster {
    account: Account,
    folders: Folders,
    binaries: Binaries,
    postmaster: Option<Postmaster>,
    port: u16,
}

impl Cluster {
    /// Starts the cluster of the data folder, making it if there is none, or uses it if it runs.
    pub async fn start(data: &Path) -> Result<Self, ClusterError> {
        Self::start_with(data, Durability::Kept).await
    }

    /// As [`Cluster::start`], for data of another worth. A cluster that runs keeps what it has.
    pub async fn start_with(data: &Path, durability: Durability) -> Result<Self, ClusterError> {
        let account = Account::choose()?;
        let folders = Folders::prepare(data, &account)?;
        let binaries = Binaries::find(&folders.data)?;
        let _right_to_start = folders.lock().await?;
        folders.remove_half_made();
        let mut cluster = Self { account, folders, binaries, postmaster: None, port: PORT };
        if !cluster.folders.has_data() {
            cluster.make_data(durability)?;
        }
        cluster.wake(durability).await?;
        let client = databases::connect(&cluster.config(MAINTENANCE)).await?;
        databases::create_if_absent(&client, DATABASE).await?;
        Ok(cluster)
    }

    /// Whether a data folder has a cluster.
    pub(crate) fn is_in(data: &Path) -> bool {
        folders::is_made(data)
    }

    /// Moves the cluster of a data folder aside, under a name that ends in `moment`, and says where it
    /// is now; none if there is none. It must be at rest.
    pub(crate) async fn set_aside(data: &Path, moment: &str) -> Result<Option<PathBuf>, ClusterError> {
        if !Self::is_in(data) {
            return Ok(None);
        }
        let account = Account::choose()?;
        let folders = Folders::prepare(data, &account)?;
        let _right_to_start = folders.lock().await?;
        if folders.pid().is_some_and(exists) {
            return Err(ClusterError::Running { data: folders.data });
        }
        folders.set_aside(moment).map(Some)
    }

    /// How to connect to one of its databases.
    pub fn config(&self, database: &str) -> Config {
        let mut config = Config::new();
        config.host_path(&self.folders.run).port(self.port).user(ROLE).dbname(database).connect_timeout(CONNECT_WAIT);
        config
    }

    /// The same as [`Cluster::config`], as a URL that `--database` and `psql` understand.
    pub fn url(&self, database: &str) -> String {
        let host: String = self.folders.run.as_os_str().as_bytes().iter().map(percent_encoded).collect();
        format!("postgres://{ROLE}@{host}/{database}")
    }

    /// True if this value started Postgres, false if it was already running.
    pub const fn is_started_here(&self) -> bool {
        self.postmaster.is_some()
    }

    /// The id of Postgres's first process, as its lock says; none after it has stopped.
    pub fn pid(&self) -> Option<u32> {
        self.folders.pid()
    }

    /// Stops Postgres, whoever started it, and waits until it is gone. Open transactions end;
    /// what was committed stays.
    pub fn stop(mut self) -> Result<(), ClusterError> {
        self.shut_down()
    }

    /// Lets Postgres run on after this process; the next [`Cluster::start`] finds it.
    pub fn leave_running(mut self) {
        self.postmaster = None;
    }

    fn make_data(&self, durability: Durability) -> Result<(), ClusterError> {
        let making = self.folders.new_making(&self.account)?;
        let mut command = self.account.command(&self.binaries.initdb());
        command.arg("-D").arg(&making).args(["-U", ROLE, "--auth-local=trust", "--auth-host=reject"]);
        command.args(["--encoding=UTF8", "--locale=C", "--data-checksums"]);
        if durability != Durability::Kept {
            command.arg("--no-sync");
        }
        run("initdb", &mut command)?;
        self.folders.keep(&making)
    }

    /// Starts Postgres until it answers.
    ///
    /// A Postgres that ends where a lock was or is may have been refused by that lock: somebody else's
    /// processes still used the data, and it is tried again. One that ends without is broken.
    async fn wake(&mut self, durability: Durability) -> Result<(), ClusterError> {
        self.wake_with(durability, &[]).await
    }

    /// As [`Cluster::wake`], with further settings for this one start.
    async fn wake_with(&mut self, durability: Durability, more: &[(&str, &str)]) -> Result<(), ClusterError> {
        let began = Stopwatch::start();
        let (mut pause, mut was_locked) = (POLL, false);
        while !self.answers().await {
            let lives = self.postmaster.as_ref().is_some_and(|postmaster| !postmaster.has_ended());
            let wait = if lives { RECOVERY_WAIT } else { START_WAIT };
            if began.elapsed() > wait {
                return Err(self.not_ready(wait));
            }
            if lives {
                sleep(pause).await;
                // A quarter longer each time: so much of the whole wait may be in vain.
                pause = (pause * 5 / 4).min(POLL_MAX);
                continue;
            }
            if let Some(ended) = self.postmaster.take() {
                ended.wait();
                if !was_locked && !self.folders.postmaster_lock().exists() {
                    return Err(self.ended());
                }
                sleep(RETRY).await;
            }
            was_locked = self.folders.postmaster_lock().exists();
            self.postmaster = Some(self.spawn(durability, more)?);
        }
        self.postmaster = self.postmaster.take().filter(|postmaster| self.pid() == Some(postmaster.pid()));
        Ok(())
    }

    async fn answers(&self) -> bool {
        self.config(MAINTENANCE).connect(NoTls).await.is_ok()
    }

    fn spawn(&self, durability: Durability, more: &[(&str, &str)]) -> Result<Postmaster, ClusterError> {
        let mut command = self.account.command(&self.binaries.postgres());
        command.arg("-D").arg(&self.folders.data).arg("-k").arg(listed(&self.folders.run));
        let more = more.iter().map(|(name, value)| (*name, (*value).to_owned()));
        for (name, value) in settings(durability, self.port).into_iter().chain(more) {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        let log = self.folders.open_log()?;
        Postmaster::spawn(command, log).map_err(ClusterError::file("run", self.binaries.postgres()))
    }

    fn ended(&self) -> ClusterError {
        ClusterError::Ended { log: self.folders.log_file(), tail: self.folders.log_tail() }
    }

    fn not_ready(&self, wait: Duration) -> ClusterError {
        ClusterError::NotReady {
            seconds: wait.as_secs(),
            lock: self.folders.postmaster_lock(),
            log: self.folders.log_file(),
            tail: self.folders.log_tail(),
        }
    }

    fn shut_down(&mut self) -> Result<(), ClusterError> {
        self.end()?;
        if let Some(postmaster) = self.postmaster.take() {
            postmaster.wait();
        }
        Ok(())
    }

    /// As [`Cluster::stop`], for one that others hold too.
    pub(crate) fn stop_shared(&self) -> Result<(), ClusterError> {
        self.end()
    }

    fn end(&self) -> Result<(), ClusterError> {
        if self.is_running() {
            let mut command = self.account.command(&self.binaries.pg_ctl());
            command.arg("stop").arg("-D").arg(&self.folders.data).args(["-s", "-w", "-m", "fast", "-t"]);
            let stopped = run("pg_ctl", command.arg(STOP_SECONDS_MAX.to_string()));
            if self.is_running() {
                stopped?;
            }
        }
        Ok(())
    }

    /// Starts Postgres anew after it ended by itself. It runs on until [`Cluster::stop_shared`].
    pub(crate) async fn start_again(&self) -> Result<(), ClusterError> {
        Self::start(self.folders.parent()).await.map(Self::leave_running)
    }

    /// Whether a Postgres runs on this data: ours, or one that took its place.
    pub(crate) fn is_running(&self) -> bool {
        self.is_ours_running() || self.pid().is_some_and(exists)
    }

    fn is_ours_running(&self) -> bool {
        self.postmaster.as_ref().is_some_and(|postmaster| !postmaster.has_ended())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // One that took the place of ours is not ours to stop.
        if self.is_ours_running()
            && let Err(error) = self.shut_down()
        {
            tracing::error!(code = error.code(), "PostgreSQL was not stopped: {error}");
        }
    }
}

/// What every start says anew, so that nothing depends on a file in the data folder.
fn settings(durability: Durability, port: u16) -> Vec<(&'static str, String)> {
    let mut settings = vec![
        ("port", port.to_string()),
        ("listen_addresses", String::new()),
        ("unix_socket_permissions", "0700".into()),
        ("max_connections", CONNECTIONS_MAX.to_string()),
        ("timezone", "UTC".into()),
        ("log_timezone", "UTC".into()),
        // A refused statement is told to the server, which logs it once; here only Postgres's own news.
        ("log_min_messages", "log".into()),
        ("log_checkpoints", "off".into()),
    ];
    if durability == Durability::Unsynced {
        settings.extend(["fsync", "full_page_writes"].map(|name| (name, "off".into())));
    }
    settings
}

/// A path as the one item of a list setting, where a bare comma would begin another.
fn listed(path: &Path) -> OsString {
    let mut quoted = b"\"".to_vec();
    for byte in path.as_os_str().as_bytes() {
        quoted.extend(if *byte == b'"' { &b"\"\""[..] } else { std::slice::from_ref(byte) });
    }
    quoted.push(b'"');
    OsString::from_vec(quoted)
}

fn run(program: &'static str, command: &mut Command) -> Result<(), ClusterError> {
    let failed = |output: String| Err(ClusterError::Program { program, output });
    match command.output() {
        Ok(Output { status, .. }) if status.success() => Ok(()),
        Ok(Output { status, stderr, .. }) => failed(format!("{status}: {}", String::from_utf8_lossy(&stderr).trim())),
        Err(error) => failed(error.to_string()),
    }
}

/// Whether there is a process of that id.
pub(crate) fn exists(pid: u32) -> bool {
    let pid = i32::try_from(pid).map(Pid::from_raw);
    pid.is_ok_and(|pid| kill(pid, None) != Err(Errno::ESRCH))
}

fn percent_encoded(byte: &u8) -> String {
    if byte.is_ascii_alphanumeric() || b"-._".contains(byte) {
        char::from(*byte).to_string()
    } else {
        format!("%{byte:02X}")
    }
}

#[cfg(test)]
mod tests;
