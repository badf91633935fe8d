//! An auditor who reads the book by a connection of his own, and asks nobody. All questions of one look are
//! sent at once and answered as of one moment.

use std::collections::BTreeMap;

use futures_util::try_join;
use outpost_schema::{
    cart::Cart,
    id::{ConcernId, DeliveryId, HoldId, IncarnationId, NodeId, OrderId, ProductId, ReturnId, TransferId, WarehouseId},
    journal::{Entry, Mark},
    op::{Op, OpKind},
    order::{Order, OrderItem, Payment, Receipt},
    returned::{Refund, Return, ReturnLine},
    stock::{Allotment, Level, StockKey},
    transfer::{self, Route, Transfer, TransferCode},
    verdict::ConcernKind,
    word::Word as _,
};
use tokio_postgres::{Client, Row, Statement};

use crate::office::{Book, Settlement, Shelf};

const LEVELS: &str = "select product_id, warehouse_id, balance, promised from stock";

const PROMISES: &str = "
    select product_id, warehouse_id, sum(units)::bigint
    from (select product_id, warehouse_id, greatest(granted + received - consumed - returned - reclaimed, 0) as units
          from allotments
          union all
          select product_id, warehouse_id, amount from holds where closed_at is null
          union all
          select i.product_id, o.warehouse_id, i.quantity from orders o join order_items i using (order_id)
          where o.fulfilment = 'ship' and o.status in ('pending', 'processed')) p
    group by 1, 2";

const MOVEMENTS: &str = "
    select product_id, warehouse_id, sum(delta)::bigint from stock_movements group by 1, 2";

const ALLOTMENTS: &str = "
    select product_id, warehouse_id, incarnation_id, granted, reclaimed, consumed, returned, received from allotments";

const KEEP: &str = "
    select product_id, warehouse_id, incarnation_id, keep from allotments where keep is not null and keep_granted = granted";

const WRITTEN_OFF: &str = "
    select product_id, warehouse_id, incarnation_id, units from written_off where units > 0";

/// Lost with a device; what is lost on the road has left the book before.
const LOST: &str = "
    select product_id, warehouse_id, -sum(delta)::bigint from stock_movements m where reason = 'lost'
      and (act_id is not null or line < 0)
      and not exists (select from stock_movements t where t.act_id = m.act_id and t.reason = 'transferred')
    group by 1, 2";

const RETIRED: &str = "select node_id from nodes where retired_at is not null";

const PREFIXES: &str = "select incarnation_id, prefix from incarnations where prefix is not null";

const HOLDS: &str = "select product_id, warehouse_id, hold_id, amount from holds where closed_at is null";

const OPS: &str = "
    select incarnation_id, seq, hash, verdict, case when kind = 'carried' then body end as carried from ops
    order by incarnation_id, seq";

/// Which of several lives that carried one entry told it first.
const CARRIED: &str = "select incarnation_id, seq, hash, by_id, by_seq from carried";

const TRANSFERS: &str = "
    select t.prefix, t.number, t.from_id, t.to_id, t.sent_at, t.complete,
           l.product_id, l.warehouse_id, l.sent, l.arrived, l.damaged, l.lost
    from transfers t left join transfer_lines l using (transfer_id) order by t.transfer_id, l.product_id, l.warehouse_id";

const DELIVERIES: &str = "select delivery_id, closed_at is not null from deliveries";

const DELIVERED: &str = "select delivery_id, product_id, expected, received from delivery_lines";

const CONFIRMATIONS: &str = "select order_id, confirmed_at is not null from order_confirmations";

const CONCERNS: &str = "select kind, subject, concern_id from concerns where closed_at is null";

const SETTLEMENTS: &str = "select settlement_id, concern_id, settlement, by_whom, closed from settlements";

const CORRECTED: &str = "
    select m.product_id, m.warehouse_id, sum(m.delta)::bigint
    from stock_movements m join settlements s on s.settlement_id = m.act_id and m.reason = 'corrected' group by 1, 2";

const KINDS: &str = "select distinct kind from concerns";

const ORDERS: &str = "
    select order_id, user_id, total_amount, status, shipping_address_id, billing_address_id, payment_id, created_at,
           updated_at, receipt_prefix, receipt_number, node_id, warehouse_id, fulfilment
    from orders";

