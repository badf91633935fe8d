//! The limit of a push: the same rows written by bare SQL over arrays, prepared before the watch starts.
//! No journal is checked, nothing is looked up or decided, and no trigger runs.

use outpost_schema::{
    clock::Timestamp,
    id::{OrderId, OrderItemId, PaymentId, ProductId, UserId},
    journal::Entry,
    money::Money,
    order::{Order, OrderItem},
};
use tokio_postgres::{Client, Statement, types::ToSql};

use crate::{
    goods,
    journal::Run,
    report::Outcome,
    shop::{self, Seller},
};

/// Tables with the same columns and primary keys, and nothing else but the feed's own index.
pub const TABLES: &str = "
    create table warehouses (warehouse_id uuid primary key, name text, home_of uuid, created_at timestamptz);
    create table users (user_id uuid primary key, first_name text, created_at timestamptz, home uuid);
    create table nodes (node_id uuid primary key, name text, kind text, warehouse_id uuid, scope uuid[], prefix text,
        created_at timestamptz);
    create table incarnations (incarnation_id uuid primary key, node_id uuid, number integer, acked_seq bigint,
        acked_hash bytea, created_at timestamptz);
    create table ops (incarnation_id uuid, seq bigint, hlc_at timestamptz, hlc_tick bigint, seen text, kind text,
        version integer, body bytea, hash bytea, verdict text, verdict_detail jsonb, accepted_at timestamptz,
        primary key (incarnation_id, seq));
    create table products (product_id uuid primary key, sku text, name text, price numeric(18, 4),
        created_at timestamptz, updated_at timestamptz);
    create table stock (product_id uuid, warehouse_id uuid, balance bigint, promised bigint, updated_at timestamptz,
        primary key (product_id, warehouse_id)) with (fillfactor = 80);
    create table stock_movements (product_id uuid, warehouse_id uuid, delta bigint, reason text, incarnation_id uuid,
        seq bigint, line integer, moved_at timestamptz, primary key (incarnation_id, seq, line));
    create table allotments (incarnation_id uuid, product_id uuid, warehouse_id uuid, granted bigint,
        consumed bigint default 0, primary key (incarnation_id, product_id, warehouse_id)) with (fillfactor = 80);
    create table orders (order_id uuid primary key, user_id uuid, total_amount numeric(18, 4), status text,
        payment_id uuid, created_at timestamptz, updated_at timestamptz, receipt_prefix text, receipt_number bigint,
        node_id uuid, warehouse_id uuid, fulfilment text, incarnation_id uuid, seq bigint);
    create table order_items (order_id uuid, order_item_id uuid, product_id uuid, quantity bigint,
        unit_price numeric(18, 4), price_per bigint, line integer, primary key (order_id, order_item_id));
    create table payments (order_id uuid, payment_id uuid, user_id uuid, amount numeric(18, 4), currency text,
        tender text, status text, created_at timestamptz, updated_at timestamptz, primary key (order_id, payment_id));
    create table holds (hold_id uuid primary key, product_id uuid, warehouse_id uuid, amount bigint,
        expires_at timestamptz, created_at timestamptz, closed_at timestamptz, outcome text);
    create table feed (kind smallint, key bytea, scope uuid, changed xid8, gone boolean default false,
        primary key (kind, key, scope)) with (fillfactor = 80);
    create index feed_changed on feed (scope, changed, kind, key);";

