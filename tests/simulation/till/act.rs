//! What people do at a till, through the verbs that its pages and commands use too.

use outpost_node::{
    Error,
    people::NewCustomer,
    returns::{Back, Caps, LineBack, Named, RefundWanted, ReturnWanted, What},
    sell::{CheckoutWanted, SaleWanted, Sold, Tendered, Terms, WantedLine},
    stockroom::{Counting, Seen},
    transfers::{Coming, Sending},
};
use outpost_schema::{
    cart::Cart,
    count::Upto,
    id::{ProductId, UserId},
    journal::Mark,
    movement::{Change, Lot, ReceivedLine, Remark},
    op::Line,
    order::Fulfilment,
    quantity::Amount,
    returned::Condition,
    stock::StockKey,
    transfer::CameLine,
};

use super::{RealTill, bins};
use crate::{
    device::Device as _,
    step::{Act, Done},
};

/// Does it.
pub fn act(till: &RealTill, act: &Act) -> Result<Done, Error> {
    match act {
        Act::Sell { lines, ship, customer } => {
            let lines = lines.iter().map(|(product, units)| wanted(*product, *units)).collect::<Result<_, _>>()?;
            sold(till.node.sell(&SaleWanted { lines, terms: terms(*ship, *customer) }))
        }
        Act::ShipHeld { lines, hold } => {
            let lines = lines.iter().map(|(product, units)| wanted(*product, *units)).collect::<Result<_, _>>()?;
            sold(till.node.sell(&SaleWanted { lines, terms: Terms { holds: vec![*hold], ..terms(true, None) } }))
        }
        Act::Order { lines, customer } => {
            let lines = lines.iter().map(|(product, units)| wanted(*product, *units)).collect::<Result<_, _>>()?;
            let terms = Terms { may_be_confirmed_later: true, ..terms(true, *customer) };
            sold(till.node.sell(&SaleWanted { lines, terms }))
        }
        Act::CheckOut { cart } => {
            let wanted = CheckoutWanted { cart_id: *cart, prices: [].into(), terms: terms(false, None) };
            sold(till.node.checkout(&wanted))
        }
        Act::BeginCart => shown(till.carts_open()?.begin(None)),
        Act::Add { cart, product, units } => shown(till.carts_open()?.add(*cart, *product, Amount::new(*units)?, None)),
        Act::Take { cart, product, units } => shown(till.carts_open()?.take(*cart, *product, Amount::new(*units)?)),
        Act::Remove { cart, product } => shown(till.carts_open()?.remove(*cart, *product)),
        Act::Receive { product, units } => {
            till.node.receive(&line(*product, *units)?)?;
            moved(till, *product, *units)
        }
        Act::ReceiveOf { delivery, product, units } => {
            let lines = line(*product, *units)?.map(ReceivedLine::from);
            till.node.take_in_of(*delivery, &lines, &Remark::default())?;
            moved(till, *product, *units)
        }
        Act::UndoReceipt => {
            let undone = till.node.undo_receipt(&Remark::default())?;
            let line = &undone.lines[0];
            moved(till, line.product_id, -line.amount.units())
        }
        Act::Adjust { product, cause, delta } => {
            let change = Change { product_id: *product, delta: *delta, lot: Lot::default() };
            till.node.adjust(*cause, &[change], &Remark::default())?;
            moved(till, *product, *delta)
        }
        Act::Dispatch { product, units, to_id } => {
            let (lines, remark) = (line(*product, *units)?.to_vec(), Remark::default());
            let sent = till.node.send(&Sending { to_id: *to_id, lines, remark, anyway: true })?;
            let key = StockKey { product_id: *product, warehouse_id: till.card().warehouse_id };
            Ok(Done::Sent { code: sent.code, key, units: *units })
        }
        Act::Arrive { code, product, units, damaged, complete } => {
            let lines = vec![CameLine { product_id: *product, came: Amount::new(*units)?, damaged: *damaged }];
            let (code, remark) = (code.clone(), Remark::default());
            till.node.arrive(&Coming { code, lines, complete: *complete, remark })?;
            moved(till, *product, units - damaged)
        }
        Act::Look { product, units, marks } => {
            bins::look(till, *product, *units, marks)?;
            Ok(Done::Looked)
        }
        Act::Count { product, seen, marks, done, bins } => {
            let delta = match bins {
                Some(bins) => bins::count(till, *product, *bins, marks)?,
                None => counted(till, *product, *seen, (marks, done))?,
            };
            moved(till, *product, delta)
        }
        Act::GiveBack { product, units } => noted(till.node.give_back(&line(*product, *units)?)),
        Act::Ask { product, units } => noted(till.node.ask(&line(*product, *units)?)),
        Act::Advance { order, status } => Ok(Done::Advanced(Box::new(till.node.advance(*order, *status)?))),
        Act::Cancel { order } => noted(till.node.cancel(*order)),
        Act::TakeBack { order, receipt, product, units, damaged, paid } => {
            let condition = if *damaged { Condition::Damaged } else { Condition::Shelf };
            let quantity = Some(Amount::new(*units)?);
            let line = LineBack { product_id: *product, order_item_id: None, quantity, condition };
            let is_known = till.node.order(*order)?.is_some();
            let (order, amount) = match is_known {
                true => (Named::Order(*order), None),
                false => (Named::Receipt(receipt.clone()), Some(*paid)),
            };
            // As the goods were paid.
            let refund = RefundWanted { amount, back: Some(Back::Card { reference: None }), otherwise: false };
            let (return_id, taken_by, reason) = (None, None, String::new());
            let wanted = ReturnWanted { return_id, order, what: What::Lines(vec![line]), refund, taken_by, reason };
            Ok(Done::Returned(Box::new(till.node.take_back(&wanted, Caps::usual())?)))
        }
        Act::GiveBackAll => match till.node.give_back_all()? {
            0 => Ok(Done::Nothing),
            _ => Ok(Done::Noted { key: None, delta: 0 }),
        },
        Act::Leave => {
            till.node.retire()?;
            Ok(Done::Noted { key: None, delta: 0 })
        }
        Act::Customer { email } => {
            let new = NewCustomer { email: Some(email.clone()), ..NewCustomer::default() };
            Ok(Done::Customer(till.node.add_customer(&new)?.user_id))
        }
    }
}

