//! What the till holds, and whether it is what was acknowledged.

use std::collections::BTreeMap;

use outpost_node::{Error, Node, State, carts::Carts, orders, returns};
use outpost_schema::{
    cart::{Cart, SoldUnits},
    id::{CartId, OrderId, ProductId, ReturnId},
    journal::Hash,
    op::{Op, OpKind},
    order::{Order, PaymentStatus},
    returned::Return,
    stock::{Allotment, Level},
    word::Word as _,
};
use rusqlite::Connection;

use super::{
    act::{Act, Till},
    book::{Book, Movement, Own, Sums},
    network::{Network, PRODUCTS, Told},
};

/// All that is compared.
#[derive(Debug)]
pub struct Stored {
    journal: Vec<(i64, Hash, Op)>,
    orders: BTreeMap<OrderId, Order>,
    returns: BTreeMap<ReturnId, Return>,
    movements: Vec<Movement>,
    allotments: BTreeMap<ProductId, Allotment>,
    levels: BTreeMap<ProductId, Level>,
    prices: Told,
    carts: BTreeMap<CartId, Cart>,
    claims: BTreeMap<(CartId, ProductId), SoldUnits>,
    cursor: Option<String>,
    /// Whether the fed tables are being filled anew, range by range.
    is_filling: bool,
    state: State,
    receipts: i64,
    /// Stock rows whose own part is not the sum of what is pending.
    uneven_rows: i64,
}

/// What became of an act that was under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Landed,
    Vanished,
}

/// Leaves with a sentence if two things differ.
macro_rules! same {
    ($what:expr, $there:expr, $expected:expr) => {
        let (there, expected) = (&$there, &$expected);
        if there != expected {
            return Err(format!("{}: there is {there:?}, it should be {expected:?}", $what));
        }
    };
}

impl Stored {
    /// Reads it all, after looking at every page and every entry.
    pub fn read(node: &Node) -> Result<Self, Error> {
        node.examine()?;
        let all = node.orders(None, None, orders::LIST_MAX)?;
        let back = node.returns(returns::LIST_MAX)?;
        let identity = node.identity()?.ok_or(Error::NotJoined)?;
        let (mut levels, mut prices) = (BTreeMap::new(), BTreeMap::new());
        for product in PRODUCTS {
            let offer = node.product(product)?;
            levels.insert(product, offer.as_ref().map(|offer| offer.level).unwrap_or_default());
            prices.insert(product, offer.and_then(|offer| offer.product.price));
        }
        node.db().read(|conn| {
            let allotments = allotments(conn)?;
            let granted = allotments.iter().map(|(product, own)| (*product, own.granted)).collect();
            Ok(Self {
                journal: journal(conn)?,
                orders: all.iter().map(|order| (order.order_id, order.clone())).collect(),
                returns: back.iter().map(|back| (back.return_id, back.clone())).collect(),
                movements: movements(conn)?,
                allotments,
                levels,
                prices: Told { prices, granted },
                carts: carts(conn)?,
                claims: claims(conn)?,
                cursor: conn.query_row("select cursor from feed_position", [], |row| row.get(0))?,
                is_filling: conn.prepare("select 1 from filling")?.exists([])?,
                state: identity.state,
                receipts: identity.receipts,
                uneven_rows: conn.query_row(UNEVEN, [], |row| row.get(0))?,
            })
        })
    }

    /// Compares all of it with the book, which takes in the act under way if that is there whole.
    ///
    /// # Errors
    /// What is lost, or made up.
    pub fn compare(&self, book: &mut Book, flying: Option<&Act>, network: &Network) -> Result<Fate, String> {
        same!("the state of the journal", self.state, State::Active);
        let op_landed = self.compare_journal(book, flying)?;
        let cart_landed = self.compare_carts(book, flying, op_landed)?;
        let sums = Sums::of(book);
        same!("orders", self.as_they_were_sold(&sums), sums.orders);
        same!("returns", self.returns, sums.returns);
        same!("movements", self.movements, sums.movements);
        same!("units sold from carts", self.claims, sums.claims);
        same!("units sold twice from a cart", sums.sold_twice, 0);
        self.compare_receipts(&sums)?;
        self.compare_stock(&sums)?;
        self.compare_feed(network)?;
        self.no_sold_unit_is_in_a_cart(&sums)?;
        Ok(if op_landed || cart_landed { Fate::Landed } else { Fate::Vanished })
    }

