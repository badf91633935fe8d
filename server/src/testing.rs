//! For tests and examples: a database each, copied from a migrated template.
//!
//! All tests of a machine's user share one private cluster, which the first test to need it starts
//! and which is left running: cargo may run each test in a process of its own. It lies in the folder
//! that `OUTPOST_TEST_CLUSTER` names, or else in one for this user below the folder for temporary
//! files; `tests/stop_cluster.sh` stops it. Its commits wait for the disk as in production, unless
//! `OUTPOST_TEST_FSYNC=off` when it is started: killed processes lose nothing either way.
//!
//! The template is made once for each text of the migrations, under a lock. A test's database is
//! dropped at its end; one that a killed test left is dropped when the next process begins.
//!
//! Functions here panic with what is wrong, because that is how a test says it.

use std::{
    env,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use nix::unistd::geteuid;
use tokio::{runtime, sync::OnceCell};
use tokio_postgres::{Client, Config, Error};

use crate::{
    cluster::{Cluster, Durability, MAINTENANCE, exists},
    db::{
        MIGRATIONS, databases,
        migrations::{apply, digest},
    },
};

/// Begins the name of a test's database; the id of its process and a number follow.
const TEST: &str = "test_";

/// Begins the name of a template; the digest of its migrations follows.
const TEMPLATE: &str = "template_of_";

/// Begins the name of a template that is not finished.
const MAKING: &str = "making_of_";

/// How many templates are kept, newest first: checkouts with other migrations may take turns.
const TEMPLATES_KEPT: usize = 4;

/// The lock under which leftovers are dropped and templates made.
const LOCK: i64 = 0x6f75_7470_6f73_7402;

/// What this process knows of the shared cluster. In a static, so that it outlives the process.
static SHARED: OnceCell<Shared> = OnceCell::const_new();

#[derive(Debug)]
struct Shared {
    cluster: Cluster,
    template: String,
}

/// A database of its own for one test, dropped with this value.
#[derive(Debug)]
pub struct TestDatabase {
    name: String,
    config: Config,
    url: String,
    maintenance: Config,
}

impl TestDatabase {
    /// A database with the server's tables and nothing in them.
    pub async fn create() -> Self {
        let shared = shared().await;
        Self::copied_from(shared, &shared.template).await
    }

    /// A database without any tables, for tests of the migrations themselves.
    pub async fn empty() -> Self {
        Self::copied_from(shared().await, "template0").await
    }

    /// A copy of it as it is now, as a backup would hold it. Whoever is connected is cut off.
    pub async fn copy(&self) -> Self {
        self.cut_off().await;
        let copy = Self::copied_from(shared().await, &self.name).await;
        let maintenance = databases::connect(&self.maintenance).await.expect("the shared cluster takes connections");
        databases::allow(&maintenance, &self.name, true).await.expect("it can be opened again");
        copy
    }

    /// Becomes what `copy` holds, under everybody's feet: as if a backup had been restored.
    pub async fn become_like(&self, copy: &Self) {
        copy.cut_off().await;
        let maintenance = databases::connect(&self.maintenance).await.expect("the shared cluster takes connections");
        databases::drop_with_connections(&maintenance, &self.name).await.expect("it can be dropped");
        databases::copy(&maintenance, &copy.name, &self.name).await.expect("the copy can be copied");
    }

    /// Nobody is connected, and nobody can be.
    async fn cut_off(&self) {
        let maintenance = databases::connect(&self.maintenance).await.expect("the shared cluster takes connections");
        databases::allow(&maintenance, &self.name, false).await.expect("it can be closed");
        databases::disconnect(&maintenance, &self.name).await.expect("connections can be ended");
    }

    async fn copied_from(shared: &Shared, template: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("{TEST}{}_{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let maintenance = shared.cluster.config(MAINTENANCE);
        let client = databases::connect(&maintenance).await.expect("the shared cluster takes connections");
        databases::copy(&client, template, &name).await.expect("the template can be copied");
        Self { config: shared.cluster.config(&name), url: shared.cluster.url(&name), name, maintenance }
    }

    /// Its name in the cluster.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How to connect to it, for a pool.
    pub fn config(&self) -> Config {
        self.config.clone()
    }

    /// How to connect to it, for `outpost-server --database`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A connection to it, served by the current runtime.
    pub async fn connect(&self) -> Client {
        databases::connect(&self.config).await.expect("a test's database takes connections")
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        // A runtime may not be entered from within another one; a thread of its own may.
        let (maintenance, name) = (self.maintenance.clone(), self.name.clone());
        let dropped = thread::spawn(move || drop_database(&maintenance, &name)).join();
        if !matches!(dropped, Ok(Ok(()))) {
            tracing::warn!(name = self.name, "a test's database stays until the next process begins: {dropped:?}");
        }
    }
}

fn drop_database(maintenance: &Config, name: &str) -> Result<(), Error> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a thread can have a runtime");
    runtime.block_on(async { databases::drop_with_connections(&databases::connect(maintenance).await?, name).await })
}

async fn shared() -> &'static Shared {
    SHARED.get_or_init(prepare).await
}

async fn prepare() -> Shared {
    let cluster = start(&folder()).await;
    let client = databases::connect(&cluster.config(MAINTENANCE)).await.expect("a started cluster takes connections");
    databases::lock(&client, LOCK).await.expect("the lock is free in the end");
    drop_leftovers(&client).await.expect("leftovers can be dropped");
    let template = template(&cluster, &client, MIGRATIONS).await.expect("the template can be made");
    databases::unlock(&client, LOCK).await.expect("the lock is ours");
    Shared { cluster, template }
}

