//! The life of a private cluster, on the machine's real Postgres.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::{
    fs::{self, Permissions},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::PathBuf,
    process::Stdio,
    thread,
};

use nix::{sys::signal::Signal, unistd::geteuid};
use tempfile::TempDir;

use super::*;

/// An empty folder that whoever runs Postgres can walk through.
fn folder() -> TempDir {
    tempfile::Builder::new().permissions(Permissions::from_mode(0o711)).tempdir().unwrap()
}

async fn start(data: &TempDir) -> Cluster {
    Cluster::start_with(data.path(), Durability::Throwaway).await.unwrap()
}

async fn say(cluster: &Cluster, sql: &str) {
    databases::connect(&cluster.config(DATABASE)).await.unwrap().batch_execute(sql).await.unwrap();
}

async fn count(cluster: &Cluster, sql: &str) -> i64 {
    databases::connect(&cluster.config(DATABASE)).await.unwrap().query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn what_was_committed_is_there_after_stop_and_start() {
    let data = folder();
    let cluster = start(&data).await;
    say(&cluster, "create table kept as select 1").await;
    let pid = cluster.pid().unwrap();
    cluster.stop().unwrap();
    assert!(!exists(pid), "stopped means gone");
    let cluster = start(&data).await;
    assert_eq!(count(&cluster, "select count(*) from kept").await, 1);
}

#[tokio::test]
async fn production_data_can_be_made_too() {
    let data = folder();
    let cluster = Cluster::start(data.path()).await.unwrap();
    assert_eq!(count(&cluster, "select count(*) from pg_settings where name = 'fsync' and setting = 'on'").await, 1);
}

#[tokio::test]
async fn two_starts_at_once_make_one_cluster_that_ends_with_its_starter() {
    let data = folder();
    let (one, other) = tokio::join!(start(&data), start(&data));
    assert_eq!(one.pid(), other.pid());
    assert_ne!(one.is_started_here(), other.is_started_here());
    let (starter, user) = if one.is_started_here() { (one, other) } else { (other, one) };
    let pid = starter.pid().unwrap();
    drop(user);
    assert!(exists(pid), "who only uses it leaves it running");
    drop(starter);
    assert!(!exists(pid), "dropped means gone");
}

#[tokio::test]
async fn one_that_was_left_running_is_found_and_stopped_by_another() {
    let data = folder();
    let left = start(&data).await;
    let pid = left.pid().unwrap();
    left.leave_running();
    let found = start(&data).await;
    assert!(!found.is_started_here());
    assert_eq!(found.pid(), Some(pid));
    found.stop().unwrap();
    assert!(!data.path().join("postgres/data/postmaster.pid").exists());
}

#[tokio::test]
async fn a_killed_postgres_recovers_what_was_committed() {
    let data = folder();
    let killed = start(&data).await;
    say(&killed, "create table kept as select 1").await;
    // A backend at work outlives its first process for a while and holds on to the memory they share.
    let busy = databases::connect(&killed.config(DATABASE)).await.unwrap();
    let work = "do $$ begin for i in 1..50000000 loop null; end loop; end $$";
    let _cut_off = tokio::spawn(async move { busy.batch_execute(work).await });
    let at_work = "select count(*) from pg_stat_activity where state = 'active' and query like 'do %'";
    while count(&killed, at_work).await == 0 {}
    let pid = killed.pid().unwrap();
    kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL).unwrap();
    let recovered = start(&data).await;
    assert!(recovered.is_started_here());
    assert_eq!(count(&recovered, "select count(*) from kept").await, 1);
    drop(killed);
    assert_eq!(count(&recovered, "select count(*) from kept").await, 1, "the killed one's end stops nobody else");
}

