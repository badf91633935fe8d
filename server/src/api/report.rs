//! `POST /v1/report`: what nodes had been granted, told to a server that may have forgotten it.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode, response::Response};
use outpost_sync::wire::Report;

use super::{
    Api,
    body::{Sent, Wanted},
    caller::Calling,
    problem::Failure,
};
use crate::epoch;

pub(super) async fn report(
    State(api): State<Arc<Api>>,
    wanted: Wanted,
    calling: Calling,
    Sent(report): Sent<Report>,
) -> Result<Response, Failure> {
    let standing = calling.standing()?;
    let reported = epoch::report::take(&api.server, calling.caller, standing, &report).await?;
    Ok(wanted.answer(StatusCode::OK, &reported))
}
