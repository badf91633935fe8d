//! Whether a server is running on a database: it holds a lock for as long as it lives.

use tokio_postgres::{Client, Error};

/// The lock that every running server shares; any number will do that nothing else uses.
const LOCK: i64 = 0x6f75_7470_6f73_7404;

/// Tells others that a server runs, for as long as the connection lives.
///
/// # Errors
/// What Postgres says.
pub async fn show(client: &Client) -> Result<(), Error> {
    client.execute("select pg_advisory_lock_shared($1)", &[&LOCK]).await.map(drop)
}

/// Whether a server runs, besides the one of this connection.
///
/// # Errors
/// What Postgres says.
pub async fn is_shown(client: &Client) -> Result<bool, Error> {
    let sql = "select case when pg_try_advisory_lock($1) then not pg_advisory_unlock($1) else true end";
    client.query_one(sql, &[&LOCK]).await?.try_get(0)
}
