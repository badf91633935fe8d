//! What the feed tells: each page is applied with its cursor, in one commit.

use outpost_schema::{
    cart::Cart,
    feed::{Aggregate, Key, Kind, Stock},
    id::{CartId, IncarnationId, OrderId},
    order::Order,
    stock::{Level, StockKey},
};
use outpost_sync::wire::Page;
use uuid::Uuid;

use outpost_sync::round::Anew;

use super::tables::{KeptCart, State, Tables};

/// How far the images of a page contain each journal of this till, and what they leave out before that.
pub(super) struct Contained<'a>(Vec<(IncarnationId, i64, &'a [i64])>);

impl<'a> Contained<'a> {
    /// If a journal went on in two ways, the images may contain the other one's entries: of this one's they
    /// contain what was acknowledged here.
    fn by(tables: &Tables, page: &'a Page) -> Self {
        let contained = page.acked.iter().filter_map(|acked| {
            let journal = tables.journal(acked.incarnation_id)?;
            let mark = if journal.has(acked.mark) { acked.mark } else { journal.acked };
            Some((acked.incarnation_id, mark.seq, acked.set_aside.as_slice()))
        });
        Self(contained.collect())
    }

    /// Up to which seq they contain a journal, and which they leave out.
    pub(super) fn of(&self, life: IncarnationId) -> (i64, &'a [i64]) {
        let known = self.0.iter().find(|(known, ..)| *known == life);
        known.map_or((0, &[]), |(_, seq, set_aside)| (*seq, set_aside))
    }

    pub(super) fn has(&self, life: IncarnationId, seq: i64) -> bool {
        let (upto, set_aside) = self.of(life);
        seq <= upto && !set_aside.contains(&seq)
    }
}

impl Tables {
    /// Applies a page, if `asked` is still the stored cursor.
    pub(super) fn apply(&mut self, asked: Option<&str>, page: &Page) {
        if self.cursor.as_deref() != asked {
            return;
        }
        if self.epoch.id.is_some_and(|known| known != page.epoch) {
            return self.start_anew(&Anew::OtherEpoch(page.epoch));
        }
        let contained = Contained::by(self, page);
        for acked in &page.acked {
            if let Some(journal) = self.journal_mut(acked.incarnation_id) {
                journal.raise_acked(acked.mark);
                journal.archived = acked.archived;
            }
        }
        if asked.is_none() && self.told.is_some() {
            self.lay_anew(&contained);
        }
        for aggregate in &page.aggregates {
            self.take(aggregate, &contained);
        }
        if self.epoch.id != Some(page.epoch) {
            self.begin_epoch(page.epoch);
        }
        self.epoch.is_marked = true;
        if self.state == State::Active
            && page.acked.iter().any(|acked| acked.over && acked.incarnation_id == self.life())
        {
            // What is still lived here has gone on elsewhere.
            self.state = State::Frozen;
        }
        self.cursor = Some(page.cursor.clone());
        if page.level {
            self.heard_at = Some(page.server_time);
            for upto in &page.others {
                let heard = self.heard.entry(upto.incarnation_id).or_default();
                *heard = upto.seq.max(*heard);
            }
            self.seen.clone_from(&page.seen);
            self.end_filling(&contained);
        }
    }

