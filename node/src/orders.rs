//! Orders, as they are looked up.

use outpost_schema::{
    fault::Fault,
    id::{OrderId, UserId},
    order::{Order, Receipt},
};

use crate::{db::orders, error::Error, node::Node};

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