    /// Whether a refill is under way.
    pub const fn is_filling(&self) -> bool {
        self.is_filling
    }

    fn compare_journal(&self, book: &mut Book, flying: Option<&Act>) -> Result<bool, String> {
        for ((seq, hash, op), number) in self.journal.iter().zip(1..) {
            same!("the number of an entry", *seq, number);
            same!(format!("the hash of entry {seq}"), *book.hashes.entry(*seq).or_insert(*hash), *hash);
            if let Some(acknowledged) = book.ops.get(*seq as usize - 1) {
                same!(format!("entry {seq}"), *op, *acknowledged);
            }
        }
        let (there, acknowledged) = (self.journal.len(), book.ops.len());
        match self.journal.get(acknowledged..) {
            Some([]) => Ok(false),
            Some([(.., op)]) if flying.is_some_and(|act| act.may_have_left(op, book)) => {
                book.ops.push(op.clone());
                Ok(true)
            }
            Some(more) => {
                let more: Vec<_> = more.iter().map(|(.., op)| op).collect();
                Err(format!("{acknowledged} entries were acknowledged, then {flying:?}; there are {there}: {more:?}"))
            }
            None => Err(format!("{acknowledged} entries were acknowledged, then {flying:?}; there are {there}")),
        }
    }

    fn compare_carts(&self, book: &mut Book, flying: Option<&Act>, op_landed: bool) -> Result<bool, String> {
        if let (Some(Act::Checkout(cart_id)), true) = (flying, op_landed) {
            let cart = book.carts.get_mut(cart_id).ok_or("a cart that nobody began was checked out")?;
            cart.checkout().map_err(|fault| fault.to_string())?;
        }
        let mut landed = false;
        for (cart_id, cart) in &self.carts {
            let before = book.carts.get(cart_id);
            if before != Some(cart) {
                let is_flying = !landed && flying.is_some_and(|act| act.may_have_made(before, cart));
                if !is_flying {
                    return Err(format!("cart {cart_id} is {cart:?}, it should be {before:?} ({flying:?})"));
                }
                book.carts.insert(*cart_id, cart.clone());
                landed = true;
            }
        }
        same!("how many carts there are", self.carts.len(), book.carts.len());
        Ok(landed)
    }

    /// Once head office has heard of a return it calls what was paid back refunded; when that is heard here is the
    /// line's to say.
    fn as_they_were_sold(&self, sums: &Sums) -> BTreeMap<OrderId, Order> {
        let refunds = || sums.returns.values().flat_map(|back| &back.refunds);
        let mut orders = self.orders.clone();
        for payment in orders.values_mut().flat_map(|order| &mut order.payments) {
            let is_paid_back = refunds().any(|refund| refund.refunds == Some(payment.payment_id));
            if payment.status == PaymentStatus::Refunded && is_paid_back {
                (payment.status, payment.updated_at) = (PaymentStatus::Succeeded, payment.created_at);
            }
        }
        orders
    }

    /// Dense from 1: no number was used twice, and none is missing.
    fn compare_receipts(&self, sums: &Sums) -> Result<(), String> {
        let given =
            self.orders.values().map(|order| &order.receipt).chain(self.returns.values().map(|back| &back.receipt));
        let mut numbers: Vec<i64> = given.map(|receipt| receipt.number).collect();
        numbers.sort_unstable();
        let last = (sums.orders.len() + sums.returns.len()) as i64;
        same!("receipt numbers", numbers, (1..=last).collect::<Vec<_>>());
        same!("the last receipt number", self.receipts, last);
        Ok(())
    }

    fn compare_stock(&self, sums: &Sums) -> Result<(), String> {
        same!("stock rows that do not add up", self.uneven_rows, 0);
        for product in PRODUCTS {
            let there = self.allotments.get(&product).copied().unwrap_or_default();
            let own = Own { consumed: there.consumed, returned: there.returned, received: there.received };
            same!(
                format!("what was done to the allotment of {product}"),
                own,
                sums.own.get(&product).copied().unwrap_or_default()
            );
            let there = self.levels[&product];
            let open = self.allotments.get(&product).copied().unwrap_or_default().open();
            let owed = sums.to_hand_over.get(&product).copied().unwrap_or_default();
            let shown = Level { balance: sums.on_shelf(product), promised: open + owed };
            same!(format!("the shown stock of {product}"), there, shown);
        }
        Ok(())
    }

