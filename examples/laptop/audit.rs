//! An auditor who trusts nobody: reads the server's Postgres and every node's SQLite itself and
//! compares row by row, instead of asking either what it thinks.

use std::{collections::BTreeMap, error::Error, path::Path};

use outpost_schema::verdict::ConcernKind;
use rusqlite::{Connection, OpenFlags};
use tokio_postgres::NoTls;

/// Rows of one table, keyed by their ids, each as one line of text.
type Rows = BTreeMap<String, String>;

/// What must be equal at the server and at every node: a name, then one query for each engine that
/// gives a key and a value, both as text.
const TABLES: [(&str, &str, &str); 7] = [
    (
        "stock",
        "select encode(uuid_send(product_id) || uuid_send(warehouse_id), 'hex'),
                quantity || ' on hand, ' || reserved_quantity || ' promised' from stock",
        "select lower(hex(product_id) || hex(warehouse_id)),
                quantity || ' on hand, ' || reserved_quantity || ' promised' from stock",
    ),
    (
        "orders",
        "select encode(uuid_send(order_id), 'hex'),
                status || ' ' || (total_amount * 10000)::bigint || ' ' || receipt_prefix || '-' || receipt_number from orders",
        "select lower(hex(order_id)),
                status || ' ' || total_amount || ' ' || receipt_prefix || '-' || receipt_number from orders",
    ),
    (
        "order lines",
        "select encode(uuid_send(order_id) || uuid_send(order_item_id), 'hex'),
                encode(uuid_send(product_id), 'hex') || ' ' || quantity || ' at ' || (unit_price * 10000)::bigint from order_items",
        "select lower(hex(order_id) || hex(order_item_id)),
                lower(hex(product_id)) || ' ' || quantity || ' at ' || unit_price from order_items",
    ),
    (
        "payments",
        "select encode(uuid_send(order_id) || uuid_send(payment_id), 'hex'),
                tender || ' ' || status || ' ' || (amount * 10000)::bigint from payments",
        "select lower(hex(order_id) || hex(payment_id)),
                tender || ' ' || status || ' ' || amount from payments",
    ),
    (
        "people",
        "select encode(uuid_send(user_id), 'hex'),
                coalesce(email, '-') || ' ' || coalesce(encode(uuid_send(alias_of), 'hex'), '-') from users",
        "select lower(hex(user_id)),
                coalesce(email, '-') || ' ' || case when alias_of is null then '-' else lower(hex(alias_of)) end from users",
    ),
    (
        "products",
        "select encode(uuid_send(product_id), 'hex'),
                name || ' ' || coalesce((price * 10000)::bigint::text, '-') from products",
        "select lower(hex(product_id)), name || ' ' || coalesce(cast(price as text), '-') from products",
    ),
    (
        "carts",
        "select encode(uuid_send(user_id) || uuid_send(product_id), 'hex'), quantity::text from carts",
        "select lower(hex(user_id) || hex(product_id)), cast(quantity as text) from carts",
    ),
];

/// A machine's rows of every table.
pub struct Book {
    tables: Vec<Rows>,
}

/// What only the server's database tells.
pub struct Office {
    /// Receipt numbers that more than one order has.
    pub duplicated: usize,
    /// Units that left although the book had none.
    pub owed: i64,
    /// Open concerns, in words.
    pub concerns: Vec<String>,
}

impl Office {
    /// Reads the server's database.
    ///
    /// # Errors
    /// If Postgres does not answer.
    pub async fn of_server(config: &tokio_postgres::Config) -> Result<Self, Box<dyn Error>> {
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(connection);
        let duplicated = client
            .query_one(
                "select count(*) from (select 1 from orders group by receipt_prefix, receipt_number having count(*) > 1) twice",
                &[],
            )
            .await?;
        let owed = client.query_one("select coalesce(sum(greatest(-balance, 0)), 0)::bigint from stock", &[]).await?;
        let rows = client.query("select kind from concerns where closed_at is null order by opened_at", &[]).await?;
        let concerns = rows.iter().map(|row| in_words(row.get(0))).collect();
        Ok(Self { duplicated: usize::try_from(duplicated.get::<_, i64>(0))?, owed: owed.get(0), concerns })
    }
}

fn in_words(kind: &str) -> String {
    kind.parse().map_or_else(|_| kind.to_owned(), |known: ConcernKind| known.sentence().to_owned())
}

impl Book {
    /// Reads the server's database.
    ///
    /// # Errors
    /// If Postgres does not answer.
    pub async fn of_server(config: &tokio_postgres::Config) -> Result<Self, Box<dyn Error>> {
        let (client, connection) = config.connect(NoTls).await?;
        let connection = tokio::spawn(connection);
        let mut tables = Vec::new();
        for (_, query, _) in TABLES {
            let rows = client.query(query, &[]).await?;
            tables.push(rows.iter().map(|row| (row.get(0), row.get(1))).collect());
        }
        drop(client);
        connection.await??;
        Ok(Self { tables })
    }

    /// Reads a node's database, which the node may be using.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn of_node(file: &Path) -> Result<Self, Box<dyn Error>> {
        let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let mut tables = Vec::new();
        for (_, _, query) in TABLES {
            let mut statement = connection.prepare(query)?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            tables.push(rows.collect::<Result<Rows, _>>()?);
        }
        Ok(Self { tables })
    }

    /// Where `node` differs from this book: at most a few examples per table, in words.
    pub fn differences(&self, node: &Self) -> Vec<String> {
        let mut found = Vec::new();
        for (((name, _, _), ours), theirs) in TABLES.iter().zip(&self.tables).zip(&node.tables) {
            let differs = |key: &&String| ours.get(*key) != theirs.get(*key);
            let keys: Vec<_> =
                ours.keys().chain(theirs.keys().filter(|key| !ours.contains_key(*key))).filter(differs).collect();
            for key in keys.iter().take(3) {
                let side = |rows: &Rows| rows.get(*key).cloned().unwrap_or_else(|| "nothing".to_owned());
                found.push(format!("{name} {key}: the server has {}, the node {}", side(ours), side(theirs)));
            }
            if keys.len() > 3 {
                found.push(format!("{name}: {} more differences", keys.len() - 3));
            }
        }
        found
    }

    /// The orders, by id in hexadecimal digits.
    pub fn orders(&self) -> &Rows {
        &self.tables[1]
    }
}
