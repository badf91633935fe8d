//! `POST /v1/lives`: a device whose journal cannot go on begins another one.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode, response::Response};
use outpost_sync::wire::LifeWanted;

use super::{
    Api,
    body::{Sent, Wanted},
    caller::Calling,
    problem::Failure,
};
use crate::lives;

pub(super) async fn begin(
    State(api): State<Arc<Api>>,
    wanted: Wanted,
    calling: Calling,
    Sent(life): Sent<LifeWanted>,
) -> Result<Response, Failure> {
    let standing = calling.standing()?;
    let born = lives::begin(&api.server, calling.caller, standing, &life).await?;
    Ok(wanted.answer(StatusCode::CREATED, &born))
}
