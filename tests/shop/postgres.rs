//! Postgres that is stopped, killed and started again while tills sell, push, hear news and hold goods:
//! no answer that was given is lost, nothing happens twice, and head office serves again by itself.

mod load;
mod private;

use std::{
    collections::BTreeSet,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    sync::Arc,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use outpost_schema::world::Seeded;
use outpost_server::{
    cluster::{Cluster, DATABASE, Durability},
    server::Server,
};
use tempfile::TempDir;
use tokio::time::timeout;
use tokio_postgres::NoTls;

use self::load::{Load, Tills};
use crate::support::process::Running;

/// Longer than any answer may take, and than Postgres takes to end or to start, on a busy machine too: what takes
/// longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Looks after which something that must come has not come.
const LOOKS_MAX: usize = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_ends_postgres_while_tills_sell_nothing_answered_is_lost_and_head_office_serves_again() {
    let folder = folder_that_postgres_can_enter();
    let mut cluster = start(&folder).await;
    let tills = Tills::set_up(&server_of(&cluster).await, folder.path()).await;
    let office = office(&cluster, &folder).await;
    tills.until_level(&office.url).await;
    for ending in [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGKILL] {
        let load = Load::begin(&tills, &office.url);
        load.is_under_way().await;
        signal(&cluster, &folder, ending).await;
        assert_eq!(answer(&office.url, "/readyz").await, (503, "database_away".to_owned()), "{ending}");
        assert_eq!(answer(&office.url, "/healthz").await.0, 200, "the process goes on, {ending}");
        load.hears_that_it_is_away().await;
        cluster = start(&folder).await;
        is_ready(&office.url).await;
        load.goes_on().await;
        load.end().await;
    }
    tills.until_level(&office.url).await;
    office.kill().await;
    tills.all_is_there_once(&server_of(&cluster).await, &cluster.config(DATABASE)).await;
    cluster.stop().expect("it stops");
}

/// A folder for a cluster: Postgres may run as another user, who must be able to pass through it.
fn folder_that_postgres_can_enter() -> TempDir {
    tempfile::Builder::new().permissions(Permissions::from_mode(0o711)).tempdir().expect("a folder")
}

async fn start(folder: &TempDir) -> Cluster {
    let data = folder.path().join("data");
    Cluster::start_with(&data, Durability::Throwaway).await.unwrap_or_else(|error| panic!("{error}"))
}

async fn server_of(cluster: &Cluster) -> Server {
    let server = Server::open(cluster.config(DATABASE), Arc::new(Seeded::new(1_000_000))).await;
    server.expect("the server opens")
}

async fn office(cluster: &Cluster, folder: &TempDir) -> Running {
    let (url, data) = (cluster.url(DATABASE), folder.path().join("office"));
    let data = data.to_string_lossy();
    Running::start("outpost-server", &["--database", &url, "--listen", "127.0.0.1:0", "--data", &data, "serve"], None)
        .await
}

/// Ends Postgres in this way, and waits until none of its processes is left: one that still serves a connection
/// may outlive the one that takes them, and goes on answering until it looks.
async fn signal(cluster: &Cluster, folder: &TempDir, ending: Signal) {
    let pid = cluster.pid().expect("it runs");
    let data = folder.path().join("data");
    assert!(works_in(&data), "it is seen while it runs");
    kill(Pid::from_raw(i32::try_from(pid).expect("an id")), ending).expect("it is ours to end");
    until(|| !works_in(&data)).await;
    assert!(cluster.config(DATABASE).connect(NoTls).await.is_err(), "{ending}");
}

/// Waits until it is so.
async fn until(is_so: impl Fn() -> bool) {
    let waited = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, waited).await.expect("it comes in time");
}

/// True while any process works below this folder, as all of a cluster's do in its data.
fn works_in(folder: &Path) -> bool {
    let processes = fs::read_dir("/proc").expect("processes can be listed");
    processes.flatten().any(|process| fs::read_link(process.path().join("cwd")).is_ok_and(|at| at.starts_with(folder)))
}

/// The status of an answer, and the code in it.
async fn answer(url: &str, path: &str) -> (u16, String) {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let answer = client.get(format!("{url}{path}")).send().await.expect("it answers");
    let (status, text) = (answer.status().as_u16(), answer.text().await.expect("text"));
    let code = serde_json::from_str::<serde_json::Value>(&text).ok();
    (status, code.and_then(|said| said["code"].as_str().map(str::to_owned)).unwrap_or_default())
}

/// Waits until head office says that it is ready; it may lose a connection or two before.
async fn is_ready(url: &str) {
    let mut codes = BTreeSet::new();
    for _ in 0..LOOKS_MAX {
        match answer(url, "/readyz").await {
            (200, _) => return,
            (503, code) => codes.insert(code),
            other => panic!("{other:?}"),
        };
    }
    panic!("it never is: {codes:?}");
}
