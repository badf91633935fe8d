//! What the feed tells: each page is applied with its cursor in one transaction, or, if somebody at the
//! till waits for the database meanwhile, in several, of which the last one keeps the cursor. A page of
//! which only parts were applied is asked for again, and what it tells replaces itself.

use outpost_schema::{
    clock::Timestamp,
    feed::{Aggregate, Granted, Key, Kind},
    id::{
        AddressId, CartId, CategoryId, ConcernId, DeliveryId, IncarnationId, OrderId, ProductId, ReturnId, ReviewId,
        RuleId, SynonymsId, TransferId, UserId, WarehouseId,
    },
    stock::StockKey,
};
use outpost_sync::wire::{PROTOCOL, Page};
use rusqlite::{Connection, params};
use uuid::Uuid;

use super::{
    allotments, carts, catalogue, checks, concerns, confirmations, deliveries, epochs, filling, heard, identity,
    journal, orders, pending_ops, people, returns, rules, stock, synonyms, transfers, verdicts,
};
use crate::error::Error;

/// How far the feed has been read, and when the server was last heard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Where it goes on; none from the start.
    pub cursor: Option<String>,
    /// When the node last equalled the server at one moment.
    pub level_at: Option<Timestamp>,
    /// When the server last answered.
    pub contact_at: Option<Timestamp>,
    /// What the last round failed with, if it did.
    pub problem: Option<String>,
}

/// How far the feed has been read.
pub(crate) fn position(conn: &Connection) -> Result<Position, Error> {
    let mut statement = conn.prepare_cached("select cursor, level_at, contact_at, problem from feed_position")?;
    Ok(statement.query_row([], |row| {
        Ok(Position { cursor: row.get(0)?, level_at: row.get(1)?, contact_at: row.get(2)?, problem: row.get(3)? })
    })?)
}

/// The server answered.
pub(crate) fn note_contact(conn: &Connection, now: Timestamp) -> Result<(), Error> {
    conn.prepare_cached("update feed_position set contact_at = ?1, problem = null")?.execute([now])?;
    Ok(())
}

/// A round failed.
pub(crate) fn note_problem(conn: &Connection, problem: &str) -> Result<(), Error> {
    conn.prepare_cached("update feed_position set problem = ?1")?.execute([problem])?;
    Ok(())
}

/// The protocol in which the feed was told; the newest, if nothing was told yet.
pub(crate) fn told_in(conn: &Connection) -> Result<u16, Error> {
    let told: Option<u16> =
        conn.prepare_cached("select protocol from feed_position")?.query_row([], |row| row.get(0))?;
    Ok(told.unwrap_or(PROTOCOL))
}

/// The feed is read anew from the start. What was fed stays until it is told again.
pub(crate) fn start_anew(conn: &Connection) -> Result<(), Error> {
    conn.execute("update feed_position set cursor = null", [])?;
    Ok(())
}

/// The same at another place, of which nothing is known here yet.
pub(crate) fn start_elsewhere(conn: &Connection) -> Result<(), Error> {
    conn.execute("update feed_position set cursor = null, level_at = null, heard_at = null", [])?;
    Ok(())
}

/// Aggregates that are applied before it is asked whether somebody waits: they take a few milliseconds,
/// so a sale waits for no longer than that, and pages that nobody waits for take one commit.
const PART: usize = 50;

/// What one transaction took of a page.
#[derive(Debug)]
pub(crate) struct Taken {
    /// Carts that it changed.
    pub(crate) carts: Vec<CartId>,
    /// How many of the page's aggregates have been applied; all, if the page is not for this node any more.
    pub(crate) upto: usize,
}

