//! Ops of every kind. Most pass their check; some break a bound that their type does not know.

use outpost_schema::{
    cart::{Sold, SoldLine, Span},
    count::{Cut, Upto},
    delivery::ReceiptUndone,
    journal::{Entry, Mark},
    movement::{Adjusted, Cause, Change, Lot, Received, ReceivedLine, Remark},
    op::{Cancel, Carried, Count, CountLine, Customer, Goods, LifeEnded, Line, Op, OpKind, Sale, StatusTold},
    order::{Fulfilment, Order, OrderItem, OrderStatus, Payment, PaymentStatus, Receipt, Tender},
    returned::{Condition, Refund, Return, ReturnLine},
    transfer::{Arrived, CameLine, Dispatched, TransferCode},
    word::Word as _,
};

use super::*;

pub fn op_kind(choices: &mut Choices<'_>) -> OpKind {
    choices.one(OpKind::WORDS).0
}

/// An op of that kind. What is carried is whole and an op of another kind, as a rule.
pub fn op(kind: OpKind, choices: &mut Choices<'_>) -> Op {
    match kind {
        OpKind::Sale => {
            let (order, sold) = (order(choices), choices.perhaps(sold));
            Op::Sale(Box::new(Sale { order, sold, holds: holds(choices), to_be_confirmed: choices.once_in(4) }))
        }
        OpKind::CustomerAdded => {
            Op::CustomerAdded(Box::new(Customer { user: user(choices), address: choices.perhaps(address) }))
        }
        OpKind::AddressAdded => Op::AddressAdded(Box::new(address(choices))),
        OpKind::Reviewed => Op::Reviewed(Box::new(review(choices))),
        OpKind::Received => Op::Received(received(choices)),
        OpKind::Adjusted => Op::Adjusted(adjusted(choices)),
        OpKind::Counted => Op::Counted(count(choices)),
        OpKind::GaveBack => Op::GaveBack(goods(choices)),
        OpKind::StatusTold => Op::StatusTold(StatusTold {
            order_id: order_id(choices),
            status: status(choices),
            at: at(choices),
            called_off: choices.once_in(4),
        }),
        OpKind::AllotmentAsked => Op::AllotmentAsked(goods(choices)),
        OpKind::CancelAsked => Op::CancelAsked(Cancel { order_id: order_id(choices), at: at(choices) }),
        OpKind::Carried => Op::Carried(Box::new(carried(choices))),
        OpKind::Returned => Op::Returned(Box::new(back(choices))),
        OpKind::LifeEnded => Op::LifeEnded(LifeEnded { incarnation_id: life(choices) }),
        OpKind::Dispatched => Op::Dispatched(dispatched(choices)),
        OpKind::Arrived => Op::Arrived(arrived(choices)),
        OpKind::ReceiptUndone => {
            let (seq, received) = (choices.number(), received(choices));
            Op::ReceiptUndone(ReceiptUndone { seq, received, hash: choices.perhaps(super::hash) })
        }
    }
}

fn carried(choices: &mut Choices<'_>) -> Carried {
    let incarnation_id = life(choices);
    let kind = if choices.once_in(16) { OpKind::LifeEnded } else { op_kind(choices) };
    let told = match kind {
        OpKind::Carried => Op::Received(received(choices)),
        other @ (OpKind::Sale
        | OpKind::CustomerAdded
        | OpKind::AddressAdded
        | OpKind::Reviewed
        | OpKind::Received
        | OpKind::Adjusted
        | OpKind::Counted
        | OpKind::GaveBack
        | OpKind::StatusTold
        | OpKind::AllotmentAsked
        | OpKind::CancelAsked
        | OpKind::Returned
        | OpKind::LifeEnded
        | OpKind::Dispatched
        | OpKind::Arrived
        | OpKind::ReceiptUndone) => op(other, choices),
    };
    let head = Mark { seq: choices.within(0, 3), hash: hash(choices) };
    let mut entry = Entry::write(incarnation_id, head, hlc(choices), String::new(), &told, choices.bytes());
    if choices.once_in(16) {
        entry.seen = choices.text(20);
    }
    Carried { incarnation_id, entry }
}

