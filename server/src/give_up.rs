//! Giving a device's journal up: it is no longer waited for, and what it has open can be reclaimed.

use outpost_schema::{
    clock::Timestamp,
    device::IncarnationState,
    id::{IncarnationId, NodeId},
};

use crate::{
    db::{self, Tx, epochs, journals, nodes},
    epoch,
    error::Error,
    grants,
    server::Server,
};

/// One life of a device's journal, as far as somebody must know who gives it up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Life {
    /// The device.
    pub node_id: NodeId,
    /// What it is called.
    pub node: String,
    /// Which.
    pub incarnation_id: IncarnationId,
    /// Counts the device's lives.
    pub number: i32,
    /// Whether it is still taken.
    pub state: IncarnationState,
    /// When the device was last heard.
    pub seen_at: Option<Timestamp>,
    /// Whether it owes a report since the present epoch began.
    pub report_owed: bool,
    /// When it was given up.
    pub given_up_at: Option<Timestamp>,
    /// Units it has open: by so much too much can be sold at most if they are reclaimed and it sells them
    /// all the same. After a restore it may have been granted more than the server knows.
    pub open_units: i64,
    /// In how many stock rows.
    pub open_rows: i64,
}

/// A life of the device of that name: the one with that number, or the newest.
///
/// # Errors
/// [`Error::NotFound`], or the database's.
pub async fn life(server: &Server, name: &str, number: Option<i32>) -> Result<Life, Error> {
    let found = server.db.snapshot(|tx| async move { nodes::life(&tx, name, number).await }).await?;
    let what = if number.is_some() { "such life of the device" } else { "device" };
    found.ok_or_else(|| Error::NotFound { what, name: name.to_owned() })
}

/// Stops waiting for a life's report. What it has open stays promised: it is in doubt.
///
/// # Errors
/// The database's.
pub async fn give_up(server: &Server, life: &Life) -> Result<(), Error> {
    epoch::give_up(server, life.incarnation_id).await
}

/// Takes back what a life has open, so that others may sell it, and stops waiting for it. What it sells
/// all the same is booked as a fact, and shows as owed or unbacked. Says how many units that were.
///
/// # Errors
/// The database's.
pub async fn reclaim(server: &Server, incarnation_id: IncarnationId) -> Result<i64, Error> {
    let work = |tx: Tx| async move {
        journals::lock(&tx, incarnation_id).await?.ok_or(Error::UnknownNode)?;
        // Given up first, or its home would give it back at once what is taken; and nobody's hold is withdrawn for what
        // is about to be free.
        epochs::give_up(&tx, incarnation_id, server.now()).await?;
        let units = reclaim_within(server, &tx, incarnation_id).await?;
        epoch::end_if_all_heard(server, &tx).await?;
        Ok(units)
    };
    let units = server.db.transaction(work).await?;
    server.ring();
    Ok(units)
}

/// What the life, which is locked, has open.
async fn reclaim_within(server: &Server, tx: &Tx, incarnation_id: IncarnationId) -> Result<i64, Error> {
    let freed = db::grants::reclaim(tx, incarnation_id, None, server.now()).await?;
    grants::after_change(server, tx, &freed.keys).await?;
    Ok(freed.units)
}
