//! What may happen at the till, chosen by chance and done through the node's own verbs.

use std::sync::Arc;

use outpost_node::{
    Error, Node,
    carts::Carts,
    db,
    returns::{Caps, Named, RefundWanted, ReturnWanted, What},
    sell::{CheckoutWanted, SaleWanted, Tendered, Terms, WantedLine},
    stockroom::Seen,
};
use outpost_schema::{
    cart::Cart,
    count::Cut,
    id::{CartId, OrderId, ProductId},
    journal::{Entry, Mark},
    movement::{Adjusted, Cause, Change, Lot, ReceivedLine, Remark},
    op::{Count, Goods, Line, Op, Sale, StatusTold},
    order::{Fulfilment, Order, OrderStatus},
    quantity::Amount,
    returned::Condition,
    settle::decode,
};
use outpost_sync::round::{Anew, Failure, Local as _};
use rusqlite::Connection;

use super::{
    book::{Book, Sums},
    network::{Network, PRODUCTS},
};
use crate::chance::Chance;

/// How a log is moved into the database.
const CHECKPOINTS: [&str; 4] = ["passive", "full", "restart", "truncate"];

/// One act, as it is wanted.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    Sell(Vec<Line>, Fulfilment),
    Receive(Vec<Line>),
    Count(Vec<Seen>),
    Adjust(Cause, Vec<Change>),
    TakeBack(OrderId, Condition),
    GiveBack(Vec<Line>),
    Ask(Vec<Line>),
    Advance(OrderId, OrderStatus),
    BeginCart,
    Add(CartId, ProductId, Amount),
    Take(CartId, ProductId, Amount),
    Clear(CartId),
    Checkout(CartId),
    /// A round, of which perhaps no answer to a push arrives.
    Round {
        loses_answer: bool,
    },
    /// Head office changes a price; nothing happens at the till.
    Edit(ProductId, i64),
    /// Head office says that the till was away for too long: it reads everything anew, aside, and takes it over.
    Refill,
    /// Another program moves the log into the database.
    Checkpoint(&'static str),
    /// The till is closed and opened again.
    Restart,
}

/// What was acknowledged.
#[derive(Debug)]
pub enum Done {
    /// Written into the journal as this, and, if it was told, at this place.
    Journaled(Op, Option<Mark>),
    /// A cart is now like this.
    Cart(Box<Cart>),
    /// Both.
    CheckedOut(Op, Box<Cart>),
    /// Nothing of it is looked for by itself.
    Heard,
}

/// The till, while it has power.
pub struct Till {
    pub carts: Carts,
    pub node: Arc<Node>,
}

impl Act {
    /// What happens next.
    pub fn choose(book: &Book, chance: &mut Chance) -> Self {
        let carts: Vec<CartId> = book.carts.keys().copied().collect();
        match (chance.below(100), carts.is_empty()) {
            (0..28, _) => Self::Sell(lines(chance, 6), sale_kind(chance)),
            (28..34, _) => Self::Receive(lines(chance, 9)),
            (34..40, _) => Self::Count(count(chance)),
            (40..43, _) => Self::GiveBack(lines(chance, 3)),
            (43..45, _) => adjust(chance),
            (45..47, _) => Self::Ask(lines(chance, 9)),
            (47..49, _) => take_back(book, chance).unwrap_or_else(|| adjust(chance)),
            (49..55, _) => advance(book, chance).unwrap_or_else(|| Self::Ask(lines(chance, 9))),
            (55..58, _) | (58..78, true) => Self::BeginCart,
            (58..68, false) => Self::Add(*chance.one_of(&carts), *chance.one_of(&PRODUCTS), amount(chance, 5)),
            (68..71, false) => Self::Take(*chance.one_of(&carts), *chance.one_of(&PRODUCTS), amount(chance, 5)),
            (71..72, false) => Self::Clear(*chance.one_of(&carts)),
            (72..78, false) => Self::Checkout(*chance.one_of(&carts)),
            (78..88, _) => Self::Round { loses_answer: chance.in_a_hundred(25) },
            (88..92, _) => Self::Edit(*chance.one_of(&PRODUCTS), chance.below(9_999) as i64),
            (92..97, _) => Self::Checkpoint(CHECKPOINTS[chance.below(CHECKPOINTS.len())]),
            (97..98, _) => Self::Refill,
            _ => Self::Restart,
        }
    }