fn holds(choices: &mut Choices<'_>) -> Vec<HoldId> {
    if choices.once_in(4) { choices.some(3, hold_id) } else { Vec::new() }
}

fn goods(choices: &mut Choices<'_>) -> Goods {
    let line = |choices: &mut Choices<'_>| Line { product_id: product_id(choices), amount: amount(choices) };
    Goods { warehouse_id: warehouse_id(choices), lines: choices.some(4, line) }
}

fn received(choices: &mut Choices<'_>) -> Received {
    let line = |choices: &mut Choices<'_>| ReceivedLine {
        product_id: product_id(choices),
        amount: amount(choices),
        lot: lot(choices),
    };
    Received {
        warehouse_id: warehouse_id(choices),
        lines: choices.some(4, line),
        remark: remark(choices),
        delivery_id: choices.perhaps(delivery_id),
    }
}

pub fn code(choices: &mut Choices<'_>) -> TransferCode {
    let number = if choices.once_in(16) { choices.number() } else { choices.within(1, 2) };
    TransferCode { prefix: "T1".to_owned(), number }
}

fn dispatched(choices: &mut Choices<'_>) -> Dispatched {
    let Goods { warehouse_id: from_id, lines } = goods(choices);
    Dispatched { code: code(choices), from_id, to_id: warehouse_id(choices), lines, remark: remark(choices) }
}

fn arrived(choices: &mut Choices<'_>) -> Arrived {
    let line = |choices: &mut Choices<'_>| CameLine {
        product_id: product_id(choices),
        came: amount(choices),
        damaged: if choices.once_in(8) { choices.number() } else { choices.within(0, 1) },
    };
    Arrived {
        code: code(choices),
        warehouse_id: warehouse_id(choices),
        lines: choices.some(4, line),
        complete: choices.once_in(4),
        remark: remark(choices),
    }
}

fn adjusted(choices: &mut Choices<'_>) -> Adjusted {
    let cause = choices.one(Cause::WORDS).0;
    let line = |choices: &mut Choices<'_>| Change {
        product_id: product_id(choices),
        delta: if choices.once_in(8) { choices.number() } else { choices.within(-9, 9) },
        lot: lot(choices),
    };
    Adjusted { warehouse_id: warehouse_id(choices), cause, lines: choices.some(4, line), remark: remark(choices) }
}

fn lot(choices: &mut Choices<'_>) -> Lot {
    Lot { lot: choices.perhaps(|choices| choices.text(20)), expires: choices.perhaps(|choices| choices.text(20)) }
}

fn remark(choices: &mut Choices<'_>) -> Remark {
    Remark { person: choices.perhaps(|choices| choices.text(20)), note: choices.perhaps(|choices| choices.text(40)) }
}

fn cut(choices: &mut Choices<'_>) -> Cut {
    let upto = |choices: &mut Choices<'_>| Upto {
        incarnation_id: life(choices),
        seq: if choices.once_in(8) { choices.number() } else { choices.within(0, 9) },
    };
    Cut {
        since: at(choices),
        until: choices.perhaps(at),
        heard_at: choices.perhaps(at),
        heard: choices.some(3, upto),
        read: choices.some(2, upto),
        done: choices.some(2, upto),
    }
}

fn count(choices: &mut Choices<'_>) -> Count {
    let line = |choices: &mut Choices<'_>| CountLine {
        product_id: product_id(choices),
        counted: if choices.once_in(8) { choices.number() } else { choices.within(0, 20) },
        delta: if choices.once_in(8) { choices.number() } else { choices.within(-9, 9) },
    };
    Count {
        warehouse_id: warehouse_id(choices),
        lines: choices.some(4, line),
        cut: choices.perhaps(cut),
        remark: remark(choices),
    }
}

fn status(choices: &mut Choices<'_>) -> OrderStatus {
    choices.one(OrderStatus::WORDS).0
}

