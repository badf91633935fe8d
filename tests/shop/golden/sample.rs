//! One of everything that travels, the same on every machine.

use outpost_node::{
    Error, Node,
    sell::{SaleWanted, Tendered, Terms, WantedLine},
};
use outpost_schema::{
    cart::Cart,
    clock::{Hlc, Timestamp},
    device::LifeReason,
    feed::Aggregate,
    id::{CartId, EpochId, HoldId, IncarnationId, OrderId, ProductId, UserId, WarehouseId},
    journal::{Entry, Mark},
    movement::Remark,
    op::{Cancel, Carried, Count, CountLine, Customer, Goods, LifeEnded, Line, Op, Sale, StatusTold},
    order::{Order, OrderStatus},
    quantity::Amount,
    returned::Return,
    transfer::TransferCode,
    verdict::{Grant, Refusal, SetAside, Verdict},
};
use outpost_sync::{
    round::Local as _,
    wire::{Born, LifeWanted, Pulled, Push, Pushed, Report, Stands},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use uuid::Uuid;

/// Whose journal it is.
pub const INCARNATION: IncarnationId = IncarnationId(id(2));
const PLACE: WarehouseId = WarehouseId(id(3));
const HONEY: ProductId = ProductId(id(4));
const ADA: UserId = UserId(id(6));
const ORDER: OrderId = OrderId(id(10));
/// A life of head office's database.
pub const EPOCH: EpochId = EpochId(id(40));
const AT: Timestamp = Timestamp::from_micros(1_770_000_000_000_000);

const fn id(number: u128) -> Uuid {
    Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 | number)
}

fn of<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap_or_else(|error| panic!("a sample: {error}"))
}

/// A version, of which bytes are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// Protocol 1.
    First,
    /// Protocol 2.
    Second,
    /// Protocol 3.
    Third,
    /// Protocol 4.
    Fourth,
    /// Protocol 5.
    Fifth,
    /// Protocol 5, in which a device says where it stands.
    Sixth,
    /// Protocol 5, over a head office that knows which homes a device left.
    Seventh,
}

/// A journal with an op of every kind, and a cart beside it.
pub fn push(version: Version) -> Push {
    let mut ops = ops();
    if version >= Version::Second {
        let before = IncarnationId(id(50));
        let told = Op::CancelAsked(Cancel { order_id: ORDER, at: AT });
        let entry = Entry::write(before, Mark::START, Hlc::ZERO.tick(AT), "7:7:".to_owned(), &told, [9; 16]);
        ops.push(Op::Carried(Box::new(Carried { incarnation_id: before, entry })));
        ops.push(Op::LifeEnded(LifeEnded { incarnation_id: before }));
    }
    if version >= Version::Third {
        ops.push(Op::Returned(Box::new(back())));
        ops.extend(of_the_stockroom());
    }
    if version >= Version::Fourth {
        ops.extend([awaiting_word(), seen_in_bins()]);
    }
    chained(ops)
}

/// What is done with goods since version 3.
fn of_the_stockroom() -> [Op; 5] {
    let (remark, lot) = (json!({ "person": "Ada", "note": "by van" }), json!({ "lot": "L7", "expires": "2027-01" }));
    let seen = json!({ "product_id": HONEY, "counted": 7, "delta": -3 });
    let cut = json!({
        "since": AT, "heard_at": AT, "heard": [{ "incarnation_id": id(51), "seq": 4 }], "read": [{ "incarnation_id": id(52), "seq": 6 }],
    });
    let code = TransferCode { prefix: "B1".to_owned(), number: 1 };
    let received = json!({
        "warehouse_id": PLACE, "lines": [{ "product_id": HONEY, "amount": 2, "lot": lot }], "remark": remark,
        "delivery_id": id(80),
    });
    [
        Op::Adjusted(of(json!({
            "warehouse_id": PLACE, "cause": "damaged", "remark": remark,
            "lines": [{ "product_id": HONEY, "delta": -1, "lot": lot }],
        }))),
        Op::Counted(of(json!({ "warehouse_id": PLACE, "lines": [seen], "cut": cut, "remark": remark }))),
        Op::Dispatched(of(json!({
            "code": code, "from_id": PLACE, "to_id": id(5), "remark": remark,
            "lines": [{ "product_id": HONEY, "amount": 2 }],
        }))),
        Op::Arrived(of(json!({
            "code": code, "warehouse_id": PLACE, "complete": true,
            "lines": [{ "product_id": HONEY, "came": 2, "damaged": 1 }],
        }))),
        Op::ReceiptUndone(of(json!({ "seq": 4, "received": received }))),
    ]
}