const ITEMS: &str = "
    select order_id, order_item_id, product_id, quantity, unit_price, price_per from order_items order by order_id, line";

const PAYMENTS: &str = "
    select order_id, payment_id, amount, currency, tender, status, transaction_ref, created_at, updated_at
    from payments where return_id is null order by order_id, created_at, payment_id";

const RETURNS: &str = "
    select return_id, order_id, user_id, order_receipt_prefix, order_receipt_number, receipt_prefix, receipt_number,
           node_id, warehouse_id, taken_by, reason, created_at
    from returns";

const LINES_BACK: &str = "
    select return_id, order_item_id, product_id, quantity, condition from return_lines order by return_id, line";

const REFUNDS: &str = "
    select return_id, refunds_id, payment_id, amount, currency, tender, status, transaction_ref, created_at, updated_at
    from payments where return_id is not null order by return_id, payment_id";

const CARTS: &str = "select state from cart_states order by cart_id";

const RECOVERING: &str = "select recovered_at is null from epochs order by number desc limit 1";

/// Reads the book.
pub struct Auditor {
    client: Client,
    book: Vec<Statement>,
    shelf: Vec<Statement>,
}

impl Auditor {
    /// One who reads over this connection.
    pub async fn new(client: Client) -> Self {
        let book = prepared(
            &client,
            &[
                LEVELS,
                PROMISES,
                MOVEMENTS,
                ALLOTMENTS,
                KEEP,
                WRITTEN_OFF,
                LOST,
                HOLDS,
                OPS,
                CARRIED,
                CONCERNS,
                RECOVERING,
                TRANSFERS,
                DELIVERIES,
                DELIVERED,
                CONFIRMATIONS,
                SETTLEMENTS,
                CORRECTED,
                RETIRED,
                PREFIXES,
            ],
        )
        .await;
        let shelf = prepared(&client, &[ORDERS, ITEMS, PAYMENTS, RETURNS, LINES_BACK, REFUNDS, CARTS, KINDS]).await;
        Self { client, book, shelf }
    }

    /// His connection.
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// What is looked at after every step.
    pub async fn book(&self) -> Book {
        let mut answers = self.ask(&self.book).await.into_iter();
        let mut next = || answers.next().expect("one answer for each question");
        let levels = next().iter().map(|row| (key(row), Level { balance: row.get(2), promised: row.get(3) })).collect();
        let (promises, movements) = (sums(&next()), sums(&next()));
        let allotments = next().iter().map(|row| ((IncarnationId(row.get(2)), key(row)), allotment(row))).collect();
        let of_life = |row: &Row| ((IncarnationId(row.get(2)), key(row)), row.get(3));
        let keep = next().iter().map(of_life).collect();
        let written_off = next().iter().map(of_life).collect();
        let lost = sums(&next());
        let hold = |row: &Row| ((HoldId(row.get(2)), key(row)), row.get(3));
        let holds = next().iter().map(hold).collect();
        let ops = ops(&next(), &next());
        let concern_ids: BTreeMap<_, _> =
            next().iter().map(|row| ((concern(row), row.get(1)), ConcernId(row.get(2)))).collect();
        let is_recovering = next().iter().any(|row| row.get(0));
        let transfers = transfers(&next());
        let deliveries = next().iter().map(|row| (DeliveryId(row.get(0)), row.get(1))).collect();
        let line = |row: &Row| (DeliveryId(row.get(0)), ProductId(row.get(1)));
        let delivered = next().iter().map(|row| (line(row), (row.get(2), row.get(3)))).collect();
        let confirmations = next().iter().map(|row| (OrderId(row.get(0)), row.get(1))).collect();
        let settlements = next().iter().map(|row| (row.get(0), settlement(row))).collect();
        let corrected = sums(&next());
        let retired = next().iter().map(|row| NodeId(row.get(0))).collect();
        let prefixes = next().iter().map(|row| (IncarnationId(row.get(0)), row.get(1))).collect();
        Book {
            levels,
            promises,
            movements,
            allotments,
            keep,
            written_off,
            lost,
            holds,
            retired,
            prefixes,
            is_recovering,
            ops,
            confirmations,
            transfers,
            deliveries,
            delivered,
            concerns: concern_ids.keys().cloned().collect(),
            concern_ids,
            settlements,
            corrected,
            broken: Vec::new(),
        }
    }

