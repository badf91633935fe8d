//! People and addresses of a node's shops, and everyone's reviews. A password hash is in no image.

use outpost_schema::{
    feed::{Aggregate, Kind},
    people::{Address, Review, User},
};
use uuid::Uuid;

use super::{Found, Warehouses, key_of};
use crate::{db::Tx, error::Error};

pub(super) async fn users(tx: &Tx, homes: Warehouses<'_>, ids: &[Uuid]) -> Result<Found, Error> {
    let rows = tx
        .query(
            "select user_id, email, first_name, last_name, created_at, address_id, role, home, alias_of
            from users where user_id = any($1) and home = any($2)",
            &[&ids, &homes],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let user = User {
                user_id: row.try_get("user_id")?,
                email: row.try_get("email")?,
                first_name: row.try_get("first_name")?,
                last_name: row.try_get("last_name")?,
                created_at: row.try_get("created_at")?,
                address_id: row.try_get("address_id")?,
                role: row.try_get("role")?,
                home: row.try_get("home")?,
                alias_of: row.try_get("alias_of")?,
            };
            Ok((key_of(Kind::User, [user.user_id.0]), Aggregate::User(Box::new(user))))
        })
        .collect()
}

pub(super) async fn addresses(tx: &Tx, homes: Warehouses<'_>, ids: &[Uuid]) -> Result<Found, Error> {
    let rows = tx
        .query(
            "select address_id, user_id, street, city, state, zip_code, country, home
            from addresses where address_id = any($1) and home = any($2)",
            &[&ids, &homes],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let address = Address {
                address_id: row.try_get("address_id")?,
                user_id: row.try_get("user_id")?,
                street: row.try_get("street")?,
                city: row.try_get("city")?,
                state: row.try_get("state")?,
                zip_code: row.try_get("zip_code")?,
                country: row.try_get("country")?,
                home: row.try_get("home")?,
            };
            Ok((key_of(Kind::Address, [address.address_id.0]), Aggregate::Address(Box::new(address))))
        })
        .collect()
}

pub(super) async fn reviews(tx: &Tx, ids: &[Uuid]) -> Result<Found, Error> {
    let rows = tx
        .query(
            "select review_id, product_id, user_id, rating, comment, created_at
            from reviews where review_id = any($1)",
            &[&ids],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let review = Review {
                review_id: row.try_get("review_id")?,
                product_id: row.try_get("product_id")?,
                user_id: row.try_get("user_id")?,
                rating: row.try_get("rating")?,
                comment: row.try_get("comment")?,
                created_at: row.try_get("created_at")?,
            };
            Ok((key_of(Kind::Review, [review.review_id.0]), Aggregate::Review(Box::new(review))))
        })
        .collect()
}