/// An order that uses up a hold, and that no allotment covered.
fn awaiting_word() -> Op {
    let holds = vec![HoldId(id(90))];
    Op::Sale(Box::new(Sale { order: of(order()), sold: None, holds, to_be_confirmed: true }))
}

/// A count whose eyes were done before it was told, and of which the others said how far they were.
fn seen_in_bins() -> Op {
    let cut = json!({
        "since": AT, "until": AT, "heard_at": AT, "heard": [{ "incarnation_id": id(51), "seq": 4 }], "read": [],
        "done": [{ "incarnation_id": id(51), "seq": 6 }],
    });
    let seen = json!({ "product_id": HONEY, "counted": 7, "delta": -3 });
    Op::Counted(of(json!({ "warehouse_id": PLACE, "lines": [seen], "cut": cut })))
}

fn chained(ops: Vec<Op>) -> Push {
    let mut head = Mark::START;
    let mut clock = Hlc::ZERO;
    let entries = ops.into_iter().zip(0u8..).map(|(op, number)| {
        clock = clock.tick(AT);
        let entry = Entry::write(INCARNATION, head, clock, "7:7:".to_owned(), &op, [number; 16]);
        head = entry.mark();
        entry
    });
    Push { entries: entries.collect(), carts: vec![cart()], ..Push::default() }
}

fn ops() -> Vec<Op> {
    let two = Line { product_id: HONEY, amount: Amount::new(2).expect("an amount") };
    let goods = || Goods { warehouse_id: PLACE, lines: vec![two] };
    let seen = CountLine { product_id: HONEY, counted: 7, delta: -3 };
    let mut sold = cart();
    vec![
        Op::CustomerAdded(Box::new(Customer { user: of(user()), address: Some(of(address(7))) })),
        Op::AddressAdded(Box::new(of(address(8)))),
        Op::Reviewed(Box::new(of(review()))),
        Op::Received(goods().into()),
        Op::Counted(Count { warehouse_id: PLACE, lines: vec![seen], cut: None, remark: Remark::default() }),
        Op::AllotmentAsked(goods()),
        Op::GaveBack(goods()),
        Op::Sale(Box::new(Sale {
            order: of(order()),
            sold: Some(sold.checkout().expect("something is in it")),
            holds: Vec::new(),
            to_be_confirmed: false,
        })),
        Op::StatusTold(StatusTold { order_id: ORDER, status: OrderStatus::Shipped, at: AT, called_off: false }),
        Op::CancelAsked(Cancel { order_id: ORDER, at: AT }),
    ]
}

fn cart() -> Cart {
    let (at, price) = (Hlc { at: AT, tick: 1 }, Some("6.50".parse().expect("a price")));
    let mut cart = Cart::open(CartId(id(20)), ADA, PLACE, INCARNATION, at);
    cart.add(INCARNATION, HONEY, Amount::new(3).expect("an amount"), price, AT).expect("an add");
    cart.take(INCARNATION, HONEY, Amount::new(1).expect("an amount")).expect("a taking");
    cart.park("hat", INCARNATION, Hlc { at: AT, tick: 2 }).expect("parked");
    cart
}

/// One of two came back broken, and the money for it was given.
fn back() -> Return {
    of(json!({
        "return_id": id(70), "order_id": ORDER, "user_id": ADA, "order_receipt": { "prefix": "B1", "number": 1 },
        "receipt": { "prefix": "B1", "number": 2 }, "node_id": id(1), "warehouse_id": PLACE, "taken_by": null,
        "reason": "leaked", "created_at": AT,
        "lines": [{ "order_item_id": id(11), "product_id": HONEY, "quantity": 1, "condition": "damaged" }],
        "refunds": [{ "refunds": id(12), "payment": {
            "payment_id": id(71), "amount": "-6.50", "currency": "EUR", "tender": "cash", "status": "succeeded",
            "transaction_ref": null, "created_at": AT, "updated_at": AT } }]
    }))
}

/// An answer with every kind of verdict.
pub fn pushed(version: Version) -> Pushed {
    let granted = Grant { product_id: HONEY, amount: Amount::new(2).expect("an amount") };
    let mut verdicts = vec![
        Verdict::Accepted,
        Verdict::Granted(vec![granted]),
        Verdict::Refused(Refusal::NothingLeft),
        Verdict::Refused(Refusal::AlreadyHandedOver),
        Verdict::Refused(Refusal::AlreadyCancelled),
        Verdict::SetAside(SetAside::Newer),
        Verdict::SetAside(SetAside::Malformed { code: "no_lines".to_owned() }),
        Verdict::SetAside(SetAside::NoRight),
        Verdict::SetAside(SetAside::Lacks { ids: vec![id(1), id(2)] }),
        Verdict::SetAside(SetAside::IdTaken { id: id(9) }),
    ];
    if version >= Version::Second {
        verdicts.extend([Refusal::Recovering, Refusal::LifeOver].map(Verdict::Refused));
    }
    let acked = push(version).entries.last().map_or(Mark::START, Entry::mark);
    Pushed::Settled { acked, verdicts: (1..).zip(verdicts).collect(), carts: vec![CartId(id(20))] }
}

