//! The node's pages and its API, on loopback. Handlers take in, call one use case, and render.

pub mod carried;
pub mod carts;
pub mod countings;
mod guard;
pub mod holds;
mod marks;
mod metrics;
pub mod orders;
mod page;
pub mod people;
mod problem;
pub mod products;
pub(crate) mod receipt;
pub mod returns;
pub mod sales;
pub mod scan;
pub mod search;
pub mod status;
pub mod stock;
mod take;
pub mod transfers;
pub mod verify;

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::{Request, State},
    http::{StatusCode, Uri},
    middleware::{self, Next},
    response::Response,
    routing::{get, post},
};
use outpost_schema::word::Word;
use outpost_sync::{round::Done, verify::Outcome, wire::Problem};
use serde::{Deserialize, Deserializer, de::Error as _};

use self::problem::Failed;
use crate::{
    carts::Carts,
    courier::{self, Courier, Health},
    error::Error,
    node::Node,
    returns::Caps,
    search::Search,
    uplink::Uplink,
};

/// Rows of a list, if nobody says how many.
const LIST_USUAL: usize = 50;

/// Rows of a list at most: what a page shows and a till reads at once.
const LIST_MAX: usize = 200;

/// How this process speaks with the server.
#[derive(Debug)]
pub enum Line {
    /// A courier carries on by itself.
    Carried {
        /// It.
        courier: Courier,
        /// For questions that are no part of a round; none where nobody answers them.
        questions: Option<Box<Uplink>>,
    },
    /// Only when somebody asks for a round: for one verb of the command line.
    OnCall {
        /// The server's address.
        server: String,
    },
}

/// What the pages and the API work on.
#[derive(Debug)]
pub struct App {
    /// The device.
    pub node: Arc<Node>,
    /// Its open carts.
    pub carts: Carts,
    /// Search in its catalogue.
    pub search: Search,
    /// Its line.
    pub line: Line,
    /// What is given back at most for receipts that are not known here.
    pub refund_caps: Caps,
}

impl App {
    /// Ends the courier, if there is one; what waits is kept.
    pub fn close(&self) {
        match &self.line {
            Line::Carried { courier, .. } => courier.stop(),
            Line::OnCall { .. } => {}
        }
    }

    /// Something waits to be pushed.
    fn nudge(&self) {
        match &self.line {
            Line::Carried { courier, .. } => courier.nudge(),
            Line::OnCall { .. } => {}
        }
    }

    /// How the line is, if somebody keeps looking.
    fn health(&self) -> Option<Health> {
        match &self.line {
            Line::Carried { courier, .. } => Some(courier.health()),
            Line::OnCall { .. } => None,
        }
    }

    /// Runs a round now.
    async fn round(self: &Arc<Self>) -> Result<Done, Problem> {
        match &self.line {
            Line::Carried { courier, .. } => courier.round_now().await,
            Line::OnCall { server } => {
                let server = server.clone();
                match blocking(self, move |app| Ok(app.round_on_call(&server))).await {
                    Ok(result) => result,
                    Err(failed) => Err(failed.problem),
                }
            }
        }
    }

    /// Runs a round and compares the next slice of what is held here; `anew` begins a new walk.
    async fn look(self: &Arc<Self>, anew: bool) -> Result<Outcome, Problem> {
        match &self.line {
            Line::Carried { courier, .. } => courier.look_now(anew).await,
            Line::OnCall { server } => {
                let server = server.clone();
                let work = move |app: &Self| {
                    Ok(app.uplink(&server).and_then(|line| courier::look_once(&*app.node, &line, anew)))
                };
                match blocking(self, work).await {
                    Ok(result) => result,
                    Err(failed) => Err(failed.problem),
                }
            }
        }
    }

    fn round_on_call(&self, server: &str) -> Result<Done, Problem> {
        courier::round_once(&*self.node, &self.uplink(server)?)
    }

    fn uplink(&self, server: &str) -> Result<Uplink, Problem> {
        let told = |error: Error| Problem::new(error.code(), error.to_string());
        let identity = self.node.identity().map_err(told)?.ok_or_else(|| told(Error::NotJoined))?;
        Uplink::new(server, identity.node_id()).map_err(|bad| Problem::new(bad.code(), bad.to_string()))
    }
}

/// Every page and route, for a device that is called by `address`.
pub fn router(app: Arc<App>, address: SocketAddr) -> Router {
    Router::new()
        .route("/", get(page::status))
        .route("/style.css", get(page::style))
        .route("/healthz", get(status::alive))
        .route("/readyz", get(status::ready))
        .route("/metrics", get(metrics::metrics))
        .route("/v1/status", get(status::status))
        .route("/v1/concerns", get(status::concerns))
        .route("/v1/round", post(status::round))
        .route("/v1/verify", post(verify::verify))
        .merge(carried::routes())
        .merge(products::routes())
        .merge(search::routes())
        .merge(carts::routes())
        .merge(sales::routes())
        .merge(scan::routes())
        .merge(orders::routes())
        .merge(holds::routes())
        .merge(returns::routes())
        .merge(people::routes())
        .merge(stock::routes())
        .merge(marks::routes())
        .merge(countings::routes())
        .merge(transfers::routes())
        .fallback(unknown_path)
        .method_not_allowed_fallback(unknown_method)
        .layer(middleware::from_fn_with_state(Arc::clone(&app), nudge))
        .layer(middleware::from_fn_with_state(guard::Names::at(address), guard::guard))
        .with_state(app)
}

/// Whatever changed something has something to push.
async fn nudge(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let changes = !request.method().is_safe();
    let response = next.run(request).await;
    if changes && response.status().is_success() {
        app.nudge();
    }
    response
}

async fn unknown_path(uri: Uri) -> Failed {
    let path: String = uri.path().chars().take(200).collect();
    Failed::new(
        StatusCode::NOT_FOUND,
        "unknown_path",
        format!("there is nothing at {path}; `outpost-node help` names what this device does"),
    )
}

async fn unknown_method() -> Failed {
    let sentence = "this path does not take that method; read with GET, do something with POST";
    Failed::new(StatusCode::METHOD_NOT_ALLOWED, "unknown_method", sentence)
}

/// Runs a use case where it may block: on the disk, or on another writer.
async fn blocking<T: Send + 'static>(
    app: &Arc<App>,
    work: impl FnOnce(&App) -> Result<T, Error> + Send + 'static,
) -> Result<T, Failed> {
    let app = Arc::clone(app);
    match tokio::task::spawn_blocking(move || work(&app)).await {
        Ok(done) => Ok(done?),
        Err(_) => {
            let sentence = "this device stumbled over the request; nothing of it was kept, report it";
            Err(Failed::new(StatusCode::INTERNAL_SERVER_ERROR, "broke_off", sentence))
        }
    }
}

/// How many rows somebody wants.
fn rows(wanted: Option<usize>) -> usize {
    wanted.unwrap_or(LIST_USUAL).min(LIST_MAX)
}

/// Reads a word from its list, so that a wrong one is answered with the list.
fn word<'de, W: Word, D: Deserializer<'de>>(deserializer: D) -> Result<W, D::Error> {
    W::of_word(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests;
