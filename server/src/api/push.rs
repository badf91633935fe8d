//! `POST /v1/push`: what nodes say.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode, response::Response};
use outpost_sync::{speak, wire::Push};

use super::{
    Api,
    body::{Sent, Wanted},
    caller::Calling,
    problem::Failure,
};
use crate::accept;

pub(super) async fn push(
    State(api): State<Arc<Api>>,
    wanted: Wanted,
    calling: Calling,
    Sent(push): Sent<Push>,
) -> Result<Response, Failure> {
    let standing = calling.standing()?;
    let pushed = accept::push(&api.server, calling.caller, standing, &push).await?;
    api.counted.entries.add(push.entries.len());
    Ok(wanted.answer(StatusCode::OK, &speak::pushed(calling.protocol, pushed)))
}
