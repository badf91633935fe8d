//! The end of a day: nothing goes wrong any more, everybody calls until all is settled, in a bounded number of
//! rounds, and then every book and every till must say the same, and what really happened.

use std::collections::{BTreeMap, BTreeSet};

use outpost_schema::{
    cart::Cart,
    id::{CartId, ProductId, WarehouseId},
    journal::{Hash, Mark},
    order::OrderStatus,
    stock::StockKey,
    verdict::ConcernKind,
};

use super::{Check, Network};
use crate::{
    depth::Depth,
    device::{Again, Device as _},
    ledger::Happened,
    office::{Office as _, Shelf, Weather as _},
    step::{Act, Chore, Deed},
};

/// Calls of each till after which all must be settled. A restored server hears everybody once, a till that was
/// put back begins another life, and what that frees goes round once more.
const CALLS_MAX: usize = 16;

impl<D: Depth> Network<D> {
    /// Everybody calls over good lines until nothing is new.
    pub(super) async fn settle(&mut self) -> Check {
        self.tell(|| "the day is over".to_owned());
        self.chore(&Chore::EndSlow { commit: true }).await?;
        for number in 0..self.spots.len() {
            self.spots[number].line.mend();
            if self.spots[number].device.is_some() {
                self.restart(number, Again::AfterCut)?;
            }
        }
        for number in 0..self.spots.len() {
            self.chore(&Chore::Resume { till: number }).await?;
        }
        self.until_settled().await?;
        // Of two devices with one journal the one that told first hears of it when it tells something again.
        for _ in 0..self.spots.iter().filter(|spot| spot.was_doubtful).count() {
            self.doubles_find_out()?;
            self.until_settled().await?;
        }
        if self.book.confirmations.values().any(|is_confirmed| !is_confirmed) {
            self.chore(&Chore::Confirm).await?;
            self.until_settled().await?;
        }
        self.look_again().await?;
        self.until_settled().await?;
        self.what_is_short_was_asked_for(|_| true)?;
        self.all_agree().await
    }

    async fn until_settled(&mut self) -> Check {
        let mut was_quiet = false;
        for call in 1..=CALLS_MAX {
            let is_quiet = self.everybody_calls().await?;
            self.give_up_who_is_not_there(call).await?;
            // Whoever called last may have freed something for whoever called first.
            let is_settled = is_quiet && std::mem::replace(&mut was_quiet, is_quiet);
            if is_settled && !self.book.is_recovering {
                self.tally.settling_max = self.tally.settling_max.max(call as u64);
                return Ok(());
            }
        }
        Err(format!("not settled after everybody called {CALLS_MAX} times: {}", self.who_waits()))
    }

    /// A till of whose journal there were two hears so only when it has something to tell.
    fn doubles_find_out(&mut self) -> Check {
        for number in 0..self.spots.len() {
            if self.spots[number].was_doubtful {
                self.act(number, &Act::Ask { product: self.products[0], units: 1 })?;
            }
        }
        Ok(())
    }

    async fn everybody_calls(&mut self) -> Check<bool> {
        let mut is_quiet = true;
        for number in 0..self.spots.len() {
            if self.spots[number].device.is_some() {
                is_quiet &= self.one_round(number).await?.is_quiet();
            }
        }
        Ok(is_quiet)
    }

    /// Somebody looks for whoever head office waits for: tills that are destroyed, and after a while second ones
    /// that there never were, of a journal that went on in two ways.
    async fn give_up_who_is_not_there(&mut self, call: usize) -> Check {
        let is_gone = |spot: &&super::Spot<D>| spot.device.is_none() || (call > CALLS_MAX / 2 && spot.was_doubtful);
        let gone: Vec<_> = self.spots.iter().filter(is_gone).map(|spot| spot.card.node_id).collect();
        for node in gone {
            if !self.book.is_recovering {
                break;
            }
            self.deed(&Deed::GiveUp { node }).await?;
            self.look_at_the_book().await?;
        }
        Ok(())
    }

    fn who_waits(&self) -> String {
        let waits = |spot: &super::Spot<D>| {
            let device = spot.device.as_ref()?;
            Some(format!("{} has {} waiting", spot.card.name, device.waiting()))
        };
        let who: Vec<String> = self.spots.iter().filter_map(waits).collect();
        let recovering = if self.book.is_recovering { "; head office hears from its devices" } else { "" };
        format!("{}{recovering}", who.join(", "))
    }

    async fn all_agree(&mut self) -> Check {
        let shelf = self.office.shelf().await;
        self.nothing_is_lost()?;
        self.the_book_is_what_happened()?;
        self.transfers_are_what_happened()?;
        self.orders_are_what_happened(&shelf)?;
        self.returns_are_what_happened(&shelf)?;
        self.carts_are_what_happened(&shelf)?;
        self.concerns_are_explained(&shelf)?;
        self.nothing_is_held_of_what_is_short()?;
        self.what_is_there_is_confirmed()?;
        for number in 0..self.spots.len() {
            self.till_agrees(number, &shelf).await?;
        }
        Ok(())
    }

