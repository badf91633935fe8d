//! Writes what was decided: one statement over arrays for each table, none for a table that nothing
//! happened to.
//!
//! New rows are plain inserts: a row that has come since it was looked for breaks its key, and the
//! whole batch is decided anew, knowing it.

use std::collections::BTreeSet;

use outpost_schema::{
    clock::Timestamp,
    id::{CartId, IncarnationId, ProductId, UserId},
    order::{Order, OrderItem, Payment},
    people::{Address, Review, User},
    settle::{Known, Moved, Settled},
    stock::StockKey,
    word::Word as _,
};

use super::{Tx, columns};
use crate::error::Error;

/// Writes everything of `settled` but its verdicts and concerns. `sold_before` are the cart lines of
/// which something had been checked out before.
///
/// # Errors
/// If Postgres fails, or a row has come meanwhile.
pub async fn write(
    tx: &Tx,
    incarnation_id: IncarnationId,
    known: &Known,
    sold_before: &BTreeSet<(CartId, ProductId)>,
    settled: &Settled,
    now: Timestamp,
) -> Result<(), Error> {
    take_emails(tx, &settled.demoted).await?;
    insert_users(tx, &settled.users).await?;
    make_aliases(tx, &settled.demoted).await?;
    insert_addresses(tx, &settled.addresses).await?;
    insert_orders(tx, incarnation_id, &settled.orders).await?;
    insert_items(tx, &settled.orders).await?;
    insert_payments(tx, &settled.orders).await?;
    insert_reviews(tx, &settled.reviews).await?;
    raise_statuses(tx, settled).await?;
    insert_movements(tx, incarnation_id, &settled.movements).await?;
    update_levels(tx, known, &settled.levels, now).await?;
    write_allotments(tx, incarnation_id, known, &settled.allotments).await?;
    write_sold(tx, known, sold_before, &settled.sold).await
}

/// Some people lose their e-mail to newcomers: before those come, because nobody shares an e-mail.
async fn take_emails(tx: &Tx, demoted: &[(UserId, UserId)]) -> Result<(), Error> {
    if demoted.is_empty() {
        return Ok(());
    }
    let losers: Vec<_> = demoted.iter().map(|(loser, _)| *loser).collect();
    tx.execute("update users set email = null where user_id = any($1)", &[&losers]).await?;
    Ok(())
}