#[tokio::test]
async fn root_steps_down_and_nobody_else_reaches_the_socket() {
    let data = folder();
    let cluster = start(&data).await;
    let account = Account::choose().unwrap();
    let lock = fs::metadata(cluster.folders.postmaster_lock()).unwrap();
    assert_eq!((lock.uid(), account.is_lent), (account.uid, geteuid().is_root()));
    assert_ne!(lock.uid(), 0);
    let run = fs::metadata(&cluster.folders.run).unwrap();
    assert_eq!((run.mode() & 0o777, run.uid()), (0o700, account.uid));
    if let Ok(status) = fs::read_to_string(format!("/proc/{}/status", cluster.pid().unwrap())) {
        let groups = status.lines().find_map(|line| line.strip_prefix("Groups:")).unwrap();
        assert!(!account.is_lent || groups.trim().is_empty(), "{groups}");
    }
}

#[tokio::test]
async fn a_place_below_a_closed_home_is_refused_with_the_cure() {
    if !geteuid().is_root() {
        return;
    }
    let home = folder();
    fs::set_permissions(home.path(), Permissions::from_mode(0o700)).unwrap();
    let error = Cluster::start(&home.path().join("shop/data")).await.unwrap_err();
    assert_eq!(error.code(), "data_unreachable");
    let cure = format!("chmod o+x '{}'", home.path().canonicalize().unwrap().display());
    assert!(error.to_string().contains(&cure), "{error}");
    assert!(error.to_string().contains("--data /var/lib/outpost"), "{error}");
    assert!(!home.path().join("shop").exists(), "what is refused makes nothing");
}

#[tokio::test]
async fn a_path_too_long_for_a_socket_gets_a_short_folder() {
    let data = folder();
    let long = data.path().join("a-long-name-for-a-folder".repeat(5));
    let cluster = Cluster::start_with(&long, Durability::Throwaway).await.unwrap();
    assert_eq!(count(&cluster, "select count(*) from pg_database where datname = 'outpost'").await, 1);
    let run: PathBuf = cluster.folders.run.clone();
    assert!(!run.starts_with(data.path()));
    cluster.stop().unwrap();
    fs::remove_dir(run).unwrap();
}

#[tokio::test]
async fn a_making_that_was_killed_is_made_again() {
    let data = folder();
    let account = Account::choose().unwrap();
    let folders = Folders::prepare(data.path(), &account).unwrap();
    let making = folders.new_making(&account).unwrap();
    let mut command = account.command(&Binaries::find(&folders.data).unwrap().initdb());
    command.arg("-D").arg(&making).stdout(Stdio::null()).stderr(Stdio::null());
    let mut initdb = command.spawn().unwrap();
    while !making.join("PG_VERSION").exists() {
        assert!(initdb.try_wait().unwrap().is_none(), "killed before it is done");
        thread::yield_now();
    }
    initdb.kill().unwrap();
    initdb.wait().unwrap();
    let cluster = start(&data).await;
    assert_eq!(count(&cluster, "select count(*) from pg_database where datname = 'outpost'").await, 1);
}

#[tokio::test]
async fn one_that_cannot_start_shows_the_end_of_its_log() {
    let data = folder();
    let cluster = start(&data).await;
    let settings = cluster.folders.data.join("postgresql.conf");
    cluster.stop().unwrap();
    fs::write(settings, "no_such_setting = 1\n").unwrap();
    let error = Cluster::start(data.path()).await.unwrap_err();
    assert_eq!(error.code(), "postgres_ended");
    assert!(error.to_string().contains("no_such_setting"), "{error}");
}

#[tokio::test]
async fn its_url_means_the_same_as_its_config_in_a_folder_of_any_name() {
    let data = folder();
    let odd = data.path().join("a shop, \"ours\" & 100%/é");
    let cluster = Cluster::start_with(&odd, Durability::Throwaway).await.unwrap();
    let url: Config = cluster.url(DATABASE).parse().unwrap();
    assert_eq!(url.get_hosts(), cluster.config(DATABASE).get_hosts());
    databases::connect(&url).await.unwrap();
}
