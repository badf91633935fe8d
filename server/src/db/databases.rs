//! Whole databases: made, copied, renamed, dropped.
//!
//! Their names are made by this program and are plain words; they are quoted all the same.

use tokio_postgres::{Client, Config, Error, NoTls, error::SqlState};

/// Connects, and serves the connection on the current runtime until the client is dropped.
pub async fn connect(config: &Config) -> Result<Client, Error> {
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(async move {
        // Whoever uses the client hears of a broken connection, and can say what it was for.
        let _broken = connection.await;
    });
    Ok(client)
}

/// The server's major version.
pub async fn major(client: &Client) -> Result<u32, Error> {
    let row = client.query_one("select current_setting('server_version_num')::integer / 10000", &[]).await?;
    Ok(row.try_get::<_, i32>(0)?.unsigned_abs())
}

/// Whether there is a database of that name.
pub async fn exists(client: &Client, name: &str) -> Result<bool, Error> {
    Ok(client.query_opt("select 1 from pg_database where datname = $1", &[&name]).await?.is_some())
}

/// The names of the databases that begin with `prefix`, the newest first.
pub async fn beginning_with(client: &Client, prefix: &str) -> Result<Vec<String>, Error> {
    let rows = client
        .query(
            "select datname::text from pg_database where starts_with(datname::text, $1) order by oid desc",
            &[&prefix],
        )
        .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Makes an empty database unless there is one; of two who try at once, both succeed.
pub async fn create_if_absent(client: &Client, name: &str) -> Result<(), Error> {
    if exists(client, name).await? {
        return Ok(());
    }
    match client.batch_execute(&format!("create database {}", quoted(name))).await {
        Err(error) if error.code() == Some(&SqlState::DUPLICATE_DATABASE) => Ok(()),
        // The unique index may notice before the check by name does.
        Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => Ok(()),
        answer => answer,
    }
}

/// Makes a database that is a copy of `template`, to which nobody may be connected.
pub async fn copy(client: &Client, template: &str, name: &str) -> Result<(), Error> {
    client.batch_execute(&format!("create database {} template {}", quoted(name), quoted(template))).await
}

/// Gives a database, to which nobody may be connected, another name.
pub async fn rename(client: &Client, name: &str, new_name: &str) -> Result<(), Error> {
    client.batch_execute(&format!("alter database {} rename to {}", quoted(name), quoted(new_name))).await
}

/// Drops a database if it exists, and the connections to it.
pub async fn drop_with_connections(client: &Client, name: &str) -> Result<(), Error> {
    client.batch_execute(&format!("drop database if exists {} with (force)", quoted(name))).await
}

/// Takes a lock, and waits for it; it lasts until [`unlock`] or the end of the connection.
pub async fn lock(client: &Client, lock: i64) -> Result<(), Error> {
    client.execute("select pg_advisory_lock($1)", &[&lock]).await.map(drop)
}

/// Gives back what [`lock`] took.
pub async fn unlock(client: &Client, lock: i64) -> Result<(), Error> {
    client.execute("select pg_advisory_unlock($1)", &[&lock]).await.map(drop)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
