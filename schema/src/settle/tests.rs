//! Each rule by name, then the laws of stock over random histories.

mod adjusted;
mod aside;
mod counts;
mod holds;
mod laws;
mod orders;
mod people;
mod write_off;

use std::collections::BTreeSet;

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use uuid::Uuid;

use super::*;
use crate::{
    cart::Cart,
    clock::Hlc,
    id::{OrderItemId, PaymentId},
    journal::{Body, Hash, Mark},
    money::Money,
    movement::{Cause, Remark},
    op::{Cancel, Count, CountLine, Customer, Goods, Sale, StatusTold},
    order::{OrderItem, Payment, PaymentStatus, Receipt, Tender, is_promised},
    people::{Rating, Role},
    quantity::Amount,
    verdict::{Grant, Refusal},
};

const NOW: Timestamp = Timestamp::from_micros(1_770_000_000_000_000);

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn tea() -> ProductId {
    ProductId(id(1))
}

fn shop() -> WarehouseId {
    WarehouseId(id(2))
}

fn key() -> StockKey {
    StockKey { product_id: tea(), warehouse_id: shop() }
}

fn amount(units: i64) -> Amount {
    Amount::new(units).expect("a test amount")
}

fn author() -> Author {
    let warehouses = BTreeSet::from([shop()]);
    Author {
        node_id: NodeId(id(3)),
        incarnation_id: IncarnationId(id(4)),
        warehouses,
        former: BTreeSet::new(),
        homes: BTreeSet::new(),
        left_homes: BTreeSet::new(),
        is_closed: false,
        elders: BTreeSet::new(),
        is_superseded: false,
        skew: None,
    }
}

fn at_home() -> Author {
    Author { homes: BTreeSet::from([shop()]), ..author() }
}

/// A shop with tea: `balance` units, `promised` of them.
fn known(balance: i64, promised: i64) -> Known {
    let mut known = Known::empty("USD".parse().expect("currency"), NOW);
    known.products.insert(tea());
    known.warehouses.insert(shop());
    known.users.insert(UserId::GUEST);
    known.levels.insert(key(), Level { balance, promised });
    known
}

/// The same, with `granted` units allotted to the author.
fn allotted(balance: i64, granted: i64) -> Known {
    let mut known = known(balance, granted);
    known.allotments.insert(key(), Allotment::default().grant(granted));
    known
}

fn entry(seq: i64, op: &Op) -> Entry {
    let hlc = Hlc { at: NOW, tick: 0 };
    let head = Mark { seq: seq - 1, hash: Hash::START };
    Entry::write(author().incarnation_id, head, hlc, String::new(), op, [0; 16])
}

fn run(known: &mut Known, author: &Author, ops: &[Op]) -> Settled {
    let entries: Vec<Entry> = ops.iter().zip(1..).map(|(op, seq)| entry(seq, op)).collect();
    settle(known, author, &entries)
}

fn verdicts(settled: &Settled) -> Vec<Verdict> {
    settled.verdicts.iter().map(|(_, verdict)| verdict.clone()).collect()
}

fn concerns(settled: &Settled) -> Vec<ConcernKind> {
    settled.opened.iter().map(|raised| raised.kind).collect()
}

fn order(number: u128, units: i64, fulfilment: Fulfilment) -> Order {
    let total: Money = format!("{units}").parse().expect("money");
    let payment = Payment {
        payment_id: PaymentId(id(number + 2)),
        amount: total,
        currency: "USD".parse().expect("currency"),
        tender: Tender::Cash,
        status: PaymentStatus::Succeeded,
        transaction_ref: None,
        created_at: NOW,
        updated_at: NOW,
    };
    Order {
        order_id: OrderId(id(number)),
        user_id: UserId::GUEST,
        total_amount: total,
        status: if fulfilment == Fulfilment::Ship { OrderStatus::Processed } else { OrderStatus::Delivered },
        shipping_address_id: None,
        billing_address_id: None,
        payment_id: Some(payment.payment_id),
        created_at: NOW,
        updated_at: NOW,
        receipt: Receipt { prefix: "K1".to_owned(), number: 1 },
        node_id: author().node_id,
        warehouse_id: shop(),
        fulfilment,
        items: vec![OrderItem {
            order_item_id: OrderItemId(id(number + 1)),
            product_id: tea(),
            quantity: amount(units),
            unit_price: "1".parse().expect("money"),
            price_per: 1,
        }],
        payments: vec![payment],
    }
}

