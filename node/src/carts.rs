//! Open carts: begun, changed, parked, fetched back and handed over, all without a network.
//!
//! SQLite has every change first, then the fast copy in sled, which may be lost at any moment. Only
//! what SQLite has leaves the node, so no count of this node is ever used twice.

mod fast;
mod shown;

use std::{
    path::Path,
    sync::{Arc, Weak},
};

use outpost_schema::{
    cart::Cart,
    id::{CartId, ProductId, UserId, WarehouseId},
    money::Money,
    quantity::Amount,
};

use self::fast::{Fast, LOCK_WAITS_MS};
pub use self::{
    fast::FOLDER,
    shown::{PricedLine, ShownCart},
};
use crate::{
    db::{carts, catalogue},
    error::{Error, Refused},
    node::{Node, Writing},
    stage::Work,
};

/// The open carts of a node.
#[derive(Debug)]
pub struct Carts {
    node: Arc<Node>,
    fast: Arc<Fast>,
}

impl Carts {
    /// The carts of a node, with the fast copy in `folder`: made anew if it is missing or damaged.
    ///
    /// # Errors
    /// `locked` if another process keeps the copy; if the database cannot be read.
    pub fn open(node: Arc<Node>, folder: &Path) -> Result<Self, Error> {
        let open = node.db().read(carts::open)?;
        let fast = Arc::new(Fast::open(folder, &open, node.world().now(), &LOCK_WAITS_MS)?);
        let (copy, ground) = (Arc::clone(&fast), Arc::downgrade(&node));
        node.watch_carts(move |changed| changed.iter().for_each(|cart_id| renew(&copy, &ground, *cart_id)));
        Ok(Self { node, fast })
    }

    /// Begins a cart for a customer, or for somebody who gave no name: then it has an owner of its own.
    ///
    /// # Errors
    /// `not_joined`; if it cannot be kept.
    pub fn begin(&self, owner: Option<UserId>) -> Result<Cart, Error> {
        let cart = self.node.write(Work::Cart, |writing| {
            let (now, world) = (writing.now(), writing.world);
            let cart_id = CartId::new(now, world.id_chance());
            let owner = owner.unwrap_or_else(|| UserId::new(now, world.id_chance()));
            let stamp = writing.stamp()?;
            let (home, actor) = (writing.identity.warehouse_id(), writing.identity.incarnation_id());
            let cart = Cart::open(cart_id, owner, home, actor, stamp);
            carts::save(writing.conn(), &cart, now)?;
            Ok(cart)
        })?;
        self.renew(cart.cart_id());
        Ok(cart)
    }

    /// Adds units of a product at its price, or at the one that was asked for if it has none.
    ///
    /// # Errors
    /// `unknown_cart`, `unknown_product`, and those of [`Cart::add`].
    pub fn add(
        &self,
        cart_id: CartId,
        product: ProductId,
        amount: Amount,
        asked: Option<Money>,
    ) -> Result<Cart, Error> {
        let price = self.price(product, asked)?;
        self.change(cart_id, |cart, writing| {
            Ok(cart.add(writing.identity.incarnation_id(), product, amount, price, writing.now())?)
        })
    }

    /// Takes units away; all that is shown, if it is not more than `amount`.
    ///
    /// # Errors
    /// `unknown_cart`, and those of [`Cart::take`].
    pub fn take(&self, cart_id: CartId, product: ProductId, amount: Amount) -> Result<Cart, Error> {
        self.change(cart_id, |cart, writing| Ok(cart.take(writing.identity.incarnation_id(), product, amount)?))
    }

    /// Makes the shown quantity `units`; 0 removes the line.
    ///
    /// # Errors
    /// `unknown_cart`, `unknown_product`, and those of [`Cart::set`].
    pub fn set(&self, cart_id: CartId, product: ProductId, units: i64, asked: Option<Money>) -> Result<Cart, Error> {
        let price = self.price(product, asked)?;
        self.change(cart_id, |cart, writing| {
            Ok(cart.set(writing.identity.incarnation_id(), product, units, price, writing.now())?)
        })
    }

