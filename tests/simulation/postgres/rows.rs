//! What a database holds, as a dump has it: every table as Postgres writes it out, as of one moment.

use std::collections::BTreeMap;

use axum::body::Bytes;
use futures_util::{SinkExt as _, TryStreamExt as _};
use tokio_postgres::Client;

/// The tables of a database by name. A restore's own mark is none of them.
const TABLES: &str = "
    select quote_ident(relname) from pg_class
    where relkind = 'r' and relnamespace = 'public'::regnamespace and relname <> 'restore_unfinished'";

/// Every row of every table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows(BTreeMap<String, Bytes>);

impl Rows {
    /// Reads a database as of one moment, while others work with it.
    pub async fn read(client: &Client) -> Self {
        client.batch_execute("begin isolation level repeatable read read only").await.expect("a snapshot");
        let mut tables = BTreeMap::new();
        for table in client.query(TABLES, &[]).await.expect("tables") {
            let name: String = table.get(0);
            let copied = client.copy_out(&format!("copy {name} to stdout")).await.expect("a table is written out");
            let pieces: Vec<Bytes> = copied.try_collect().await.expect("a table is written out");
            tables.insert(name, Bytes::from(pieces.concat()));
        }
        client.batch_execute("commit").await.expect("a snapshot ends");
        Self(tables)
    }

    /// Makes a database hold exactly this, in one transaction. As when a dump is poured, nothing is checked
    /// or marked on the way: everything that triggers had written is among the rows.
    pub async fn pour(&self, client: &Client) {
        let emptied: String = self.0.keys().map(|name| format!("delete from {name};")).collect();
        let begun = format!("begin; set local session_replication_role = replica; {emptied}");
        client.batch_execute(&begun).await.expect("tables are emptied");
        for (name, rows) in self.0.iter().filter(|(_, rows)| !rows.is_empty()) {
            let sink = client.copy_in(&format!("copy {name} from stdin")).await.expect("a table is poured");
            let mut sink = std::pin::pin!(sink);
            sink.send(rows.clone()).await.expect("rows are taken");
            sink.finish().await.expect("rows are taken");
        }
        client.batch_execute("commit").await.expect("the rows are there");
    }

    /// How long it is.
    pub fn bytes(&self) -> i64 {
        self.0.values().map(|rows| rows.len() as i64).sum()
    }

    /// The rows of each table in an order of their own, for a comparison.
    #[cfg(test)]
    pub fn sorted(&self) -> BTreeMap<&str, Vec<&str>> {
        let lines = |rows| {
            let mut lines: Vec<&str> = std::str::from_utf8(rows).expect("text").lines().collect();
            lines.sort_unstable();
            lines
        };
        self.0.iter().map(|(name, rows)| (name.as_str(), lines(rows))).collect()
    }
}
