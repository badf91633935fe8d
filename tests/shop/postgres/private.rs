//! Head office's own Postgres, which nobody but head office starts.

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use outpost_server::cluster::{Cluster, DATABASE};

use super::{
    answer, folder_that_postgres_can_enter, is_ready,
    load::{Load, Tills},
    server_of, until,
};
use crate::support::process::Running;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_private_postgres_that_is_killed_is_started_again_while_tills_sell() {
    let folder = folder_that_postgres_can_enter();
    let data = folder.path().join("data");
    let cluster = Cluster::start(&data).await.unwrap_or_else(|error| panic!("{error}"));
    let tills = Tills::set_up(&server_of(&cluster).await, folder.path()).await;
    cluster.stop().expect("it stops");
    let path = data.to_string_lossy().into_owned();
    let office = Running::start("outpost-server", &["--data", &path, "--listen", "127.0.0.1:0", "serve"], None).await;
    tills.until_level(&office.url).await;
    let found = Cluster::start(&data).await.unwrap_or_else(|error| panic!("{error}"));
    for ending in [Signal::SIGKILL, Signal::SIGINT] {
        let load = Load::begin(&tills, &office.url);
        load.is_under_way().await;
        let pid = found.pid().expect("head office runs it");
        kill(Pid::from_raw(i32::try_from(pid).expect("an id")), ending).expect("it is ours to end");
        load.hears_that_it_is_away().await;
        assert_eq!(answer(&office.url, "/healthz").await.0, 200, "the process goes on, {ending}");
        // The first one's last connections may go on answering for a moment.
        until(|| found.pid().is_some_and(|now| now != pid)).await;
        load.goes_on().await;
        is_ready(&office.url).await;
        load.end().await;
    }
    tills.until_level(&office.url).await;
    // Told to stop, head office stops the Postgres that took the first one's place too.
    office.stop().await;
    assert_eq!(found.pid(), None);
    let cluster = Cluster::start(&data).await.unwrap_or_else(|error| panic!("{error}"));
    tills.all_is_there_once(&server_of(&cluster).await, &cluster.config(DATABASE)).await;
    cluster.stop().expect("it stops");
}
