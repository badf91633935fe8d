//! A busy shop: what its people do to the tables, and what a node should show of them.

use std::{collections::BTreeMap, fmt::Write as _};

use outpost_schema::{
    cart::Cart,
    clock::{Hlc, Timestamp},
    feed::{Aggregate, Key, Kind},
    id::{CartId, IncarnationId, UserId, WarehouseId},
};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::db::{
    feed::Scopes,
    fixture::{DEPOT, Network, SHOP, product},
};

/// Products, carts and orders of the shop, each.
pub(super) const THINGS: u64 = 24;

/// Something that one transaction at a time may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Thing {
    Stock(u64, bool),
    Product(u64),
    Cart(u64),
    Order(u64),
    Concern(u64),
}

fn warehouse(is_depot: bool) -> WarehouseId {
    if is_depot { DEPOT } else { SHOP }
}

/// The id of the thing of this sort and number.
fn id(sort: u128, number: u64) -> Uuid {
    Uuid::from_u128((sort << 16) + u128::from(number))
}

const CART: u128 = 0x2;
const ORDER: u128 = 0x3;
const CONCERN: u128 = 0x4;

pub(super) async fn open(network: &Network) {
    network.stock(0..THINGS, 100).await;
    let client = &network.client;
    client
        .execute(
            "insert into users (user_id, password_hash, created_at, home)
            values ('00000000-0000-7000-8000-000000000001', 'canary', now(), $1)",
            &[&SHOP],
        )
        .await
        .unwrap();
    for number in 0..THINGS {
        let (cart_id, home) = (CartId(id(CART, number)), warehouse(number.is_multiple_of(2)));
        let at = Hlc { at: Timestamp::from_micros(1), tick: 0 };
        let cart = Cart::open(cart_id, UserId(cart_id.0), home, IncarnationId(id(CART, 0)), at);
        let state = rmp_serde::to_vec_named(&cart).unwrap();
        client
            .execute(
                "insert into cart_states (cart_id, owner, home, state, is_active, updated_at)
                values ($1, $1, $2, $3, false, now())",
                &[&cart_id, &home, &state],
            )
            .await
            .unwrap();
    }
}

/// Changes a thing within the open transaction of `writer`.
pub(super) async fn touch(writer: &Client, thing: Thing, chance: u64) {
    match thing {
        Thing::Stock(number, is_depot) => {
            writer
                .execute(
                    "update stock set balance = balance + 1 where product_id = $1 and warehouse_id = $2",
                    &[&product(number), &warehouse(is_depot)],
                )
                .await
        }
        Thing::Product(number) if chance.is_multiple_of(3) => {
            writer
                .execute(
                    "insert into barcodes (barcode, product_id) values ($1, $2)
                    on conflict (barcode) do update set product_id = excluded.product_id",
                    &[&barcode(number), &product(number)],
                )
                .await
        }
        Thing::Product(number) if chance % 3 == 1 => {
            writer.execute("delete from barcodes where product_id = $1", &[&product(number)]).await
        }
        Thing::Product(number) => {
            writer.execute("update products set name = name || 'x' where product_id = $1", &[&product(number)]).await
        }
        // A cart moves between the two shops; in one of them it is gone then.
        Thing::Cart(number) => {
            writer
                .execute(
                    "update cart_states set home = $2 where cart_id = $1",
                    &[&id(CART, number), &warehouse(chance.is_multiple_of(2))],
                )
                .await
        }
        Thing::Order(number) => order(writer, id(ORDER, number), warehouse(number.is_multiple_of(3))).await,
        Thing::Concern(number) => {
            writer
                .execute(
                    "insert into concerns (concern_id, kind, subject, detail, scope, opened_at)
                    values ($1::uuid, 'owed', $1::uuid::text, '{}', $2, now())
                    on conflict (concern_id) do update set subject = concerns.subject || 'x'",
                    &[&id(CONCERN, number), &warehouse(number.is_multiple_of(2))],
                )
                .await
        }
    }
    .unwrap();
}

/// The first time the order is written down, then it gets one more payment.
async fn order(writer: &Client, order_id: Uuid, at: WarehouseId) -> Result<u64, tokio_postgres::Error> {
    writer
        .execute(
            "insert into orders (order_id, user_id, total_amount, status, created_at, updated_at, receipt_prefix,
                receipt_number, node_id, warehouse_id, fulfilment, incarnation_id, seq)
            values ($1, '00000000-0000-7000-8000-000000000001', 5, 'delivered', now(), now(), 'T', 1,
                '00000000-0000-0000-0000-000000000061', $2, 'carry_out', '00000000-0000-0000-0000-000000000071', 1)
            on conflict do nothing",
            &[&order_id, &at],
        )
        .await?;
    writer
        .execute(
            "insert into payments (order_id, payment_id, user_id, amount, currency, tender, status, created_at, updated_at)
            values ($1, gen_random_uuid(), '00000000-0000-7000-8000-000000000001', 5, 'USD', 'cash', 'succeeded', now(), now())",
            &[&order_id],
        )
        .await
}

