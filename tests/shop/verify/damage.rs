//! Bits that flip, rows that go and rows that appear, in every table that is fed.

use outpost_sync::wire::{DIGEST_ROWS_MAX, Damage};
use rusqlite::{
    Connection, params_from_iter,
    types::{Value, ValueRef},
};

use super::{full_shop, hear, own_things, walk};
use crate::support::{Shop, Till};

/// A fed table, the columns of its key, which row of it is damaged, and columns that are not fed.
type Table = (&'static str, &'static [&'static str], &'static str, &'static [&'static str]);

/// The rows are chosen so that nothing of the till's own is laid over them.
const TABLES: [Table; 19] = [
    ("warehouses", &["warehouse_id"], "home_of is not null", &[]),
    ("categories", &["category_id"], "parent_id is not null", &[]),
    ("products", &["product_id"], "sku = 'TEA'", &[]),
    ("barcodes", &["barcode", "product_id"], "barcode = '4006381333931'", &[]),
    (
        "stock",
        &["product_id", "warehouse_id"],
        "not exists (select 1 from pending p where p.product_id = stock.product_id and p.warehouse_id = stock.warehouse_id)",
        &["own_balance", "own_promised"],
    ),
    (
        "allotments",
        &["incarnation_id", "product_id", "warehouse_id"],
        "granted > 0",
        &["incarnation_id", "product_id", "warehouse_id", "consumed", "returned", "received", "full_mark", "keep", "asked_at", "asked_granted"],
    ),
    ("users", &["user_id"], "email = 'ada@example.com'", &["password_hash"]),
    ("addresses", &["address_id"], "user_id = (select user_id from users where email = 'ada@example.com')", &[]),
    ("reviews", &["review_id"], "user_id = (select user_id from users where email = 'ada@example.com')", &[]),
    ("orders", &["order_id"], "user_id = (select user_id from users where email = 'ada@example.com')", &[]),
    (
        "order_items",
        &["order_id", "order_item_id"],
        "order_id in (select o.order_id from orders o join users u using (user_id) where u.email = 'ada@example.com')",
        &[],
    ),
    (
        "payments",
        &["order_id", "payment_id"],
        "return_id is null
         and order_id in (select o.order_id from orders o join users u using (user_id) where u.email = 'ada@example.com')",
        &[],
    ),
    ("returns", &["return_id"], "true", &[]),
    ("return_lines", &["return_id", "line"], "true", &[]),
    ("payments", &["order_id", "payment_id"], "return_id is not null", &[]),
    ("cart_states", &["cart_id"], "unsent = 0", &["unsent", "updated_at"]),
    ("rules", &["rule_id"], "sort = 'low'", &[]),
    ("order_confirmations", &["order_id"], "confirmed_at is not null", &[]),
    ("synonyms", &["synonyms_id"], "also <> '[]'", &[]),
];

/// Everything a till keeps but when a cart was last shown and how it compares itself.
const KEPT: [&str; 27] = [
    "warehouses",
    "categories",
    "products",
    "barcodes",
    "stock",
    "pending",
    "allotments",
    "users",
    "addresses",
    "reviews",
    "orders",
    "order_items",
    "payments",
    "returns",
    "return_lines",
    "carts",
    "cart_units",
    "concerns",
    "journal",
    "acked",
    "stock_movements",
    "identity",
    "feed_position",
    "cart_states",
    "rules",
    "order_confirmations",
    "synonyms",
];

fn open(till: &Till) -> Connection {
    let conn = Connection::open(till.folder.join(outpost_node::db::FILE)).expect("its file opens");
    conn.pragma_update(None, "ignore_check_constraints", true).expect("a worn disk checks nothing");
    conn.busy_timeout(std::time::Duration::from_secs(5)).expect("patience");
    conn
}

/// Every kept row as text.
fn kept(conn: &Connection) -> Vec<String> {
    let mut rows = Vec::new();
    for table in KEPT {
        let left_out: &[&str] = match table {
            "cart_states" => &["updated_at"],
            "feed_position" => &["contact_at"],
            _ => &[],
        };
        let columns: Vec<String> =
            columns(conn, table).into_iter().filter(|name| !left_out.contains(&name.as_str())).collect();
        let mut statement = conn.prepare(&format!("select {} from {table}", columns.join(", "))).expect("a table");
        let found = statement.query_map([], |row| {
            let cells: Vec<String> = (0..columns.len()).map(|at| shown(row.get_ref(at).expect("a cell"))).collect();
            Ok(format!("{table} {}", cells.join("|")))
        });
        rows.extend(found.expect("readable").map(|row| row.expect("readable")));
    }
    rows.sort();
    rows
}

