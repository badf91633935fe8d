//! What is sold, and what people say of it.

use std::sync::Arc;

use axum::{Json, Router, extract::State, routing::get};
use outpost_schema::{catalogue::Product, id::ProductId, people::Review};
use serde::{Deserialize, Serialize};

use super::{
    App, blocking,
    problem::Answer,
    rows,
    take::{Asked, Named},
};
use crate::{catalogue::Offer, error::Refused};

/// A product as this device can sell it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OfferShown {
    /// The product.
    #[serde(flatten)]
    pub product: Product,
    /// Units on hand where the device stands.
    pub quantity: i64,
    /// Of these, units spoken for.
    pub reserved_quantity: i64,
    /// Units this device may sell without asking.
    pub open: i64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Search {
    #[serde(default)]
    find: String,
    limit: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limit {
    limit: Option<usize>,
}

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/products", get(find))
        .route("/v1/products/{id}", get(one))
        .route("/v1/products/{id}/reviews", get(reviews))
}

async fn find(State(app): State<Arc<App>>, Asked(search): Asked<Search>) -> Answer<Vec<OfferShown>> {
    let found = blocking(&app, move |app| app.node.find(&search.find, rows(search.limit))).await?;
    Ok(Json(found.into_iter().map(OfferShown::from).collect()))
}

async fn one(State(app): State<Arc<App>>, Named(product): Named<ProductId>) -> Answer<OfferShown> {
    let found =
        blocking(&app, move |app| app.node.product(product)?.ok_or_else(|| Refused::UnknownProduct { product }.into()));
    Ok(Json(found.await?.into()))
}

async fn reviews(
    State(app): State<Arc<App>>,
    Named(product): Named<ProductId>,
    Asked(Limit { limit }): Asked<Limit>,
) -> Answer<Vec<Review>> {
    Ok(Json(blocking(&app, move |app| app.node.reviews(product, rows(limit))).await?))
}

impl From<Offer> for OfferShown {
    fn from(offer: Offer) -> Self {
        let Offer { product, level, open } = offer;
        Self { product, quantity: level.quantity(), reserved_quantity: level.reserved(), open }
    }
}
