//! The aggregates that travel from the server to the nodes, newest version of each.
//!
//! This list is also the allow-list of what leaves the server: a column that no type here names
//! (a password hash, a server's note) cannot leave it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    cart::Cart,
    catalogue::{Category, Product, Warehouse},
    clock::Timestamp,
    delivery::Delivery,
    fault::Fault,
    id::{IncarnationId, OrderId, ProductId, WarehouseId},
    order::Order,
    people::{Address, Review, User},
    returned::Return,
    rule::Rule,
    stock::StockKey,
    synonym::Synonyms,
    transfer::Transfer,
    verdict::{Concern, Verdict},
};

/// The scope that every node has.
pub const EVERYONE: Uuid = Uuid::nil();

/// The scope that no node has: head office's own.
pub const NOBODY: Uuid = Uuid::max();

/// The sorts of aggregate, in the order in which a transaction's aggregates are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// [`Warehouse`], key: its id.
    Warehouse,
    /// [`Category`], key: its id.
    Category,
    /// [`Product`] with its barcodes, key: its id.
    Product,
    /// [`Stock`], key: product, warehouse.
    Stock,
    /// [`Granted`], key: incarnation, product, warehouse.
    Allotment,
    /// [`User`], key: its id.
    User,
    /// [`Address`], key: its id.
    Address,
    /// [`Order`] with items and payments, key: its id.
    Order,
    /// [`Review`], key: its id.
    Review,
    /// [`Cart`], key: its id.
    Cart,
    /// [`Concern`], key: its id.
    Concern,
    /// [`Ruling`], key: incarnation, seq.
    Verdict,
    /// [`Transfer`], key: its id. It is told wherever it left, goes or came.
    Transfer,
    /// [`Delivery`], key: its id.
    Delivery,
    /// [`Return`] with its lines and refunds, key: its id.
    Return,
    /// [`Rule`], key: its id.
    Rule,
    /// [`Confirmation`], key: the order.
    Confirmation,
    /// [`Synonyms`], key: the group's id.
    Synonyms,
}

impl Kind {
    /// Every kind, by number.
    pub const ALL: [Self; 18] = [
        Self::Warehouse,
        Self::Category,
        Self::Product,
        Self::Stock,
        Self::Allotment,
        Self::User,
        Self::Address,
        Self::Order,
        Self::Review,
        Self::Cart,
        Self::Concern,
        Self::Verdict,
        Self::Transfer,
        Self::Delivery,
        Self::Return,
        Self::Rule,
        Self::Confirmation,
        Self::Synonyms,
    ];

    /// The number that the feed's table and cursors hold; never reused.
    pub const fn number(self) -> i16 {
        match self {
            Self::Warehouse => 1,
            Self::Category => 2,
            Self::Product => 3,
            Self::Stock => 4,
            Self::Allotment => 5,
            Self::User => 6,
            Self::Address => 7,
            Self::Order => 8,
            Self::Review => 9,
            Self::Cart => 10,
            Self::Concern => 11,
            Self::Verdict => 12,
            Self::Transfer => 14,
            Self::Delivery => 15,
            Self::Return => 13,
            Self::Rule => 20,
            Self::Confirmation => 21,
            Self::Synonyms => 22,
        }
    }

    /// The kind with that number.
    ///
    /// # Errors
    /// [`Fault::Unreadable`] for a number that no kind has.
    pub fn of_number(number: i16) -> Result<Self, Fault> {
        Self::ALL.into_iter().find(|kind| kind.number() == number).ok_or(Fault::Unreadable { what: "a kind" })
    }

    /// How many ids a key of this kind has.
    pub const fn width(self) -> usize {
        match self {
            Self::Warehouse
            | Self::Category
            | Self::Product
            | Self::User
            | Self::Address
            | Self::Order
            | Self::Review
            | Self::Cart
            | Self::Concern
            | Self::Transfer
            | Self::Delivery
            | Self::Return
            | Self::Rule
            | Self::Confirmation
            | Self::Synonyms => 1,
            Self::Stock | Self::Verdict => 2,
            Self::Allotment => 3,
        }
    }
}

/// A stock row as the feed tells it: the two sums, from which each end computes the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stock {
    /// Of what.
    pub product_id: ProductId,
    /// Where.
    pub warehouse_id: WarehouseId,
    /// The sum of movements.
    pub balance: i64,
    /// The sum of open promises.
    pub promised: i64,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Stock {
    /// Which row.
    pub fn key(&self) -> StockKey {
        StockKey { product_id: self.product_id, warehouse_id: self.warehouse_id }
    }
}

