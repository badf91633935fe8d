//! What head office lays down during the day, and what of it a till may have heard: anything since it was last level.

use std::collections::{BTreeMap, BTreeSet};

use outpost_schema::{
    device::NodeKind,
    id::{ProductId, WarehouseId},
    rule::{Goods, Says, policy_for},
    stock::{SalePolicy, StockKey},
};

use super::{Check, Network};
use crate::{
    depth::Depth,
    device::Device as _,
    office::Book,
    step::{Act, Deed},
};

/// What a sale policy is about: a product, at one sort of device or at all.
type About = (ProductId, Option<NodeKind>);

/// Units that are kept back, by place; by none for everywhere.
type KeptBack = BTreeMap<Option<WarehouseId>, i64>;

/// What head office laid down.
#[derive(Debug, Default)]
pub(super) struct LaidDown {
    /// Every word on sale policies, one after the other; none where one was taken back.
    words: Vec<(About, Option<SalePolicy>)>,
    /// What is kept back for orders now.
    kept_back: KeptBack,
    /// What held when head office was last copied: so many words, and what was kept back.
    copy: (BTreeMap<About, SalePolicy>, KeptBack),
}

impl LaidDown {
    /// What is laid down at first.
    pub(super) fn of(rules: &[Says]) -> Self {
        let mut laid = Self::default();
        for says in rules {
            if let Says::Policy { kind, goods: Goods::Product(product), policy } = says {
                laid.say((*product, *kind), Some(*policy));
            }
        }
        laid
    }

    fn say(&mut self, about: About, policy: Option<SalePolicy>) {
        if self.now().get(&about).copied() != policy {
            self.words.push((about, policy));
        }
    }

    /// What holds now.
    fn now(&self) -> BTreeMap<About, SalePolicy> {
        let mut now = BTreeMap::new();
        for (about, policy) in &self.words {
            match policy {
                Some(policy) => _ = now.insert(*about, *policy),
                None => _ = now.remove(about),
            }
        }
        now
    }

    /// Head office is copied.
    pub(super) fn back_up(&mut self) {
        self.copy = (self.now(), self.kept_back.clone());
    }

    /// It is put back to that: what was laid down since is taken back, and the other way round.
    pub(super) fn put_back(&mut self) {
        let (policies, kept_back) = self.copy.clone();
        let about: BTreeSet<About> = policies.keys().copied().chain(self.now().into_keys()).collect();
        about.into_iter().for_each(|about| self.say(about, policies.get(&about).copied()));
        self.kept_back = kept_back;
    }

    /// What somebody may take for the word on this who has surely heard so many words.
    fn may_hold(&self, about: About, heard: usize) -> Vec<Option<SalePolicy>> {
        let of_it = |(of, policy): &(About, Option<SalePolicy>)| (*of == about).then_some(*policy);
        let (before, since) = self.words.split_at(heard.min(self.words.len()));
        let last = before.iter().rev().find_map(of_it).flatten();
        std::iter::once(last).chain(since.iter().filter_map(of_it)).collect()
    }

    /// Units of each row of a place that are granted to nobody unasked.
    fn kept_back_at(&self, place: WarehouseId) -> i64 {
        let at = |place| self.kept_back.get(&place).copied();
        at(Some(place)).or_else(|| at(None)).unwrap_or(0)
    }
}

impl<D: Depth> Network<D> {
    /// Head office lays a sale policy down, or takes one back.
    pub(super) fn lays_down(&mut self, product: usize, kind: Option<NodeKind>, policy: Option<SalePolicy>) -> Deed {
        let product = self.product(product);
        self.laid.say((product, kind), policy);
        let says = |policy| Says::Policy { kind, goods: Goods::Product(product), policy };
        match policy {
            Some(policy) => Deed::LayDown { says: says(policy) },
            None => Deed::TakeBack { about: says(SalePolicy::Strict) },
        }
    }

    /// It keeps another share back for orders.
    pub(super) fn keeps_back(&mut self, till: Option<usize>, units: Option<i64>) -> Deed {
        let at = till.map(|nth| self.spots[nth % self.spots.len()].card.warehouse_id);
        match units {
            Some(units) => _ = self.laid.kept_back.insert(at, units),
            None => _ = self.laid.kept_back.remove(&at),
        }
        Deed::KeepBack { at, units }
    }

