//! Open carts: each change answers with the cart as it is then.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    routing::{get, post},
};
use outpost_schema::{
    cart::Cart,
    id::{CartId, ProductId, UserId, WarehouseId},
    money::Money,
    quantity::Amount,
};
use serde::{Deserialize, Serialize};

use super::{
    App, blocking,
    problem::{Answer, Failed},
    take::{Named, Nothing, Said},
};
use crate::{carts::ShownCart, error::Error};

/// A cart to be begun.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Begin {
    /// Whose; none for somebody who gave no name.
    #[serde(default)]
    pub owner: Option<UserId>,
}

/// Units to be added.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Add {
    /// Of what.
    pub product_id: ProductId,
    /// How many; one, if nobody says.
    #[serde(default = "one")]
    pub amount: Amount,
    /// The price, for a product that has none.
    #[serde(default)]
    pub price: Option<Money>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Take {
    product_id: ProductId,
    #[serde(default = "one")]
    amount: Amount,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Set {
    product_id: ProductId,
    quantity: i64,
    #[serde(default)]
    price: Option<Money>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Remove {
    product_id: ProductId,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Park {
    #[serde(default)]
    label: String,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HandOver {
    #[serde(default)]
    owner: Option<UserId>,
    #[serde(default)]
    home: Option<WarehouseId>,
}

fn one() -> Amount {
    Amount::ONE
}

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/carts", get(list).post(begin))
        .route("/v1/carts/{id}", get(show))
        .route("/v1/carts/{id}/add", post(add))
        .route("/v1/carts/{id}/take", post(take))
        .route("/v1/carts/{id}/set", post(set))
        .route("/v1/carts/{id}/remove", post(remove))
        .route("/v1/carts/{id}/clear", post(clear))
        .route("/v1/carts/{id}/park", post(park))
        .route("/v1/carts/{id}/resume", post(resume))
        .route("/v1/carts/{id}/hand-over", post(hand_over))
}

type Carts = State<Arc<App>>;

async fn list(State(app): Carts) -> Answer<Vec<ShownCart>> {
    let shown = |app: &App| app.carts.list()?.iter().map(|cart| app.carts.show(cart)).collect();
    Ok(Json(blocking(&app, shown).await?))
}

async fn begin(State(app): Carts, Said(begin): Said<Begin>) -> Result<(StatusCode, Json<ShownCart>), Failed> {
    let cart = shown(&app, move |app| app.carts.begin(begin.owner)).await?;
    Ok((StatusCode::CREATED, cart))
}

async fn show(State(app): Carts, Named(cart): Named<CartId>) -> Answer<ShownCart> {
    shown(&app, move |app| app.carts.get(cart)).await
}

async fn add(State(app): Carts, Named(cart): Named<CartId>, Said(add): Said<Add>) -> Answer<ShownCart> {
    shown(&app, move |app| app.carts.add(cart, add.product_id, add.amount, add.price)).await
}

async fn take(State(app): Carts, Named(cart): Named<CartId>, Said(take): Said<Take>) -> Answer<ShownCart> {
    shown(&app, move |app| app.carts.take(cart, take.product_id, take.amount)).await
}

async fn set(State(app): Carts, Named(cart): Named<CartId>, Said(set): Said<Set>) -> Answer<ShownCart> {
    shown(&app, move |app| app.carts.set(cart, set.product_id, set.quantity, set.price)).await
}

async fn remove(State(app): Carts, Named(cart): Named<CartId>, Said(remove): Said<Remove>) -> Answer<ShownCart> {
    shown(&app, move |app| app.carts.remove(cart, remove.product_id)).await
}

async fn clear(State(app): Carts, Named(cart): Named<CartId>, Said(Nothing {}): Said<Nothing>) -> Answer<ShownCart> {
    shown(&app, move |app| app.carts.clear(cart)).await
}

async fn park(State(app): Carts, Named(cart): Named<CartId>, Said(park): Said<Park>) -> Answer<ShownCart> {
    shown(&app, move |app| app.carts.park(cart, &park.label)).await
}

async fn resume(State(app): Carts, Named(cart): Named<CartId>, Said(Nothing {}): Said<Nothing>) -> Answer<ShownCart> {
    shown(&app, move |app| app.carts.resume(cart)).await
}

async fn hand_over(State(app): Carts, Named(cart): Named<CartId>, Said(to): Said<HandOver>) -> Answer<ShownCart> {
    shown(&app, move |app| app.carts.hand_over(cart, to.owner, to.home)).await
}

async fn shown(app: &Arc<App>, work: impl FnOnce(&App) -> Result<Cart, Error> + Send + 'static) -> Answer<ShownCart> {
    Ok(Json(blocking(app, move |app| app.carts.show(&work(app)?)).await?))
}