    fn take(&mut self, aggregate: &Aggregate, contained: &Contained<'_>) {
        match aggregate {
            Aggregate::Warehouse(told) => self.keep(Kind::Warehouse, told.warehouse_id.0, aggregate),
            Aggregate::Category(told) => self.keep(Kind::Category, told.category_id.0, aggregate),
            Aggregate::Product(told) => self.keep(Kind::Product, told.product_id.0, aggregate),
            Aggregate::User(told) => self.keep(Kind::User, told.user_id.0, aggregate),
            Aggregate::Address(told) => self.keep(Kind::Address, told.address_id.0, aggregate),
            Aggregate::Review(told) => self.keep(Kind::Review, told.review_id.0, aggregate),
            Aggregate::Concern(told) => self.keep(Kind::Concern, told.concern_id.0, aggregate),
            Aggregate::Transfer(told) => self.keep(Kind::Transfer, told.transfer_id.0, aggregate),
            Aggregate::Delivery(told) => {
                self.take_delivery(told.delivery_id, contained);
                self.keep(Kind::Delivery, told.delivery_id.0, aggregate);
            }
            Aggregate::Rule(told) => self.keep(Kind::Rule, told.rule_id.0, aggregate),
            Aggregate::Confirmation(told) => self.keep(Kind::Confirmation, told.order_id.0, aggregate),
            Aggregate::Synonyms(told) => self.keep(Kind::Synonyms, told.synonyms_id.0, aggregate),
            Aggregate::Stock(image) => self.take_image(image, contained),
            Aggregate::Allotment(told) => {
                let key = StockKey { product_id: told.product_id, warehouse_id: told.warehouse_id };
                // One of two of a disk may have forgotten what it sold of a grant that it hears of only now.
                let is_over = self.state != State::Active && told.incarnation_id == self.life();
                let own = self.allotments.entry((told.incarnation_id, key)).or_default();
                *own = if is_over { own.hear(0, told.reclaimed) } else { own.told(told.granted, told.reclaimed) };
                self.beside.insert((told.incarnation_id, key), (told.full, told.keep.filter(|_| !is_over)));
            }
            Aggregate::Order(order) => self.merge_order(order),
            Aggregate::Cart(cart) => self.merge_cart(cart),
            Aggregate::Verdict(ruling) => {
                if let Some(journal) = self.journal_mut(ruling.incarnation_id) {
                    journal.answer(ruling.seq, &ruling.verdict);
                }
            }
            Aggregate::Return(told) => self.keep(Kind::Return, told.return_id.0, aggregate),
            Aggregate::Gone(key) => self.lose(key, contained),
        }
    }

    fn note_told(&mut self, kind: Kind, id: Uuid) {
        if let Some(told) = &mut self.told {
            told.ids.insert((kind, id));
        }
    }

    fn keep(&mut self, kind: Kind, id: Uuid, aggregate: &Aggregate) {
        self.note_told(kind, id);
        self.images.insert((kind, id), aggregate.clone());
    }

    /// Own ops that an image contains are no longer laid over it; the others stay.
    fn take_image(&mut self, image: &Stock, contained: &Contained<'_>) {
        let key = image.key();
        if let Some(told) = &mut self.told {
            told.stock.insert(key);
        }
        let row = self.stock.entry(key).or_default();
        row.laid.retain(|laid| !contained.has(laid.life, laid.seq));
        row.fed = Some((Level { balance: image.balance, promised: image.promised }, image.updated_at));
    }

    /// Content never changes; a status rises. When a status that is known already began is the feed's word.
    fn merge_order(&mut self, told: &Order) {
        self.note_told(Kind::Order, told.order_id.0);
        let order = self.orders.entry(told.order_id).or_insert_with(|| told.clone());
        if told.status >= order.status {
            (order.status, order.updated_at) = (told.status, told.updated_at);
        }
        for payment in &mut order.payments {
            let told = told.payments.iter().find(|told| told.payment_id == payment.payment_id);
            if let Some(told) = told.filter(|told| told.status >= payment.status) {
                (payment.status, payment.updated_at) = (told.status, told.updated_at);
            }
        }
    }

    fn merge_cart(&mut self, told: &Cart) {
        let fresh = || KeptCart { cart: told.clone(), is_unsent: false };
        self.carts.entry(told.cart_id()).and_modify(|kept| kept.cart.hear(told, kept.is_unsent)).or_insert_with(fresh);
    }

    /// Something is no longer there, or no longer told here.
    fn lose(&mut self, key: &Key, contained: &Contained<'_>) {
        let id = key.ids.first().copied().unwrap_or_default();
        match key.kind {
            Kind::Order => _ = self.orders.remove(&OrderId(id)),
            Kind::Cart => self.carts.retain(|cart_id, kept| *cart_id != CartId(id) || kept.is_unsent),
            Kind::Stock => {
                let is_it = |row: &StockKey| key.ids == [row.product_id.0, row.warehouse_id.0];
                for (_, row) in self.stock.iter_mut().filter(|(row, _)| is_it(row)) {
                    row.laid.retain(|laid| !contained.has(laid.life, laid.seq));
                    row.fed = None;
                }
            }
            Kind::Warehouse | Kind::Category | Kind::Product | Kind::User => _ = self.images.remove(&(key.kind, id)),
            Kind::Rule | Kind::Confirmation | Kind::Synonyms => _ = self.images.remove(&(key.kind, id)),
            Kind::Address | Kind::Review | Kind::Concern | Kind::Transfer | Kind::Delivery | Kind::Return => {
                self.images.remove(&(key.kind, id));
            }
            // An answer once given is part of the journal, and own totals are sums over it.
            Kind::Allotment | Kind::Verdict => {}
        }
    }
}
