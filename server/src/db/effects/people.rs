//! Writes people, where they live and what they said.

use outpost_schema::{
    id::UserId,
    people::{Address, Review, User},
};

use crate::{db::Tx, error::Error};

/// Some people lose their e-mail to newcomers: before those come, because nobody shares an e-mail.
pub(super) async fn take_emails(tx: &Tx, demoted: &[(UserId, UserId)]) -> Result<(), Error> {
    if demoted.is_empty() {
        return Ok(());
    }
    let losers: Vec<_> = demoted.iter().map(|(loser, _)| *loser).collect();
    tx.execute("update users set email = null where user_id = any($1)", &[&losers]).await?;
    Ok(())
}

/// They become aliases of the newcomers, and so do their own aliases: an alias is never of an alias.
pub(super) async fn make_aliases(tx: &Tx, demoted: &[(UserId, UserId)]) -> Result<(), Error> {
    if demoted.is_empty() {
        return Ok(());
    }
    let (losers, keepers): (Vec<_>, Vec<_>) = demoted.iter().copied().unzip();
    tx.execute(
        "update users u set alias_of = coalesce(k.alias_of, k.user_id)
         from unnest($1::uuid[], $2::uuid[]) as d (loser, keeper)
         join users k on k.user_id = d.keeper
         where u.user_id = d.loser or u.alias_of = d.loser",
        &[&losers, &keepers],
    )
    .await?;
    Ok(())
}

pub(super) async fn insert_users(tx: &Tx, users: &[User]) -> Result<(), Error> {
    if users.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = users.iter().map(|user| user.user_id).collect();
    let emails: Vec<_> = users.iter().map(|user| user.email.as_deref()).collect();
    let first_names: Vec<_> = users.iter().map(|user| user.first_name.as_deref()).collect();
    let last_names: Vec<_> = users.iter().map(|user| user.last_name.as_deref()).collect();
    let created: Vec<_> = users.iter().map(|user| user.created_at).collect();
    let addresses: Vec<_> = users.iter().map(|user| user.address_id).collect();
    let roles: Vec<_> = users.iter().map(|user| user.role).collect();
    let homes: Vec<_> = users.iter().map(|user| user.home).collect();
    let aliases: Vec<_> = users.iter().map(|user| user.alias_of).collect();
    tx.execute(
        "insert into users (user_id, email, first_name, last_name, created_at, address_id, role, home, alias_of)
         select user_id, email, first_name, last_name, created_at, address_id, role, home, alias_of
         from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::uuid[], $7::text[],
                     $8::uuid[], $9::uuid[])
              as u (user_id, email, first_name, last_name, created_at, address_id, role, home, alias_of)",
        &[&ids, &emails, &first_names, &last_names, &created, &addresses, &roles, &homes, &aliases],
    )
    .await?;
    Ok(())
}

pub(super) async fn insert_addresses(tx: &Tx, addresses: &[Address]) -> Result<(), Error> {
    if addresses.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = addresses.iter().map(|address| address.address_id).collect();
    let users: Vec<_> = addresses.iter().map(|address| address.user_id).collect();
    let streets: Vec<_> = addresses.iter().map(|address| &address.street).collect();
    let cities: Vec<_> = addresses.iter().map(|address| &address.city).collect();
    let states: Vec<_> = addresses.iter().map(|address| address.state.as_deref()).collect();
    let zip_codes: Vec<_> = addresses.iter().map(|address| address.zip_code.as_deref()).collect();
    let countries: Vec<_> = addresses.iter().map(|address| &address.country).collect();
    let homes: Vec<_> = addresses.iter().map(|address| address.home).collect();
    tx.execute(
        "insert into addresses (address_id, user_id, street, city, state, zip_code, country, home)
         select address_id, user_id, street, city, state, zip_code, country, home
         from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::uuid[])
              as a (address_id, user_id, street, city, state, zip_code, country, home)",
        &[&ids, &users, &streets, &cities, &states, &zip_codes, &countries, &homes],
    )
    .await?;
    Ok(())
}

pub(super) async fn insert_reviews(tx: &Tx, reviews: &[Review]) -> Result<(), Error> {
    if reviews.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = reviews.iter().map(|review| review.review_id).collect();
    let products: Vec<_> = reviews.iter().map(|review| review.product_id).collect();
    let users: Vec<_> = reviews.iter().map(|review| review.user_id).collect();
    let ratings: Vec<_> = reviews.iter().map(|review| review.rating).collect();
    let comments: Vec<_> = reviews.iter().map(|review| review.comment.as_deref()).collect();
    let created: Vec<_> = reviews.iter().map(|review| review.created_at).collect();
    tx.execute(
        "insert into reviews (review_id, product_id, user_id, rating, comment, created_at)
         select review_id, product_id, user_id, rating, comment, created_at
         from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::integer[], $5::text[], $6::timestamptz[])
              as r (review_id, product_id, user_id, rating, comment, created_at)",
        &[&ids, &products, &users, &ratings, &comments, &created],
    )
    .await?;
    Ok(())
}
