//! What the node promises, told over a node that is filled by hand-made pages of the feed.

mod agreement;
mod applying;
mod counting;
mod filling;
mod forgetting;
mod full;
mod killed;
mod leaving;
mod opening;
mod people;
mod policies;
mod pushing;
mod returning;
mod salvaging;
mod scanning;
mod searching;
mod selling;
mod sizing;
mod stockroom;
mod synonyms;
mod transfers;
mod turns;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use outpost_schema::{
    catalogue::{Product, Warehouse},
    clock::Timestamp,
    device::{Card, NodeKind},
    feed::{self, Aggregate},
    id::{CartId, EpochId, IncarnationId, NodeId, ProductId, UserId, WarehouseId},
    journal::Mark,
    money::Money,
    op::Line,
    people::{Role, User},
    quantity::{Amount, Unit},
    stock::{Allotment, Level, SalePolicy, StockKey},
    world::{Seeded, World as _},
};
use outpost_sync::{
    round::Local as _,
    wire::{Acked, Page},
};
use tempfile::TempDir;
use uuid::Uuid;

use crate::{
    Error, Node,
    db::{allotments, stock},
    sell::{SaleWanted, Sold, Tendered, Terms, WantedLine},
};

pub(crate) const TEA: ProductId = ProductId(Uuid::from_u128(1));
pub(crate) const CAKE: ProductId = ProductId(Uuid::from_u128(2));
pub(crate) const CHEESE: ProductId = ProductId(Uuid::from_u128(3));
pub(crate) const NO_PRICE: ProductId = ProductId(Uuid::from_u128(4));
pub(crate) const HERE: WarehouseId = WarehouseId(Uuid::from_u128(10));
pub(crate) const ELSEWHERE: WarehouseId = WarehouseId(Uuid::from_u128(11));
pub(crate) const ADA: UserId = UserId(Uuid::from_u128(20));
pub(crate) const LIFE: IncarnationId = IncarnationId(Uuid::from_u128(30));

/// A till that only sells from its allotments, at a warehouse that others sell from too.
pub(crate) fn card() -> Card {
    Card {
        node_id: NodeId(Uuid::from_u128(31)),
        incarnation_id: LIFE,
        name: "Till 1".to_owned(),
        kind: NodeKind::Till,
        warehouse_id: HERE,
        is_home: false,
        policy: SalePolicy::Strict,
        prefix: "K1".to_owned(),
        currency: "USD".parse().expect("currency"),
        server: "http://127.0.0.1:7070".to_owned(),
    }
}

/// A till that sells what is in the customer's hand.
pub(crate) fn physical() -> Card {
    Card { policy: SalePolicy::Physical, ..card() }
}

/// A till at a warehouse that only it sells from.
pub(crate) fn home() -> Card {
    Card { is_home: true, ..card() }
}

/// A node in a folder of its own.
pub(crate) struct Shop {
    pub(crate) node: Arc<Node>,
    pub(crate) folder: TempDir,
    pages: AtomicU64,
}

impl Shop {
    /// A node that joined with this card and knows products, a customer and no stock.
    pub(crate) fn new(card: &Card) -> Self {
        let folder = TempDir::new().expect("a folder");
        let node = Arc::new(Node::open(folder.path(), Arc::new(Seeded::new(7))).expect("opens"));
        node.join(card).expect("joins");
        let shop = Self { node, folder, pages: AtomicU64::new(0) };
        let products = [(TEA, "Green Tea", Some("2.50")), (CAKE, "Cake", Some("3.00")), (NO_PRICE, "Odds", None)];
        let mut told: Vec<Aggregate> = products.map(|(id, name, price)| product(id, name, price)).into();
        told.push(Aggregate::Product(Box::new(Product {
            unit: Unit::Gram,
            price_per: 1000,
            ..a_product(CHEESE, "Cheese", Some("20"))
        })));
        told.push(Aggregate::User(Box::new(user(ADA, Some("ada@example.com")))));
        told.push(Aggregate::Warehouse(Warehouse {
            warehouse_id: HERE,
            name: "Here".to_owned(),
            home_of: None,
            created_at: Timestamp::from_micros(0),
        }));
        shop.tell(told);
        shop
    }

