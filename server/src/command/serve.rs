//! `outpost-server serve`: answers until it is told to stop, then stops what it started.

use std::{future::pending, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, middleware};
use outpost_sync::wire::Problem;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::watch,
    time::sleep,
};

use super::house::House;
use crate::{
    accept, api, bootstrap, config::Config, confirm, db::nodes, epoch::high_water, hold, horizon, server::Server,
    wake::Task, web, withdraw,
};

/// How long requests may take to end once the server was told to stop: longer than any that works,
/// shorter than those that only wait for news.
const ENDING_WAIT: Duration = Duration::from_secs(3);

pub(super) async fn run(config: &Config) -> Result<(), Problem> {
    // Before anything that takes time, so that a second server on one address is told at once.
    let listener = listen(config.listen).await?;
    let mut told_to_stop = stop_signals()?;
    let house = tokio::select! {
        house = House::open(config) => house?,
        () = told(&mut told_to_stop) => return Ok(()),
    };
    let server = &house.server;
    keep_files(server, config).await?;
    let mark = high_water::beside(&config.data);
    high_water::look(server, &mark).await?;
    // What an older program could not read, this one perhaps can.
    accept::retry_after_change(server).await?;
    let horizon = Task::start(horizon::keep(Arc::clone(server), config.horizon_days));
    let following = Task::start(high_water::follow(Arc::clone(server), mark.clone()));
    let swept = Task::start(hold::keep_swept(Arc::clone(server)));
    let confirming = Task::start(confirm::keep_confirmed(Arc::clone(server)));
    let looking = Task::start(withdraw::keep_looking(Arc::clone(server)));
    greet(server, listener.local_addr().unwrap_or(config.listen)).await?;
    let served = answer(listener, Arc::clone(server), told_to_stop).await;
    drop((horizon, following, swept, confirming, looking));
    if let Err(error) = high_water::note(server, &mark, None).await {
        tracing::warn!(code = error.code(), "how far the database has come could not be noted at the end: {error}");
    }
    house.close().await?;
    tracing::info!("stopped");
    served
}

/// Without a folder for them there are no files, and nodes read the feed from its start: slower, and no
/// reason not to serve.
async fn keep_files(server: &Server, config: &Config) -> Result<(), Problem> {
    let folder = config.data.join(bootstrap::FOLDER);
    if let Err(error) = server.keep_files(&folder, server.epoch().await?.epoch_id) {
        tracing::warn!(folder = %folder.display(), %error, "no files to fill nodes from are kept; look at the folder's rights");
    }
    Ok(())
}

async fn listen(address: SocketAddr) -> Result<TcpListener, Problem> {
    TcpListener::bind(address).await.map_err(|error| {
        let sentence = format!("cannot listen at {address}; another server may run there, or give --listen: {error}");
        Problem::new("address_in_use", sentence)
    })
}

/// Everything that is answered here.
pub(super) fn router(server: Arc<Server>) -> Router {
    web::router(server.clone()).merge(api::router(server)).layer(middleware::from_fn(web::guard))
}

/// Where it listens, for people and for programs that wait for it, and what to do next.
async fn greet(server: &Server, address: SocketAddr) -> Result<(), Problem> {
    let nodes = server.db.snapshot(|tx| async move { nodes::nodes(&tx).await }).await?;
    println!("head office is at http://{address}");
    if nodes.is_empty() {
        println!("next: outpost-server warehouse add NAME, then outpost-server node add --kind till --warehouse NAME");
    }
    tracing::info!(%address, nodes = nodes.len(), "serving");
    Ok(())
}

async fn answer(
    listener: TcpListener,
    server: Arc<Server>,
    told_to_stop: watch::Receiver<bool>,
) -> Result<(), Problem> {
    let (mut first, mut second) = (told_to_stop.clone(), told_to_stop);
    let ending = async move { told(&mut first).await };
    let serving = axum::serve(listener, router(server)).with_graceful_shutdown(ending);
    let overdue = async move {
        told(&mut second).await;
        sleep(ENDING_WAIT).await;
    };
    tokio::select! {
        served = async { serving.await } => served.map_err(|error| {
            Problem::new("not_serving", format!("the server cannot take connections any more; start it again: {error}"))
        }),
        () = overdue => Ok(()),
    }
}

/// Turns true at the first SIGTERM or SIGINT.
fn stop_signals() -> Result<watch::Receiver<bool>, Problem> {
    let failed = |error| Problem::new("no_signals", format!("this machine does not deliver signals: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let (tell, told) = watch::channel(false);
    tokio::spawn(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        tell.send_replace(true);
        // Whoever waits must not take the end of this task for a signal of its own.
        pending::<()>().await;
    });
    Ok(told)
}

async fn told(stop: &mut watch::Receiver<bool>) {
    // The sender lives as long as the process.
    let _told = stop.wait_for(|told| *told).await;
}