/// Counted at one moment.
fn counted(
    till: &RealTill,
    product_id: ProductId,
    counted: i64,
    (marks, done): (&[Upto], &[Upto]),
) -> Result<i64, Error> {
    let counting = Counting { marks: marks.to_vec(), done: done.to_vec(), ..Counting::default() };
    let lines = till.node.count_as(&[Seen { product_id, counted }], &counting)?;
    Ok(lines.iter().map(|line| line.delta).sum())
}

/// By card; carried out, or handed over later.
fn terms(ship: bool, customer: Option<UserId>) -> Terms {
    let fulfilment = if ship { Fulfilment::Ship } else { Fulfilment::CarryOut };
    Terms { customer, fulfilment, ..Terms::carried_out(vec![Tendered::card("terminal 1")]) }
}

fn wanted(product_id: ProductId, units: i64) -> Result<WantedLine, Error> {
    Ok(WantedLine { product_id, quantity: Amount::new(units)?, unit_price: None })
}

fn line(product_id: ProductId, units: i64) -> Result<[Line; 1], Error> {
    Ok([Line { product_id, amount: Amount::new(units)? }])
}

fn sold(done: Result<Sold, Error>) -> Result<Done, Error> {
    let Sold { order, to_be_confirmed, .. } = done?;
    Ok(if to_be_confirmed { Done::Ordered(Box::new(order)) } else { Done::Sold(Box::new(order)) })
}

fn shown(cart: Result<Cart, Error>) -> Result<Done, Error> {
    let cart = cart?;
    let lines = cart.lines().iter().map(|line| (line.product_id, line.quantity.units())).collect();
    Ok(Done::Cart(cart.cart_id(), lines))
}

/// The journal has it, and no balance changed.
fn noted(done: Result<Mark, Error>) -> Result<Done, Error> {
    done.map(|_| Done::Noted { key: None, delta: 0 })
}

fn moved(till: &RealTill, product_id: ProductId, delta: i64) -> Result<Done, Error> {
    let key = StockKey { product_id, warehouse_id: till.card().warehouse_id };
    Ok(Done::Noted { key: Some(key), delta })
}
