//! Customers, their addresses, and what they say of products.

use outpost_schema::{
    id::{AddressId, ReviewId, UserId},
    people::{Address, Review, User},
};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::catalogue::pattern;
use crate::error::Error;

/// Of two people with one e-mail the lower id keeps it. The server decides that; until it has, the
/// higher one is shown as the alias that it will be.
const USER: &str = "user_id, email, first_name, last_name, created_at, address_id, role, home, \
                    coalesce(alias_of, (select min(other.user_id) from users other \
                        where other.email = users.email and other.user_id < users.user_id))";

pub(super) fn user_of_row(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        user_id: row.get(0)?,
        email: row.get(1)?,
        first_name: row.get(2)?,
        last_name: row.get(3)?,
        created_at: row.get(4)?,
        address_id: row.get(5)?,
        role: row.get(6)?,
        home: row.get(7)?,
        alias_of: row.get(8)?,
    })
}

pub(super) const ADDRESS: &str = "address_id, user_id, street, city, state, zip_code, country, home";

pub(super) fn address_of_row(row: &Row<'_>) -> rusqlite::Result<Address> {
    Ok(Address {
        address_id: row.get(0)?,
        user_id: row.get(1)?,
        street: row.get(2)?,
        city: row.get(3)?,
        state: row.get(4)?,
        zip_code: row.get(5)?,
        country: row.get(6)?,
        home: row.get(7)?,
    })
}

/// The person.
pub(crate) fn find(conn: &Connection, user_id: UserId) -> Result<Option<User>, Error> {
    let mut statement = conn.prepare_cached(&format!("select {USER} from users where user_id = ?1"))?;
    Ok(statement.query_row([user_id], user_of_row).optional()?)
}

/// Whether the person is known here.
pub(crate) fn exists(conn: &Connection, user_id: UserId) -> Result<bool, Error> {
    Ok(conn.prepare_cached("select 1 from users where user_id = ?1")?.exists([user_id])?)
}

/// Whose e-mail this is.
pub(crate) fn of_email(conn: &Connection, email: &str) -> Result<Option<User>, Error> {
    let mut statement =
        conn.prepare_cached(&format!("select {USER} from users where email = ?1 order by user_id limit 1"))?;
    Ok(statement.query_row([email], user_of_row).optional()?)
}

/// People whose name or e-mail begins with the text, newest first; all of them if it is empty.
pub(crate) fn list(conn: &Connection, text: &str, limit: i64) -> Result<Vec<User>, Error> {
    let mut statement = conn.prepare_cached(&format!(
        r"select {USER} from users
         where email like ?1 escape '\' or first_name like ?1 escape '\' or last_name like ?1 escape '\'
             or (coalesce(first_name, '') || ' ' || coalesce(last_name, '')) like ?1 escape '\'
         order by user_id desc limit ?2"
    ))?;
    let rows = statement.query_map(params![pattern("", text), limit], user_of_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Keeps a person as told. The password hash, which is never told, stays.
pub(crate) fn save(conn: &Connection, user: &User) -> Result<(), Error> {
    conn.prepare_cached(
        "insert into users (user_id, email, first_name, last_name, created_at, address_id, role, home, alias_of)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         on conflict (user_id) do update set
             email = excluded.email, first_name = excluded.first_name, last_name = excluded.last_name,
             created_at = excluded.created_at, address_id = excluded.address_id, role = excluded.role,
             home = excluded.home, alias_of = excluded.alias_of",
    )?
    .execute(params![
        user.user_id,
        user.email,
        user.first_name,
        user.last_name,
        user.created_at,
        user.address_id,
        user.role,
        user.home,
        user.alias_of
    ])?;
    Ok(())
}

/// The person is gone at the server, or left this node's scope.
pub(crate) fn forget(conn: &Connection, user_id: UserId) -> Result<(), Error> {
    conn.prepare_cached("delete from users where user_id = ?1")?.execute([user_id])?;
    Ok(())
}

/// Whether the address is known here.
pub(crate) fn address_exists(conn: &Connection, address_id: AddressId) -> Result<bool, Error> {
    Ok(conn.prepare_cached("select 1 from addresses where address_id = ?1")?.exists([address_id])?)
}

/// A person's addresses.
pub(crate) fn addresses(conn: &Connection, user_id: UserId) -> Result<Vec<Address>, Error> {
    let mut statement =
        conn.prepare_cached(&format!("select {ADDRESS} from addresses where user_id = ?1 order by address_id"))?;
    Ok(statement.query_map([user_id], address_of_row)?.collect::<Result<_, _>>()?)
}

/// Keeps an address as told.
pub(crate) fn save_address(conn: &Connection, address: &Address) -> Result<(), Error> {
    conn.prepare_cached(&format!(
        "insert into addresses ({ADDRESS}) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         on conflict (address_id) do update set
             user_id = excluded.user_id, street = excluded.street, city = excluded.city, state = excluded.state,
             zip_code = excluded.zip_code, country = excluded.country, home = excluded.home"
    ))?
    .execute(params![
        address.address_id,
        address.user_id,
        address.street,
        address.city,
        address.state,
        address.zip_code,
        address.country,
        address.home
    ])?;
    Ok(())
}

/// The address is gone at the server, or left this node's scope.
pub(crate) fn forget_address(conn: &Connection, address_id: AddressId) -> Result<(), Error> {
    conn.prepare_cached("delete from addresses where address_id = ?1")?.execute([address_id])?;
    Ok(())
}

/// What people say of a product, newest first.
pub(crate) fn reviews(
    conn: &Connection,
    product_id: outpost_schema::id::ProductId,
    limit: i64,
) -> Result<Vec<Review>, Error> {
    let mut statement = conn.prepare_cached(
        "select review_id, product_id, user_id, rating, comment, created_at from reviews
         where product_id = ?1 order by review_id desc limit ?2",
    )?;
    let rows = statement.query_map(params![product_id, limit], review_of_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn review_of_row(row: &Row<'_>) -> rusqlite::Result<Review> {
    Ok(Review {
        review_id: row.get(0)?,
        product_id: row.get(1)?,
        user_id: row.get(2)?,
        rating: row.get(3)?,
        comment: row.get(4)?,
        created_at: row.get(5)?,
    })
}

/// Keeps a review as told.
pub(crate) fn save_review(conn: &Connection, review: &Review) -> Result<(), Error> {
    conn.prepare_cached(
        "insert into reviews (review_id, product_id, user_id, rating, comment, created_at)
         values (?1, ?2, ?3, ?4, ?5, ?6)
         on conflict (review_id) do update set
             product_id = excluded.product_id, user_id = excluded.user_id, rating = excluded.rating,
             comment = excluded.comment, created_at = excluded.created_at",
    )?
    .execute(params![
        review.review_id,
        review.product_id,
        review.user_id,
        review.rating,
        review.comment,
        review.created_at
    ])?;
    Ok(())
}

/// The review is gone at the server.
pub(crate) fn forget_review(conn: &Connection, review_id: ReviewId) -> Result<(), Error> {
    conn.prepare_cached("delete from reviews where review_id = ?1")?.execute([review_id])?;
    Ok(())
}
