//! A private Postgres for as long as a figure is measured: on a real disk, waiting for it at each commit,
//! and stopped at the end, whatever the end is.

use std::{future::Future, sync::Arc};

use outpost_server::{
    cluster::{Cluster, DATABASE},
    db::databases,
    server::Server,
    time::Real,
};
use tokio::{
    runtime::Runtime,
    signal::unix::{SignalKind, signal},
};
use tokio_postgres::{Client, Config};

use crate::{disk, report::Outcome};

/// A Postgres that runs.
#[derive(Debug)]
pub struct Postgres {
    cluster: Cluster,
}

impl Postgres {
    /// An empty database of this name, made anew.
    pub async fn database(&self, name: &str) -> Outcome<Config> {
        let maintenance = databases::connect(&self.cluster.config(DATABASE)).await?;
        databases::drop_with_connections(&maintenance, name).await?;
        databases::create_if_absent(&maintenance, name).await?;
        Ok(self.cluster.config(name))
    }

    /// How another process connects to the database of this name.
    pub fn url(&self, name: &str) -> String {
        self.cluster.url(name)
    }

    /// Head office over a database of this name, made anew.
    pub async fn server(&self, name: &str) -> Outcome<(Arc<Server>, Client)> {
        let config = self.database(name).await?;
        let outside = databases::connect(&config).await?;
        let currency = Some("USD".parse()?);
        Ok((Arc::new(Server::open_with(config, Arc::new(Real), currency).await?), outside))
    }
}

/// Measures something that needs Postgres. If the figure is interrupted, Postgres is stopped as well.
pub fn with<F: Future<Output = Outcome>>(measure: impl FnOnce(Arc<Postgres>) -> F) -> Outcome {
    let folder = disk::folder()?;
    let runtime = Runtime::new()?;
    let outcome = runtime.block_on(async {
        let postgres = Arc::new(Postgres { cluster: Cluster::start(folder.path()).await? });
        tokio::select! {
            outcome = measure(Arc::clone(&postgres)) => outcome,
            () = interrupted() => Err("it was interrupted".into()),
        }
    });
    // The tasks of connections and routers end here, so that nothing keeps Postgres from stopping.
    drop(runtime);
    outcome
}

/// Waits until somebody wants the program to end.
async fn interrupted() {
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