    /// Removes a line.
    ///
    /// # Errors
    /// `unknown_cart`.
    pub fn remove(&self, cart_id: CartId, product: ProductId) -> Result<Cart, Error> {
        self.change(cart_id, |cart, _| {
            cart.remove(product);
            Ok(())
        })
    }

    /// Removes every line.
    ///
    /// # Errors
    /// `unknown_cart`.
    pub fn clear(&self, cart_id: CartId) -> Result<Cart, Error> {
        self.change(cart_id, |cart, _| {
            cart.clear();
            Ok(())
        })
    }

    /// Puts the cart aside under a label, so that the till can serve somebody else.
    ///
    /// # Errors
    /// `unknown_cart`, and those of [`Cart::park`].
    pub fn park(&self, cart_id: CartId, label: &str) -> Result<Cart, Error> {
        self.change(cart_id, |cart, writing| {
            let at = writing.stamp()?;
            Ok(cart.park(label, writing.identity.incarnation_id(), at)?)
        })
    }

    /// Fetches a parked cart back.
    ///
    /// # Errors
    /// `unknown_cart`.
    pub fn resume(&self, cart_id: CartId) -> Result<Cart, Error> {
        self.change(cart_id, |cart, writing| {
            let at = writing.stamp()?;
            cart.resume(writing.identity.incarnation_id(), at);
            Ok(())
        })
    }

    /// Gives the cart to another owner, moves it to another shop, or both.
    ///
    /// # Errors
    /// `unknown_cart`.
    pub fn hand_over(&self, cart_id: CartId, owner: Option<UserId>, home: Option<WarehouseId>) -> Result<Cart, Error> {
        self.change(cart_id, |cart, writing| {
            let actor = writing.identity.incarnation_id();
            if let Some(owner) = owner {
                cart.give_to(owner, actor, writing.stamp()?);
            }
            if let Some(home) = home {
                cart.move_to(home, actor, writing.stamp()?);
            }
            Ok(())
        })
    }

    /// The cart, from the fast copy if that has it.
    ///
    /// # Errors
    /// `unknown_cart`; if the database cannot be read.
    pub fn get(&self, cart_id: CartId) -> Result<Cart, Error> {
        if let Some(cart) = self.fast.get(cart_id) {
            return Ok(cart);
        }
        let known = self.node.db().read(|conn| carts::load(conn, cart_id))?;
        known.ok_or_else(|| Refused::UnknownCart { cart: cart_id }.into())
    }

    /// The carts that show something, parked or not, the last begun first.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn list(&self) -> Result<Vec<Cart>, Error> {
        let mut open = match self.fast.all() {
            Some(open) => open,
            None => self.node.db().read(carts::open)?,
        };
        open.sort_by_key(|cart| std::cmp::Reverse((cart.created_at(), cart.cart_id())));
        Ok(open)
    }

    fn renew(&self, cart_id: CartId) {
        self.fast.renew(cart_id, || self.node.db().read(|conn| carts::load(conn, cart_id)));
    }

    fn change(
        &self,
        cart_id: CartId,
        work: impl FnOnce(&mut Cart, &mut Writing<'_>) -> Result<(), Error>,
    ) -> Result<Cart, Error> {
        let cart = self.node.write(Work::Cart, |writing| {
            let known = carts::load(writing.conn(), cart_id)?;
            let mut cart = known.ok_or(Refused::UnknownCart { cart: cart_id })?;
            work(&mut cart, writing)?;
            carts::save(writing.conn(), &cart, writing.now())?;
            Ok(cart)
        })?;
        self.renew(cart_id);
        Ok(cart)
    }

    fn price(&self, product: ProductId, asked: Option<Money>) -> Result<Option<Money>, Error> {
        let known = self.node.db().read(|conn| catalogue::price(conn, product))?;
        Ok(known.ok_or(Refused::UnknownProduct { product })?.price.or(asked))
    }
}

fn renew(fast: &Fast, ground: &Weak<Node>, cart_id: CartId) {
    if let Some(node) = ground.upgrade() {
        fast.renew(cart_id, || node.db().read(|conn| carts::load(conn, cart_id)));
    }
}

#[cfg(test)]
pub(crate) mod tests;
