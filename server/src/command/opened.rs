//! The network, opened for one verb: connected, its tables up to date.

use std::sync::Arc;

use outpost_sync::wire::Problem;

use super::told;
use crate::{
    cluster::{Cluster, ClusterError, DATABASE},
    config::{Config, Database},
    db::{
        databases, presence,
        replication::{self, Standbys},
    },
    error::Error,
    output::{Elsewhere, Safety},
    server::Server,
    time::Real,
};

/// A server's database, and the private cluster it lies in, if there is one.
pub(super) struct Opened {
    pub(super) server: Arc<Server>,
    pub(super) cluster: Option<Cluster>,
}

impl Opened {
    pub(super) async fn open(config: &Config) -> Result<Self, Problem> {
        let (database, cluster) = match &config.database {
            Database::Private => {
                let cluster = Cluster::start(&config.data).await.map_err(stopped)?;
                (cluster.config(DATABASE), Some(cluster))
            }
            Database::At(database) => ((**database).clone(), None),
        };
        let server = match cluster {
            Some(_) => beside_archive(database, config).await?,
            None => Server::open_with(database, Arc::new(Real), config.currency).await?,
        };
        Ok(Self { server: Arc::new(server), cluster })
    }

    /// Leaves the cluster as it was found: one that was started for this verb is stopped, unless a
    /// server has come to use it meanwhile.
    pub(super) async fn close(self) -> Result<(), Problem> {
        let Some(cluster) = self.cluster else { return Ok(()) };
        if !cluster.is_started_here() {
            return Ok(());
        }
        let client = databases::connect(self.server.db.config()).await.map_err(Error::from)?;
        if presence::is_shown(&client).await.map_err(Error::from)? {
            cluster.leave_running();
            return Ok(());
        }
        cluster.stop().map_err(stopped)
    }
}

/// A verb's commits wait for the archive while a server keeps it up, and are refused while it is away.
/// Without a server they would wait for ever, so they don't: they reach the archive before anything that
/// the next server answers.
async fn beside_archive(mut database: tokio_postgres::Config, config: &Config) -> Result<Server, Problem> {
    let client = databases::connect(&database).await.map_err(Error::from)?;
    let is_served = presence::is_shown(&client).await.map_err(Error::from)?;
    let seen = replication::standbys(&client).await.map_err(Error::from)?;
    if !is_served {
        database.options("-c synchronous_commit=local");
    }
    let server = Server::open_with(database, Arc::new(Real), config.currency).await?;
    if !is_served || seen == Standbys::NotAskedFor {
        return Ok(server);
    }
    let safety = Safety::new(Elsewhere::Archive);
    safety.note(seen);
    Ok(server.watched(Arc::new(safety)))
}

/// What the cluster could not do.
pub(super) fn stopped(error: ClusterError) -> Problem {
    told(&error, ClusterError::code)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]
mod tests {
    use std::{fs::Permissions, os::unix::fs::PermissionsExt};

    use super::*;
    use crate::config::Settings;

    #[tokio::test]
    async fn a_cluster_that_a_server_has_come_to_use_is_left_running() {
        let folder = tempfile::Builder::new().permissions(Permissions::from_mode(0o711)).tempdir().unwrap();
        let settings = Settings { data: Some(folder.path().join("data")), ..Settings::default() };
        let config = Config::check(settings, std::iter::empty()).unwrap();
        let verb = Opened::open(&config).await.unwrap();
        let serving = databases::connect(verb.server.db.config()).await.unwrap();
        presence::show(&serving).await.unwrap();
        verb.close().await.unwrap();
        assert!(!serving.is_closed());
        let cluster = Cluster::start(&config.data).await.unwrap();
        assert!(!cluster.is_started_here(), "it was still there");
        cluster.stop().unwrap();
    }
}
