//! Whole databases: made, copied, dropped.
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

/// Whether there is a database of that name.
pub async fn exists(client: &Client, name: &str) -> Result<bool, Error> {
    Ok(client.query_opt("select 1 from pg_database where datname = $1", &[&name]).await?.is_some())
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

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
