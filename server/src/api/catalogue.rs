//! The catalogue for programs: `/v1/products`, `/v1/prices`, `/v1/categories`.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{
        Path, Query, State,
        rejection::{JsonRejection, QueryRejection},
    },
    http::StatusCode,
    routing::{get, post},
};
use outpost_schema::{
    catalogue::{Category, Product, ProductEdit},
    id::{CategoryId, ProductId},
    money::Money,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::Failure;
use crate::{
    db::catalogue,
    error::Error,
    publish::{self, ProductNew},
    server::Server,
};

/// Products in one answer.
const PRODUCTS_MAX: i64 = 1_000;

type Shared = State<Arc<Server>>;

/// The routes of this page.
pub fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route("/v1/products", get(list).post(create))
        .route("/v1/products/{product}", get(show).patch(edit).delete(remove))
        .route("/v1/prices", post(reprice))
        .route("/v1/categories", get(categories).post(add_category))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListWanted {
    #[serde(default)]
    begins_with: String,
    after: Option<ProductId>,
    limit: Option<i64>,
}

async fn list(
    State(server): Shared,
    query: Result<Query<ListWanted>, QueryRejection>,
) -> Result<Json<Vec<Product>>, Failure> {
    let Query(wanted) = query?;
    let limit = wanted.limit.unwrap_or(100).clamp(1, PRODUCTS_MAX);
    let begins_with = wanted.begins_with.as_str();
    let found = server.db.snapshot(|tx| async move { catalogue::list(&tx, begins_with, wanted.after, limit).await });
    Ok(Json(found.await?))
}

/// A product by its id, sku or barcode.
async fn show(State(server): Shared, Path(word): Path<String>) -> Result<Json<Product>, Failure> {
    find(&server, &word).await.map(Json)
}

async fn create(
    State(server): Shared,
    body: Result<Json<ProductNew>, JsonRejection>,
) -> Result<(StatusCode, Json<Product>), Failure> {
    let product = publish::create(&server, body?.0).await?;
    Ok((StatusCode::CREATED, Json(product)))
}

async fn edit(
    State(server): Shared,
    Path(word): Path<String>,
    body: Result<Json<ProductEdit>, JsonRejection>,
) -> Result<Json<Product>, Failure> {
    let product_id = find(&server, &word).await?.product_id;
    Ok(Json(publish::edit(&server, product_id, body?.0).await?))
}

async fn remove(State(server): Shared, Path(word): Path<String>) -> Result<StatusCode, Failure> {
    let product_id = find(&server, &word).await?.product_id;
    publish::remove(&server, product_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn find(server: &Server, word: &str) -> Result<Product, Failure> {
    let found = server.db.snapshot(|tx| async move { catalogue::by_word(&tx, word).await }).await?;
    Ok(found.ok_or_else(|| Error::NotFound { what: "product", name: word.to_owned() })?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PriceWanted {
    product_id: ProductId,
    price: Option<Money>,
}

async fn reprice(
    State(server): Shared,
    body: Result<Json<Vec<PriceWanted>>, JsonRejection>,
) -> Result<Json<Value>, Failure> {
    let prices: Vec<_> = body?.0.into_iter().map(|wanted| (wanted.product_id, wanted.price)).collect();
    Ok(Json(json!({ "changed": publish::reprice(&server, &prices).await? })))
}

async fn categories(State(server): Shared) -> Result<Json<Vec<Category>>, Failure> {
    Ok(Json(server.db.snapshot(|tx| async move { catalogue::categories(&tx).await }).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CategoryWanted {
    name: String,
    parent_id: Option<CategoryId>,
}

async fn add_category(
    State(server): Shared,
    body: Result<Json<CategoryWanted>, JsonRejection>,
) -> Result<(StatusCode, Json<Category>), Failure> {
    let Json(wanted) = body?;
    let category = publish::add_category(&server, &wanted.name, wanted.parent_id).await?;
    Ok((StatusCode::CREATED, Json(category)))
}