    /// Every op that somebody was told of is in the book, unless a fault took every copy of it.
    fn nothing_is_lost(&self) -> Check {
        let is_missing = |(number, op): &(usize, &Happened)| {
            !op.may_be_lost
                && !self.is_told(op)
                && !self.brings_back_what_is_lost(*number)
                && !self.is_said_by_a_later_life(*number)
        };
        if let Some((_, op)) = self.ledger.ops.iter().enumerate().find(is_missing) {
            return Err(format!("head office never got {op:?}"));
        }
        let some_lost = self.ledger.ops.iter().any(|op| op.may_be_lost);
        let aside = self.ledger.ops.iter().find(|op| !some_lost && self.is_told(op) && !self.is_booked(op));
        aside.map_or(Ok(()), |op| Err(format!("{op:?} is still set aside, though nothing was lost")))
    }

    /// Every unit that moved is in the book once.
    fn the_book_is_what_happened(&self) -> Check {
        let mut moved: BTreeMap<StockKey, i64> =
            self.ledger.rows.iter().map(|(key, row)| (*key, row.opening)).collect();
        let (mut handed_over, mut undone) = (BTreeSet::new(), BTreeSet::new());
        let mut counts = |(number, op): &(usize, &Happened)| {
            let is_first = |order| op.moved.is_empty() || handed_over.insert(order);
            let is_first_undone = |receipt| undone.insert(receipt);
            self.is_booked(op) && op.hands_over.is_none_or(is_first) && self.undoes(*number).is_none_or(is_first_undone)
        };
        for (key, lost) in &self.book.lost {
            *moved.entry(*key).or_default() -= lost;
        }
        for (key, corrected) in &self.book.corrected {
            *moved.entry(*key).or_default() += corrected;
        }
        let ops = self.ledger.ops.iter().enumerate();
        for (key, delta) in ops.filter(&mut counts).flat_map(|(_, op)| &op.moved) {
            *moved.entry(*key).or_default() += delta;
        }
        let (counted, never): (Vec<_>, Vec<_>) =
            moved.iter().partition(|(key, _)| self.ledger.rows.get(*key).is_some_and(|row| row.is_counted));
        counted.into_iter().try_for_each(|(key, _)| self.the_count_holds(*key))?;
        let differs =
            |(key, sum): &(&StockKey, &i64)| self.book.levels.get(*key).map_or(0, |level| level.balance) != **sum;
        let wrong = never.into_iter().find(differs);
        wrong.map_or(Ok(()), |(key, sum)| {
            Err(format!("{sum} of {key:?} should be left, and the book has {:?}", self.book.levels.get(key)))
        })
    }

    fn orders_are_what_happened(&self, shelf: &Shelf) -> Check {
        let strange = shelf.orders.keys().filter(|order| !self.ledger.orders.contains_key(*order)).count();
        if strange > self.ledger.unseen_sales {
            return Err(format!("{strange} orders are in the book that nobody made"));
        }
        for (order_id, op) in &self.ledger.orders {
            let op = &self.ledger.ops[*op];
            let Some(order) = shelf.orders.get(order_id) else {
                if self.is_booked(op) {
                    return Err(format!("{op:?} is booked, and its order is not"));
                }
                continue;
            };
            order.check_sums(self.spots[0].card.currency).map_err(|fault| format!("{order:?}: {fault}"))?;
            self.stands_where_it_should(*order_id, order.status)?;
        }
        Ok(())
    }

    /// The highest status that was ever told wins.
    fn stands_where_it_should(&self, order_id: outpost_schema::id::OrderId, status: OrderStatus) -> Check {
        let Some(owed) = self.ledger.owed.get(&order_id) else { return Ok(()) };
        let told = owed.told.iter().filter(|(_, op)| self.is_booked(&self.ledger.ops[*op])).map(|(status, _)| *status);
        let cancelled = owed.is_cancelled.then_some(OrderStatus::Cancelled);
        let highest = told.chain(cancelled).max();
        let is_doubtful =
            owed.asks.iter().any(|ask| self.ledger.ops[*ask].may_be_lost) || self.tally.office_put_back > 0;
        if highest == Some(status) || is_doubtful {
            return Ok(());
        }
        Err(format!("an order stands at {status:?}, and the highest ever told is {highest:?}"))
    }