/// A page with every kind of aggregate.
pub fn page(version: Version) -> Pulled {
    let mut aggregates: Vec<Aggregate> = of(json!([
        { "warehouse": { "warehouse_id": PLACE, "name": "Stall", "home_of": id(1), "created_at": AT } },
        { "category": { "category_id": id(5), "name": "Spreads", "parent_id": null } },
        { "product": product() },
        { "stock": { "product_id": HONEY, "warehouse_id": PLACE, "balance": 12, "promised": 12, "updated_at": AT } },
        { "allotment": { "incarnation_id": INCARNATION, "product_id": HONEY, "warehouse_id": PLACE,
                         "granted": 12, "reclaimed": 0 } },
        { "user": user() },
        { "address": address(7) },
        { "order": order() },
        { "review": review() },
        { "concern": { "concern_id": id(30), "kind": "owed", "subject": "a/b", "detail": { "units": 3 },
                       "scope": PLACE, "opened_at": AT, "closed_at": null } },
        { "verdict": { "incarnation_id": INCARNATION, "seq": 4, "verdict": "accepted" } },
        { "gone": { "kind": "product", "ids": [id(31)] } },
    ]));
    aggregates.push(Aggregate::Cart(Box::new(cart())));
    let mut page: Pulled = of(json!({ "page": {
        "epoch": id(40), "cursor": "1", "level": true, "seen": "7:7:", "aggregates": [],
        "acked": [{ "incarnation_id": INCARNATION, "mark": Mark::START, "set_aside": [3] }], "server_time": AT
    } }));
    if let Pulled::Page(page) = &mut page {
        page.aggregates = aggregates;
        if version >= Version::Second {
            page.protocol = 2;
            let kinds = ["life_begun", "journal_hole", "image_mended", "server_restored"];
            page.aggregates.extend(kinds.into_iter().zip(60..).map(|(kind, number)| concern(kind, number)));
        }
        if version >= Version::Third {
            page.protocol = 3;
            page.aggregates.push(Aggregate::Return(Box::new(back())));
            let kinds = ["returned_twice", "refunded_too_much"];
            page.aggregates.extend(kinds.into_iter().zip(72..).map(|(kind, number)| concern(kind, number)));
        }
        if version >= Version::Fourth {
            page.protocol = 4;
            page.aggregates.extend(rules());
            page.aggregates.push(of(json!({ "allotment": {
                "incarnation_id": id(51), "product_id": HONEY, "warehouse_id": PLACE, "granted": 12, "reclaimed": 0,
                "full": 9, "keep": 4 } })));
            page.aggregates.push(of(json!({ "confirmation": {
                "order_id": ORDER, "warehouse_id": PLACE, "asked_at": AT, "confirmed_at": AT } })));
        }
        if version >= Version::Fifth {
            page.protocol = 5;
            page.aggregates.extend(synonyms());
            page.aggregates.push(concern("hold_withdrawn", 94));
        }
    }
    page
}

/// A rule of every sort.
fn rules() -> [Aggregate; 3] {
    let says = [
        json!({ "labels": { "layout": "21IIIIIPPPPPC" } }),
        json!({ "policy": { "kind": "till", "goods": { "product": HONEY }, "policy": "strict" } }),
        json!({ "low_at": { "product_id": HONEY, "warehouse_id": PLACE, "units": 3 } }),
    ];
    let mut numbers = 91..;
    says.map(|says| {
        let rule_id = id(numbers.next().unwrap_or_default());
        of(json!({ "rule": { "rule_id": rule_id, "says": says, "updated_at": AT } }))
    })
}

/// Words that find each other, and some that are found one way.
fn synonyms() -> [Aggregate; 2] {
    let groups = [
        json!({ "phrases": ["soft drink", "soda", "pop"] }),
        json!({ "phrases": ["trainers"], "also": ["sneakers", "running shoes"] }),
    ];
    let mut numbers = 95..;
    groups.map(|group| {
        let synonyms_id = id(numbers.next().unwrap_or_default());
        of(json!({ "synonyms": { "synonyms_id": synonyms_id, "group": group, "created_at": AT } }))
    })
}

fn concern(kind: &str, number: u128) -> Aggregate {
    of(json!({ "concern": { "concern_id": id(number), "kind": kind, "subject": "a/b", "detail": { "units": 3 },
                            "scope": PLACE, "opened_at": AT, "closed_at": AT } }))
}

