//! One till, as a cashier uses it, and its rounds.

use std::{path::PathBuf, sync::Arc};

use outpost_node::{
    Error, Node,
    carts::Carts,
    sell::{CheckoutWanted, SaleWanted, Tendered, Terms, WantedLine},
};
use outpost_schema::{
    device::Card,
    id::{CartId, IncarnationId, ProductId, WarehouseId},
    order::Order,
    stock::Level,
};
use outpost_sync::round::{self, Done, Failure, Remote};

use super::{amount, wire::Wire};

/// Rounds after which a node that is still not level never will be.
const ROUNDS_MAX: usize = 100;

/// One node with its line.
pub struct Till {
    /// The node.
    pub node: Arc<Node>,
    /// Its carts.
    pub carts: Carts,
    /// What it joined with.
    pub card: Card,
    /// Further places it hears of.
    pub also: Vec<WarehouseId>,
    /// Where it lives.
    pub folder: PathBuf,
    /// Its line to the server.
    pub line: Wire,
}

impl Till {
    /// Sells so many to a guest who carries them out.
    ///
    /// # Errors
    /// What the node says.
    pub fn sell(&self, product: ProductId, units: i64) -> Result<Order, Error> {
        self.sell_all(&[(product, units)])
    }

    /// Sells several products on one receipt.
    ///
    /// # Errors
    /// What the node says.
    pub fn sell_all(&self, lines: &[(ProductId, i64)]) -> Result<Order, Error> {
        let wanted = |(product_id, units): &(ProductId, i64)| WantedLine {
            product_id: *product_id,
            quantity: amount(*units),
            unit_price: None,
        };
        let terms = Terms::carried_out(vec![Tendered::card("terminal 1")]);
        Ok(self.node.sell(&SaleWanted { lines: lines.iter().map(wanted).collect(), terms })?.order)
    }

    /// Checks a cart out, by card.
    ///
    /// # Errors
    /// What the node says.
    pub fn check_out(&self, cart_id: CartId) -> Result<Order, Error> {
        let terms = Terms::carried_out(vec![Tendered::card("terminal 1")]);
        Ok(self.node.checkout(&CheckoutWanted { cart_id, prices: [].into(), terms })?.order)
    }

    /// One round over its own line.
    ///
    /// # Errors
    /// Why it ended early.
    pub async fn round(&self) -> Result<Done, Failure<Error>> {
        round::run(&*self.node, &self.line, 0).await
    }

    /// Rounds over its own line until it equals the server at one moment.
    pub async fn until_level(&self) {
        until_level(&self.node, &self.line).await;
    }

    /// What it shows of a product where it stands.
    pub fn shown(&self, product: ProductId) -> Level {
        self.node.product(product).expect("readable").map(|offer| offer.level).unwrap_or_default()
    }

    /// The life of its journal.
    pub fn life(&self) -> IncarnationId {
        self.node.identity().expect("readable").expect("joined").incarnation_id()
    }

    /// How much of a product it may sell by itself.
    pub fn open(&self, product: ProductId) -> i64 {
        self.node.product(product).expect("readable").map_or(0, |offer| offer.open)
    }

    /// How many entries wait.
    pub fn waiting(&self) -> i64 {
        self.node.status().expect("readable").waiting
    }

    /// The receipts of the orders it knows, newest first.
    pub fn receipts(&self) -> Vec<String> {
        let orders = self.node.orders(None, None, 200).expect("readable");
        orders.iter().map(|order| order.receipt.to_string()).collect()
    }
}

/// Rounds until the node equals the server at one moment and nothing waits.
pub async fn until_level(node: &Node, line: &impl Remote) {
    let mut last = String::new();
    for _ in 0..ROUNDS_MAX {
        match round::run(node, line, 0).await {
            Ok(done) if done.is_level => return,
            Ok(_) => {}
            Err(failure) => last = failure.to_string(),
        }
    }
    panic!("not level after {ROUNDS_MAX} rounds: {last}");
}
