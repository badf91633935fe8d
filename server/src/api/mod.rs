//! What programs ask of the server, over HTTP. Thin: read the request, call one use case, write the answer.

pub mod answer;
pub mod catalogue;
pub mod office;

use std::sync::Arc;

use axum::Router;

use crate::server::Server;

/// Every route for programs.
pub fn router(server: Arc<Server>) -> Router {
    Router::new().merge(catalogue::routes()).merge(office::routes()).with_state(server)
}