/// A wish for another life.
pub fn life_wanted(version: Version) -> LifeWanted {
    let unsettled = push(Version::First).entries.iter().map(|entry| entry.hash).collect();
    let stands = (version >= Version::Sixth).then(stands);
    LifeWanted { incarnation_id: IncarnationId(id(51)), reason: LifeReason::RolledBack, unsettled, stands }
}

/// What a device had been granted, and where it stands.
pub fn report() -> Report {
    let granted =
        of(json!([{ "incarnation_id": INCARNATION, "product_id": HONEY, "warehouse_id": PLACE, "granted": 12,
                              "reclaimed": 2 }]));
    Report { epoch: EPOCH, granted, last: true, stands: Some(stands()) }
}

fn stands() -> Stands {
    Stands { warehouse_id: PLACE, is_home: true, former: vec![WarehouseId(id(5))] }
}

/// The life that was wanted.
pub fn born() -> Born {
    Born { incarnation_id: IncarnationId(id(51)), prefix: "B1b".to_owned(), known: 3 }
}

/// A stall with twelve of honey, and with synonyms, receives none, sells two, and writes a customer down.
pub fn a_short_day(node: &Node) {
    let card = json!({
        "node_id": id(1), "incarnation_id": INCARNATION, "name": "Beach stall", "kind": "popup", "warehouse_id": PLACE,
        "is_home": true, "policy": "physical", "prefix": "B1", "currency": "EUR", "server": "http://127.0.0.1:7070"
    });
    node.join(&of(card)).expect("it joins");
    let Pulled::Page(mut page) = page(Version::First) else { unreachable!("the sample is a page") };
    page.aggregates.retain(|aggregate| !matches!(aggregate, Aggregate::Order(_) | Aggregate::Verdict(_)));
    page.aggregates.extend(synonyms());
    page.acked.clear();
    node.apply(None, &page).expect("applied");
    sell(node, HONEY).expect("sold");
    let new = outpost_node::people::NewCustomer { first_name: Some("Grace".to_owned()), ..Default::default() };
    node.add_customer(&new).expect("written down");
}

/// Sells two.
///
/// # Errors
/// What the node says.
pub fn sell(node: &Node, product_id: ProductId) -> Result<Order, Error> {
    let line = WantedLine { product_id, quantity: Amount::new(2)?, unit_price: None };
    let terms = Terms::carried_out(vec![Tendered::cash("20".parse()?)]);
    Ok(node.sell(&SaleWanted { lines: vec![line], terms })?.order)
}

fn product() -> Value {
    json!({
        "product_id": HONEY, "sku": "HONEY", "name": "Honey, 500 g", "description": "Heather", "price": "6.50",
        "unit": "each", "price_per": 1, "category_id": id(5), "seller_id": null, "image_urls": ["https://example.com/h"],
        "attributes": { "origin": "Yorkshire" }, "barcodes": ["4006381333931"], "created_at": AT, "updated_at": AT
    })
}

fn user() -> Value {
    json!({
        "user_id": ADA, "email": "ada@example.com", "first_name": "Ada", "last_name": "Lovelace", "created_at": AT,
        "address_id": id(7), "role": "customer", "home": PLACE, "alias_of": null
    })
}

fn address(number: u128) -> Value {
    json!({
        "address_id": id(number), "user_id": ADA, "street": "1 Mill Lane", "city": "Leeds", "state": null,
        "zip_code": "LS1 1AA", "country": "UK", "home": PLACE
    })
}

fn review() -> Value {
    json!({
        "review_id": id(9), "product_id": HONEY, "user_id": ADA, "rating": 5, "comment": "Of course", "created_at": AT
    })
}

fn order() -> Value {
    json!({
        "order_id": ORDER, "user_id": ADA, "total_amount": "13.00", "status": "processed", "shipping_address_id": id(7),
        "billing_address_id": null, "payment_id": id(11), "created_at": AT, "updated_at": AT,
        "receipt": { "prefix": "B1", "number": 1 }, "node_id": id(1), "warehouse_id": PLACE, "fulfilment": "ship",
        "items": [{ "order_item_id": id(12), "product_id": HONEY, "quantity": 2, "unit_price": "6.50", "price_per": 1 }],
        "payments": [
            { "payment_id": id(11), "amount": "20.00", "currency": "EUR", "tender": "cash", "status": "succeeded",
              "transaction_ref": null, "created_at": AT, "updated_at": AT },
            { "payment_id": id(13), "amount": "-7.00", "currency": "EUR", "tender": "change", "status": "succeeded",
              "transaction_ref": null, "created_at": AT, "updated_at": AT }
        ]
    })
}
