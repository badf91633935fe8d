//! What a mistake of [`outpost_schema::planted`] that takes more than a line does here.

use std::sync::{Mutex, PoisonError};

use outpost_sync::wire::{Caller, Push, Standing};

use super::{Taken, take};
use crate::{db::Tx, error::Error, server::Server};

/// [`outpost_schema::planted::Bug::AnsweredBeforeCommit`]: what is told is then rolled back.
pub(super) async fn answered_before_commit(
    server: &Server,
    caller: Caller,
    standing: Standing,
    push: &Push,
) -> Result<Taken, Error> {
    let told = &Mutex::new(None);
    let work = |tx: Tx| async move {
        let taken = take(server, &tx, caller, standing, push).await?;
        *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(taken);
        Err::<(), _>(Error::UnknownNode)
    };
    let rolled_back = server.db.transaction(work).await;
    let told = told.lock().unwrap_or_else(PoisonError::into_inner).take();
    told.map_or_else(|| Err(rolled_back.err().unwrap_or(Error::UnknownNode)), Ok)
}
