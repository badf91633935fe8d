//! A small network for these tests: a server on a database of its own, and tills that keep a journal
//! as a node would.

use std::sync::Arc;

use outpost_schema::{
    clock::{Hlc, Timestamp},
    device::{Card, LifeReason, NodeKind},
    id::{IncarnationId, OrderId, OrderItemId, PaymentId, ProductId, UserId, WarehouseId},
    journal::{Entry, Mark},
    op::{Goods, Line, Op, Sale},
    order::{Fulfilment, Order, OrderItem, OrderStatus, Payment, PaymentStatus, Receipt, Tender},
    people::{Role, User},
    quantity::Amount,
    verdict::{Concern, Verdict},
    world::{Seeded, World as _},
};
use outpost_sync::wire::{Caller, LifeWanted, Push, Pushed, Standing};
use tokio_postgres::Client;

use crate::{
    accept,
    db::concerns,
    error::Error,
    nodes::{self, NodeWanted},
    server::Server,
    testing::TestDatabase,
};

pub(super) struct Shop {
    pub(super) server: Arc<Server>,
    pub(super) world: Arc<Seeded>,
    pub(super) client: Client,
    pub(super) database: TestDatabase,
}

impl Shop {
    pub(super) async fn open(seed: u64) -> Self {
        let (database, world) = (TestDatabase::create().await, Arc::new(Seeded::new(seed)));
        let server = Arc::new(Server::open(database.config(), world.clone()).await.unwrap());
        Self { server, world, client: database.connect().await, database }
    }

    pub(super) async fn warehouse(&self, name: &str) -> WarehouseId {
        nodes::add_warehouse(&self.server, name).await.unwrap().warehouse_id
    }

    pub(super) async fn till(&self, name: &str, warehouse_id: WarehouseId, is_home: bool) -> Till {
        let wanted = NodeWanted {
            name: name.to_owned(),
            kind: NodeKind::Till,
            warehouse_id,
            also: vec![],
            is_home,
            policy: None,
            server: "http://127.0.0.1:7070".to_owned(),
        };
        Till::new(self.world.clone(), nodes::add_node(&self.server, &wanted).await.unwrap())
    }

    pub(super) fn product_id(&self) -> ProductId {
        ProductId::new(self.world.now(), self.world.id_chance())
    }

    /// A product arrives from head office, as an import or an edit makes it.
    pub(super) async fn add_product(&self, product_id: ProductId) {
        let insert = "insert into products (product_id, name, created_at, updated_at) values ($1, 'Tea', now(), now())";
        self.client.execute(insert, &[&product_id]).await.unwrap();
        accept::retry_set_aside(&self.server).await.unwrap();
    }

    pub(super) async fn product(&self) -> ProductId {
        let product_id = self.product_id();
        self.add_product(product_id).await;
        product_id
    }

    pub(super) async fn count(&self, sql: &str) -> i64 {
        self.client.query_one(&format!("select count(*) from {sql}"), &[]).await.unwrap().get(0)
    }

    /// (balance, promised) of a stock row.
    pub(super) async fn level(&self, product_id: ProductId, warehouse_id: WarehouseId) -> (i64, i64) {
        let sql = "select balance, promised from stock where product_id = $1 and warehouse_id = $2";
        let row = self.client.query_one(sql, &[&product_id, &warehouse_id]).await.unwrap();
        (row.get(0), row.get(1))
    }

    pub(super) async fn concerns(&self) -> Vec<Concern> {
        self.server.db.transaction(|tx| async move { concerns::list(&tx, true, 100).await }).await.unwrap()
    }

    /// The words of the open concerns, sorted.
    pub(super) async fn concern_kinds(&self) -> Vec<String> {
        let mut kinds: Vec<_> = self.concerns().await.iter().map(|concern| concern.kind.to_string()).collect();
        kinds.sort();
        kinds
    }

    pub(super) async fn keeps_its_laws(&self) {
        assert_eq!(self.server.laws().await.unwrap(), Vec::<String>::new());
    }
}

/// A device with its journal.
#[derive(Clone)]
pub(super) struct Till {
    pub(super) world: Arc<Seeded>,
    pub(super) card: Card,
    pub(super) head: Mark,
    pub(super) acked: Mark,
    pub(super) receipts: i64,
}

impl Till {
    fn new(world: Arc<Seeded>, card: Card) -> Self {
        Self { world, card, head: Mark::START, acked: Mark::START, receipts: 0 }
    }

    pub(super) fn caller(&self) -> Caller {
        Caller { node_id: self.card.node_id, incarnation_id: self.card.incarnation_id }
    }

    pub(super) fn standing(&self) -> Standing {
        Standing { incarnation_id: self.caller().incarnation_id, head: self.head, acked: self.acked }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.world.now()
    }

    pub(super) fn chance(&self) -> outpost_schema::id::Chance {
        self.world.id_chance()
    }