/// They become aliases of the newcomers, and so do their own aliases: an alias is never of an alias.
async fn make_aliases(tx: &Tx, demoted: &[(UserId, UserId)]) -> Result<(), Error> {
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

async fn insert_users(tx: &Tx, users: &[User]) -> Result<(), Error> {
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

async fn insert_addresses(tx: &Tx, addresses: &[Address]) -> Result<(), Error> {
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

async fn insert_orders(tx: &Tx, incarnation_id: IncarnationId, orders: &[(i64, Order)]) -> Result<(), Error> {
    if orders.is_empty() {
        return Ok(());
    }
    let seqs: Vec<_> = orders.iter().map(|(seq, _)| *seq).collect();
    let ids: Vec<_> = orders.iter().map(|(_, order)| order.order_id).collect();
    let users: Vec<_> = orders.iter().map(|(_, order)| order.user_id).collect();
    let totals: Vec<_> = orders.iter().map(|(_, order)| order.total_amount).collect();
    let statuses: Vec<_> = orders.iter().map(|(_, order)| order.status.word()).collect();
    let shipped_to: Vec<_> = orders.iter().map(|(_, order)| order.shipping_address_id).collect();
    let billed_to: Vec<_> = orders.iter().map(|(_, order)| order.billing_address_id).collect();
    let payments: Vec<_> = orders.iter().map(|(_, order)| order.payment_id).collect();
    let created: Vec<_> = orders.iter().map(|(_, order)| order.created_at).collect();
    let updated: Vec<_> = orders.iter().map(|(_, order)| order.updated_at).collect();
    let prefixes: Vec<_> = orders.iter().map(|(_, order)| &order.receipt.prefix).collect();
    let numbers: Vec<_> = orders.iter().map(|(_, order)| order.receipt.number).collect();
    let nodes: Vec<_> = orders.iter().map(|(_, order)| order.node_id).collect();
    let warehouses: Vec<_> = orders.iter().map(|(_, order)| order.warehouse_id).collect();
    let fulfilments: Vec<_> = orders.iter().map(|(_, order)| order.fulfilment.word()).collect();
    tx.execute(
        "insert into orders (order_id, user_id, total_amount, status, shipping_address_id, billing_address_id,
                             payment_id, created_at, updated_at, receipt_prefix, receipt_number, node_id,
                             warehouse_id, fulfilment, incarnation_id, seq)
         select order_id, user_id, total_amount, status, shipping_address_id, billing_address_id, payment_id,
                created_at, updated_at, receipt_prefix, receipt_number, node_id, warehouse_id, fulfilment, $1, seq
         from unnest($2::bigint[], $3::uuid[], $4::uuid[], $5::numeric[], $6::text[], $7::uuid[], $8::uuid[],
                     $9::uuid[], $10::timestamptz[], $11::timestamptz[], $12::text[], $13::bigint[], $14::uuid[],
                     $15::uuid[], $16::text[])
              as o (seq, order_id, user_id, total_amount, status, shipping_address_id, billing_address_id, payment_id,
                    created_at, updated_at, receipt_prefix, receipt_number, node_id, warehouse_id, fulfilment)",
        &[
            &incarnation_id,
            &seqs,
            &ids,
            &users,
            &totals,
            &statuses,
            &shipped_to,
            &billed_to,
            &payments,
            &created,
            &updated,
            &prefixes,
            &numbers,
            &nodes,
            &warehouses,
            &fulfilments,
        ],
    )
    .await?;
    Ok(())
}

async fn insert_items(tx: &Tx, orders: &[(i64, Order)]) -> Result<(), Error> {
    if orders.is_empty() {
        return Ok(());
    }
    let items: Vec<(&Order, &OrderItem, i32)> = orders
        .iter()
        .flat_map(|(_, order)| order.items.iter().zip(0..).map(move |(item, line)| (order, item, line)))
        .collect();
    let order_ids: Vec<_> = items.iter().map(|(order, _, _)| order.order_id).collect();
    let ids: Vec<_> = items.iter().map(|(_, item, _)| item.order_item_id).collect();
    let products: Vec<_> = items.iter().map(|(_, item, _)| item.product_id).collect();
    let quantities: Vec<_> = items.iter().map(|(_, item, _)| item.quantity).collect();
    let prices: Vec<_> = items.iter().map(|(_, item, _)| item.unit_price).collect();
    let price_pers: Vec<_> = items.iter().map(|(_, item, _)| item.price_per).collect();
    let lines: Vec<_> = items.iter().map(|(_, _, line)| *line).collect();
    tx.execute(
        "insert into order_items (order_id, order_item_id, product_id, quantity, unit_price, price_per, line)
         select order_id, order_item_id, product_id, quantity, unit_price, price_per, line
         from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::numeric[], $6::bigint[], $7::integer[])
              as i (order_id, order_item_id, product_id, quantity, unit_price, price_per, line)",
        &[&order_ids, &ids, &products, &quantities, &prices, &price_pers, &lines],
    )
    .await?;
    Ok(())
}

async fn insert_payments(tx: &Tx, orders: &[(i64, Order)]) -> Result<(), Error> {
    let payments: Vec<(&Order, &Payment)> =
        orders.iter().flat_map(|(_, order)| order.payments.iter().map(move |payment| (order, payment))).collect();
    if payments.is_empty() {
        return Ok(());
    }
    let order_ids: Vec<_> = payments.iter().map(|(order, _)| order.order_id).collect();
    let ids: Vec<_> = payments.iter().map(|(_, payment)| payment.payment_id).collect();
    let users: Vec<_> = payments.iter().map(|(order, _)| order.user_id).collect();
    let amounts: Vec<_> = payments.iter().map(|(_, payment)| payment.amount).collect();
    let currencies: Vec<_> = payments.iter().map(|(_, payment)| payment.currency).collect();
    let tenders: Vec<_> = payments.iter().map(|(_, payment)| payment.tender.word()).collect();
    let statuses: Vec<_> = payments.iter().map(|(_, payment)| payment.status.word()).collect();
    let references: Vec<_> = payments.iter().map(|(_, payment)| payment.transaction_ref.as_deref()).collect();
    let created: Vec<_> = payments.iter().map(|(_, payment)| payment.created_at).collect();
    let updated: Vec<_> = payments.iter().map(|(_, payment)| payment.updated_at).collect();
    tx.execute(
        "insert into payments (order_id, payment_id, user_id, amount, currency, tender, status, transaction_ref,
                               created_at, updated_at)
         select order_id, payment_id, user_id, amount, currency, tender, status, transaction_ref, created_at, updated_at
         from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::numeric[], $5::text[], $6::text[], $7::text[], $8::text[],
                     $9::timestamptz[], $10::timestamptz[])
              as p (order_id, payment_id, user_id, amount, currency, tender, status, transaction_ref, created_at,
                    updated_at)",
        &[&order_ids, &ids, &users, &amounts, &currencies, &tenders, &statuses, &references, &created, &updated],
    )
    .await?;
    Ok(())
}