    /// A page and its cursor came together.
    fn compare_feed(&self, network: &Network) -> Result<(), String> {
        if self.is_filling {
            same!("whether all that is fed was told once", network.told_once(&self.prices), true);
            return Ok(());
        }
        let told = network.told_at(self.cursor.as_deref());
        same!(format!("what was fed at the cursor {:?}", self.cursor), Some(&self.prices), told.as_ref());
        Ok(())
    }

    fn no_sold_unit_is_in_a_cart(&self, sums: &Sums) -> Result<(), String> {
        for (cart_id, cart) in &self.carts {
            let Ok(open) = cart.clone().checkout() else { continue };
            for line in &open.lines {
                let mut claims = sums.claims.get(&(*cart_id, line.product_id)).cloned().unwrap_or_default();
                same!(format!("sold units that are still in cart {cart_id}"), claims.claim(line).units(), 0);
            }
        }
        Ok(())
    }
}

/// The fast copy says what the database says.
pub fn compare_copy(till: &Till, book: &Book) -> Result<(), String> {
    for (cart_id, cart) in &book.carts {
        let there = till.carts.get(*cart_id).map_err(|error| error.to_string())?;
        same!(format!("cart {cart_id} in the fast copy"), there, *cart);
    }
    let open = book.carts.values().filter(|cart| !cart.is_empty()).count();
    same!("how many carts are listed", listed(&till.carts)?, open);
    Ok(())
}

fn listed(carts: &Carts) -> Result<usize, String> {
    carts.list().map(|carts| carts.len()).map_err(|error| error.to_string())
}

const UNEVEN: &str = "
    select count(*) from stock
    where (own_balance, own_promised) is not (
        select coalesce(sum(balance), 0), coalesce(sum(promised), 0) from pending
        where pending.product_id = stock.product_id and pending.warehouse_id = stock.warehouse_id)";

fn journal(conn: &Connection) -> Result<Vec<(i64, Hash, Op)>, Error> {
    let mut statement = conn.prepare_cached("select seq, hash, kind, body from journal order by seq")?;
    let rows = statement.query_map([], |row| {
        let (seq, hash, kind, body): (_, _, String, Vec<u8>) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        Ok((seq, hash, kind, body))
    })?;
    let mut journal = Vec::new();
    for row in rows {
        let (seq, hash, kind, body) = row?;
        journal.push((seq, hash, Op::from_body(OpKind::of_word(&kind)?, &body)?));
    }
    Ok(journal)
}

fn movements(conn: &Connection) -> Result<Vec<Movement>, Error> {
    let mut statement =
        conn.prepare_cached("select seq, line, product_id, delta from stock_movements order by seq, line")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn allotments(conn: &Connection) -> Result<BTreeMap<ProductId, Allotment>, Error> {
    let mut statement =
        conn.prepare_cached("select product_id, granted, reclaimed, consumed, returned, received from allotments")?;
    let rows = statement.query_map([], |row| {
        let (granted, reclaimed, consumed) = (row.get(1)?, row.get(2)?, row.get(3)?);
        Ok((row.get(0)?, Allotment { granted, reclaimed, consumed, returned: row.get(4)?, received: row.get(5)? }))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn carts(conn: &Connection) -> Result<BTreeMap<CartId, Cart>, Error> {
    let mut statement = conn.prepare_cached("select cart_id, state from cart_states")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?)))?;
    rows.map(|row| row.map_err(Error::from).and_then(|(cart_id, state)| Ok((cart_id, decode(&state)?)))).collect()
}

fn claims(conn: &Connection) -> Result<BTreeMap<(CartId, ProductId), SoldUnits>, Error> {
    let mut statement = conn.prepare_cached("select cart_id, product_id, units from cart_units")?;
    let rows = statement.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get::<_, Vec<u8>>(2)?)))?;
    rows.map(|row| row.map_err(Error::from).and_then(|(key, units)| Ok((key, decode(&units)?)))).collect()
}

fn decode<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    rmp_serde::from_slice(bytes).map_err(|error| Error::Damaged { what: error.to_string() })
}