    /// Writes an op into the journal.
    pub(super) fn write(&mut self, op: &Op) -> Entry {
        let hlc = Hlc { at: self.now(), tick: 0 };
        let incarnation_id = self.card.incarnation_id;
        let entry = Entry::write(incarnation_id, self.head, hlc, "1:1:".to_owned(), op, self.world.chance());
        self.head = entry.mark();
        entry
    }

    /// A sale of `(product, units)` lines at 1.25 each, paid in cash.
    pub(super) fn order(&mut self, lines: &[(ProductId, i64)]) -> Order {
        let at = self.now();
        self.receipts += 1;
        let items: Vec<OrderItem> = lines
            .iter()
            .map(|(product_id, units)| OrderItem {
                order_item_id: OrderItemId::new(at, self.chance()),
                product_id: *product_id,
                quantity: Amount::new(*units).unwrap(),
                unit_price: "1.25".parse().unwrap(),
                price_per: 1,
            })
            .collect();
        let payment_id = PaymentId::new(at, self.chance());
        let mut order = Order {
            order_id: OrderId::new(at, self.chance()),
            user_id: UserId::GUEST,
            total_amount: "0".parse().unwrap(),
            status: OrderStatus::Delivered,
            shipping_address_id: None,
            billing_address_id: None,
            payment_id: Some(payment_id),
            created_at: at,
            updated_at: at,
            receipt: Receipt { prefix: self.card.prefix.clone(), number: self.receipts },
            node_id: self.card.node_id,
            warehouse_id: self.card.warehouse_id,
            fulfilment: Fulfilment::CarryOut,
            items,
            payments: vec![],
        };
        order.total_amount = order.sum_of_lines(self.card.currency).unwrap();
        order.payments.push(Payment {
            payment_id,
            amount: order.total_amount,
            currency: self.card.currency,
            tender: Tender::Cash,
            status: PaymentStatus::Succeeded,
            transaction_ref: None,
            created_at: at,
            updated_at: at,
        });
        order
    }

    pub(super) fn sell(&mut self, lines: &[(ProductId, i64)]) -> Entry {
        let order = self.order(lines);
        self.write(&sale(order))
    }

    /// An order to be handed over later.
    pub(super) fn order_to_ship(&mut self, lines: &[(ProductId, i64)]) -> Order {
        Order { fulfilment: Fulfilment::Ship, status: OrderStatus::Pending, ..self.order(lines) }
    }

    pub(super) fn goods(&self, lines: &[(ProductId, i64)]) -> Goods {
        let line = |(product_id, units): &(ProductId, i64)| Line {
            product_id: *product_id,
            amount: Amount::new(*units).unwrap(),
        };
        Goods { warehouse_id: self.card.warehouse_id, lines: lines.iter().map(line).collect() }
    }

    pub(super) fn receive(&mut self, lines: &[(ProductId, i64)]) -> Entry {
        let goods = self.goods(lines);
        self.write(&Op::Received(goods.into()))
    }

    pub(super) fn ask(&mut self, lines: &[(ProductId, i64)]) -> Entry {
        let goods = self.goods(lines);
        self.write(&Op::AllotmentAsked(goods))
    }

    pub(super) fn user(&self, user_id: UserId, email: &str) -> User {
        User {
            user_id,
            email: Some(email.to_owned()),
            first_name: Some("Ada".to_owned()),
            last_name: None,
            created_at: self.now(),
            address_id: None,
            role: Role::Customer,
            home: self.card.warehouse_id,
            alias_of: None,
        }
    }

    /// Its device begins another life, with nothing in its journal.
    pub(super) async fn next_life(&self, shop: &Shop, life: IncarnationId) -> Till {
        let wanted =
            LifeWanted { incarnation_id: life, reason: LifeReason::RolledBack, unsettled: vec![], stands: None };
        let born = crate::lives::begin(&shop.server, self.caller(), self.standing(), &wanted).await.unwrap();
        let card = Card { incarnation_id: life, prefix: born.prefix, ..self.card.clone() };
        Till::new(Arc::clone(&self.world), card)
    }

    /// Pushes; the answer is not heard.
    pub(super) async fn say(&self, shop: &Shop, entries: &[Entry]) -> Result<Pushed, Error> {
        let push = Push { entries: entries.to_vec(), ..Push::default() };
        accept::push(&shop.server, self.caller(), self.standing(), &push).await
    }

    /// Pushes, hears the answer and notes what was acknowledged.
    pub(super) async fn push(&mut self, shop: &Shop, entries: &[Entry]) -> Vec<Verdict> {
        match self.say(shop, entries).await.unwrap() {
            Pushed::Settled { acked, verdicts, .. } => {
                self.acked = acked;
                verdicts.into_iter().map(|(_, verdict)| verdict).collect()
            }
            answer @ (Pushed::Elsewhere { .. } | Pushed::OtherEpoch { .. } | Pushed::Frozen) => {
                panic!("settled was expected: {answer:?}")
            }
        }
    }
}

pub(super) fn sale(order: Order) -> Op {
    Op::Sale(Box::new(Sale { order, sold: None, holds: Vec::new(), to_be_confirmed: false }))
}