async fn insert_reviews(tx: &Tx, reviews: &[Review]) -> Result<(), Error> {
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

async fn raise_statuses(tx: &Tx, settled: &Settled) -> Result<(), Error> {
    if settled.statuses.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = settled.statuses.keys().copied().collect();
    let statuses: Vec<_> = settled.statuses.values().map(|(status, _)| status.word()).collect();
    let moments: Vec<_> = settled.statuses.values().map(|(_, at)| *at).collect();
    tx.execute(
        "update orders o set status = s.status, updated_at = s.updated_at
         from unnest($1::uuid[], $2::text[], $3::timestamptz[]) as s (order_id, status, updated_at)
         where o.order_id = s.order_id",
        &[&ids, &statuses, &moments],
    )
    .await?;
    Ok(())
}

async fn insert_movements(tx: &Tx, incarnation_id: IncarnationId, movements: &[Moved]) -> Result<(), Error> {
    if movements.is_empty() {
        return Ok(());
    }
    let products: Vec<_> = movements.iter().map(|moved| moved.movement.key.product_id).collect();
    let warehouses: Vec<_> = movements.iter().map(|moved| moved.movement.key.warehouse_id).collect();
    let deltas: Vec<_> = movements.iter().map(|moved| moved.movement.delta).collect();
    let reasons: Vec<_> = movements.iter().map(|moved| moved.movement.reason.word()).collect();
    let seqs: Vec<_> = movements.iter().map(|moved| moved.seq).collect();
    let lines: Vec<_> = movements.iter().map(|moved| moved.line).collect();
    let moments: Vec<_> = movements.iter().map(|moved| moved.at).collect();
    tx.execute(
        "insert into stock_movements (product_id, warehouse_id, delta, reason, incarnation_id, seq, line, moved_at)
         select product_id, warehouse_id, delta, reason, $1, seq, line, moved_at
         from unnest($2::uuid[], $3::uuid[], $4::bigint[], $5::text[], $6::bigint[], $7::integer[], $8::timestamptz[])
              as m (product_id, warehouse_id, delta, reason, seq, line, moved_at)",
        &[&incarnation_id, &products, &warehouses, &deltas, &reasons, &seqs, &lines, &moments],
    )
    .await?;
    Ok(())
}

async fn update_levels(tx: &Tx, known: &Known, keys: &BTreeSet<StockKey>, now: Timestamp) -> Result<(), Error> {
    if keys.is_empty() {
        return Ok(());
    }
    let (products, warehouses) = columns(keys);
    let levels: Vec<_> = keys.iter().map(|key| known.levels.get(key).copied().unwrap_or_default()).collect();
    let balances: Vec<_> = levels.iter().map(|level| level.balance).collect();
    let promised: Vec<_> = levels.iter().map(|level| level.promised).collect();
    tx.execute(
        "update stock s set balance = l.balance, promised = l.promised, updated_at = $5
         from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[])
              as l (product_id, warehouse_id, balance, promised)
         where s.product_id = l.product_id and s.warehouse_id = l.warehouse_id",
        &[&products, &warehouses, &balances, &promised, &now],
    )
    .await?;
    Ok(())
}

async fn write_allotments(
    tx: &Tx,
    incarnation_id: IncarnationId,
    known: &Known,
    keys: &BTreeSet<StockKey>,
) -> Result<(), Error> {
    if keys.is_empty() {
        return Ok(());
    }
    let (products, warehouses) = columns(keys);
    let allotments: Vec<_> = keys.iter().map(|key| known.allotments.get(key).copied().unwrap_or_default()).collect();
    let granted: Vec<_> = allotments.iter().map(|allotment| allotment.granted).collect();
    let consumed: Vec<_> = allotments.iter().map(|allotment| allotment.consumed).collect();
    let returned: Vec<_> = allotments.iter().map(|allotment| allotment.returned).collect();
    let received: Vec<_> = allotments.iter().map(|allotment| allotment.received).collect();
    tx.execute(
        "insert into allotments (incarnation_id, product_id, warehouse_id, granted, consumed, returned, received)
         select $1, product_id, warehouse_id, granted, consumed, returned, received
         from unnest($2::uuid[], $3::uuid[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
              as a (product_id, warehouse_id, granted, consumed, returned, received)
         on conflict (incarnation_id, product_id, warehouse_id) do update
             set granted = excluded.granted, consumed = excluded.consumed, returned = excluded.returned,
                 received = excluded.received",
        &[&incarnation_id, &products, &warehouses, &granted, &consumed, &returned, &received],
    )
    .await?;
    Ok(())
}

/// Cart lines that were locked are updated, others are new.
async fn write_sold(
    tx: &Tx,
    known: &Known,
    before: &BTreeSet<(CartId, ProductId)>,
    keys: &BTreeSet<(CartId, ProductId)>,
) -> Result<(), Error> {
    let update = "update cart_units u set units = s.units
         from unnest($1::uuid[], $2::uuid[], $3::bytea[]) as s (cart_id, product_id, units)
         where u.cart_id = s.cart_id and u.product_id = s.product_id";
    let insert = "insert into cart_units (cart_id, product_id, units)
         select cart_id, product_id, units
         from unnest($1::uuid[], $2::uuid[], $3::bytea[]) as s (cart_id, product_id, units)";
    let (old, new): (Vec<_>, Vec<_>) = keys.iter().copied().partition(|key| before.contains(key));
    for (sql, keys) in [(update, old), (insert, new)] {
        if keys.is_empty() {
            continue;
        }
        let units = |key| rmp_serde::to_vec(&known.sold.get(key)).expect("our own types always encode into memory");
        let units: Vec<Vec<u8>> = keys.iter().map(units).collect();
        let (carts, products): (Vec<_>, Vec<_>) = keys.into_iter().unzip();
        tx.execute(sql, &[&carts, &products, &units]).await?;
    }
    Ok(())
}
