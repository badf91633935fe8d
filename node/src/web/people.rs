//! Customers, their addresses, and their reviews.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    routing::{get, post},
};
use outpost_schema::{
    id::{ProductId, UserId},
    people::{Address, Rating, Review, User},
};
use serde::Deserialize;

use super::{
    App, blocking,
    problem::{Answer, Failed},
    rows,
    take::{Asked, Named, Said},
};
use crate::people::{NewAddress, NewCustomer, NewReview};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Search {
    #[serde(default)]
    find: String,
    limit: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CustomerSaid {
    email: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    address: Option<AddressSaid>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AddressSaid {
    street: String,
    city: String,
    state: Option<String>,
    zip_code: Option<String>,
    country: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReviewSaid {
    product_id: ProductId,
    user_id: UserId,
    rating: Rating,
    comment: Option<String>,
}

/// What was made.
type Made<T> = Result<(StatusCode, Json<T>), Failed>;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/customers", get(find).post(add))
        .route("/v1/customers/{id}/addresses", get(addresses).post(add_address))
        .route("/v1/reviews", post(review))
}

async fn find(State(app): State<Arc<App>>, Asked(search): Asked<Search>) -> Answer<Vec<User>> {
    Ok(Json(blocking(&app, move |app| app.node.customers(&search.find, rows(search.limit))).await?))
}

async fn add(State(app): State<Arc<App>>, Said(said): Said<CustomerSaid>) -> Made<User> {
    let new = NewCustomer {
        email: said.email,
        first_name: said.first_name,
        last_name: said.last_name,
        address: said.address.map(NewAddress::from),
    };
    let user = blocking(&app, move |app| app.node.add_customer(&new)).await?;
    Ok((StatusCode::CREATED, Json(user)))
}

async fn addresses(State(app): State<Arc<App>>, Named(user): Named<UserId>) -> Answer<Vec<Address>> {
    Ok(Json(blocking(&app, move |app| app.node.addresses(user)).await?))
}

async fn add_address(
    State(app): State<Arc<App>>,
    Named(user): Named<UserId>,
    Said(said): Said<AddressSaid>,
) -> Made<Address> {
    let address = blocking(&app, move |app| app.node.add_address(user, &said.into())).await?;
    Ok((StatusCode::CREATED, Json(address)))
}

async fn review(State(app): State<Arc<App>>, Said(said): Said<ReviewSaid>) -> Made<Review> {
    let ReviewSaid { product_id, user_id, rating, comment } = said;
    let new = NewReview { product_id, user_id, rating, comment };
    let review = blocking(&app, move |app| app.node.add_review(&new)).await?;
    Ok((StatusCode::CREATED, Json(review)))
}

impl From<AddressSaid> for NewAddress {
    fn from(said: AddressSaid) -> Self {
        let AddressSaid { street, city, state, zip_code, country } = said;
        Self { street, city, state, zip_code, country }
    }
}