    /// What is looked at in the end.
    pub async fn shelf(&self) -> Shelf {
        let mut answers = self.ask(&self.shelf).await.into_iter();
        let mut next = || answers.next().expect("one answer for each question");
        let mut orders: BTreeMap<OrderId, Order> =
            next().iter().map(order).map(|order| (order.order_id, order)).collect();
        let unknown = "an item or payment has its order";
        for row in next() {
            orders.get_mut(&OrderId(row.get("order_id"))).expect(unknown).items.push(item(&row));
        }
        for row in next() {
            orders.get_mut(&OrderId(row.get("order_id"))).expect(unknown).payments.push(payment(&row));
        }
        let mut returns: BTreeMap<ReturnId, Return> =
            next().iter().map(back).map(|back| (back.return_id, back)).collect();
        let unknown = "a line or refund has its return";
        for row in next() {
            returns.get_mut(&ReturnId(row.get("return_id"))).expect(unknown).lines.push(line_back(&row));
        }
        for row in next() {
            let refund = Refund { refunds: row.get("refunds_id"), payment: payment(&row) };
            returns.get_mut(&ReturnId(row.get("return_id"))).expect(unknown).refunds.push(refund);
        }
        let carts = next().iter().map(cart).collect();
        Shelf { orders, returns, carts, concerns: next().iter().map(concern).collect() }
    }

    async fn ask(&self, questions: &[Statement]) -> Vec<Vec<Row>> {
        let answers = futures_util::future::try_join_all(questions.iter().map(|asked| self.client.query(asked, &[])));
        let begin = self.client.batch_execute("begin isolation level repeatable read read only");
        let end = self.client.batch_execute("commit");
        try_join!(begin, answers, end).expect("the book can be read").1
    }
}

async fn prepared(client: &Client, questions: &[&str]) -> Vec<Statement> {
    let mut statements = Vec::new();
    for question in questions {
        statements.push(client.prepare(question).await.expect("a sound question"));
    }
    statements
}

fn key(row: &Row) -> StockKey {
    StockKey { product_id: ProductId(row.get(0)), warehouse_id: WarehouseId(row.get(1)) }
}

fn sums(rows: &[Row]) -> BTreeMap<StockKey, i64> {
    rows.iter().map(|row| (key(row), row.get(2))).collect()
}

fn transfers(rows: &[Row]) -> BTreeMap<TransferId, Transfer> {
    let mut transfers = BTreeMap::new();
    for row in rows {
        let code = TransferCode { prefix: row.get(0), number: row.get(1) };
        let ends: Option<(WarehouseId, WarehouseId)> = Option::zip(row.get(2), row.get(3));
        let route = ends.zip(row.get(4)).map(|((from_id, to_id), sent_at)| Route { sent_at, from_id, to_id });
        let (transfer_id, complete) = (code.transfer_id(), row.get(5));
        let fresh = || Transfer { transfer_id, code, route, complete, rows: Vec::new() };
        let transfer = transfers.entry(transfer_id).or_insert_with(fresh);
        if let Some(product_id) = row.get(6) {
            let (warehouse_id, sent, arrived) = (row.get(7), row.get(8), row.get(9));
            let (damaged, lost) = (row.get(10), row.get(11));
            transfer.rows.push(transfer::Row { product_id, warehouse_id, sent, arrived, damaged, lost });
        }
    }
    transfers
}

fn allotment(row: &Row) -> Allotment {
    let (granted, reclaimed) = (row.get(3), row.get(4));
    Allotment { granted, reclaimed, consumed: row.get(5), returned: row.get(6), received: row.get(7) }
}

fn settlement(row: &Row) -> Settlement {
    Settlement { concern_id: row.get(1), settlement: row.get(2), by: row.get(3), closed: row.get(4) }
}

fn concern(row: &Row) -> ConcernKind {
    ConcernKind::of_word(row.get(0)).expect("a kind of concern")
}