    /// Does it; a restart is the story's.
    pub fn perform(&self, till: &Till, network: &Network, book: &Book) -> Result<Done, Error> {
        let (node, carts) = (&till.node, &till.carts);
        let goods = |lines: &[Line]| Goods { warehouse_id: book.card.warehouse_id, lines: lines.to_vec() };
        let cart = |cart| Done::Cart(Box::new(cart));
        Ok(match self {
            Self::Sell(lines, fulfilment) => Done::Journaled(sale(sell(node, lines, *fulfilment)?), None),
            Self::Receive(lines) => Done::Journaled(Op::Received(goods(lines).into()), Some(node.receive(lines)?)),
            Self::GiveBack(lines) => Done::Journaled(Op::GaveBack(goods(lines)), Some(node.give_back(lines)?)),
            Self::Ask(lines) => Done::Journaled(Op::AllotmentAsked(goods(lines)), Some(node.ask(lines)?)),
            Self::Count(seen) => {
                let (warehouse_id, lines) = (book.card.warehouse_id, node.count(seen)?);
                // What had been done is the till's to say; whether it stays is what is looked at.
                let cut = node.unsent()?.entries.last().and_then(cut_of);
                Done::Journaled(Op::Counted(Count { warehouse_id, lines, cut, remark: Remark::default() }), None)
            }
            Self::Adjust(cause, lines) => {
                let (warehouse_id, remark) = (book.card.warehouse_id, Remark::default());
                let place = node.adjust(*cause, lines, &remark)?;
                let told = Adjusted { warehouse_id, cause: *cause, lines: lines.clone(), remark };
                Done::Journaled(Op::Adjusted(told), Some(place))
            }
            Self::TakeBack(order_id, condition) => {
                let back = node.take_back(&everything(*order_id, *condition), Caps::usual())?;
                Done::Journaled(Op::Returned(Box::new(back)), None)
            }
            Self::Advance(order_id, status) => {
                let at = node.advance(*order_id, *status)?.updated_at;
                Done::Journaled(
                    Op::StatusTold(StatusTold { order_id: *order_id, status: *status, at, called_off: false }),
                    None,
                )
            }
            Self::BeginCart => cart(carts.begin(None)?),
            Self::Add(id, product, amount) => cart(carts.add(*id, *product, *amount, None)?),
            Self::Take(id, product, amount) => cart(carts.take(*id, *product, *amount)?),
            Self::Clear(id) => cart(carts.clear(*id)?),
            Self::Checkout(id) => checkout(node, *id, book)?,
            Self::Round { loses_answer } => round(node, network, book, *loses_answer)?,
            Self::Edit(product, cents) => {
                network.edit(*product, *cents);
                Done::Heard
            }
            Self::Refill => {
                node.start_anew(&Anew::TooLongAway)?;
                round(node, network, book, false)?
            }
            Self::Checkpoint(mode) => checkpoint(node, mode)?,
            Self::Restart => Done::Heard,
        })
    }