pub fn order(choices: &mut Choices<'_>) -> Order {
    let items = choices.some(4, item);
    let payments = choices.some(2, payment);
    let first = payments.first().map(|payment| payment.payment_id);
    let mut order = Order {
        order_id: order_id(choices),
        user_id: user_id(choices),
        total_amount: money(choices),
        status: status(choices),
        shipping_address_id: choices.perhaps(address_id),
        billing_address_id: choices.perhaps(address_id),
        payment_id: if choices.once_in(8) { Some(payment_id(choices)) } else { first },
        created_at: at(choices),
        updated_at: at(choices),
        receipt: Receipt { prefix: choices.line(), number: choices.number() },
        node_id: node_id(choices),
        warehouse_id: warehouse_id(choices),
        fulfilment: choices.one(&[Fulfilment::CarryOut, Fulfilment::Ship]),
        items,
        payments,
    };
    if choices.once_in(2) {
        order.total_amount = order.sum_of_lines(currency(choices)).unwrap_or(order.total_amount);
    }
    order
}

fn item(choices: &mut Choices<'_>) -> OrderItem {
    OrderItem {
        order_item_id: order_item_id(choices),
        product_id: product_id(choices),
        quantity: amount(choices),
        unit_price: money(choices),
        price_per: if choices.once_in(8) { choices.number() } else { choices.one(&[1, 1000]) },
    }
}

fn payment(choices: &mut Choices<'_>) -> Payment {
    Payment {
        payment_id: payment_id(choices),
        amount: money(choices),
        currency: currency(choices),
        tender: choices.one(Tender::WORDS).0,
        status: choices.one(PaymentStatus::WORDS).0,
        transaction_ref: choices.perhaps(|choices| choices.text(20)),
        created_at: at(choices),
        updated_at: at(choices),
    }
}

/// Mostly of an order that there may be, by its id or its receipt.
pub fn back(choices: &mut Choices<'_>) -> Return {
    let order_receipt = Receipt { prefix: "K1".to_owned(), number: choices.within(0, 3) };
    let line = |choices: &mut Choices<'_>| ReturnLine {
        order_item_id: choices.perhaps(order_item_id),
        product_id: product_id(choices),
        quantity: amount(choices),
        condition: choices.one(Condition::WORDS).0,
    };
    let refund = |choices: &mut Choices<'_>| {
        let mut payment = payment(choices);
        if !choices.once_in(8) {
            payment.status = PaymentStatus::Succeeded;
            payment.amount = payment.amount.min(-payment.amount);
        }
        Refund { refunds: choices.perhaps(payment_id), payment }
    };
    Return {
        return_id: ReturnId(choices.id(15, 3)),
        order_id: if choices.once_in(2) { order_receipt.stand_in() } else { order_id(choices) },
        user_id: user_id(choices),
        order_receipt,
        receipt: Receipt { prefix: choices.line(), number: choices.number() },
        node_id: node_id(choices),
        warehouse_id: warehouse_id(choices),
        taken_by: choices.perhaps(user_id),
        reason: choices.text(20),
        created_at: at(choices),
        lines: choices.some(3, line),
        refunds: choices.some(2, refund),
    }
}

fn sold(choices: &mut Choices<'_>) -> Sold {
    Sold { cart_id: cart_id(choices), lines: choices.some(3, sold_line) }
}

/// A line whose units are its quantity, as a rule.
fn sold_line(choices: &mut Choices<'_>) -> SoldLine {
    let (mut added, mut taken) = (choices.some(3, span), choices.some(2, span));
    for spans in [&mut added, &mut taken] {
        spans.sort_unstable();
        spans.dedup_by_key(|span| span.actor);
    }
    let units = |spans: &[Span]| spans.iter().fold(0u64, |sum, span| sum.saturating_add(span.units()));
    let units = i64::try_from(units(&added).saturating_sub(units(&taken))).unwrap_or(i64::MAX);
    let quantity = Amount::new(units.min(AMOUNT_MAX)).unwrap_or_else(|_| amount(choices));
    SoldLine { product_id: product_id(choices), quantity, unit_price: choices.perhaps(money), added, taken }
}

fn span(choices: &mut Choices<'_>) -> Span {
    let from = if choices.once_in(8) { choices.number().cast_unsigned() } else { choices.place(9) as u64 };
    let to = if choices.once_in(8) {
        choices.number().cast_unsigned()
    } else {
        from.saturating_add(1 + choices.place(9) as u64)
    };
    Span { actor: life(choices), from, to }
}