/// The shared cluster's folder.
fn folder() -> PathBuf {
    let own = || env::temp_dir().join(format!("outpost-test-{}", geteuid()));
    env::var_os("OUTPOST_TEST_CLUSTER").map_or_else(own, PathBuf::from)
}

async fn start(folder: &Path) -> Cluster {
    if let Ok(about) = folder.symlink_metadata() {
        assert_eq!(about.uid(), geteuid().as_raw(), "{} belongs to somebody else; remove it", folder.display());
    }
    let is_unsynced = env::var_os("OUTPOST_TEST_FSYNC").is_some_and(|value| value == "off");
    let durability = if is_unsynced { Durability::Unsynced } else { Durability::Throwaway };
    Cluster::start_with(folder, durability).await.unwrap_or_else(|error| panic!("{error}"))
}

/// Drops what killed processes left, and the oldest templates.
async fn drop_leftovers(client: &Client) -> Result<(), Error> {
    for name in databases::beginning_with(client, TEST).await? {
        if is_left_over(&name) {
            databases::drop_with_connections(client, &name).await?;
        }
    }
    for name in databases::beginning_with(client, MAKING).await? {
        databases::drop_with_connections(client, &name).await?;
    }
    for name in databases::beginning_with(client, TEMPLATE).await?.iter().skip(TEMPLATES_KEPT) {
        databases::drop_with_connections(client, name).await?;
    }
    Ok(())
}

/// Whether the process that made this database is gone. Ours has made none when this is asked, so
/// one with our own process id is an older process's.
fn is_left_over(name: &str) -> bool {
    let pid = name.strip_prefix(TEST).and_then(|rest| rest.split('_').next()).and_then(|pid| pid.parse().ok());
    pid.is_none_or(|pid: u32| pid == process::id() || !exists(pid))
}

/// The name of the template with exactly these migrations; makes it if there is none.
async fn template(cluster: &Cluster, client: &Client, list: &[(&str, &str)]) -> Result<String, Error> {
    let texts: Vec<&str> = list.iter().flat_map(|(name, text)| [*name, *text]).collect();
    let digest = &digest(&texts)[..32];
    let (making, finished) = (format!("{MAKING}{digest}"), format!("{TEMPLATE}{digest}"));
    if !databases::exists(client, &finished).await? {
        databases::create_if_absent(client, &making).await?;
        let mut inside = databases::connect(&cluster.config(&making)).await?;
        apply(&mut inside, list).await.unwrap_or_else(|error| panic!("{error}"));
        drop(inside);
        databases::rename(client, &making, &finished).await?;
    }
    Ok(finished)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]
mod tests {
    use std::{
        fs::Permissions,
        os::unix::fs::PermissionsExt,
        process::{Command, Stdio},
    };

    use super::*;

    async fn maintenance() -> Client {
        databases::connect(&shared().await.cluster.config(MAINTENANCE)).await.unwrap()
    }

    #[tokio::test]
    async fn each_test_has_its_own_tables() {
        let (one, other) = tokio::join!(TestDatabase::create(), TestDatabase::create());
        one.connect().await.batch_execute("create table mine ()").await.unwrap();
        other.connect().await.batch_execute("create table mine ()").await.unwrap();
        assert_ne!(one.name(), other.name());
    }

    #[tokio::test]
    async fn a_test_s_database_goes_with_it_though_somebody_is_connected() {
        let database = TestDatabase::create().await;
        let _connected = database.connect().await;
        let name = database.name().to_owned();
        drop(database);
        assert!(!databases::exists(&maintenance().await, &name).await.unwrap());
    }

    #[test]
    fn a_living_process_s_database_is_not_left_over() {
        assert!(!is_left_over(&format!("{TEST}1_0")), "the first process lives as long as the machine");
        assert!(is_left_over(&format!("{TEST}not-a-process")));
    }

    #[tokio::test]
    async fn what_a_killed_test_left_is_dropped_when_the_next_process_begins() {
        let mut gone = Command::new("true").spawn().unwrap();
        gone.wait().unwrap();
        let client = maintenance().await;
        let left = format!("{TEST}{}_0", gone.id());
        databases::create_if_absent(&client, &left).await.unwrap();
        assert!(one_test(&folder()).status().unwrap().success());
        assert!(!databases::exists(&client, &left).await.unwrap());
    }

    #[tokio::test]
    async fn changed_migrations_make_another_template() {
        let (shared, client) = (shared().await, maintenance().await);
        databases::lock(&client, LOCK).await.unwrap();
        let text = format!("create table of_process_{} ()", process::id());
        let first = template(&shared.cluster, &client, &[("0001_mine", &text)]).await.unwrap();
        let again = template(&shared.cluster, &client, &[("0001_mine", &text)]).await.unwrap();
        let changed = template(&shared.cluster, &client, &[("0001_mine", "select 1")]).await.unwrap();
        assert_eq!(first, again);
        assert_ne!(first, changed);
        for name in [first, changed] {
            databases::drop_with_connections(&client, &name).await.unwrap();
        }
    }

    #[tokio::test]
    async fn many_processes_share_one_cluster_that_the_first_of_them_makes() {
        let folder = tempfile::Builder::new().permissions(Permissions::from_mode(0o711)).tempdir().unwrap();
        let mut tests: Vec<_> = (0..3).map(|_| one_test(folder.path()).spawn().unwrap()).collect();
        for test in &mut tests {
            assert!(test.wait().unwrap().success());
        }
        let cluster = start(folder.path()).await;
        assert!(!cluster.is_started_here(), "the last process left it running");
        cluster.stop().unwrap();
    }

    fn one_test(folder: &Path) -> Command {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "testing::tests::each_test_has_its_own_tables"]);
        command.env("OUTPOST_TEST_CLUSTER", folder).stdout(Stdio::null());
        command
    }
}