    /// Whether this act, which was never acknowledged, may have left this op.
    pub fn may_have_left(&self, op: &Op, book: &Book) -> bool {
        match (self, op) {
            (Self::Sell(lines, fulfilment), Op::Sale(sale)) => {
                let sold = sale.order.items.iter().map(|item| (item.product_id, item.quantity));
                let is_paid = sale.order.paid() == sale.order.total_amount;
                sold.eq(lines.iter().map(|line| (line.product_id, line.amount)))
                    && sale.order.fulfilment == *fulfilment
                    && is_paid
                    && sale.sold.is_none()
            }
            (Self::Checkout(id), Op::Sale(sale)) => {
                book.carts.get(id).and_then(|cart| cart.clone().checkout().ok()) == sale.sold
            }
            (Self::Receive(lines), Op::Received(received)) => {
                received.lines.iter().cloned().eq(lines.iter().copied().map(ReceivedLine::from))
            }
            (Self::GiveBack(lines), Op::GaveBack(goods)) | (Self::Ask(lines), Op::AllotmentAsked(goods)) => {
                goods.lines == *lines
            }
            (Self::Adjust(cause, lines), Op::Adjusted(told)) => (told.cause, &told.lines) == (*cause, lines),
            (Self::TakeBack(order_id, condition), Op::Returned(back)) => {
                back.order_id == *order_id && back.lines.iter().all(|line| line.condition == *condition)
            }
            (Self::Count(seen), Op::Counted(count)) => seen
                .iter()
                .map(|seen| (seen.product_id, seen.counted))
                .eq(count.lines.iter().map(|line| (line.product_id, line.counted))),
            (Self::Advance(order_id, status), Op::StatusTold(told)) => {
                (told.order_id, told.status) == (*order_id, *status)
            }
            // A round begins with what a till says by itself: what it lacks, and what it was asked to give back.
            (Self::Round { .. } | Self::Refill, Op::AllotmentAsked(_) | Op::GaveBack(_)) => true,
            _ => false,
        }
    }

    /// Whether this act, which was never acknowledged, may have made `after` of `before`. A checkout may only
    /// together with its sale.
    pub fn may_have_made(&self, before: Option<&Cart>, after: &Cart) -> bool {
        let others_stay = |of: ProductId| {
            PRODUCTS
                .iter()
                .filter(|product| **product != of)
                .all(|product| before.is_some_and(|before| before.quantity(*product) == after.quantity(*product)))
        };
        let was = |product: &ProductId| before.map_or(0, |before| before.quantity(*product));
        match self {
            Self::BeginCart => before.is_none() && after.is_empty(),
            Self::Add(id, product, amount) => {
                *id == after.cart_id()
                    && after.quantity(*product) == was(product) + amount.units()
                    && others_stay(*product)
            }
            Self::Take(id, product, amount) => {
                *id == after.cart_id()
                    && after.quantity(*product) == (was(product) - amount.units()).max(0)
                    && others_stay(*product)
            }
            Self::Clear(id) => *id == after.cart_id() && after.is_empty(),
            Self::Sell(..)
            | Self::Receive(_)
            | Self::Count(_)
            | Self::Adjust(..)
            | Self::TakeBack(..)
            | Self::GiveBack(_)
            | Self::Ask(_)
            | Self::Advance(..)
            | Self::Checkout(_)
            | Self::Round { .. }
            | Self::Edit(..)
            | Self::Refill
            | Self::Checkpoint(_)
            | Self::Restart => false,
        }
    }
}

fn sell(node: &Node, lines: &[Line], fulfilment: Fulfilment) -> Result<Order, Error> {
    let wanted = |line: &Line| WantedLine { product_id: line.product_id, quantity: line.amount, unit_price: None };
    let terms = Terms { fulfilment, ..Terms::carried_out(vec![Tendered::card("T-1")]) };
    Ok(node.sell(&SaleWanted { lines: lines.iter().map(wanted).collect(), terms })?.order)
}

fn sale(order: Order) -> Op {
    Op::Sale(Box::new(Sale { order, sold: None, holds: Vec::new(), to_be_confirmed: false }))
}

/// What is sold is what the book's cart shows: the node is not asked.
fn checkout(node: &Node, cart_id: CartId, book: &Book) -> Result<Done, Error> {
    let terms = Terms::carried_out(vec![Tendered::card("T-2")]);
    let order = node.checkout(&CheckoutWanted { cart_id, prices: Default::default(), terms })?.order;
    let mut cart = book.carts[&cart_id].clone();
    let sold = Some(cart.checkout()?);
    Ok(Done::CheckedOut(
        Op::Sale(Box::new(Sale { order, sold, holds: Vec::new(), to_be_confirmed: false })),
        Box::new(cart),
    ))
}

/// All that is left of an order comes back, and is paid back as it was paid.
fn everything(order_id: OrderId, condition: Condition) -> ReturnWanted {
    ReturnWanted {
        return_id: None,
        order: Named::Order(order_id),
        what: What::Everything(condition),
        refund: RefundWanted::default(),
        taken_by: None,
        reason: "did not fit".to_owned(),
    }
}

