//! Devices that leave in good order: for good, or for another place.

use std::collections::BTreeSet;

use outpost_schema::{
    device::Card,
    id::{IncarnationId, NodeId, WarehouseId},
    stock::{Allotment, SalePolicy, StockKey},
    verdict::ConcernKind,
};

use super::{Check, Network};
use crate::{
    depth::Depth,
    device::Device as _,
    ledger::Happened,
    office::{Answer, Office as _},
    step::{Act, Deed, Undone},
};

/// Why a device may not go yet.
const MISSING: [&str; 4] = ["unheard", "still_open", "ops_wait", "not_closed"];

impl<D: Depth> Network<D> {
    /// Whether this till is closed for good; of two devices with one journal nobody knows which one it was, and one
    /// that was lost may turn up.
    pub(super) fn is_retired(&self, number: usize) -> bool {
        let spot = &self.spots[number];
        self.is_closed(number) && !spot.was_doubtful && !self.ledger.closed_as_lost.contains(&spot.card.node_id)
    }

    /// Whether an op closed a journal and its till has begun another life since, which says by an op of its own that this
    /// one is over.
    pub(super) fn is_said_by_a_later_life(&self, op: usize) -> bool {
        let life = self.ledger.ops[op].name.life;
        self.spots.iter().any(|spot| spot.closings.contains(&op) && spot.life != life)
    }

    /// Whether it is closed as head office has it.
    fn is_closed(&self, number: usize) -> bool {
        self.book.retired.contains(&self.spots[number].card.node_id)
    }

    /// Somebody at head office closes a device. What it is told to do first people do, as far as its line lets them.
    pub(super) async fn retire(&mut self, till: usize) -> Check {
        let Some(number) = self.till(till) else { return Ok(()) };
        if self.spots[number].was_doubtful || self.is_closed(number) {
            return Ok(());
        }
        self.ledger.explained.insert(ConcernKind::Suspended);
        if self.is_now_retired(number).await? {
            return Ok(());
        }
        self.calls(number).await?;
        self.does(number, &Act::Leave).await?;
        self.calls(number).await?;
        self.is_now_retired(number).await.map(drop)
    }

    /// A till calls, and if its power goes out it is switched on again.
    pub(super) async fn calls(&mut self, number: usize) -> Check {
        self.one_round(number).await?;
        self.wake_the_dark().await
    }

    /// Somebody does something there, and switches it on again if need be.
    pub(super) async fn does(&mut self, number: usize, act: &Act) -> Check {
        self.act(number, act)?;
        self.wake_the_dark().await
    }

    /// Somebody at head office closes a device that is lost for good. It may turn up all the same, and what it then
    /// tells is booked as what any device tells late.
    pub(super) async fn retire_lost(&mut self, till: usize) -> Check {
        let node = self.node(till);
        self.look_at_the_book().await?;
        if self.book.is_recovering || self.book.retired.contains(&node) {
            return Ok(());
        }
        self.take_away(node, true).await?;
        self.ledger.explained.insert(ConcernKind::Suspended);
        if self.is_let_go(&Deed::Retire { node, is_lost: true }).await? {
            self.tally.retired += 1;
            self.ledger.closed_as_lost.insert(node);
            self.leaves_home(node, true);
        }
        Ok(())
    }

    /// Whether a till stands where nobody else sells, as head office has it.
    pub(super) fn is_at_home(&self, number: usize) -> bool {
        let spot = &self.spots[number];
        spot.card.is_home && spot.going.is_none() && !self.is_lost(number)
    }

    /// Whether it was closed as lost, and head office knows it.
    pub(super) fn is_lost(&self, number: usize) -> bool {
        let node = &self.spots[number].card.node_id;
        self.ledger.closed_as_lost.contains(node) && self.book.retired.contains(node)
    }

    /// What a device counted at the home that it left, and nobody was told of, is from now on what somebody saw beside
    /// others. What came in there one that is lost still takes for its own, and sells; head office, once it hears of it,
    /// promises it to whoever sells there now.
    fn leaves_home(&mut self, node: NodeId, is_lost: bool) {
        let at_home = self.spots.iter().filter(|spot| spot.card.node_id == node && spot.card.is_home);
        let ops = at_home.flat_map(|spot| &spot.disk).map(|op| &self.ledger.ops[*op]);
        let untold: Vec<_> = ops.filter(|op| !self.is_told(op)).map(|op| (op.is_count, op.moved.clone())).collect();
        for (is_count, moved) in untold {
            if is_lost {
                self.ledger.allow(&moved);
            }
            if is_count {
                moved.iter().for_each(|(key, _)| self.seen_beside_others(*key));
            }
        }
    }

