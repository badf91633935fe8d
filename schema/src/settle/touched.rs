//! The ids that a batch names: what must be loaded and locked before it is decided.

use std::collections::{BTreeMap, BTreeSet};

use super::KnownOrder;
use crate::{
    count::Cut,
    id::{
        AddressId, CartId, DeliveryId, HoldId, IncarnationId, OrderId, ProductId, ReturnId, ReviewId, TransferId,
        UserId, WarehouseId,
    },
    journal::Mark,
    movement::Received,
    op::{Customer, Goods, Op, Sale},
    order::Receipt,
    people::{Address, Review},
    returned::Return,
    stock::StockKey,
    transfer::{Arrived, Dispatched, Transfer},
};

/// Ids named by a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// Products.
    pub products: BTreeSet<ProductId>,
    /// Warehouses.
    pub warehouses: BTreeSet<WarehouseId>,
    /// People.
    pub users: BTreeSet<UserId>,
    /// E-mails, in lower case.
    pub emails: BTreeSet<String>,
    /// Addresses.
    pub addresses: BTreeSet<AddressId>,
    /// Reviews.
    pub reviews: BTreeSet<ReviewId>,
    /// Orders. Load them first: what [`Touched::order`] adds is to be locked too.
    pub orders: BTreeSet<OrderId>,
    /// Transfers. Load them first too: what [`Touched::transfer`] adds is to be locked as well.
    pub transfers: BTreeSet<TransferId>,
    /// Lines of deliveries.
    pub delivered: BTreeSet<(DeliveryId, ProductId)>,
    /// Receipts that are taken back, in whichever of the journals of the author's device.
    pub undone: BTreeSet<Mark>,
    /// Orders of which something came back; to be loaded and locked with the others.
    pub bought: BTreeSet<OrderId>,
    /// The same by their receipts, where a return names no more of them.
    pub receipts: BTreeSet<Receipt>,
    /// Returns.
    pub returns: BTreeSet<ReturnId>,
    /// Stock rows, and the author's allotments of them.
    pub stock: BTreeSet<StockKey>,
    /// Counts: what moved there beyond what was heard is to be loaded.
    pub cuts: Vec<Counted>,
    /// Cart lines that were checked out.
    pub sold: BTreeSet<(CartId, ProductId)>,
    /// Holds that orders use up. Their stock rows are to be locked too.
    pub holds: BTreeSet<HoldId>,
    /// Earlier lives of the author's device, and the entries that are carried from them.
    pub elders: BTreeMap<IncarnationId, BTreeSet<Mark>>,
    /// Whether an ask may have to be refused, so that expired holds are to be released first.
    pub asks: bool,
}

/// Goods that an op counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Where.
    pub warehouse_id: WarehouseId,
    /// What.
    pub products: Vec<ProductId>,
    /// What had been done.
    pub cut: Cut,
}

