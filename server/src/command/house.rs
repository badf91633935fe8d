//! What `serve` needs besides its router: the database, and whoever must have every commit before it is
//! answered.

use std::{sync::Arc, time::Duration};

use outpost_sync::wire::Problem;
use tokio::{sync::Mutex, time::sleep};
use tokio_postgres::Client;

use super::opened::stopped;
use crate::{
    cluster::{Archive, Cluster, DATABASE, release},
    config::{Config, Database},
    db::{databases, presence},
    error::Error,
    output::{self, Elsewhere, Safety},
    server::Server,
    time::Real,
    wake::Task,
};

/// How often it is looked at whether the private Postgres still runs, and whether we are still shown in it.
const LOOK: Duration = Duration::from_secs(1);

/// The longest pause before a Postgres that does not start is started again.
const START_PAUSE_MAX: Duration = Duration::from_secs(30);

/// How often it is looked at whether the archive's base is to be renewed.
const RENEWAL: Duration = Duration::from_secs(3_600);

/// A server's database, open for as long as it serves.
pub(super) struct House {
    pub(super) server: Arc<Server>,
    tasks: Vec<Task>,
    kept: Option<Private>,
}

/// The private cluster, and its archive.
struct Private {
    cluster: Arc<Cluster>,
    archive: Option<Arc<Mutex<Archive>>>,
}

impl House {
    pub(super) async fn open(config: &Config) -> Result<Self, Problem> {
        let (database, kept) = match &config.database {
            Database::At(database) => ((**database).clone(), None),
            Database::Private => {
                let kept = Private::open(config).await?;
                (kept.cluster.config(DATABASE), Some(kept))
            }
        };
        if config.is_standby_required {
            output::require_standby(&database).await?;
        }
        let elsewhere = match (&kept, config.is_standby_required) {
            (Some(_), _) => output::kept_elsewhere(&database).await?,
            (None, true) => Some(Elsewhere::Standby),
            (None, false) => None,
        };
        // Shown before the tables are touched: a verb that comes now waits for the archive as we do.
        let shown = databases::connect(&database).await.map_err(Error::from)?;
        presence::show(&shown).await.map_err(Error::from)?;
        let server = Server::open_with(database.clone(), Arc::new(Real), config.currency).await?;
        let mut tasks = vec![Task::start(keep_shown(database.clone(), shown))];
        tasks.extend(kept.iter().filter_map(Private::renewing));
        tasks.extend(kept.iter().map(Private::keeping));
        let server = match elsewhere {
            Some(elsewhere) => {
                let safety = Arc::new(Safety::new(elsewhere));
                tasks.push(output::watch(database, Arc::clone(&safety)));
                server.watched(safety)
            }
            None => server,
        };
        say_where(elsewhere, config);
        Ok(Self { server: Arc::new(server), tasks, kept })
    }

    /// Stops what was started: the cluster first, so that the archive gets the last of its log.
    pub(super) async fn close(self) -> Result<(), Problem> {
        drop((self.tasks, self.server));
        match self.kept {
            Some(kept) => kept.close().await,
            None => Ok(()),
        }
    }
}

impl Private {
    async fn open(config: &Config) -> Result<Self, Problem> {
        let cluster = Arc::new(Cluster::start(&config.data).await.map_err(stopped)?);
        let archive = match &config.archive {
            Some(folder) => Some(Archive::open(&cluster, folder).await.map_err(stopped)?),
            None => {
                let_go_of_archive(&cluster).await?;
                None
            }
        };
        Ok(Self { cluster, archive: archive.map(|archive| Arc::new(Mutex::new(archive))) })
    }

    /// Renews the archive's base now and then, so that its log does not grow for ever.
    fn renewing(&self) -> Option<Task> {
        let (archive, cluster) = (Arc::clone(self.archive.as_ref()?), Arc::clone(&self.cluster));
        Some(Task::start(async move {
            loop {
                match archive.lock().await.renew(&cluster).await {
                    Ok(true) => tracing::info!("the archive has a new base, and dropped the log before it"),
                    Ok(false) => {}
                    Err(error) => tracing::error!(code = error.code(), "the archive's base was not renewed: {error}"),
                }
                sleep(RENEWAL).await;
            }
        }))
    }

    /// Starts Postgres again whenever it ends without having been told to by us: a crash, or somebody's kill.
    fn keeping(&self) -> Task {
        let cluster = Arc::clone(&self.cluster);
        Task::start(async move {
            let mut pause = LOOK;
            loop {
                sleep(pause).await;
                pause = LOOK;
                if cluster.is_running() {
                    continue;
                }
                tracing::error!("the private Postgres has ended, and is started again");
                match cluster.start_again().await {
                    Ok(()) => tracing::info!("the private Postgres answers again"),
                    Err(error) => {
                        tracing::error!(code = error.code(), "the private Postgres does not start: {error}");
                        pause = START_PAUSE_MAX;
                    }
                }
            }
        })
    }

    async fn close(self) -> Result<(), Problem> {
        let Self { cluster, archive } = self;
        if let Some(archive) = &archive {
            archive.lock().await.let_go();
        }
        let stopping = tokio::task::spawn_blocking(move || cluster.stop_shared()).await;
        stopping.map_err(|error| Problem::new("not_stopped", error.to_string()))?.map_err(stopped)?;
        if let Some(archive) = archive.and_then(Arc::into_inner) {
            archive.into_inner().finish().await;
        }
        Ok(())
    }
}

/// Shows again that a server runs, whenever the connection that shows it has ended with Postgres.
async fn keep_shown(database: tokio_postgres::Config, mut shown: Client) {
    loop {
        while !shown.is_closed() {
            sleep(LOOK).await;
        }
        if let Ok(client) = databases::connect(&database).await
            && presence::show(&client).await.is_ok()
        {
            shown = client;
        }
        sleep(LOOK).await;
    }
}

/// An archive that nobody keeps up any more ends; one that another server keeps up is left to it.
async fn let_go_of_archive(cluster: &Cluster) -> Result<(), Problem> {
    let client = databases::connect(&cluster.config(DATABASE)).await.map_err(Error::from)?;
    let is_kept_up = presence::is_shown(&client).await.map_err(Error::from)?;
    if !is_kept_up && release(cluster).await.map_err(stopped)? {
        tracing::warn!(
            "this server had an archive and is started without one: the archive ends here, and the next \
             `serve --archive` begins it anew"
        );
    }
    Ok(())
}

/// Says once, where whoever looks after the server reads it, what a restore can forget.
fn say_where(elsewhere: Option<Elsewhere>, config: &Config) {
    match (elsewhere, &config.archive) {
        (Some(Elsewhere::Archive), Some(folder)) => {
            tracing::info!(archive = %folder.display(), "whatever is answered is safe in the archive too");
        }
        (Some(Elsewhere::Archive), None) => {
            tracing::info!("whatever is answered is safe in the archive too, which another server keeps up");
        }
        (Some(Elsewhere::Standby), _) => tracing::info!("whatever is answered is safe at a standby too"),
        (None, _) => tracing::warn!(
            "what is answered is on this database's disk alone: after its loss a backup may forget holds, grants and \
             online orders since it was taken (never a sale that a till still has); serve --archive FOLDER, or \
             --output-commit standby, prevents that"
        ),
    }
}