    /// Units that were put into a cart are in it, or sold.
    fn carts_are_what_happened(&self, shelf: &Shelf) -> Check {
        let left: BTreeMap<(CartId, ProductId), i64> = shelf
            .carts
            .iter()
            .flat_map(|cart| {
                let line = |product: &ProductId| ((cart.cart_id(), *product), cart.quantity(*product));
                self.products.iter().map(line).collect::<Vec<_>>()
            })
            .collect();
        let is_twice = shelf.concerns.contains(&ConcernKind::CartSoldTwice);
        for (line, filled) in self.ledger.filled.iter().filter(|(_, filled)| !filled.is_lost) {
            let left = left.get(line).copied().unwrap_or(0);
            if filled.shown.is_some_and(|shown| shown != left) {
                return Err(format!("of {line:?} only one till ever had in hand, {left} are left: {filled:?}"));
            }
            if filled.is_doubtful {
                continue;
            }
            let is_right =
                if is_twice { filled.added <= left + filled.sold } else { filled.added == left + filled.sold };
            if !is_right {
                return Err(format!("of {line:?} {filled:?}, and {left} are left"));
            }
        }
        Ok(())
    }

    fn concerns_are_explained(&self, shelf: &Shelf) -> Check {
        let transient = [
            ConcernKind::SetAside,
            ConcernKind::CartSoldTwice,
            ConcernKind::Owed,
            ConcernKind::Unbacked,
            ConcernKind::ReturnedTwice,
            ConcernKind::RefundedTooMuch,
        ];
        let strange =
            shelf.concerns.iter().find(|kind| !transient.contains(kind) && !self.ledger.explained.contains(kind));
        if let Some(kind) = strange {
            return Err(format!("nothing that happened explains a concern {kind:?}"));
        }
        let open = self.book.concerns.iter().find(|(kind, subject)| {
            [ConcernKind::Owed, ConcernKind::Unbacked].contains(kind)
                && !self.ledger.explained.contains(kind)
                && !self.a_count_explains(subject)
        });
        open.map_or(Ok(()), |(kind, subject)| Err(format!("nothing that happened explains that {subject} is {kind:?}")))
    }

    /// Whether something may live on at a till only: a restored server believes what a till counted only from that
    /// till, which may be gone or have forgotten; and what a former life of a till had told is not told again.
    const fn is_second_hand(&self) -> bool {
        let tally = &self.tally;
        tally.office_put_back > 0 && tally.destroyed + tally.put_back + tally.clones > 0
    }

    /// A till that is level says what head office says.
    async fn till_agrees(&mut self, number: usize, shelf: &Shelf) -> Check {
        let spot = &self.spots[number];
        let Some(device) = &spot.device else { return Ok(()) };
        if !spot.was_doubtful && !self.ledger.taken_from.contains(&spot.card.node_id) {
            self.nothing_is_left_behind(number)?;
        }
        if spot.going.is_some() {
            let aside = |op: &&usize| self.book.verdict(self.ledger.ops[**op].name) == Some("set_aside");
            let waits = spot.disk.iter().any(|op| aside(&op));
            return if waits { Ok(()) } else { Err(format!("{} has not taken its card at the end", spot.card.name)) };
        }
        if device.waiting() > 0 {
            return Err(format!("{} has {} waiting at the end", spot.card.name, device.waiting()));
        }
        device.examine()?;
        for ((life, seq), word) in device.verdicts() {
            // After a fork there may be two ops of one number.
            let ends = [0, u8::MAX].map(|byte| (life, Mark { seq, hash: Hash([byte; 32]) }));
            let mut theirs = self.book.ops.range(ends[0]..=ends[1]).map(|(_, word)| *word).peekable();
            // What a restored server decides anew it may decide otherwise; a copy of the till is not told again.
            let is_another_s = spot.was_doubtful && self.tally.office_put_back > 0;
            if !is_another_s && theirs.peek().is_some() && theirs.clone().all(|theirs| theirs != word) {
                let theirs: Vec<_> = theirs.collect();
                return Err(format!(
                    "{} was told {word} of {life}/{seq}, and the book says {theirs:?}",
                    spot.card.name
                ));
            }
        }
        if !self.is_second_hand() {
            same_carts(&device.carts(), &shelf.carts, spot.card.warehouse_id)?;
        }
        let mut differences = D::differences(&mut self.office, device, &spot.line).await;
        if self.is_second_hand() {
            differences.clear();
        }
        // Goods that came back of a sale that no disk holds any more: the till knows, and head office waits.
        differences.retain(|told| !self.waits_for_a_lost_sale(number, told));
        match differences.first() {
            None => Ok(()),
            Some(first) => Err(format!("{} differs: {first}", spot.card.name)),
        }
    }
}

/// Every cart of a place is the same at a till there and at head office.
fn same_carts(ours: &[Cart], theirs: &[Cart], home: WarehouseId) -> Check {
    let of_here = |carts: &[Cart]| -> BTreeMap<CartId, Cart> {
        carts.iter().filter(|cart| cart.home() == home).map(|cart| (cart.cart_id(), cart.clone())).collect()
    };
    let (ours, theirs) = (of_here(ours), of_here(theirs));
    let differs = theirs.iter().find(|(id, cart)| ours.get(id) != Some(cart));
    differs.map_or(Ok(()), |(id, cart)| Err(format!("cart {id} is {:?} here and {cart:?} there", ours.get(id))))
}