/// Applies a page from its aggregate `from` on, if `asked` is still the stored cursor; only a part of it,
/// if somebody else wants to have the database.
pub(crate) fn apply(
    conn: &Connection,
    (asked, page): (Option<&str>, &Page),
    from: usize,
    now: Timestamp,
    is_wanted: impl Fn() -> bool,
) -> Result<Taken, Error> {
    let all = page.aggregates.len();
    if position(conn)?.cursor.as_deref() != asked || (from == 0 && !is_told_in_full(conn, asked, page.protocol)?) {
        return Ok(Taken { carts: Vec::new(), upto: all });
    }
    let mut inbox = Inbox::open(conn, page, now)?;
    // First, so that whoever looks between two parts knows that the images may contain so much.
    inbox.note_acked(page)?;
    let mut upto = from;
    for part in page.aggregates.get(from..).unwrap_or_default().chunks(PART) {
        part.iter().try_for_each(|aggregate| inbox.take(aggregate))?;
        upto += part.len();
        if upto < all && is_wanted() {
            return Ok(Taken { carts: inbox.carts, upto });
        }
    }
    finish(conn, page, now)?;
    if page.acked.iter().any(|acked| acked.over && acked.incarnation_id == inbox.own) {
        // What is still lived here has gone on elsewhere.
        identity::freeze(conn)?;
    }
    Ok(Taken { carts: inbox.carts, upto: all })
}

/// Keeps what a page says beside its aggregates, once they are all applied.
fn finish(conn: &Connection, page: &Page, now: Timestamp) -> Result<(), Error> {
    epochs::note_page(conn, page.epoch, page.recovering)?;
    note_contact(conn, now)?;
    conn.prepare_cached("update feed_position set cursor = ?1")?.execute([&page.cursor])?;
    if page.level {
        heard::note(conn, page)?;
        conn.prepare_cached("update feed_position set seen = ?1, level_at = ?2")?.execute(params![page.seen, now])?;
        checks::count_round(conn)?;
        filling::end(conn)?;
    }
    Ok(())
}

/// Whether nothing was left out so far that this page's protocol has a word for. If something was, the
/// feed is read anew: the page is not taken, for it tells only what is newer.
fn is_told_in_full(conn: &Connection, asked: Option<&str>, protocol: u16) -> Result<bool, Error> {
    let known: Option<u16> =
        conn.prepare_cached("select protocol from feed_position")?.query_row([], |row| row.get(0))?;
    let known = known.filter(|_| asked.is_some());
    let is_full = known.is_none_or(|known| known >= protocol);
    // From the start anew, or on with the least that any page was told in.
    let now = if is_full { known.map_or(protocol, |known| known.min(protocol)) } else { protocol };
    if known != Some(now) {
        conn.execute("update feed_position set protocol = ?1", [now])?;
    }
    if !is_full {
        tracing::info!(protocol, "head office can tell more now; the feed is read anew");
        start_anew(conn)?;
    }
    Ok(is_full)
}

/// Takes aggregates in, as a page tells them.
pub(super) struct Inbox<'a> {
    pub(super) conn: &'a Connection,
    own: IncarnationId,
    /// Whether that life is over. One of two of a disk may have forgotten what it sold of a grant that it hears
    /// of only now: nothing more is given to it.
    is_over: bool,
    contained: stock::Contained,
    now: Timestamp,
    /// Carts that were changed.
    pub(super) carts: Vec<CartId>,
}

impl<'a> Inbox<'a> {
    /// Ready for what this page tells.
    pub(super) fn open(conn: &'a Connection, page: &Page, now: Timestamp) -> Result<Self, Error> {
        let identity = identity::load(conn)?;
        let (own, is_over) = (identity.incarnation_id(), identity.state.ending().is_some());
        let contained = stock::Contained::by(conn, &page.acked)?;
        Ok(Self { conn, own, is_over, contained, now, carts: Vec::new() })
    }

    /// Notes how far the server had this node's journals.
    pub(super) fn note_acked(&self, page: &Page) -> Result<(), Error> {
        page.acked.iter().try_for_each(|acked| {
            journal::raise_acked(self.conn, acked.incarnation_id, acked.mark)?;
            journal::note_archived(self.conn, acked.incarnation_id, acked.archived)
        })
    }