fn shown(cell: ValueRef<'_>) -> String {
    match cell {
        ValueRef::Null => "-".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        ValueRef::Blob(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

fn columns(conn: &Connection, table: &str) -> Vec<String> {
    let mut statement = conn.prepare("select name from pragma_table_info(?1)").expect("a table");
    let names = statement.query_map([table], |row| row.get(0)).expect("columns");
    names.collect::<Result<_, _>>().expect("columns")
}

/// The value with its lowest bit turned; where there was none, one appears.
fn flipped(value: Value, declared: &str) -> Value {
    match value {
        Value::Null if declared.eq_ignore_ascii_case("integer") => Value::Integer(1),
        Value::Null if declared.eq_ignore_ascii_case("text") => Value::Text("x".to_owned()),
        Value::Null => Value::Blob(vec![7; 16]),
        Value::Integer(number) => Value::Integer(number ^ 1),
        Value::Real(number) => Value::Real(-number),
        Value::Text(text) => {
            let mut bytes = text.into_bytes();
            bytes[0] ^= 1;
            Value::Text(String::from_utf8(bytes).expect("plain letters"))
        }
        Value::Blob(mut bytes) => {
            *bytes.last_mut().expect("bytes") ^= 1;
            Value::Blob(bytes)
        }
    }
}

/// Turns a bit in one cell of the chosen row, and says whether there was such a row.
fn flip(conn: &Connection, (table, key, which, _): Table, column: &str) -> bool {
    let declared: String = conn
        .query_row("select type from pragma_table_info(?1) where name = ?2", [table, column], |row| row.get(0))
        .expect("a column");
    let keys = key.join(", ");
    let sql = format!("select {column}, {keys} from {table} where {which} order by {keys} limit 1");
    let row = conn.query_row(&sql, [], |row| (0..=key.len()).map(|at| row.get(at)).collect::<Result<Vec<Value>, _>>());
    let Ok(mut row) = row else { return false };
    row[0] = flipped(row[0].clone(), &declared);
    let matching: Vec<String> = key.iter().zip(2..).map(|(name, place)| format!("{name} = ?{place}")).collect();
    let sql = format!("update {table} set {column} = ?1 where {}", matching.join(" and "));
    assert_eq!(conn.execute(&sql, params_from_iter(row)).expect("damaged"), 1, "{table}.{column}");
    true
}

#[tokio::test]
async fn a_bit_that_flips_in_any_column_is_found_and_mended_and_nothing_own_is_touched() {
    let (shop, goods) = full_shop().await;
    let till = &shop.tills[0];
    hear(till).await;
    own_things(till, &goods);
    let conn = open(till);
    let (mut cases, mut silent) = (0, Vec::new());
    for table in TABLES.into_iter().chain([("concerns", &["concern_id"][..], "kind = 'owed'", &[][..])]) {
        for column in columns(&conn, table.0).into_iter().filter(|column| !table.3.contains(&column.as_str())) {
            hear(till).await;
            let before = kept(&conn);
            assert!(flip(&conn, table, &column), "{} has a row to damage", table.0);
            let found = walk(till, DIGEST_ROWS_MAX).await;
            if found.mended.is_empty() || found.unexplained > 0 {
                silent.push(format!("{}.{column}: {found:?}", table.0));
            }
            let after = kept(&conn);
            let differs: Vec<_> = after.iter().filter(|row| !before.contains(row)).collect();
            assert_eq!(after, before, "{}.{column} is as it was: {differs:#?}", table.0);
            cases += 1;
        }
    }
    assert!(silent.is_empty(), "{}", silent.join("\n"));
    assert!(cases > 80, "every column: {cases}");
    one_concern(&shop, till).await;
}

async fn one_concern(shop: &Shop, till: &Till) {
    let subject = till.card.node_id.to_string();
    let told = shop.concerns().await.into_iter().filter(|(kind, _)| kind == "image_mended").collect::<Vec<_>>();
    assert_eq!(told, [("image_mended".to_owned(), subject)]);
    assert!(shop.number("select mended from checks order by mended desc limit 1").await > 0);
    shop.all_level().await;
    shop.agree().await;
    let shown = till.node.concerns(50).expect("readable");
    assert_eq!(
        shown.iter().filter(|concern| concern.kind == outpost_schema::verdict::ConcernKind::ImageMended).count(),
        1
    );
    let found = walk(till, DIGEST_ROWS_MAX).await;
    assert_eq!((found.mended.len(), found.unexplained, found.own), (0, 0, 0), "level again");
}

#[tokio::test]
async fn rows_that_vanish_and_rows_that_appear_are_set_right() {
    let (shop, goods) = full_shop().await;
    let till = &shop.tills[0];
    hear(till).await;
    own_things(till, &goods);
    let conn = open(till);
    for table @ (name, key, which, _) in TABLES {
        // An allotment's row holds the till's own sums too; it is not the feed's to take.
        if name == "allotments" {
            continue;
        }
        hear(till).await;
        let before = kept(&conn);
        let keys = key.join(", ");
        let sql = format!(
            "delete from {name} where ({keys}) in (select {keys} from {name} where {which} order by {keys} limit 1)"
        );
        assert_eq!(conn.execute(&sql, []).expect("gone"), 1, "{name}");
        let found = walk(till, DIGEST_ROWS_MAX).await;
        assert!(!found.mended.is_empty() && found.unexplained == 0, "a row of {name} went: {found:?}");
        assert_eq!(kept(&conn), before, "{name} is whole again");

        hear(till).await;
        let before = kept(&conn);
        appear(&conn, table);
        let found = walk(till, 3).await;
        assert!(!found.mended.is_empty() && found.unexplained == 0, "a row of {name} appeared: {found:?}");
        let after = kept(&conn);
        let differs: Vec<_> = after.iter().filter(|row| !before.contains(row)).collect();
        assert_eq!(after, before, "{name} has no ghost: {differs:#?}");
    }
    one_concern(&shop, till).await;
}

/// Another row like the chosen one, under a key that nobody has.
fn appear(conn: &Connection, (table, key, which, _): Table) {
    let columns = columns(conn, table);
    let keys = key.join(", ");
    let sql = format!("select {} from {table} where {which} order by {keys} limit 1", columns.join(", "));
    let mut row: Vec<Value> =
        conn.query_row(&sql, [], |row| (0..columns.len()).map(|at| row.get(at)).collect()).expect("a row to copy");
    let changed = columns.iter().position(|column| column == key[key.len() - 1]).expect("a key");
    row[changed] = flipped(row[changed].clone(), "blob");
    let places: Vec<String> = (1..=columns.len()).map(|place| format!("?{place}")).collect();
    let sql = format!("insert into {table} ({}) values ({})", columns.join(", "), places.join(", "));
    conn.execute(&sql, params_from_iter(row)).expect("a ghost");
}

#[tokio::test]
async fn much_that_is_gone_is_fetched_in_pages_and_little_in_little() {
    let mut shop = Shop::open(0).await;
    shop.add_till(shop.high_street, crate::support::Rule::Physical).await;
    shop.products(900, 5).await;
    shop.all_level().await;
    let till = &shop.tills[0];
    let conn = open(till);
    let before = kept(&conn);
    conn.execute("delete from products where sku between 'P0100' and 'P0800'", []).expect("gone");
    let found = walk(till, 400).await;
    assert_eq!((found.mended.len(), found.unexplained), (701, 0), "a hole");
    assert!(found.mended.iter().all(|mended| mended.damage == Damage::Missing));
    conn.execute("delete from products where true", []).expect("gone");
    let found = walk(till, 400).await;
    assert_eq!((found.mended.len(), found.unexplained), (900, 0), "all of them");
    let sql = "update stock set fed_promised = 3 where (product_id, warehouse_id) in
               (select product_id, warehouse_id from stock order by product_id limit 1 offset 450)";
    assert_eq!(conn.execute(sql, []).expect("damaged"), 1);
    let found = walk(till, DIGEST_ROWS_MAX).await;
    assert_eq!(found.mended.len(), 1);
    assert_eq!(found.mended[0].damage, Damage::Altered { fields: vec!["promised".to_owned()] });
    assert_eq!(kept(&conn), before);
    let named = shop
        .number("select max(jsonb_array_length(detail -> 'rows'))::bigint from concerns where kind = 'image_mended'");
    assert!(named.await <= 100, "a report is bounded");
}

#[tokio::test]
async fn what_head_office_lost_is_no_ghost_at_the_till_that_made_it() {
    let (shop, _) = full_shop().await;
    let till = &shop.tills[0];
    hear(till).await;
    let before = kept(&open(till));
    let own = till.node.orders(None, None, 50).expect("readable");
    let own = own.iter().find(|order| order.node_id == till.card.node_id).expect("its own");
    let client = shop.client().await;
    let key = own.order_id.0;
    client.batch_execute("set session_replication_role = replica").await.expect("quietly");
    for sql in [
        "delete from order_items where order_id = $1",
        "delete from payments where order_id = $1",
        "delete from orders where order_id = $1",
        "delete from feed where kind = 8 and key = uuid_send($1)",
    ] {
        client.execute(sql, &[&key]).await.expect("lost");
    }
    let found = walk(till, DIGEST_ROWS_MAX).await;
    assert!(found.mended.is_empty() && found.unexplained > 0, "it is said, not taken: {found:?}");
    assert_eq!(kept(&open(till)), before);
}
