//! The HTTP api: thin handlers that extract, call one use case and answer.
//!
//! What a handler returns as wrong is a [`problem::Failure`]; bodies are read and written by
//! [`body`]; who calls is known from [`caller`] alone.

pub mod answer;
pub mod body;
mod bootstrap;
pub mod caller;
pub mod catalogue;
pub mod concerns;
pub mod devices;
mod digest;
mod goods;
mod health;
mod holds;
mod lives;
pub mod office;
pub mod problem;
mod pull;
mod push;
mod report;
mod shelf;
mod synonyms;

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderValue, StatusCode},
    middleware::{self, Next},
    response::Response,
    routing::{delete, get, post},
};
use outpost_sync::{
    file::FILE_PATH,
    speak::Range,
    wire::{
        BODY_MAX, DIGEST_PATH, HOLDS_PATH, IMAGES_PATH, LIVES_PATH, MARKS_PATH, PROTOCOL_HEADER, PULL_PATH, PUSH_PATH,
        REPORT_PATH,
    },
};

use self::{health::Counted, problem::Failure};
use crate::{
    feed::{Pulls, lane::Lane},
    hold::Desk,
    server::Server,
    wake::{Task, watch},
};

/// What the handlers share. Its tasks end with it.
struct Api {
    server: Arc<Server>,
    pulls: Pulls,
    desk: Desk,
    counted: Counted,
    /// The protocols that are spoken, as a header.
    spoken: HeaderValue,
    _watch: Task,
}

/// The routes of the api. Call it on a runtime: it starts the tasks that wake waiting pulls and settle
/// holds; they end with the router. It has fallbacks, so a router with further paths is merged into it
/// without any of its own.
pub fn router(server: Arc<Server>) -> Router {
    router_with(server, Lane::default())
}

/// The same, with another lane for long catch-ups than the usual one.
pub fn router_with(server: Arc<Server>, lane: Lane) -> Router {
    let pulls = Pulls { lane, ..Pulls::default() };
    let head_office = catalogue::routes()
        .merge(office::routes())
        .merge(goods::routes())
        .merge(concerns::routes())
        .merge(devices::routes())
        .merge(shelf::routes())
        .merge(synonyms::routes())
        .with_state(Arc::clone(&server));
    let api = Arc::new(Api {
        desk: Desk::open(&server),
        counted: Counted::default(),
        spoken: HeaderValue::from_str(&Range::OURS.to_string()).expect("numbers make a header"),
        _watch: Task::start(watch(Arc::clone(&server), Arc::clone(&pulls.waiting))),
        server,
        pulls,
    });
    Router::new()
        .route(PUSH_PATH, post(push::push))
        .route(PULL_PATH, get(pull::pull))
        .route(REPORT_PATH, post(report::report))
        .route(FILE_PATH, get(bootstrap::file))
        .route(LIVES_PATH, post(lives::begin))
        .route(DIGEST_PATH, post(digest::digest))
        .route(IMAGES_PATH, post(digest::images))
        .route(MARKS_PATH, post(pull::marks))
        .route(HOLDS_PATH, post(holds::place))
        .route("/v1/holds/{id}", delete(holds::release))
        .route("/v1/holds/{id}/allot", post(holds::allot))
        .route("/v1/holds/{id}/extend", post(holds::extend))
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

/// Counts failures and names the protocols that are spoken on every answer.
async fn dress(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if response.status().is_server_error() {
        api.counted.failures.add(1);
    }
    response.headers_mut().insert(PROTOCOL_HEADER, api.spoken.clone());
    response
}

async fn unknown_path() -> Failure {
    Failure::new(
        StatusCode::NOT_FOUND,
        "unknown_path",
        "there is nothing at this path; `outpost-server help` names what head office does",
    )
}

async fn unknown_method() -> Failure {
    Failure::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "unknown_method",
        "this path takes another method; read with GET, do something with POST",
    )
}

#[cfg(test)]
mod tests;