    /// A till is level: it has heard all that is laid down.
    pub(super) fn has_heard(&mut self, number: usize) {
        self.spots[number].heard = self.laid.words.len();
    }

    /// What a till may do where its allotment does not cover a product, by all that it may have heard.
    fn policies(&self, number: usize, product: ProductId) -> Vec<SalePolicy> {
        let spot = &self.spots[number];
        let may_hold = |kind| self.laid.may_hold((product, kind), spot.heard);
        let says = |kind, policy: Option<SalePolicy>| {
            policy.map(|policy| Says::Policy { kind, goods: Goods::Product(product), policy })
        };
        let (for_all, for_this) = (may_hold(None), may_hold(Some(spot.card.kind)));
        let both = for_all.iter().flat_map(|all| for_this.iter().map(move |this| (*all, *this)));
        let rules = both.map(|(all, this)| [says(None, all), says(Some(spot.card.kind), this)]);
        rules.map(|rules| policy_for(&spot.card, rules.iter().flatten(), product, &[])).collect()
    }

    /// Whether a till sells nothing of this beyond its allotment, whatever it has heard. One that knows itself to be an
    /// old copy sells at its home what is there: nobody else does.
    pub(super) fn is_surely_strict(&self, number: usize, key: StockKey) -> bool {
        let spot = &self.spots[number];
        let is_lit = |device: &&super::DeviceOf<D>| !device.is_dark();
        let is_forgetful = spot.device.as_ref().filter(is_lit).is_none_or(super::DeviceOf::<D>::is_old_image);
        let may_sell = spot.card.is_home && is_forgetful;
        !may_sell && self.policies(number, key.product_id).iter().all(|policy| *policy == SalePolicy::Strict)
    }

    /// What a till refuses because its allotment is spent it may not sell otherwise, by something that it may have heard.
    pub(super) fn refusal_is_laid_down(&self, number: usize, act: &Act, code: &str) -> Check {
        let (Act::Sell { lines, .. } | Act::ShipHeld { lines, .. }) = act else { return Ok(()) };
        let is_physical = |product| self.policies(number, product).iter().all(|policy| *policy == SalePolicy::Physical);
        if code == "allotment_spent" && lines.iter().all(|(product, _)| is_physical(*product)) {
            let name = &self.spots[number].card.name;
            return Err(format!("{name} refused {act:?}, and sells what is in the customer's hand"));
        }
        Ok(())
    }

    /// What is kept back for orders is granted to nobody who has not asked for it. A report after a restore is no grant.
    pub(super) fn nothing_kept_back_is_granted(&self, before: &Book) -> Check {
        if self.tally.office_put_back > 0 {
            return Ok(());
        }
        for ((life, key), own) in &self.book.allotments {
            let kept_back = self.laid.kept_back_at(key.warehouse_id);
            let was = before.allotments.get(&(*life, *key)).map_or(0, |own| own.granted);
            let level = self.book.levels.get(key).copied().unwrap_or_default();
            if own.granted > was && level.available() < kept_back && !self.is_asked_or_taken(before, *key) {
                return Err(format!(
                    "{kept_back} of {key:?} are kept back, {life} was granted {} more, and {level:?} is left",
                    own.granted - was
                ));
            }
        }
        Ok(())
    }

    /// Whether somebody was told since of units that were asked for, or that left the row.
    fn is_asked_or_taken(&self, before: &Book, key: StockKey) -> bool {
        let is_new = |at: &_| before.ops.get(at) != self.book.ops.get(at);
        let is_asked = self.book.ops.iter().any(|(at, word)| *word == "granted" && is_new(at));
        let takes = |op: &&crate::ledger::Happened| {
            let moved = op.moved.iter().any(|(of, delta)| *of == key && *delta < 0);
            op.is_count || moved || op.taken.iter().any(|(of, units)| *of == key && *units > 0)
        };
        let ops = self.ledger.ops.iter().filter(takes).chain(self.orders_that_await(key));
        is_asked || ops.into_iter().any(|op| is_new(&(op.name.life, op.name.mark)))
    }
}
