//! An auditor who trusts nobody: reads Postgres and a node's SQLite itself and compares row by row
//! everything that is fed, as far as it is in that node's scope.

use std::{collections::BTreeMap, path::Path};

use outpost_schema::{device::Card, id::WarehouseId};
use rusqlite::{Connection, OpenFlags};
use tokio_postgres::Client;

/// Rows of one table: what names each, and what it says.
type Rows = BTreeMap<String, String>;

/// So much is shown of a row that differs.
const SHOWN_MAX: usize = 300;

/// A table's name, then the same question to each engine: a key and a value, both as text. `{scope}`
/// stands for the node's warehouses, `{node}` and `{life}` for itself.
const TABLES: [(&str, &str, &str); 23] = [
    (
        "warehouses",
        "select encode(uuid_send(warehouse_id), 'hex'), name || ' ' || coalesce(encode(uuid_send(home_of), 'hex'), '-') from warehouses",
        "select lower(hex(warehouse_id)), name || ' ' || coalesce(nullif(lower(hex(home_of)), ''), '-') from warehouses",
    ),
    (
        "categories",
        "select encode(uuid_send(category_id), 'hex'), name || ' ' || coalesce(encode(uuid_send(parent_id), 'hex'), '-') from categories",
        "select lower(hex(category_id)), name || ' ' || coalesce(nullif(lower(hex(parent_id)), ''), '-') from categories",
    ),
    (
        "products",
        "select encode(uuid_send(product_id), 'hex'), concat_ws('|', name, coalesce(sku, '-'), coalesce(description, '-'),
             coalesce((price * 10000)::bigint::text, '-'), unit, price_per, coalesce(encode(uuid_send(category_id), 'hex'), '-'),
             (extract(epoch from updated_at) * 1000000)::bigint) from products",
        "select lower(hex(product_id)), name || '|' || coalesce(sku, '-') || '|' || coalesce(description, '-') || '|' ||
             coalesce(price, '-') || '|' || unit || '|' || price_per || '|' || coalesce(nullif(lower(hex(category_id)), ''), '-') || '|' ||
             updated_at from products",
    ),
    (
        "attributes",
        "select encode(uuid_send(product_id), 'hex'), attributes::text from products",
        "select lower(hex(product_id)), attributes from products",
    ),
    (
        "barcodes",
        "select barcode, encode(uuid_send(product_id), 'hex') from barcodes",
        "select barcode, lower(hex(product_id)) from barcodes",
    ),
    (
        "stock",
        "select encode(uuid_send(product_id) || uuid_send(warehouse_id), 'hex'), concat_ws(' ', balance, promised, quantity, reserved_quantity)
         from stock where warehouse_id = any({scope})",
        "select lower(hex(product_id) || hex(warehouse_id)), (fed_balance + own_balance) || ' ' || (fed_promised + own_promised) || ' ' ||
             quantity || ' ' || reserved_quantity from stock",
    ),
    (
        "allotments",
        "select encode(uuid_send(product_id) || uuid_send(warehouse_id), 'hex'), concat_ws(' ', granted, reclaimed, consumed, returned, received)
         from allotments where incarnation_id = {life} and granted + reclaimed + consumed + returned + received > 0",
        "select lower(hex(product_id) || hex(warehouse_id)), granted || ' ' || reclaimed || ' ' || consumed || ' ' || returned || ' ' || received
         from allotments where incarnation_id = {life} and granted + reclaimed + consumed + returned + received > 0",
    ),
    (
        "people",
        "select encode(uuid_send(user_id), 'hex'), concat_ws('|', coalesce(email, '-'), coalesce(first_name, '-'), coalesce(last_name, '-'),
             coalesce(encode(uuid_send(address_id), 'hex'), '-'), role, encode(uuid_send(home), 'hex'), coalesce(encode(uuid_send(alias_of), 'hex'), '-'))
         from users where home = any({scope})",
        "select lower(hex(user_id)), coalesce(email, '-') || '|' || coalesce(first_name, '-') || '|' || coalesce(last_name, '-') || '|' ||
             coalesce(nullif(lower(hex(address_id)), ''), '-') || '|' || role || '|' || lower(hex(home)) || '|' || coalesce(nullif(lower(hex(alias_of)), ''), '-') from users",
    ),
    (
        "addresses",
        "select encode(uuid_send(address_id), 'hex'), concat_ws('|', encode(uuid_send(user_id), 'hex'), street, city, country) from addresses
         where home = any({scope})",
        "select lower(hex(address_id)), lower(hex(user_id)) || '|' || street || '|' || city || '|' || country from addresses",
    ),
    (
        "orders",
        "select encode(uuid_send(order_id), 'hex'), concat_ws(' ', status, (total_amount * 10000)::bigint, receipt_prefix, receipt_number, fulfilment,
             encode(uuid_send(user_id), 'hex'), (extract(epoch from created_at) * 1000000)::bigint, (extract(epoch from updated_at) * 1000000)::bigint)
         from orders where warehouse_id = any({scope})",
        "select lower(hex(order_id)), status || ' ' || total_amount || ' ' || receipt_prefix || ' ' || receipt_number || ' ' || fulfilment || ' ' ||
             lower(hex(user_id)) || ' ' || created_at || ' ' || updated_at from orders",
    ),
    (
        "order lines",
        "select encode(uuid_send(order_id) || uuid_send(order_item_id), 'hex'), concat_ws(' ', encode(uuid_send(product_id), 'hex'), quantity,
             (unit_price * 10000)::bigint, i.price_per, line)
         from order_items i join orders using (order_id) where warehouse_id = any({scope})",
        "select lower(hex(order_id) || hex(order_item_id)), lower(hex(product_id)) || ' ' || quantity || ' ' || unit_price || ' ' || price_per || ' ' || line
         from order_items",
    ),
    (
        "payments",
        "select encode(uuid_send(order_id) || uuid_send(p.payment_id), 'hex'), concat_ws(' ', tender, p.status, (amount * 10000)::bigint, currency,
             encode(uuid_send(p.user_id), 'hex'), coalesce(encode(uuid_send(return_id), 'hex'), '-'), coalesce(encode(uuid_send(refunds_id), 'hex'), '-'))
         from payments p join orders o using (order_id)
         where return_id is null and o.warehouse_id = any({scope})
            or return_id in (select return_id from returns where warehouse_id = any({scope}) or sold_at = any({scope}))",
        "select lower(hex(order_id) || hex(payment_id)), tender || ' ' || status || ' ' || amount || ' ' || currency || ' ' ||
             lower(hex(user_id)) || ' ' || coalesce(nullif(lower(hex(return_id)), ''), '-') || ' ' || coalesce(nullif(lower(hex(refunds_id)), ''), '-')
         from payments",
    ),
    (
        "returns",
        "select encode(uuid_send(return_id), 'hex'), concat_ws('|', encode(uuid_send(order_id), 'hex'), encode(uuid_send(user_id), 'hex'),
             order_receipt_prefix, order_receipt_number, receipt_prefix, receipt_number, encode(uuid_send(node_id), 'hex'),
             encode(uuid_send(warehouse_id), 'hex'), coalesce(encode(uuid_send(taken_by), 'hex'), '-'), reason,
             (extract(epoch from created_at) * 1000000)::bigint)
         from returns where warehouse_id = any({scope}) or sold_at = any({scope})",
        "select lower(hex(return_id)), lower(hex(order_id)) || '|' || lower(hex(user_id)) || '|' || order_receipt_prefix || '|' ||
             order_receipt_number || '|' || receipt_prefix || '|' || receipt_number || '|' || lower(hex(node_id)) || '|' ||
             lower(hex(warehouse_id)) || '|' || coalesce(nullif(lower(hex(taken_by)), ''), '-') || '|' || reason || '|' || created_at from returns",
    ),
    (
        "lines of returns",
        "select encode(uuid_send(return_id), 'hex') || ' ' || line, concat_ws(' ', coalesce(encode(uuid_send(order_item_id), 'hex'), '-'),
             encode(uuid_send(product_id), 'hex'), quantity, condition)
         from return_lines join returns using (return_id) where warehouse_id = any({scope}) or sold_at = any({scope})",
        "select lower(hex(return_id)) || ' ' || line, coalesce(nullif(lower(hex(order_item_id)), ''), '-') || ' ' || lower(hex(product_id)) || ' ' ||
             quantity || ' ' || condition from return_lines",
    ),
    (
        "reviews",
        "select encode(uuid_send(review_id), 'hex'), rating || ' ' || coalesce(comment, '-') from reviews",
        "select lower(hex(review_id)), rating || ' ' || coalesce(comment, '-') from reviews",
    ),
    (
        "transfers",
        "select encode(uuid_send(transfer_id), 'hex'), concat_ws(' ', prefix, number, coalesce(encode(uuid_send(from_id), 'hex'), '-'),
             coalesce(encode(uuid_send(to_id), 'hex'), '-'), complete::integer)
         from transfers t where from_id = any({scope}) or to_id = any({scope}) or exists (
             select from transfer_lines l where l.transfer_id = t.transfer_id and l.warehouse_id = any({scope}))",
        "select lower(hex(transfer_id)), prefix || ' ' || number || ' ' || coalesce(nullif(lower(hex(from_id)), ''), '-') || ' ' ||
             coalesce(nullif(lower(hex(to_id)), ''), '-') || ' ' || complete from transfers",
    ),
    (
        "lines of transfers",
        "select encode(uuid_send(transfer_id) || uuid_send(product_id) || uuid_send(warehouse_id), 'hex'),
             concat_ws(' ', sent, arrived, damaged, lost)
         from transfer_lines where transfer_id in (
             select t.transfer_id from transfers t join transfer_lines l using (transfer_id)
             where from_id = any({scope}) or to_id = any({scope}) or l.warehouse_id = any({scope}))",
        "select lower(hex(transfer_id) || hex(product_id) || hex(warehouse_id)), sent || ' ' || arrived || ' ' || damaged || ' ' || lost
         from transfer_lines",
    ),
    (
        "lines of deliveries",
        "select encode(uuid_send(delivery_id) || uuid_send(product_id), 'hex'), concat_ws(' ', reference, expected, received)
         from delivery_lines join deliveries using (delivery_id) where warehouse_id = any({scope})",
        "select lower(hex(delivery_id) || hex(product_id)), reference || ' ' || expected || ' ' || received
         from delivery_lines join deliveries using (delivery_id)",
    ),
    (
        "cart states",
        "select encode(uuid_send(cart_id), 'hex'), encode(state, 'hex') from cart_states where home = any({scope})",
        "select lower(hex(cart_id)), lower(hex(state)) from cart_states",
    ),
    (
        "carts",
        "select encode(uuid_send(user_id) || uuid_send(product_id), 'hex'), quantity::text from carts
         where user_id in (select owner from cart_states where home = any({scope}))",
        "select lower(hex(user_id) || hex(product_id)), cast(quantity as text) from carts",
    ),
    (
        "concerns",
        "select encode(uuid_send(concern_id), 'hex'), concat_ws(' ', kind, subject, case when closed_at is null then 'open' else 'closed' end)
         from concerns where scope = any({scope} || {node} || '00000000-0000-0000-0000-000000000000'::uuid)",
        "select lower(hex(concern_id)), kind || ' ' || subject || ' ' || case when closed_at is null then 'open' else 'closed' end from concerns",
    ),
    (
        "synonyms",
        "select encode(uuid_send(synonyms_id), 'hex'), to_json(phrases)::text || ' ' || to_json(also)::text from synonyms",
        "select lower(hex(synonyms_id)), phrases || ' ' || also from synonyms",
    ),
    (
        "journal",
        "select seq::text, encode(hash, 'hex') || ' ' || verdict from ops where incarnation_id = {life}",
        "select cast(seq as text), lower(hex(hash)) || ' ' || coalesce(verdict, 'unanswered') from journal where incarnation_id = {life}",
    ),
];