/// The totals of an allotment that only the server raises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Granted {
    /// Whose.
    pub incarnation_id: IncarnationId,
    /// Of what.
    pub product_id: ProductId,
    /// Where.
    pub warehouse_id: WarehouseId,
    /// G.
    pub granted: i64,
    /// W.
    pub reclaimed: i64,
    /// Full: the most of it that the journal's device needs, by [`crate::sizing::Marks`]; 0 if that is not known.
    /// Known since protocol 4.
    #[serde(default, skip_serializing_if = "is_none")]
    pub full: i64,
    /// A recall: others are short, and the device is asked to give back what it has open beyond this. It stands
    /// until more is granted. Known since protocol 4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<i64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_none(units: &i64) -> bool {
    *units == 0
}

impl Granted {
    /// As the protocols before 4 know it.
    #[must_use]
    pub const fn totals(self) -> Self {
        Self { full: 0, keep: None, ..self }
    }
}

/// An order that was taken although no allotment covered it: it awaits head office's word that the goods are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// Which order.
    pub order_id: OrderId,
    /// Whose stock it sells.
    pub warehouse_id: WarehouseId,
    /// When it was taken.
    pub asked_at: Timestamp,
    /// When the goods were there; none while it awaits them.
    pub confirmed_at: Option<Timestamp>,
}

/// A verdict that came later than the push: on an op that had been set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ruling {
    /// Whose op.
    pub incarnation_id: IncarnationId,
    /// Which.
    pub seq: i64,
    /// The answer.
    pub verdict: Verdict,
}

/// An aggregate, whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aggregate {
    /// See [`Kind::Warehouse`].
    Warehouse(Warehouse),
    /// See [`Kind::Category`].
    Category(Category),
    /// See [`Kind::Product`].
    Product(Box<Product>),
    /// See [`Kind::Stock`].
    Stock(Stock),
    /// See [`Kind::Allotment`].
    Allotment(Granted),
    /// See [`Kind::User`].
    User(Box<User>),
    /// See [`Kind::Address`].
    Address(Box<Address>),
    /// See [`Kind::Order`].
    Order(Box<Order>),
    /// See [`Kind::Review`].
    Review(Box<Review>),
    /// See [`Kind::Cart`].
    Cart(Box<Cart>),
    /// See [`Kind::Concern`].
    Concern(Box<Concern>),
    /// See [`Kind::Verdict`].
    Verdict(Box<Ruling>),
    /// See [`Kind::Transfer`].
    Transfer(Box<Transfer>),
    /// See [`Kind::Delivery`].
    Delivery(Box<Delivery>),
    /// See [`Kind::Return`].
    Return(Box<Return>),
    /// See [`Kind::Rule`].
    Rule(Box<Rule>),
    /// See [`Kind::Confirmation`].
    Confirmation(Confirmation),
    /// See [`Kind::Synonyms`].
    Synonyms(Box<Synonyms>),
    /// It is no longer there, or no longer in this node's scope.
    Gone(Key),
}

impl Aggregate {
    /// Which one it is.
    pub fn key(&self) -> Key {
        let one = |kind, id| Key { kind, ids: vec![id] };
        match self {
            Self::Warehouse(warehouse) => one(Kind::Warehouse, warehouse.warehouse_id.0),
            Self::Category(category) => one(Kind::Category, category.category_id.0),
            Self::Product(product) => one(Kind::Product, product.product_id.0),
            Self::Stock(stock) => Key { kind: Kind::Stock, ids: vec![stock.product_id.0, stock.warehouse_id.0] },
            Self::Allotment(granted) => {
                let Granted { incarnation_id, product_id, warehouse_id, .. } = granted;
                Key { kind: Kind::Allotment, ids: vec![incarnation_id.0, product_id.0, warehouse_id.0] }
            }
            Self::User(user) => one(Kind::User, user.user_id.0),
            Self::Address(address) => one(Kind::Address, address.address_id.0),
            Self::Order(order) => one(Kind::Order, order.order_id.0),
            Self::Review(review) => one(Kind::Review, review.review_id.0),
            Self::Cart(cart) => one(Kind::Cart, cart.cart_id().0),
            Self::Concern(concern) => one(Kind::Concern, concern.concern_id.0),
            Self::Verdict(ruling) => {
                let seq = Uuid::from_u64_pair(0, ruling.seq.cast_unsigned());
                Key { kind: Kind::Verdict, ids: vec![ruling.incarnation_id.0, seq] }
            }
            Self::Transfer(transfer) => one(Kind::Transfer, transfer.transfer_id.0),
            Self::Delivery(delivery) => one(Kind::Delivery, delivery.delivery_id.0),
            Self::Return(back) => one(Kind::Return, back.return_id.0),
            Self::Rule(rule) => one(Kind::Rule, rule.rule_id.0),
            Self::Confirmation(one_of) => one(Kind::Confirmation, one_of.order_id.0),
            Self::Synonyms(synonyms) => one(Kind::Synonyms, synonyms.synonyms_id.0),
            Self::Gone(key) => key.clone(),
        }
    }
}

/// Names an aggregate: its kind and the bytes of its key, ids one after another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    /// Its sort.
    pub kind: Kind,
    /// Its ids; a seq as one more, in the low half.
    pub ids: Vec<Uuid>,
}