/// One statement for each table, in the order in which they run.
const STATEMENTS: [&str; 10] = [
    "insert into ops (incarnation_id, seq, hlc_at, hlc_tick, seen, kind, version, body, hash, verdict, verdict_detail,
        accepted_at)
     select $1, seq, hlc_at, 0, seen, kind, 1, body, hash, 'accepted', '\"accepted\"', hlc_at
     from unnest($2::bigint[], $3::timestamptz[], $4::text[], $5::text[], $6::bytea[], $7::bytea[])
        as o (seq, hlc_at, seen, kind, body, hash)",
    "insert into orders (order_id, user_id, total_amount, status, payment_id, created_at, updated_at, receipt_prefix,
        receipt_number, node_id, warehouse_id, fulfilment, incarnation_id, seq)
     select order_id, $1, total, 'delivered', payment_id, at, at, 'F', seq, $2, $3, 'carry_out', $4, seq
     from unnest($5::uuid[], $6::numeric[], $7::uuid[], $8::timestamptz[], $9::bigint[])
        as o (order_id, total, payment_id, at, seq)",
    "insert into order_items (order_id, order_item_id, product_id, quantity, unit_price, price_per, line)
     select order_id, order_item_id, product_id, quantity, unit_price, 1, line
     from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::numeric[], $6::integer[])
        as i (order_id, order_item_id, product_id, quantity, unit_price, line)",
    "insert into payments (order_id, payment_id, user_id, amount, currency, tender, status, created_at, updated_at)
     select order_id, payment_id, $1, total, 'USD', 'cash', 'succeeded', at, at
     from unnest($2::uuid[], $3::uuid[], $4::numeric[], $5::timestamptz[]) as p (order_id, payment_id, total, at)",
    "insert into stock_movements (product_id, warehouse_id, delta, reason, incarnation_id, seq, line, moved_at)
     select product_id, $1, -quantity, 'sold', $2, seq, line, at
     from unnest($3::uuid[], $4::bigint[], $5::bigint[], $6::integer[], $7::timestamptz[])
        as m (product_id, quantity, seq, line, at)",
    "update stock s set balance = balance - c.units, promised = promised - c.units, updated_at = $1
     from unnest($2::uuid[], $3::bigint[]) as c (product_id, units)
     where s.product_id = c.product_id and s.warehouse_id = $4",
    "update allotments a set consumed = consumed + c.units
     from unnest($1::uuid[], $2::bigint[]) as c (product_id, units)
     where a.incarnation_id = $3 and a.product_id = c.product_id and a.warehouse_id = $4",
    "insert into feed (kind, key, scope, changed)
     select 8, uuid_send(o), $1, pg_current_xact_id() from unnest($2::uuid[]) as o",
    "update feed f set changed = pg_current_xact_id()
     from unnest($1::uuid[]) as p where f.kind = 4 and f.key = uuid_send(p) || uuid_send($2::uuid) and f.scope = $2",
    "update incarnations set acked_seq = $1, acked_hash = $2 where incarnation_id = $3",
];

/// A database to be written to by bare SQL over one connection.
pub struct Bare {
    client: Client,
    statements: Vec<Statement>,
}

impl Bare {
    /// Makes bare tables and fills them with the shop.
    pub async fn plain(client: Client) -> Outcome<Self> {
        client.batch_execute(TABLES).await?;
        Self::filled(client).await
    }

    /// Takes the real tables, with every constraint and index, but without their triggers.
    pub async fn constrained(client: Client) -> Outcome<Self> {
        client
            .batch_execute(
                "do $$ declare t record; begin
                    for t in select tgname, tgrelid::regclass as owner from pg_trigger where not tgisinternal loop
                        execute format('drop trigger %I on %s', t.tgname, t.owner);
                    end loop;
                end $$",
            )
            .await?;
        Self::filled(client).await
    }

    async fn filled(client: Client) -> Outcome<Self> {
        shop::fill(&client, Seller::Till).await?;
        shop::mark(&client).await?;
        client.batch_execute("set jit = off").await?;
        let mut statements = Vec::new();
        for sql in STATEMENTS {
            statements.push(client.prepare(sql).await?);
        }
        Ok(Self { client, statements })
    }

    /// Writes a run in one transaction.
    pub async fn write(&self, rows: &Rows) -> Outcome {
        self.client.batch_execute("begin").await?;
        for (statement, columns) in self.statements.iter().zip(rows.columns()) {
            self.client.execute(statement, &columns).await?;
        }
        Ok(self.client.batch_execute("commit").await?)
    }
}

type Column<'a> = &'a (dyn ToSql + Sync);