/// Where a node differs from the server: at most a few examples per table, in words.
pub async fn differences(client: &Client, file: &Path, card: &Card, also: &[WarehouseId]) -> Vec<String> {
    let node = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("a node's file opens");
    let mut found = Vec::new();
    for (name, to_server, to_node) in TABLES {
        let theirs = of_server(client, &filled(to_server, card, also)).await;
        let ours = of_node(&node, &to_node.replace("{life}", &format!("x'{}'", card.incarnation_id.0.simple())));
        found.extend(compare(name, &theirs, &ours));
    }
    found
}

fn filled(query: &str, card: &Card, also: &[WarehouseId]) -> String {
    let scope = [&[card.warehouse_id], also].concat();
    let scope: Vec<String> = scope.iter().map(|id| format!("'{id}'")).collect();
    query
        .replace("{scope}", &format!("array[{}]::uuid[]", scope.join(",")))
        .replace("{node}", &format!("'{}'::uuid", card.node_id))
        .replace("{life}", &format!("'{}'::uuid", card.incarnation_id))
}

async fn of_server(client: &Client, query: &str) -> Rows {
    let rows = client.query(query, &[]).await.unwrap_or_else(|error| panic!("{query}: {error:?}"));
    rows.iter().map(|row| (row.get(0), plain(row.get(1)))).collect()
}

