//! The HTTP api: thin handlers that extract, call one use case and answer.
//!
//! What a handler returns as wrong is a [`problem::Failure`]; bodies are read and written by
//! [`body`]; who calls is known from [`caller`] alone.

pub mod answer;
pub mod body;
pub mod caller;
pub mod catalogue;
mod digest;
mod health;
mod holds;
mod lives;
pub mod office;
pub mod problem;
mod pull;
mod push;

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    http::StatusCode,
    middleware::{self, Next},
    response::Response,
    routing::{delete, get, post},
};
use outpost_sync::wire::{
    BODY_MAX, DIGEST_PATH, HOLDS_PATH, IMAGES_PATH, LIVES_PATH, PROTOCOL, PROTOCOL_HEADER, PULL_PATH, PUSH_PATH,
};

use self::{health::Counted, problem::Failure};
use crate::{
    hold::Desk,
    server::Server,
    wake::{Task, Waiting, watch},
};

/// What the handlers share. Its tasks end with it.
struct Api {
    server: Arc<Server>,
    waiting: Arc<Waiting>,
    desk: Desk,
    counted: Counted,
    _watch: Task,
}

/// The routes of the api. Call it on a runtime: it starts the tasks that wake waiting pulls, settle
/// holds and release expired ones; they end with the router. It has fallbacks, so a router with
/// further paths is merged into it without any of its own.
pub fn router(server: Arc<Server>) -> Router {
    let waiting = Arc::new(Waiting::default());
    let head_office = catalogue::routes().merge(office::routes()).with_state(Arc::clone(&server));
    let api = Arc::new(Api {
        desk: Desk::open(&server),
        counted: Counted::default(),
        _watch: Task::start(watch(Arc::clone(&server), Arc::clone(&waiting))),
        server,
        waiting,
    });
    Router::new()
        .route(PUSH_PATH, post(push::push))
        .route(PULL_PATH, get(pull::pull))
        .route(LIVES_PATH, post(lives::begin))
        .route(DIGEST_PATH, post(digest::digest))
        .route(IMAGES_PATH, post(digest::images))
        .route(HOLDS_PATH, post(holds::place))
        .route("/v1/holds/{id}", delete(holds::release))
        .route("/v1/holds/{id}/allot", post(holds::allot))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .with_state(Arc::clone(&api))
        .merge(head_office)
        .fallback(unknown_path)
        .method_not_allowed_fallback(unknown_method)
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(middleware::from_fn_with_state(api, dress))
}

/// Counts failures and names the protocol on every answer.
async fn dress(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if response.status().is_server_error() {
        api.counted.failures.add(1);
    }
    response.headers_mut().insert(PROTOCOL_HEADER, PROTOCOL.into());
    response
}

async fn unknown_path() -> Failure {
    Failure::new(
        StatusCode::NOT_FOUND,
        "unknown_path",
        "there is nothing at this path; look at the README for the paths",
    )
}

async fn unknown_method() -> Failure {
    Failure::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "unknown_method",
        "this path takes another method; look at the README for the paths",
    )
}

#[cfg(test)]
mod tests;
