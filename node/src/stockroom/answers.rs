//! What this node does about its allotments by itself, at the beginning of a round: it gives back what it was asked
//! for and can spare, and asks for what a sale lacked.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use outpost_schema::{
    id::ProductId,
    op::{Line, Op},
    order::LINES_MAX,
    quantity::{AMOUNT_MAX, Amount},
    sizing::{ASK_LASTS, Marks},
};

use crate::{
    db::{
        allotments, carts,
        identity::{self, State},
    },
    error::Error,
    goods::Effects,
    node::{Node, Writing},
    stage::Work,
};

/// What sales lacked since the last round. It lives in memory: whoever stands at the till tries again anyway.
#[derive(Debug, Default)]
pub(crate) struct Shortages(Mutex<BTreeMap<ProductId, i64>>);

impl Shortages {
    /// A sale of so many units was refused.
    pub(crate) fn note(&self, product: ProductId, units: i64) {
        let mut short = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let most = short.entry(product).or_default();
        *most = units.max(*most);
    }

    fn take(&self) -> BTreeMap<ProductId, i64> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Something of which little may be sold here without asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scarce {
    /// What.
    pub product_id: ProductId,
    /// What people call it.
    pub name: String,
    /// Units that may still be sold.
    pub open: i64,
    /// Units that head office would have here.
    pub full: i64,
}

impl Node {
    /// Of what little may be sold here without asking, scarcest first: see [`outpost_schema::sizing::Marks`]. Nothing
    /// at a home, and nothing that head office has not sized yet.
    ///
    /// # Errors
    /// `not_joined`, or if the database cannot be read.
    pub fn scarce(&self, limit: usize) -> Result<Vec<Scarce>, Error> {
        self.db().read(|conn| {
            let life = identity::load(conn)?.incarnation_id();
            let mut scarce = allotments::below_full(conn, life)?;
            scarce.retain(|one| Marks::around(one.full).is_low(one.open));
            scarce.truncate(limit);
            Ok(scarce)
        })
    }

    /// Answers recalls and asks for what sales lacked, each as an op of the journal. With nothing to say it writes
    /// nothing.
    pub(crate) fn answer(&self) -> Result<(), Error> {
        let short = self.shortages().take();
        let is_recalled = |life| self.db().read(|conn| Ok(!allotments::recalled(conn, life)?.is_empty()));
        let Some(identity) = self.identity()?.filter(|identity| identity.state == State::Active) else { return Ok(()) };
        if is_recalled(identity.incarnation_id())? {
            self.write(Work::GiveBack, |writing| writing.answer_recalls())?;
        }
        if !short.is_empty() {
            self.write(Work::Ask, |writing| writing.ask_for(&short))?;
        }
        Ok(())
    }
}

impl Writing<'_> {
    /// Gives back what is open beyond what head office asked to keep, but for what an open cart may need.
    fn answer_recalls(&mut self) -> Result<(), Error> {
        let (here, in_carts) = (self.identity.warehouse_id(), carts::wanted(self.conn())?);
        let mut lines = Vec::new();
        for (key, keep) in allotments::recalled(self.conn(), self.identity.incarnation_id())? {
            let open = Effects::default().allotment(self, key)?.open();
            let needed = in_carts.get(&key.product_id).copied().unwrap_or(0);
            let spare = (open - keep.max(needed)).min(AMOUNT_MAX);
            if let (true, Ok(amount)) = (key.warehouse_id == here, Amount::new(spare)) {
                lines.push(Line { product_id: key.product_id, amount });
            }
        }
        lines.truncate(LINES_MAX);
        if lines.is_empty() { Ok(()) } else { self.give_back(&lines).map(drop) }
    }

    /// Asks for what sales lacked and what else is needed to be full: once until more is granted, or a day has passed.
    fn ask_for(&mut self, short: &BTreeMap<ProductId, i64>) -> Result<(), Error> {
        let (now, life) = (self.now(), self.identity.incarnation_id());
        let mut lines = Vec::new();
        for (product_id, units) in short.iter().take(LINES_MAX) {
            let key = self.identity.stock_of(*product_id);
            let allotment = Effects::default().allotment(self, key)?;
            let (full, asked) = allotments::full_and_asked(self.conn(), life, key)?;
            let stands = asked.is_some_and(|(at, granted)| {
                granted == allotment.granted && now.seconds_since(at) < ASK_LASTS && at.seconds_since(now) < ASK_LASTS
            });
            let wanted = Marks::around(full).ask(allotment.open(), *units).min(AMOUNT_MAX);
            if let (false, Ok(amount)) = (stands, Amount::new(wanted)) {
                lines.push(Line { product_id: *product_id, amount });
                allotments::note_asked(self.conn(), life, key, now, allotment.granted)?;
            }
        }
        if lines.is_empty() {
            Ok(())
        } else {
            self.note_goods(&lines, Effects::default(), Op::AllotmentAsked).map(drop)
        }
    }
}