fn of_node(node: &Connection, query: &str) -> Rows {
    let mut statement = node.prepare(query).unwrap_or_else(|error| panic!("{query}: {error}"));
    let rows = statement.query_map([], |row| Ok((row.get(0)?, plain(row.get(1)?)))).expect("a node can be read");
    rows.collect::<Result<_, _>>().expect("a node can be read")
}

/// JSON as both engines would spell it.
fn plain(text: String) -> String {
    serde_json::from_str::<serde_json::Value>(&text).map_or(text, |value| value.to_string())
}

fn compare(name: &str, server: &Rows, node: &Rows) -> Vec<String> {
    let keys = server.keys().chain(node.keys().filter(|key| !server.contains_key(*key)));
    let keys: Vec<_> = keys.filter(|key| server.get(*key) != node.get(*key)).collect();
    let side = |rows: &Rows, key: &String| {
        rows.get(key).map_or_else(|| "nothing".to_owned(), |row| row.chars().take(SHOWN_MAX).collect())
    };
    let say =
        |key: &&&String| format!("{name} {key}: the server has {}, the node {}", side(server, key), side(node, key));
    let mut found: Vec<String> = keys.iter().take(3).map(|key| say(&key)).collect();
    found.extend((keys.len() > 3).then(|| format!("{name}: {} more differences", keys.len() - 3)));
    found
}
