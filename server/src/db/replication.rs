//! Who else must have a commit before it is answered: the archive's receiver, or a standby.

use tokio_postgres::{Client, Error};

/// The archive's slot: Postgres keeps what its receiver does not have yet.
const SLOT: &str = "outpost_archive";

/// The name under which the archive's receiver connects.
pub const RECEIVER: &str = "outpost_archive";

/// A commit that waited this long for another disk is late, whatever the receiver says of itself.
const LATE_SECONDS: f64 = 5.0;

/// The archive's slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The process that sends to its receiver, if one is connected.
    pub sender: Option<i32>,
    /// Whether something was thrown away that the archive does not have.
    pub is_lost: bool,
}

/// The archive's slot, if there is one.
///
/// # Errors
/// What Postgres says.
pub async fn slot(client: &Client) -> Result<Option<Slot>, Error> {
    let sql = "select active_pid, coalesce(wal_status, 'lost') in ('lost', 'unreserved') from pg_replication_slots where slot_name = $1";
    let row = client.query_opt(sql, &[&SLOT]).await?;
    row.map(|row| Ok(Slot { sender: row.try_get(0)?, is_lost: row.try_get(1)? })).transpose()
}

/// Makes the slot; from now on nothing is thrown away before the archive has it.
///
/// # Errors
/// What Postgres says.
pub async fn create_slot(client: &Client) -> Result<(), Error> {
    client.execute("select pg_create_physical_replication_slot($1, true)", &[&SLOT]).await.map(drop)
}

/// Drops the slot, which nobody uses.
///
/// # Errors
/// What Postgres says.
pub async fn drop_slot(client: &Client) -> Result<(), Error> {
    client.execute("select pg_drop_replication_slot($1)", &[&SLOT]).await.map(drop)
}

/// Ends the sender of a receiver that a killed server left behind; the receiver ends with it.
///
/// # Errors
/// What Postgres says.
pub async fn end_sender(client: &Client, sender: i32) -> Result<(), Error> {
    client.execute("select pg_terminate_backend($1, 10000)", &[&sender]).await.map(drop)
}

/// Whether the archive's receiver is connected and has all but the newest.
///
/// # Errors
/// What Postgres says.
pub async fn is_streaming(client: &Client) -> Result<bool, Error> {
    let sql = "select exists (select from pg_stat_replication where application_name = $1 and state = 'streaming')";
    client.query_one(sql, &[&RECEIVER]).await?.try_get(0)
}

/// From now on, and after every start, a commit waits for the archive.
///
/// # Errors
/// What Postgres says.
pub async fn require_archive(client: &Client) -> Result<(), Error> {
    client.batch_execute(&format!("alter system set synchronous_standby_names = '{RECEIVER}'")).await?;
    client.batch_execute("select pg_reload_conf()").await
}

/// From now on no commit waits for the archive.
///
/// # Errors
/// What Postgres says.
pub async fn release_archive(client: &Client) -> Result<(), Error> {
    client.batch_execute("alter system reset synchronous_standby_names").await?;
    client.batch_execute("select pg_reload_conf()").await
}

/// How it stands with the ones that must have every commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standbys {
    /// No commit waits for anybody.
    NotAskedFor,
    /// One is connected that commits wait for.
    Connected,
    /// Commits wait, and nobody is there.
    Gone,
    /// One is connected, and commits wait for it longer than they should.
    Late,
    /// This user may not see them.
    Hidden,
}

/// How it stands with the ones that must have every commit.
///
/// # Errors
/// What Postgres says.
pub async fn standbys(client: &Client) -> Result<Standbys, Error> {
    let row = client
        .query_one(
            "select current_setting('synchronous_standby_names') <> '' as asked_for,
                    exists (select from pg_stat_replication where sync_state in ('sync', 'quorum')
                                                              and state = 'streaming') as connected,
                    exists (select from pg_stat_replication where sync_state is null) as hidden,
                    exists (select from pg_stat_activity
                            where wait_event = 'SyncRep' and query_start < clock_timestamp() - make_interval(secs => $1))
                        as late",
            &[&LATE_SECONDS],
        )
        .await?;
    let says = |column: &str| row.try_get::<_, bool>(column);
    Ok(if !says("asked_for")? {
        Standbys::NotAskedFor
    } else if says("connected")? {
        if says("late")? { Standbys::Late } else { Standbys::Connected }
    } else if says("hidden")? {
        Standbys::Hidden
    } else {
        Standbys::Gone
    })
}

/// Which cluster this is, among all that were ever made.
///
/// # Errors
/// What Postgres says.
pub async fn system_identifier(client: &Client) -> Result<String, Error> {
    client.query_one("select system_identifier::text from pg_control_system()", &[]).await?.try_get(0)
}
