//! Files that are carried by hand, as bytes: the verbs of the command line read and write them.

use std::{io::Cursor, sync::Arc};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::header,
    response::IntoResponse,
    routing::{get, post},
};

use super::{
    App, blocking,
    problem::{Answer, Failed},
};
use crate::carried::Heard;

/// A reply is at most this long: some million aggregates.
pub const FILE_MAX: usize = 256 * 1024 * 1024;

pub(super) fn routes() -> Router<Arc<App>> {
    let import = post(import).layer(DefaultBodyLimit::max(FILE_MAX));
    Router::new().route("/v1/export", get(export)).route("/v1/import", import)
}

async fn export(State(app): State<Arc<App>>) -> Result<impl IntoResponse, Failed> {
    let file = blocking(&app, |app| Ok(app.node.export())).await??;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], file))
}

async fn import(State(app): State<Arc<App>>, file: Bytes) -> Answer<Heard> {
    Ok(Json(blocking(&app, move |app| Ok(app.node.import(Cursor::new(file)))).await??))
}
