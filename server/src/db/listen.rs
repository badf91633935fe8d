//! The connection on which a process hears that another one committed news.

use std::{future::poll_fn, sync::Arc};

use tokio::sync::Notify;
use tokio_postgres::{AsyncMessage, Client, Config, NoTls};

use crate::error::Error;

/// A connection that listens.
pub struct Line {
    client: Client,
    bell: Arc<Notify>,
}

impl Line {
    /// Connects and listens. What it tells need not survive a power cut, so no commit of its own
    /// waits for the disk.
    ///
    /// # Errors
    /// What Postgres says.
    pub async fn open(config: &Config) -> Result<Self, Error> {
        let (client, mut connection) = config.connect(NoTls).await?;
        let bell = Arc::new(Notify::new());
        let ringer = Arc::clone(&bell);
        tokio::spawn(async move {
            // Whoever uses the client hears of a broken connection; here it only ends the task.
            while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
                if let AsyncMessage::Notification(_) = message {
                    ringer.notify_one();
                }
            }
        });
        client.batch_execute("set synchronous_commit = off; listen outpost_feed").await?;
        Ok(Self { client, bell })
    }

    /// The connection, for statements of one's own.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Returns when some process said that there is news.
    pub async fn heard(&self) {
        self.bell.notified().await;
    }

    /// Says to every process that there is news.
    ///
    /// # Errors
    /// What Postgres says.
    pub async fn tell(&self) -> Result<(), Error> {
        Ok(self.client.batch_execute("notify outpost_feed").await?)
    }
}
