//! Orders, as they are looked up.

use outpost_schema::{
    fault::Fault,
    feed::Confirmation,
    id::{OrderId, UserId},
    order::{Order, Receipt},
    planted::{Bug, is_planted},
};

use serde::{Deserialize, Serialize};

use crate::{
    db::{confirmations, orders},
    error::Error,
    node::Node,
};

/// How an order stands that was taken although no allotment covered it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Awaiting {
    /// It awaits head office's word that the goods are there.
    Awaited,
    /// The goods are there, and promised.
    Confirmed,
}

/// Orders in one list.
pub const LIST_MAX: usize = 200;

impl Node {
    /// The order, if known here.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn order(&self, order: OrderId) -> Result<Option<Order>, Error> {
        self.db().read(|conn| orders::find(conn, order))
    }

    /// The order with the receipt number that the customer shows, such as `K1-000042`.
    ///
    /// # Errors
    /// `unreadable` if this is no receipt number.
    pub fn order_of_receipt(&self, text: &str) -> Result<Option<Order>, Error> {
        let receipt = receipt(text)?;
        self.db().read(|conn| orders::of_receipt(conn, &receipt))
    }

    /// Whether an order awaits head office's word; none, if it never needed it, or was handed over or called off.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn confirmation(&self, order: &Order) -> Result<Option<Awaiting>, Error> {
        if !order.is_promised() {
            return Ok(None);
        }
        let found = self.db().read(|conn| confirmations::find(conn, order.order_id))?;
        let is_confirmed = |one: &Confirmation| one.confirmed_at.is_some() || is_planted(Bug::NotedTakenForConfirmed);
        Ok(found.map(|one| if is_confirmed(&one) { Awaiting::Confirmed } else { Awaiting::Awaited }))
    }

    /// Orders, newest first: of one customer or of all, and older than `before`.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn orders(&self, user: Option<UserId>, before: Option<OrderId>, limit: usize) -> Result<Vec<Order>, Error> {
        self.db().read(|conn| orders::list(conn, user, before, limit.min(LIST_MAX) as i64))
    }
}

/// A receipt's number as it is printed.
pub(crate) fn receipt(text: &str) -> Result<Receipt, Fault> {
    let parts = text.trim().rsplit_once('-');
    let receipt =
        parts.and_then(|(prefix, number)| Some(Receipt { prefix: prefix.to_owned(), number: number.parse().ok()? }));
    receipt.ok_or(Fault::Unreadable { what: "a receipt number" })
}