    /// Who works at a home that head office says it left.
    pub(super) fn who_left_home(&self) -> Vec<usize> {
        let has_left = |number: &usize| self.spots[*number].card.is_home && !self.is_at_home(*number);
        (0..self.spots.len()).filter(has_left).collect()
    }

    /// Of these a restored head office forgot that they left: what they count is a difference again, also what they did
    /// count.
    pub(super) fn forget_who_left_home(&mut self, left: &[usize]) {
        let at_home = left.iter().filter(|number| self.is_at_home(**number));
        let homes: BTreeSet<_> = at_home.map(|number| self.spots[*number].card.warehouse_id).collect();
        for (_, row) in self.ledger.rows.iter_mut().filter(|(key, _)| homes.contains(&key.warehouse_id)) {
            row.is_counted = false;
        }
    }

    async fn is_now_retired(&mut self, number: usize) -> Check<bool> {
        let node = self.spots[number].card.node_id;
        let is_retired = self.is_let_go(&Deed::Retire { node, is_lost: false }).await?;
        if is_retired {
            self.has_told_all(number)?;
        }
        Ok(is_retired)
    }

    /// Whether head office lets a device go, or says what is missing.
    async fn is_let_go(&mut self, deed: &Deed) -> Check<bool> {
        let answer = self.office.act(deed).await;
        self.look_at_the_book().await?;
        match answer {
            Answer::Done => Ok(true),
            Answer::Refused(code) if MISSING.contains(&code.as_str()) || self.is_left_unheard(deed, &code) => {
                self.tell(|| format!("    refused: {code}"));
                Ok(false)
            }
            Answer::Refused(code) => Err(format!("head office could not do {deed:?}: {code}")),
        }
    }

    /// Whether a restored head office forgot that whoever was at home there has left.
    fn is_left_unheard(&self, deed: &Deed, code: &str) -> bool {
        let Deed::Move { to, .. } = deed else { return false };
        let has_left = |number: usize| self.spots[number].stood.contains(to) && self.stands_at(number) != *to;
        code == "home_taken" && self.tally.office_put_back > 0 && (0..self.spots.len()).any(has_left)
    }

    /// All that was done at it before its journal was closed is in the book, and nothing is promised to it.
    fn has_told_all(&mut self, number: usize) -> Check {
        self.tally.retired += 1;
        // Nobody puts a device back that is in a drawer.
        self.spots[number].image = None;
        let spot = &self.spots[number];
        // What was done after the journal was closed, as far as head office has it, comes late.
        let told = spot.closings.iter().rev().find(|closing| self.is_told(&self.ledger.ops[**closing]));
        let before = |op: &&usize| told.is_none_or(|closing| *op <= closing);
        let untold = |op: &&Happened| !self.is_told(op) && !op.may_be_lost;
        if let Some(op) = spot.disk.iter().filter(before).map(|op| &self.ledger.ops[*op]).find(untold) {
            return Err(format!("{} is closed for good, and nobody was told of {op:?}", spot.card.name));
        }
        let open = self.book.allotments.iter().find(|((life, _), own)| *life == spot.life && own.open() > 0);
        open.map_or(Ok(()), |open| Err(format!("{} is closed for good, and has {open:?}", spot.card.name)))
    }

    /// Somebody at head office sends a device to a place where nobody is, or from which others sell too. What it is
    /// told to do first people do.
    pub(super) async fn relocate(&mut self, till: usize, to: usize) -> Check {
        let Some(number) = self.till(till) else { return Ok(()) };
        let to = self.some_place(to);
        let is_home = |spot: &super::Spot<D>| spot.card.is_home && spot.card.warehouse_id == to;
        let spot = &self.spots[number];
        // What it took in where it becomes the only one later would be its own to sell, once head office hears it again.
        let returns_home = spot.stood.contains(&to) && self.is_nobody_at(to);
        let stays = spot.card.warehouse_id == to || spot.was_doubtful || spot.going.is_some() || returns_home;
        if stays || self.is_closed(number) || self.spots.iter().any(is_home) {
            return Ok(());
        }
        // One that nobody ever heard people let call first: it does not know yet which head office it is to report to.
        if self.spots[number].has_called && self.is_sent_on(number, to).await? {
            return Ok(());
        }
        self.calls(number).await?;
        self.does(number, &Act::GiveBackAll).await?;
        self.calls(number).await?;
        if self.spots[number].has_called {
            self.is_sent_on(number, to).await?;
        }
        Ok(())
    }