fn sale(number: u128, units: i64) -> Op {
    Op::Sale(Box::new(Sale {
        order: order(number, units, Fulfilment::CarryOut),
        sold: None,
        holds: Vec::new(),
        to_be_confirmed: false,
    }))
}

fn shipped_later(number: u128, units: i64) -> Op {
    Op::Sale(Box::new(Sale {
        order: order(number, units, Fulfilment::Ship),
        sold: None,
        holds: Vec::new(),
        to_be_confirmed: false,
    }))
}

fn told(number: u128, status: OrderStatus) -> Op {
    Op::StatusTold(StatusTold { order_id: OrderId(id(number)), status, at: NOW, called_off: false })
}

fn cancel(number: u128) -> Op {
    Op::CancelAsked(Cancel { order_id: OrderId(id(number)), at: NOW })
}

fn goods(units: i64) -> Goods {
    Goods { warehouse_id: shop(), lines: vec![Line { product_id: tea(), amount: amount(units) }] }
}

fn customer(number: u128, email: &str) -> Op {
    let user = User {
        user_id: UserId(id(number)),
        email: Some(email.to_owned()),
        first_name: None,
        last_name: None,
        created_at: NOW,
        address_id: None,
        role: Role::Customer,
        home: shop(),
        alias_of: None,
    };
    Op::CustomerAdded(Box::new(Customer { user, address: None }))
}

fn seen(line: CountLine) -> Count {
    Count { warehouse_id: shop(), lines: vec![line], cut: None, remark: Remark::default() }
}

#[test]
fn a_sale_takes_units_from_book_and_allotment() {
    let mut known = allotted(10, 4);
    let settled = run(&mut known, &author(), &[sale(100, 3)]);
    assert_eq!(verdicts(&settled), [Verdict::Accepted]);
    assert_eq!(known.levels[&key()], Level { balance: 7, promised: 1 });
    assert_eq!(known.allotments[&key()].open(), 1);
    assert_eq!(settled.movements.len(), 1);
    assert_eq!(
        settled.movements[0].movement,
        Movement { key: key(), delta: -3, why: crate::stock::Reason::Sold.into() }
    );
    assert_eq!(concerns(&settled), []);
}

#[test]
fn goods_that_the_book_does_not_have_are_a_fact_and_one_concern_that_ends_by_itself() {
    let mut known = known(1, 0);
    let settled = run(&mut known, &author(), &[sale(100, 3)]);
    assert_eq!(verdicts(&settled), [Verdict::Accepted]);
    assert_eq!(known.levels[&key()].owed(), 2);
    assert_eq!(concerns(&settled), [ConcernKind::Owed]);

    let settled = run(&mut known, &author(), &[Op::Received(goods(5).into())]);
    assert_eq!(known.levels[&key()], Level { balance: 3, promised: 0 });
    assert_eq!(settled.closed, [(ConcernKind::Owed, format!("{}/{}", tea(), shop()))]);
}

#[test]
fn goods_promised_to_another_node_are_a_fact_and_one_concern() {
    let mut known = known(5, 5);
    let settled = run(&mut known, &author(), &[sale(100, 2)]);
    assert_eq!(verdicts(&settled), [Verdict::Accepted]);
    assert_eq!(known.levels[&key()].unbacked(), 2);
    assert_eq!(concerns(&settled), [ConcernKind::Unbacked]);
}