/// One aggregate of each kind that a till may receive, but verdicts.
pub(super) async fn one_of_each(client: &Client) {
    let at = Hlc { at: Timestamp::from_micros(1), tick: 0 };
    let cart = Cart::open(CartId(id(CART, 1)), UserId::GUEST, SHOP, IncarnationId(id(CART, 0)), at);
    client
        .batch_execute(
            "insert into users (user_id, email, created_at, home) values
                ('00000000-0000-7000-8000-000000000001', 'ada@example.com', now(), '00000000-0000-0000-0000-000000000051');
            insert into addresses (address_id, user_id, street, city, country, home) values
                (gen_random_uuid(), '00000000-0000-7000-8000-000000000001', '1 High Street', 'York', 'GB',
                    '00000000-0000-0000-0000-000000000051');
            insert into categories (category_id, name) values (gen_random_uuid(), 'Drinks');
            insert into reviews (review_id, product_id, user_id, rating, comment, created_at) values
                (gen_random_uuid(), '00000000-0000-0000-0000-000000001000', '00000000-0000-7000-8000-000000000001',
                    5, 'Fine', now());
            insert into allotments (incarnation_id, product_id, warehouse_id, granted) values
                ('00000000-0000-0000-0000-000000000071', '00000000-0000-0000-0000-000000001000',
                    '00000000-0000-0000-0000-000000000051', 3);
            insert into allotments (incarnation_id, product_id, warehouse_id, granted) values
                ('00000000-0000-0000-0000-000000000072', '00000000-0000-0000-0000-000000001000',
                    '00000000-0000-0000-0000-000000000051', 3)",
        )
        .await
        .unwrap();
    client
        .execute(
            "insert into cart_states (cart_id, owner, home, state, is_active, updated_at)
                values ($1, $1, $2, $3, false, now())",
            &[&cart.cart_id(), &SHOP, &rmp_serde::to_vec_named(&cart).unwrap()],
        )
        .await
        .unwrap();
    touch(client, Thing::Order(1), 0).await;
    touch(client, Thing::Concern(1), 0).await;
}

fn barcode(number: u64) -> String {
    outpost_schema::barcode::Barcode::in_store(number).unwrap().digits().to_owned()
}

/// What a node shows of the shop: a line of text for each aggregate.
pub(super) type Shown = BTreeMap<Key, String>;

/// Lays an aggregate over what the node shows.
pub(super) fn apply(shown: &mut Shown, aggregate: &Aggregate) {
    let (kind, ids, text) = match aggregate {
        Aggregate::Gone(key) => return drop(shown.remove(key)),
        Aggregate::Stock(stock) => {
            (Kind::Stock, vec![stock.product_id.0, stock.warehouse_id.0], stock.balance.to_string())
        }
        Aggregate::Product(product) => {
            let codes: Vec<&str> = product.barcodes.iter().map(|code| code.digits()).collect();
            (Kind::Product, vec![product.product_id.0], format!("{} {}", product.name, codes.join(",")))
        }
        Aggregate::Cart(cart) => (Kind::Cart, vec![cart.cart_id().0], "a cart".to_owned()),
        Aggregate::Order(order) => (Kind::Order, vec![order.order_id.0], order.payments.len().to_string()),
        Aggregate::Concern(concern) => (Kind::Concern, vec![concern.concern_id.0], concern.subject.clone()),
        Aggregate::User(_)
        | Aggregate::Transfer(_)
        | Aggregate::Delivery(_)
        | Aggregate::Warehouse(_)
        | Aggregate::Category(_)
        | Aggregate::Allotment(_)
        | Aggregate::Address(_)
        | Aggregate::Review(_)
        | Aggregate::Return(_)
        | Aggregate::Rule(_)
        | Aggregate::Confirmation(_)
        | Aggregate::Synonyms(_)
        | Aggregate::Verdict(_) => return,
    };
    shown.insert(Key { kind, ids }, text);
}

/// What the tables say a node with these scopes should show, by queries of the test's own.
pub(super) async fn truth(client: &Client, scopes: &Scopes) -> Shown {
    let sql = "select 4::smallint, array[product_id, warehouse_id], balance::text from stock where warehouse_id = any($1)
        union all
        select 3::smallint, array[p.product_id], p.name || ' ' ||
            coalesce((select string_agg(b.barcode, ',' order by b.barcode) from barcodes b where b.product_id = p.product_id), '')
        from products p
        union all
        select 10::smallint, array[cart_id], 'a cart' from cart_states where home = any($1)
        union all
        select 8::smallint, array[order_id], (select count(*) from payments p where p.order_id = o.order_id)::text
        from orders o where warehouse_id = any($1)
        union all
        select 11::smallint, array[concern_id], subject from concerns where scope = any($1)";
    let rows = client.query(sql, &[&scopes.warehouses]).await.unwrap();
    let read = |row: &tokio_postgres::Row| {
        let key = Key { kind: Kind::of_number(row.get(0)).unwrap(), ids: row.get(1) };
        (key, row.get(2))
    };
    rows.iter().map(read).collect()
}

/// The first things in which two views differ, for a report.
pub(super) fn difference(shown: &Shown, truth: &Shown) -> String {
    let mut told = String::new();
    let keys = shown.keys().chain(truth.keys()).filter(|key| shown.get(key) != truth.get(key));
    for key in keys.take(3) {
        writeln!(told, "{key:?}: shown {:?}, true {:?}", shown.get(key), truth.get(key)).unwrap();
    }
    told
}