/// The rows of a run, as columns.
#[derive(Debug, Default)]
pub struct Rows {
    seqs: Vec<i64>,
    moments: Vec<Timestamp>,
    seen: Vec<String>,
    kinds: Vec<String>,
    bodies: Vec<Vec<u8>>,
    hashes: Vec<Vec<u8>>,
    orders: Vec<OrderId>,
    totals: Vec<Money>,
    payments: Vec<Option<PaymentId>>,
    items: Items,
    sold: Vec<ProductId>,
    units: Vec<i64>,
    last: (i64, Vec<u8>),
    ids: Ids,
}

/// The lines of all orders of a run, as columns.
#[derive(Debug, Default)]
struct Items {
    orders: Vec<OrderId>,
    ids: Vec<OrderItemId>,
    products: Vec<ProductId>,
    quantities: Vec<i64>,
    prices: Vec<Money>,
    places: Vec<i32>,
    seqs: Vec<i64>,
    moments: Vec<Timestamp>,
}

/// Who sells, and where.
#[derive(Debug)]
struct Ids {
    guest: UserId,
    node: outpost_schema::id::NodeId,
    warehouse: outpost_schema::id::WarehouseId,
    incarnation: outpost_schema::id::IncarnationId,
    then: Timestamp,
}

impl Default for Ids {
    fn default() -> Self {
        Self {
            guest: UserId::GUEST,
            node: goods::node_id(),
            warehouse: goods::warehouse_id(),
            incarnation: goods::incarnation_id(),
            then: goods::THEN,
        }
    }
}

impl Rows {
    /// The rows that a run comes to.
    pub fn of(run: &Run) -> Self {
        let mut rows = Self { last: (run.head.seq, run.head.hash.0.to_vec()), ..Self::default() };
        for (entry, order) in run.push.entries.iter().zip(&run.orders) {
            rows.add(entry, order);
        }
        (rows.sold, rows.units) = run.sold().into_iter().unzip();
        rows
    }

    fn add(&mut self, entry: &Entry, order: &Order) {
        self.seqs.push(entry.seq);
        self.moments.push(entry.hlc.at);
        self.seen.push(entry.seen.clone());
        self.kinds.push(entry.kind.clone());
        self.bodies.push(entry.body.0.clone());
        self.hashes.push(entry.hash.0.to_vec());
        self.orders.push(order.order_id);
        self.totals.push(order.total_amount);
        self.payments.push(order.payment_id);
        for (item, place) in order.items.iter().zip(0..) {
            self.items.add(entry, order, item, place);
        }
    }

    /// The parameters of each of [`STATEMENTS`].
    fn columns(&self) -> [Vec<Column<'_>>; 10] {
        let Self { seqs, moments, orders, totals, payments, items, sold, units, last, ids, .. } = self;
        [
            vec![&ids.incarnation, seqs, moments, &self.seen, &self.kinds, &self.bodies, &self.hashes],
            vec![&ids.guest, &ids.node, &ids.warehouse, &ids.incarnation, orders, totals, payments, moments, seqs],
            vec![&items.orders, &items.ids, &items.products, &items.quantities, &items.prices, &items.places],
            vec![&ids.guest, orders, payments, totals, moments],
            vec![
                &ids.warehouse,
                &ids.incarnation,
                &items.products,
                &items.quantities,
                &items.seqs,
                &items.places,
                &items.moments,
            ],
            vec![&ids.then, sold, units, &ids.warehouse],
            vec![sold, units, &ids.incarnation, &ids.warehouse],
            vec![&ids.warehouse, orders],
            vec![sold, &ids.warehouse],
            vec![&last.0, &last.1, &ids.incarnation],
        ]
    }
}

impl Items {
    fn add(&mut self, entry: &Entry, order: &Order, item: &OrderItem, place: i32) {
        self.orders.push(order.order_id);
        self.ids.push(item.order_item_id);
        self.products.push(item.product_id);
        self.quantities.push(item.quantity.units());
        self.prices.push(item.unit_price);
        self.places.push(place);
        self.seqs.push(entry.seq);
        self.moments.push(entry.hlc.at);
    }
}
