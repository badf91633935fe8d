//! `POST /v1/digest` and `POST /v1/images`: a node compares what it holds, and fetches what differs.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode, response::Response};
use outpost_sync::wire::{DigestAsked, ImagesAsked};

use super::{
    Api,
    body::{Sent, Wanted},
    caller::Calling,
    problem::Failure,
};
use crate::digest;

pub(super) async fn digest(
    State(api): State<Arc<Api>>,
    wanted: Wanted,
    calling: Calling,
    Sent(asked): Sent<DigestAsked>,
) -> Result<Response, Failure> {
    let told = digest::digest(&api.server, calling.caller, calling.standing()?, &asked).await?;
    Ok(wanted.answer(StatusCode::OK, &told))
}

pub(super) async fn images(
    State(api): State<Arc<Api>>,
    wanted: Wanted,
    calling: Calling,
    Sent(asked): Sent<ImagesAsked>,
) -> Result<Response, Failure> {
    let told = digest::images(&api.server, calling.caller, calling.standing()?, &asked).await?;
    Ok(wanted.answer(StatusCode::OK, &told))
}