#[test]
fn an_ask_gets_what_is_left_and_then_a_refusal() {
    let mut known = known(5, 2);
    let settled = run(&mut known, &author(), &[Op::AllotmentAsked(goods(9)), Op::AllotmentAsked(goods(1))]);
    let granted = Verdict::Granted(vec![Grant { product_id: tea(), amount: amount(3) }]);
    assert_eq!(verdicts(&settled), [granted, Verdict::Refused(Refusal::NothingLeft)]);
    assert_eq!(known.levels[&key()], Level { balance: 5, promised: 5 });
}

#[test]
fn what_is_given_back_is_free_for_others() {
    let mut known = allotted(5, 5);
    let settled = run(&mut known, &author(), &[Op::GaveBack(goods(2))]);
    assert_eq!(known.levels[&key()].available(), 2);
    assert_eq!(settled.freed, BTreeSet::from([key()]));
}

#[test]
fn at_its_home_a_node_sells_what_it_received_and_counted() {
    let mut known = known(0, 0);
    let found = seen(CountLine { product_id: tea(), counted: 12, delta: 2 });
    let lost = seen(CountLine { product_id: tea(), counted: 9, delta: -3 });
    run(&mut known, &at_home(), &[Op::Received(goods(10).into()), Op::Counted(found), Op::Counted(lost), sale(100, 4)]);
    assert_eq!(known.levels[&key()], Level { balance: 5, promised: 5 });
    assert_eq!(known.allotments[&key()].open(), 5);
}

#[test]
fn a_total_that_does_not_add_up_is_a_concern_not_a_lost_sale() {
    let mut wrong = order(100, 2, Fulfilment::CarryOut);
    wrong.total_amount = "5".parse().expect("money");
    let mut known = known(10, 0);
    let settled = run(
        &mut known,
        &author(),
        &[Op::Sale(Box::new(Sale { order: wrong, sold: None, holds: Vec::new(), to_be_confirmed: false }))],
    );
    assert_eq!((verdicts(&settled), concerns(&settled)), (vec![Verdict::Accepted], vec![ConcernKind::TotalMismatch]));
}

#[test]
fn the_same_units_of_a_cart_are_noticed_the_second_time() {
    let mut cart = Cart::open(CartId(id(80)), UserId::GUEST, shop(), author().incarnation_id, Hlc { at: NOW, tick: 0 });
    cart.add(author().incarnation_id, tea(), amount(2), None, NOW).expect("adds");
    let (mut here, mut there) = (cart.clone(), cart);
    let ops = [(100, here.checkout()), (200, there.checkout())].map(|(number, sold)| {
        Op::Sale(Box::new(Sale {
            order: order(number, 2, Fulfilment::CarryOut),
            sold: Some(sold.expect("sells")),
            holds: Vec::new(),
            to_be_confirmed: false,
        }))
    });
    let mut known = known(10, 0);
    let settled = run(&mut known, &author(), &ops);
    assert_eq!(verdicts(&settled), [Verdict::Accepted, Verdict::Accepted], "both orders stand");
    assert_eq!(known.levels[&key()].balance, 6, "stock stays right");
    assert_eq!(concerns(&settled), [ConcernKind::CartSoldTwice]);
}

#[test]
fn a_clock_in_2099_is_a_concern() {
    let mut far = entry(1, &sale(100, 1));
    far.hlc.at = Timestamp::from_micros(4_070_908_800_000_000);
    let settled = settle(&mut known(10, 0), &author(), &[far]);
    assert_eq!(concerns(&settled), [ConcernKind::ClockAhead]);
}

#[test]
fn everything_an_op_names_is_touched() {
    let mut known = allotted(10, 4);
    run(&mut known, &author(), &[shipped_later(100, 3)]);
    let mut touched = Touched::by(&[cancel(100), sale(200, 1), customer(50, "A@b.c"), Op::AllotmentAsked(goods(1))]);
    touched.order(&known.orders[&OrderId(id(100))]);
    assert_eq!(touched.orders, BTreeSet::from([OrderId(id(100)), OrderId(id(200))]));
    assert_eq!(touched.stock, BTreeSet::from([key()]));
    assert_eq!(touched.emails, BTreeSet::from(["a@b.c".to_owned()]));
    assert!(touched.asks);
}
