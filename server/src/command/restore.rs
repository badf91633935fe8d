//! `outpost-server restore`: everything back, from a backup or from the archive, into an empty place.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use outpost_schema::world::World;
use outpost_sync::wire::Problem;

use super::{
    moment,
    opened::{Opened, stopped},
    say, told,
};
use crate::{
    backup::{self, BackupError, Manifest, Target, compact},
    cluster::{Cluster, DATABASE},
    config::{Config, Database},
    db::nodes::{self, Device},
    server::Server,
    time::Real,
};

/// What a restore needs to know.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The backup: a folder whose name ends in .backup. Without it, the archive that --archive names
    #[arg(long, value_name = "BACKUP")]
    from: Option<PathBuf>,
    /// Move what is in the private Postgres's place aside first; nothing is deleted
    #[arg(long)]
    replace: bool,
}

pub(super) async fn run(args: &Args, config: &Config) -> Result<(), Problem> {
    match (&args.from, &config.archive) {
        (Some(backup), _) => from_backup(backup, args, config).await.map_err(|error| told(&error, BackupError::code)),
        (None, Some(archive)) => from_archive(archive, args, config).await,
        (None, None) => Err(Problem::new("wrong_flags", "name what to restore: --from BACKUP, or --archive FOLDER")),
    }
}

async fn from_backup(backup: &Path, args: &Args, config: &Config) -> Result<(), BackupError> {
    let manifest = Manifest::read(backup)?;
    let bar = ProgressBar::with_draw_target(Some(manifest.dump.bytes), ProgressDrawTarget::stderr());
    bar.set_style(
        ProgressStyle::with_template("{bar:40} {percent:>3}%").unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let dump = manifest.check_dump(backup, |done| bar.set_position(done))?;
    bar.finish_and_clear();
    say(format!("the backup of {} is whole and unaltered", manifest.taken));
    let (database, cluster) = match &config.database {
        Database::At(database) => (external(database, args.replace).await?, None),
        Database::Private => {
            let cluster = private(args.replace, config).await?;
            (cluster.config(DATABASE), Some(cluster))
        }
    };
    let target = Target { database, currency: config.currency, world: Arc::new(Real) };
    let server = backup::restore(&dump, &manifest, target).await?;
    say(format!("restored: head office is as it was at {}", manifest.taken));
    say_what_follows(&server).await?;
    drop(server);
    cluster.map_or(Ok(()), Cluster::stop).map_err(BackupError::from)
}

async fn external(database: &tokio_postgres::Config, replace: bool) -> Result<tokio_postgres::Config, BackupError> {
    if replace {
        return Err(BackupError::Usage(
            "--replace moves the private Postgres aside; for --database make an empty database and name that one",
        ));
    }
    if !backup::is_free(database).await? {
        return Err(BackupError::NotEmpty {
            place: "the database that --database names".to_owned(),
            cure: "make another one (`createdb NAME`) and name that one",
        });
    }
    Ok(database.clone())
}

async fn private(replace: bool, config: &Config) -> Result<Cluster, BackupError> {
    if replace {
        set_aside(config).await?;
    }
    let is_new = !Cluster::is_in(&config.data);
    let cluster = Cluster::start(&config.data).await?;
    if !is_new && !backup::is_free(&cluster.config(DATABASE)).await? {
        return Err(not_empty(config));
    }
    Ok(cluster)
}

async fn from_archive(archive: &Path, args: &Args, config: &Config) -> Result<(), Problem> {
    if args.replace {
        set_aside(config).await.map_err(|error| told(&error, BackupError::code))?;
    }
    if Cluster::is_in(&config.data) {
        return Err(told(&not_empty(config), BackupError::code));
    }
    say("the archive is checked and its log played over its copy of the database; this takes a while");
    Cluster::recover(&config.data, archive).await.map_err(stopped)?;
    let opened = Opened::open(config).await?;
    say("restored: head office is as it was when it last answered anybody; nothing that was told is lost");
    say_what_follows(&opened.server).await?;
    opened.close().await
}

fn not_empty(config: &Config) -> BackupError {
    BackupError::NotEmpty {
        place: format!("the private Postgres in {}", config.data.display()),
        cure: "give --replace to move it aside, or another --data",
    }
}

async fn set_aside(config: &Config) -> Result<(), BackupError> {
    if let Some(aside) = Cluster::set_aside(&config.data, &compact(Real.now())).await? {
        say(format!("what was there is now in {}; delete it when you are sure", aside.display()));
    }
    Ok(())
}

/// What happens from here on, in words for whoever did this at night.
async fn say_what_follows(server: &Server) -> Result<(), crate::error::Error> {
    let devices = server.db.snapshot(|tx| async move { nodes::devices(&tx).await }).await?;
    say("");
    say("Start it now with `outpost-server serve`. What happens then, by itself:");
    say("- Tills keep selling. They notice that head office was restored, and push again what it forgot.");
    if devices.is_empty() {
        say("- There are no devices yet, so nothing need be waited for.");
        return Ok(());
    }
    let all = match devices.len() {
        1 => "this device has".to_owned(),
        count => format!("all {count} devices have"),
    };
    say(format!("- Until {all} reported, none gets more to sell than it has, and nothing is held online:"));
    for Device { name, place, seen_at } in &devices {
        let heard = seen_at.map_or_else(|| "never heard".to_owned(), |at| format!("last heard {} UTC", moment(at)));
        say(format!("    {name} at {place}, {heard}"));
    }
    say("- A device that will not come back is given up: see server/RECOVERY.md.");
    Ok(())
}