    /// The same folder, opened again.
    pub(crate) fn reopened(self) -> Self {
        let Self { node, folder, pages } = self;
        drop(node);
        let node = Arc::new(Node::open(folder.path(), Arc::new(Seeded::new(8))).expect("opens again"));
        Self { node, folder, pages }
    }

    /// The feed tells these aggregates in a page that contains no op of this node.
    pub(crate) fn tell(&self, aggregates: Vec<Aggregate>) {
        self.tell_as_of(0, &[], aggregates);
    }

    /// The feed tells these aggregates as of this node's entry `seq`, some of them set aside.
    pub(crate) fn tell_as_of(&self, seq: i64, set_aside: &[i64], aggregates: Vec<Aggregate>) {
        let mark = if seq == 0 { Mark::START } else { self.mark(seq) };
        let acked = vec![Acked { incarnation_id: LIFE, mark, set_aside: set_aside.to_vec(), archived: 0, over: false }];
        self.node
            .apply(self.node.cursor().expect("cursor").as_deref(), &self.page(acked, aggregates))
            .expect("applies");
    }

    pub(crate) fn page(&self, acked: Vec<Acked>, aggregates: Vec<Aggregate>) -> Page {
        let number = self.pages.fetch_add(1, Ordering::SeqCst);
        Page {
            epoch: EpochId(Uuid::from_u128(40)),
            cursor: format!("cursor {number}"),
            level: true,
            seen: format!("seen {number}"),
            aggregates,
            acked,
            server_time: self.node.world().now(),
            protocol: outpost_sync::wire::PROTOCOL,
            recovering: false,
            others: vec![],
        }
    }

    pub(crate) fn mark(&self, seq: i64) -> Mark {
        let entries = self.node.db().read(|conn| crate::db::journal::after(conn, LIFE, seq - 1, 1, usize::MAX));
        entries.expect("reads").first().expect("the entry").mark()
    }

    /// Head office has `balance` of the product here, `granted` of it to this node and nothing else
    /// promised.
    pub(crate) fn stock(&self, product: ProductId, balance: i64, granted: i64) {
        self.tell(vec![image(product, balance, granted), grant(product, granted)]);
    }

    pub(crate) fn level(&self, product: ProductId) -> Level {
        self.node.product(product).expect("reads").expect("known").level
    }

    /// What people read: the table's own columns.
    pub(crate) fn shown(&self, product: ProductId) -> (i64, i64) {
        let sql = "select quantity, reserved_quantity from stock where product_id = ?1 and warehouse_id = ?2";
        let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        self.node.db().read(|conn| Ok(conn.query_row(sql, rusqlite::params![product, HERE], read)?)).expect("a row")
    }

    pub(crate) fn open(&self, product: ProductId) -> i64 {
        self.node.product(product).expect("reads").expect("known").open
    }

    pub(crate) fn allotment(&self, product: ProductId) -> Allotment {
        self.node.db().read(|conn| allotments::of(conn, LIFE, key(product))).expect("reads")
    }

    /// Sells for exact cash.
    pub(crate) fn sell(&self, lines: &[(ProductId, i64)]) -> Result<Sold, Error> {
        self.node.sell(&SaleWanted {
            lines: lines.iter().map(|&(product, units)| wanted(product, units)).collect(),
            terms: Terms::carried_out(vec![Tendered::card("T-1")]),
        })
    }

    /// Rows of a table.
    pub(crate) fn count(&self, table: &str) -> i64 {
        let sql = format!("select count(*) from {table}");
        self.node.db().read(|conn| Ok(conn.query_row(&sql, [], |row| row.get(0))?)).expect("counts")
    }

    /// Every table that a verb may touch, so that a refusal can be shown to have left nothing.
    pub(crate) fn rows(&self) -> Vec<i64> {
        let tables =
            ["journal", "orders", "order_items", "payments", "stock_movements", "pending", "users", "addresses"];
        tables.map(|table| self.count(table)).into()
    }