impl Touched {
    /// The ids that these ops name.
    pub fn by<'a>(ops: impl IntoIterator<Item = &'a Op>) -> Self {
        let mut touched = Self::default();
        for op in ops {
            touched.op(op);
        }
        touched
    }

    /// Adds the stock rows of an order that an op of the batch names.
    pub fn order(&mut self, order: &KnownOrder) {
        for line in &order.lines {
            self.stock.insert(StockKey { product_id: line.product_id, warehouse_id: order.warehouse_id });
        }
    }

    /// Adds the stock rows of a transfer that an op of the batch names.
    pub fn transfer(&mut self, transfer: &Transfer) {
        self.stock.extend(transfer.keys());
    }

    fn op(&mut self, op: &Op) {
        match op {
            Op::Sale(sale) => self.sale(sale),
            Op::CustomerAdded(customer) => self.customer(customer),
            Op::AddressAdded(address) => self.address(address),
            Op::Reviewed(review) => self.review(review),
            Op::Received(received) => self.received(received),
            Op::Adjusted(adjusted) => {
                self.stock(adjusted.warehouse_id, adjusted.lines.iter().map(|line| line.product_id));
            }
            Op::GaveBack(goods) => self.goods(goods),
            Op::AllotmentAsked(goods) => {
                self.asks = true;
                self.goods(goods);
            }
            Op::Counted(count) => {
                let products: Vec<_> = count.lines.iter().map(|line| line.product_id).collect();
                self.stock(count.warehouse_id, products.iter().copied());
                let counted = |cut: &Cut| Counted { warehouse_id: count.warehouse_id, products, cut: cut.clone() };
                self.cuts.extend(count.cut.as_ref().map(counted));
            }
            Op::StatusTold(told) => _ = self.orders.insert(told.order_id),
            Op::CancelAsked(cancel) => _ = self.orders.insert(cancel.order_id),
            Op::Carried(carried) => {
                self.elders.entry(carried.incarnation_id).or_default().insert(carried.entry.mark());
                if let Ok(op) = carried.op() {
                    self.op(&op);
                }
            }
            Op::Returned(back) => self.returned(back),
            Op::LifeEnded(ended) => _ = self.elders.entry(ended.incarnation_id).or_default(),
            Op::Dispatched(told) => self.dispatched(told),
            Op::Arrived(told) => self.arrived(told),
            Op::ReceiptUndone(undone) => {
                self.undone.insert(undone.receipt());
                self.received(&undone.received);
            }
        }
    }

    fn sale(&mut self, sale: &Sale) {
        let order = &sale.order;
        self.orders.insert(order.order_id);
        self.users.insert(order.user_id);
        self.addresses.extend(order.shipping_address_id.iter().chain(&order.billing_address_id));
        self.stock(order.warehouse_id, order.items.iter().map(|item| item.product_id));
        self.holds.extend(&sale.holds);
        if let Some(sold) = &sale.sold {
            self.sold.extend(sold.lines.iter().map(|line| (sold.cart_id, line.product_id)));
        }
    }

    fn customer(&mut self, customer: &Customer) {
        self.users.insert(customer.user.user_id);
        self.warehouses.insert(customer.user.home);
        self.emails.extend(customer.user.email.as_deref().map(str::to_lowercase));
        self.addresses.extend(customer.user.address_id);
        if let Some(address) = &customer.address {
            self.address(address);
        }
    }

    fn address(&mut self, address: &Address) {
        self.addresses.insert(address.address_id);
        self.users.insert(address.user_id);
        self.warehouses.insert(address.home);
    }

    fn review(&mut self, review: &Review) {
        self.reviews.insert(review.review_id);
        self.products.insert(review.product_id);
        self.users.insert(review.user_id);
    }

    fn received(&mut self, received: &Received) {
        let products = || received.lines.iter().map(|line| line.product_id);
        self.stock(received.warehouse_id, products());
        if let Some(delivery_id) = received.delivery_id {
            self.delivered.extend(products().map(|product_id| (delivery_id, product_id)));
        }
    }

    fn dispatched(&mut self, told: &Dispatched) {
        self.transfers.insert(told.code.transfer_id());
        self.warehouses.insert(told.to_id);
        self.stock(told.from_id, told.lines.iter().map(|line| line.product_id));
    }

    fn arrived(&mut self, told: &Arrived) {
        self.transfers.insert(told.code.transfer_id());
        self.stock(told.warehouse_id, told.lines.iter().map(|line| line.product_id));
    }

    fn returned(&mut self, back: &Return) {
        self.returns.insert(back.return_id);
        match back.is_by_receipt() {
            true => _ = self.receipts.insert(back.order_receipt.clone()),
            false => _ = self.bought.insert(back.order_id),
        }
        self.stock(back.warehouse_id, back.lines.iter().map(|line| line.product_id));
    }

    fn goods(&mut self, goods: &Goods) {
        self.stock(goods.warehouse_id, goods.lines.iter().map(|line| line.product_id));
    }

    fn stock(&mut self, warehouse_id: WarehouseId, products: impl Iterator<Item = ProductId>) {
        self.warehouses.insert(warehouse_id);
        for product_id in products {
            self.products.insert(product_id);
            self.stock.insert(StockKey { product_id, warehouse_id });
        }
    }
}
