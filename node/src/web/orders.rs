//! Orders: looked up, moved on, called off, and their receipts printed again.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::header,
    response::IntoResponse,
    routing::{get, post},
};
use outpost_schema::{
    id::{OrderId, UserId},
    journal::Mark,
    order::{Order, OrderStatus},
};
use serde::{Deserialize, Serialize};

use super::{
    App, blocking,
    problem::{Answer, Failed},
    receipt,
    returns::OrderShown,
    rows,
    take::{Asked, Named, Nothing, Said},
    word,
};
use crate::{
    error::{Error, Refused},
    orders::Awaiting,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    customer: Option<UserId>,
    before: Option<OrderId>,
    receipt: Option<String>,
    limit: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    #[serde(deserialize_with = "word")]
    status: OrderStatus,
}

/// An order, and whether it awaits head office's word that the goods are there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderListed {
    /// The order.
    #[serde(flatten)]
    pub order: Order,
    /// None where none was needed.
    #[serde(default)]
    pub confirmation: Option<Awaiting>,
}

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/orders", get(list))
        .route("/v1/orders/{id}", get(one))
        .route("/v1/orders/{id}/receipt", get(printed))
        .route("/v1/orders/{id}/status", post(advance))
        .route("/v1/orders/{id}/cancel", post(cancel))
}

async fn list(State(app): State<Arc<App>>, Asked(list): Asked<List>) -> Answer<Vec<OrderListed>> {
    let found = blocking(&app, move |app| {
        let orders = match list.receipt {
            Some(receipt) => app.node.order_of_receipt(&receipt)?.into_iter().collect(),
            None => app.node.orders(list.customer, list.before, rows(list.limit))?,
        };
        orders.into_iter().map(|order| listed(app, order)).collect()
    });
    Ok(Json(found.await?))
}

fn listed(app: &App, order: Order) -> Result<OrderListed, Error> {
    let confirmation = app.node.confirmation(&order)?;
    Ok(OrderListed { order, confirmation })
}

async fn one(State(app): State<Arc<App>>, Named(order): Named<OrderId>) -> Answer<OrderShown> {
    let shown = blocking(&app, move |app| {
        let seen = app.node.seen(order)?.ok_or(Refused::UnknownOrder { order })?;
        let confirmation = app.node.confirmation(&seen.order)?;
        Ok(OrderShown { confirmation, ..seen.into() })
    });
    Ok(Json(shown.await?))
}

async fn printed(
    State(app): State<Arc<App>>,
    Named(order): Named<OrderId>,
) -> Result<impl IntoResponse + use<>, Failed> {
    let text = blocking(&app, move |app| receipt::of(&app.node, &find(app, order)?)).await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text))
}

async fn advance(
    State(app): State<Arc<App>>,
    Named(order): Named<OrderId>,
    Said(Advance { status }): Said<Advance>,
) -> Answer<Order> {
    Ok(Json(blocking(&app, move |app| app.node.advance(order, status)).await?))
}

async fn cancel(
    State(app): State<Arc<App>>,
    Named(order): Named<OrderId>,
    Said(Nothing {}): Said<Nothing>,
) -> Answer<Mark> {
    Ok(Json(blocking(&app, move |app| app.node.cancel(order)).await?))
}

fn find(app: &App, order: OrderId) -> Result<Order, Error> {
    app.node.order(order)?.ok_or_else(|| Refused::UnknownOrder { order }.into())
}