type Ops = BTreeMap<(IncarnationId, Mark), &'static str>;

/// The word of a verdict.
fn verdict(word: &str) -> &'static str {
    let words = ["accepted", "granted", "refused", "set_aside"];
    words.into_iter().find(|known| *known == word).expect("a verdict's word")
}

/// Ops as their own lives told them, and what later lives carried of earlier ones: under its first name, with
/// the verdict of whoever carried it first.
fn ops(told: &[Row], carried: &[Row]) -> Ops {
    let place = |row: &Row| (IncarnationId(row.get(0)), row.get::<_, i64>(1));
    let name = |row: &Row| (IncarnationId(row.get(0)), Mark { seq: row.get(1), hash: row.get(2) });
    let mut ops: Ops = told.iter().map(|row| (name(row), verdict(row.get(3)))).collect();
    let by = |row: &Row| (IncarnationId(row.get(3)), row.get::<_, i64>(4));
    let first: BTreeMap<_, _> = carried.iter().map(|row| (name(row), by(row))).collect();
    for row in told {
        let Some((life, entry)) = row.get::<_, Option<&[u8]>>(4).and_then(wrapped) else { continue };
        let name = (life, entry.mark());
        if first.get(&name).is_none_or(|first| *first == place(row)) {
            ops.entry(name).or_insert_with(|| verdict(row.get(3)));
        }
    }
    ops
}

/// The entry that a life carried; none if it is not to be read, which is why it was set aside.
fn wrapped(body: &[u8]) -> Option<(IncarnationId, Entry)> {
    match Op::from_body(OpKind::Carried, body) {
        Ok(Op::Carried(carried)) => Some((carried.incarnation_id, carried.entry)),
        Ok(_) | Err(_) => None,
    }
}

fn order(row: &Row) -> Order {
    Order {
        order_id: row.get("order_id"),
        user_id: row.get("user_id"),
        total_amount: row.get("total_amount"),
        status: row.get("status"),
        shipping_address_id: row.get("shipping_address_id"),
        billing_address_id: row.get("billing_address_id"),
        payment_id: row.get("payment_id"),
        created_at: row.get("created_at"),
        updated_at: row.get("updated_at"),
        receipt: Receipt { prefix: row.get("receipt_prefix"), number: row.get("receipt_number") },
        node_id: row.get("node_id"),
        warehouse_id: row.get("warehouse_id"),
        fulfilment: row.get("fulfilment"),
        items: Vec::new(),
        payments: Vec::new(),
    }
}

fn item(row: &Row) -> OrderItem {
    OrderItem {
        order_item_id: row.get("order_item_id"),
        product_id: row.get("product_id"),
        quantity: row.get("quantity"),
        unit_price: row.get("unit_price"),
        price_per: row.get("price_per"),
    }
}

fn payment(row: &Row) -> Payment {
    Payment {
        payment_id: row.get("payment_id"),
        amount: row.get("amount"),
        currency: row.get("currency"),
        tender: row.get("tender"),
        status: row.get("status"),
        transaction_ref: row.get("transaction_ref"),
        created_at: row.get("created_at"),
        updated_at: row.get("updated_at"),
    }
}

fn back(row: &Row) -> Return {
    Return {
        return_id: row.get("return_id"),
        order_id: row.get("order_id"),
        user_id: row.get("user_id"),
        order_receipt: Receipt { prefix: row.get("order_receipt_prefix"), number: row.get("order_receipt_number") },
        receipt: Receipt { prefix: row.get("receipt_prefix"), number: row.get("receipt_number") },
        node_id: row.get("node_id"),
        warehouse_id: row.get("warehouse_id"),
        taken_by: row.get("taken_by"),
        reason: row.get("reason"),
        created_at: row.get("created_at"),
        lines: Vec::new(),
        refunds: Vec::new(),
    }
}

fn line_back(row: &Row) -> ReturnLine {
    ReturnLine {
        order_item_id: row.get("order_item_id"),
        product_id: row.get("product_id"),
        quantity: row.get("quantity"),
        condition: row.get("condition"),
    }
}

fn cart(row: &Row) -> Cart {
    rmp_serde::from_slice(row.get(0)).expect("a cart as it was told")
}