    /// Takes one in.
    pub(super) fn take(&mut self, aggregate: &Aggregate) -> Result<(), Error> {
        let conn = self.conn;
        match aggregate {
            Aggregate::Warehouse(warehouse) => catalogue::save_warehouse(conn, warehouse),
            Aggregate::Category(category) => catalogue::save_category(conn, category),
            Aggregate::Product(product) => catalogue::save(conn, product),
            Aggregate::Stock(image) => stock::take_image(conn, image, &self.contained),
            Aggregate::Allotment(told) if self.is_over && told.incarnation_id == self.own => {
                allotments::hear(conn, &Granted { granted: 0, keep: None, ..*told })
            }
            Aggregate::Allotment(told) => allotments::take(conn, told),
            Aggregate::User(user) => people::save(conn, user),
            Aggregate::Address(address) => people::save_address(conn, address),
            Aggregate::Order(order) => orders::merge(conn, order),
            Aggregate::Review(review) => people::save_review(conn, review),
            Aggregate::Cart(cart) => {
                self.carts.push(cart.cart_id());
                carts::merge(conn, cart, self.now)
            }
            Aggregate::Concern(concern) => concerns::save(conn, concern),
            Aggregate::Confirmation(told) => confirmations::save(conn, told),
            Aggregate::Synonyms(synonyms) => synonyms::save(conn, synonyms),
            Aggregate::Rule(rule) => rules::save(conn, rule),
            Aggregate::Verdict(ruling) => verdicts::note(conn, ruling.incarnation_id, ruling.seq, &ruling.verdict),
            Aggregate::Transfer(transfer) => {
                pending_ops::take_image(conn, Kind::Transfer, transfer.transfer_id.0, &self.contained)?;
                transfers::save(conn, transfer)
            }
            Aggregate::Delivery(delivery) => {
                pending_ops::take_image(conn, Kind::Delivery, delivery.delivery_id.0, &self.contained)?;
                deliveries::save(conn, delivery)
            }
            Aggregate::Return(back) => returns::save(conn, back),
            Aggregate::Gone(key) => self.forget(key),
        }
    }

    /// Something is no longer there, or no longer in this node's scope.
    pub(super) fn forget(&mut self, key: &Key) -> Result<(), Error> {
        let conn = self.conn;
        // A key with too few ids names nothing that is here.
        let id = |place: usize| key.ids.get(place).copied().unwrap_or(Uuid::nil());
        match key.kind {
            Kind::Warehouse => catalogue::forget_warehouse(conn, WarehouseId(id(0))),
            Kind::Category => catalogue::forget_category(conn, CategoryId(id(0))),
            Kind::Product => catalogue::forget(conn, ProductId(id(0))),
            Kind::Stock => stock::lose_image(conn, stock_key(id(0), id(1)), &self.contained, self.now),
            Kind::Allotment => allotments::forget(conn, self.own, IncarnationId(id(0)), stock_key(id(1), id(2))),
            Kind::User => people::forget(conn, UserId(id(0))),
            Kind::Address => people::forget_address(conn, AddressId(id(0))),
            Kind::Order => orders::forget(conn, OrderId(id(0))),
            Kind::Review => people::forget_review(conn, ReviewId(id(0))),
            Kind::Cart => {
                self.carts.push(CartId(id(0)));
                carts::forget(conn, CartId(id(0)))
            }
            Kind::Concern => concerns::forget(conn, ConcernId(id(0))),
            Kind::Transfer => {
                pending_ops::take_image(conn, key.kind, id(0), &self.contained)?;
                transfers::forget(conn, TransferId(id(0)))
            }
            Kind::Delivery => {
                pending_ops::take_image(conn, key.kind, id(0), &self.contained)?;
                deliveries::forget(conn, DeliveryId(id(0)))
            }
            Kind::Return => returns::forget(conn, ReturnId(id(0))),
            Kind::Confirmation => confirmations::forget(conn, OrderId(id(0))),
            Kind::Synonyms => synonyms::forget(conn, SynonymsId(id(0))),
            Kind::Rule => rules::forget(conn, RuleId(id(0))),
            // An answer once given is part of the journal.
            Kind::Verdict => Ok(()),
        }
    }
}

const fn stock_key(product: Uuid, warehouse: Uuid) -> StockKey {
    StockKey { product_id: ProductId(product), warehouse_id: WarehouseId(warehouse) }
}
