//! `serve`: pages, API and courier, until the process is told to end.

use std::time::Duration;

use outpost_sync::wire::Problem;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use super::{
    Failure,
    house::{House, Sign},
};
use crate::config::Config;

/// Requests that are under way when the process is told to end may take this long.
const STOP_WAIT: Duration = Duration::from_secs(5);

/// Threads for pages and API: the work itself is done where it may block.
const WORKERS: usize = 2;

/// Serves.
///
/// # Errors
/// If the folder, the address or the machine will not have it.
pub fn run(config: &Config) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build();
    let runtime = runtime.map_err(|error| Problem::new("no_runtime", error.to_string()))?;
    let ended = runtime.block_on(serve(config));
    runtime.shutdown_timeout(STOP_WAIT);
    ended
}

async fn serve(config: &Config) -> Result<(), Failure> {
    let stop = told_to_stop()?;
    let house = House::open(config, config.listen, true).await?;
    let (app, address) = (std::sync::Arc::clone(&house.app), house.address);
    let _sign = Sign::put_up(&config.data, address)?;
    say!("{} is open at http://{address}/", house.name);
    let (listener, router) = house.into_service();
    let served = axum::serve(listener, router).with_graceful_shutdown(wait(stop.clone()));
    tokio::select! {
        served = async { served.await } => {
            served.map_err(|error| Problem::new("not_served", error.to_string()))?;
        }
        () = async { wait(stop).await; tokio::time::sleep(STOP_WAIT).await } => {}
    }
    app.close();
    say!("Closed. What waits is kept, and goes out with the next start.");
    Ok(())
}

/// Turns true once the process is told to end.
fn told_to_stop() -> Result<watch::Receiver<bool>, Failure> {
    let listen = |kind| signal(kind).map_err(|error| Problem::new("no_signals", error.to_string()));
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        stop.send_replace(true);
        // Kept, so that the word stays.
        stop.closed().await;
    });
    Ok(stopped)
}

async fn wait(mut stop: watch::Receiver<bool>) {
    drop(stop.wait_for(|stop| *stop).await);
}