    /// The verb is refused with this code, and leaves nothing.
    #[track_caller]
    pub(crate) fn refuses<T: std::fmt::Debug>(&self, code: &str, verb: impl FnOnce(&Self) -> Result<T, Error>) {
        let before = (self.rows(), self.node.identity().expect("identity"));
        let error = verb(self).expect_err(code);
        assert_eq!(error.code(), code, "{error}");
        assert_eq!((self.rows(), self.node.identity().expect("identity")), before, "a refusal leaves nothing");
    }
}

pub(crate) fn key(product_id: ProductId) -> StockKey {
    StockKey { product_id, warehouse_id: HERE }
}

pub(crate) fn money(text: &str) -> Money {
    text.parse().expect("money")
}

pub(crate) fn amount(units: i64) -> Amount {
    Amount::new(units).expect("amount")
}

pub(crate) fn line(product_id: ProductId, units: i64) -> Line {
    Line { product_id, amount: amount(units) }
}

pub(crate) fn wanted(product_id: ProductId, units: i64) -> WantedLine {
    WantedLine { product_id, quantity: amount(units), unit_price: None }
}

pub(crate) fn a_product(product_id: ProductId, name: &str, price: Option<&str>) -> Product {
    Product {
        product_id,
        sku: Some(name.to_uppercase()),
        name: name.to_owned(),
        description: None,
        price: price.map(money),
        unit: Unit::Each,
        price_per: 1,
        category_id: None,
        seller_id: None,
        image_urls: vec!["a.jpg".to_owned()],
        attributes: serde_json::Map::new(),
        barcodes: vec![],
        created_at: Timestamp::from_micros(0),
        updated_at: Timestamp::from_micros(0),
    }
}

pub(crate) fn product(product_id: ProductId, name: &str, price: Option<&str>) -> Aggregate {
    Aggregate::Product(Box::new(a_product(product_id, name, price)))
}

pub(crate) fn user(user_id: UserId, email: Option<&str>) -> User {
    User {
        user_id,
        email: email.map(str::to_owned),
        first_name: Some("Ada".to_owned()),
        last_name: Some("Lovelace".to_owned()),
        created_at: Timestamp::from_micros(0),
        address_id: None,
        role: Role::Customer,
        home: HERE,
        alias_of: None,
    }
}

pub(crate) fn image(product_id: ProductId, balance: i64, promised: i64) -> Aggregate {
    let updated_at = Timestamp::from_micros(5);
    Aggregate::Stock(feed::Stock { product_id, warehouse_id: HERE, balance, promised, updated_at })
}

pub(crate) fn grant(product_id: ProductId, granted: i64) -> Aggregate {
    told_totals(product_id, granted, 0)
}

pub(crate) fn told_totals(product_id: ProductId, granted: i64, reclaimed: i64) -> Aggregate {
    let (incarnation_id, warehouse_id, full, keep) = (LIFE, HERE, 0, None);
    Aggregate::Allotment(feed::Granted { incarnation_id, product_id, warehouse_id, granted, reclaimed, full, keep })
}

pub(crate) fn a_cart(shop: &Shop, number: u128, lines: &[(ProductId, i64)]) -> outpost_schema::cart::Cart {
    let at = shop.node.write(crate::stage::Work::Cart, |writing| writing.stamp()).expect("a stamp");
    let mut cart = outpost_schema::cart::Cart::open(CartId(Uuid::from_u128(number)), ADA, HERE, LIFE, at);
    for &(product, units) in lines {
        cart.add(LIFE, product, amount(units), Some(money("2.00")), at.at).expect("adds");
    }
    cart
}

pub(crate) fn keep_cart(shop: &Shop, cart: &outpost_schema::cart::Cart) {
    shop.node
        .write(crate::stage::Work::Cart, |writing| crate::db::carts::save(writing.conn(), cart, writing.now()))
        .expect("keeps");
}
