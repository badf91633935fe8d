//! Head office's pages: calm, right without JavaScript, and shown to this machine alone.

mod guard;
mod office;

use std::sync::Arc;

use axum::{Router, http::header, middleware, response::IntoResponse, routing::get};

use crate::server::Server;

pub use guard::{guard, safe};

const STYLE: &str = include_str!("office.css");

/// Every page.
pub fn router(server: Arc<Server>) -> Router {
    Router::new()
        .route("/", get(office::page))
        .route("/office.css", get(style))
        .layer(middleware::from_fn(safe))
        .with_state(server)
}

async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE)
}

#[cfg(test)]
mod tests;
