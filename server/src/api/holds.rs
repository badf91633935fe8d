//! `/v1/holds`: promises made online.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use outpost_schema::id::HoldId;
use outpost_sync::wire::{HoldExtended, HoldWanted};

use super::{
    Api,
    body::{Sent, Wanted},
    caller::Calling,
    problem::Failure,
};
use crate::hold::{self, Unheld, standing::By};

pub(super) async fn place(
    State(api): State<Arc<Api>>,
    wanted: Wanted,
    calling: Calling,
    Sent(hold): Sent<HoldWanted>,
) -> Result<Response, Failure> {
    let answer = api.desk.place(calling.caller, hold).await;
    match &answer {
        Ok(_) => api.counted.holds_placed.add(1),
        Err(_) => api.counted.holds_refused.add(1),
    }
    Ok(wanted.answer(StatusCode::CREATED, &answer?))
}

pub(super) async fn release(
    State(api): State<Arc<Api>>,
    calling: Calling,
    Path(id): Path<String>,
) -> Result<StatusCode, Failure> {
    hold::release(&api.server, By::Node(calling.caller), hold_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn extend(
    State(api): State<Arc<Api>>,
    wanted: Wanted,
    calling: Calling,
    Path(id): Path<String>,
    Sent(extended): Sent<HoldExtended>,
) -> Result<Response, Failure> {
    let by = By::Node(calling.caller);
    let lasts = hold::extend(&api.server, by, hold_id(&id)?, extended.expires_at).await?;
    Ok(wanted.answer(StatusCode::OK, &lasts))
}

pub(super) async fn allot(
    State(api): State<Arc<Api>>,
    calling: Calling,
    Path(id): Path<String>,
) -> Result<StatusCode, Failure> {
    hold::allot(&api.server, calling.caller, hold_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What is no id names no hold.
fn hold_id(text: &str) -> Result<HoldId, Failure> {
    text.parse().map_err(|_| Unheld::UnknownHold.into())
}