/// What a count says had been done before it.
fn cut_of(entry: &Entry) -> Option<Cut> {
    match decode(entry) {
        Ok(Op::Counted(count)) => count.cut,
        Ok(_) | Err(_) => None,
    }
}

/// A round. What sales lacked the till asks for by itself: in which words is its to say; whether it stays is looked at.
fn round(node: &Node, network: &Network, book: &Book, loses_answer: bool) -> Result<Done, Error> {
    node.prepare()?;
    let newest = node.unsent()?.entries.pop().filter(|entry| entry.seq > book.ops.len() as i64);
    let asked = newest.and_then(|entry| Some((decode(&entry).ok()?, entry.mark())));
    let done = asked.map_or(Done::Heard, |(op, mark)| Done::Journaled(op, Some(mark)));
    match network.run(node, loses_answer) {
        Ok(_) => Ok(done),
        Err(Failure::Local(error)) => Err(error),
        Err(Failure::Remote(_)) if loses_answer => Ok(done),
        Err(failure @ (Failure::Remote(_) | Failure::RolledBack | Failure::Frozen | Failure::NoAgreement)) => {
            panic!("the two ends part: {failure}")
        }
    }
}

fn checkpoint(node: &Node, mode: &str) -> Result<Done, Error> {
    let file = node.db().read(|conn| Ok(conn.path().map(str::to_owned)))?;
    let foreign = Connection::open(file.unwrap_or_else(|| db::FILE.to_owned()))?;
    foreign.query_row(&format!("pragma wal_checkpoint({mode})"), [], |_| Ok(()))?;
    Ok(Done::Heard)
}

fn amount(chance: &mut Chance, most: usize) -> Amount {
    Amount::new(1 + chance.below(most) as i64).expect("an amount")
}

/// One to four lines, mostly one.
fn lines(chance: &mut Chance, most: usize) -> Vec<Line> {
    let count = *chance.one_of(&[1, 1, 1, 2, 3, 4]);
    products(chance, count).into_iter().map(|product_id| Line { product_id, amount: amount(chance, most) }).collect()
}

fn products(chance: &mut Chance, count: usize) -> Vec<ProductId> {
    let mut products = PRODUCTS;
    chance.shuffle(&mut products);
    products[..count].to_vec()
}

fn count(chance: &mut Chance) -> Vec<Seen> {
    let some = products(chance, 2);
    some.into_iter().map(|product_id| Seen { product_id, counted: chance.below(70) as i64 }).collect()
}

fn sale_kind(chance: &mut Chance) -> Fulfilment {
    *chance.one_of(&[Fulfilment::CarryOut, Fulfilment::CarryOut, Fulfilment::CarryOut, Fulfilment::Ship])
}

/// An order that is still to be handed over moves on.
fn advance(book: &Book, chance: &mut Chance) -> Option<Act> {
    let orders = Sums::of(book).orders;
    let open: Vec<_> = orders.values().filter(|order| order.status < OrderStatus::Delivered).collect();
    let order = (!open.is_empty()).then(|| *chance.one_of(&open))?;
    let later = [OrderStatus::Shipped, OrderStatus::Delivered];
    let later: Vec<_> = later.into_iter().filter(|status| *status > order.status).collect();
    Some(Act::Advance(order.order_id, *chance.one_of(&later)))
}

fn adjust(chance: &mut Chance) -> Act {
    let (cause, sign) = *chance.one_of(&[(Cause::Damaged, -1), (Cause::Lost, -1), (Cause::Found, 1)]);
    let some = lines(chance, 4).into_iter();
    let change =
        |line: Line| Change { product_id: line.product_id, delta: sign * line.amount.units(), lot: Lot::default() };
    Act::Adjust(cause, some.map(change).collect())
}

/// Whatever became of the order: what cannot come back is refused.
fn take_back(book: &Book, chance: &mut Chance) -> Option<Act> {
    let orders: Vec<_> = Sums::of(book).orders.into_keys().collect();
    let order_id = (!orders.is_empty()).then(|| *chance.one_of(&orders))?;
    Some(Act::TakeBack(order_id, *chance.one_of(&[Condition::Shelf, Condition::Shelf, Condition::Damaged])))
}