    /// One of the places of the shop.
    fn some_place(&self, nth: usize) -> WarehouseId {
        let places: BTreeSet<_> = self.ledger.rows.keys().map(|key| key.warehouse_id).collect();
        *places.iter().nth(nth % places.len()).expect("every shop has a place")
    }

    /// Whether no device stands there, or is on its way there.
    fn is_nobody_at(&self, place: WarehouseId) -> bool {
        let is_there = |spot: &super::Spot<D>| spot.card.warehouse_id == place;
        !self.spots.iter().any(is_there) && (0..self.spots.len()).all(|number| self.stands_at(number) != place)
    }

    /// Head office was put back: a card that nobody has taken yet is torn up, and the device stays where it is.
    pub(super) fn tear_up_cards(&mut self) {
        self.spots.iter_mut().for_each(|spot| spot.going = None);
    }

    async fn is_sent_on(&mut self, number: usize, to: WarehouseId) -> Check<bool> {
        let (node, is_home) = (self.spots[number].card.node_id, self.is_nobody_at(to));
        let is_sent = self.is_let_go(&Deed::Move { node, to, is_home }).await?;
        if is_sent {
            self.sent_on(number, to, is_home)?;
        }
        Ok(is_sent)
    }

    fn sent_on(&mut self, number: usize, to: WarehouseId, is_home: bool) -> Check {
        self.tally.moved += 1;
        let spot = &mut self.spots[number];
        let Some(device) = &spot.device else { return Ok(()) };
        let policy = if is_home { SalePolicy::Physical } else { SalePolicy::Strict };
        spot.going = Some(Card { warehouse_id: to, is_home, policy, ..device.card() });
        // Nobody puts a device back to before that: people would have to move it once more.
        spot.image = None;
        let node = spot.card.node_id;
        self.leaves_home(node, false);
        self.nothing_is_left_behind(number)?;
        self.go_on(number)
    }

    /// Where a device stands as head office has it: one that is on its way, where it is to be.
    pub(super) fn stands_at(&self, number: usize) -> WarehouseId {
        let spot = &self.spots[number];
        spot.going.as_ref().unwrap_or(&spot.card).warehouse_id
    }

    /// What it had where it stood is somebody else's.
    pub(super) fn nothing_is_left_behind(&self, number: usize) -> Check {
        let (spot, to) = (&self.spots[number], self.stands_at(number));
        let left = |((life, key), own): &(&(IncarnationId, StockKey), &Allotment)| {
            *life == spot.life && key.warehouse_id != to && own.open() > 0
        };
        let left = self.book.allotments.iter().find(left);
        left.map_or(Ok(()), |left| Err(format!("{} went to {to}, and still has {left:?}", spot.card.name)))
    }

    /// A till takes the card of where it is to be, if it has left nothing; else people give back what there is.
    pub(super) fn go_on(&mut self, number: usize) -> Check {
        let spot = &self.spots[number];
        let lit = spot.device.as_ref().filter(|device| !device.is_dark());
        let (Some(card), Some(device)) = (&spot.going, lit) else { return Ok(()) };
        match device.move_to(card) {
            Ok(()) | Err(Undone::Dark) => {}
            Err(Undone::Refused(code)) if code == "not_left" => return self.act(number, &Act::GiveBackAll),
            Err(Undone::Refused(code)) => return Err(format!("{} does not take its card: {code}", spot.card.name)),
        }
        self.look(number);
        self.check()
    }

    /// It has taken the card, whether anybody saw it or not.
    pub(super) fn note_where_it_stands(&mut self, number: usize) {
        let spot = &mut self.spots[number];
        let Some(device) = spot.device.as_ref().filter(|device| !device.is_dark()) else { return };
        let arrived = spot.going.take_if(|card| device.card().warehouse_id == card.warehouse_id);
        if let Some(card) = arrived {
            spot.stood.insert(card.warehouse_id);
            (spot.card, spot.half) = (card, None);
        }
    }
}
