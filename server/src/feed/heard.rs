//! Which devices are heard though they have nothing to tell: a pull that waits says that its device is within reach,
//! so that what it has to spare can be asked for.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use outpost_schema::{clock::Timestamp, id::NodeId};

use crate::{db::nodes, server::Server};

/// A device that only waits is noted once in so many seconds: 19,000 of them cost some 60 small writes a second.
const NOTED_SECONDS: i64 = 5 * 60;

/// When each device was last noted by this server.
#[derive(Debug, Default)]
pub struct Heard {
    noted: Mutex<HashMap<NodeId, Timestamp>>,
}

impl Heard {
    /// Notes that a device was answered. That it could not be noted keeps no page back.
    pub(super) async fn note(&self, server: &Server, node_id: NodeId) {
        let (now, before) = (server.now(), server.now().plus_seconds(-NOTED_SECONDS));
        if !self.is_due(node_id, before, now) {
            return;
        }
        let noted = server.db.transaction(|tx| async move { nodes::note_heard(&tx, node_id, before, now).await }).await;
        if let Err(error) = noted {
            tracing::debug!("that a device was heard could not be noted: {error}");
        }
    }

    fn is_due(&self, node_id: NodeId, before: Timestamp, now: Timestamp) -> bool {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = noted.get(&node_id).is_none_or(|at| *at <= before || *at > now);
        if is_due {
            noted.insert(node_id, now);
        }
        is_due
    }
}
