//! A till that leaves: it gives everything back.

use outpost_schema::{
    device::Card,
    leaving::Leaving,
    op::{Goods, LifeEnded, Line, Op},
    stock::StockKey,
};

use super::{
    super::tables::{Tables, Told as ToldAnew},
    Code, Effects, Plan, Told, amount,
};

impl Tables {
    /// Everything that may be sold here without asking; none if that is nothing.
    pub(super) fn all_back(&self) -> Result<Option<Plan>, Code> {
        if self.state.is_old_image() {
            return Err("rolled_back");
        }
        let (life, here) = (self.life(), self.card.warehouse_id);
        let is_open = |(of, key): &(_, StockKey)| *of == life && key.warehouse_id == here;
        let (mut effects, mut lines) = (Effects::default(), Vec::new());
        for ((_, key), own) in self.allotments.iter().filter(|(at, own)| is_open(at) && own.open() > 0) {
            let units = own.open();
            effects.allot(self, *key, |own| own.give_back(units));
            lines.push(Line { product_id: key.product_id, amount: amount(units)? });
        }
        let op = Op::GaveBack(Goods { warehouse_id: here, lines: lines.clone() });
        let told = Told::Noted { key: None, delta: 0 };
        Ok((!lines.is_empty()).then_some(Plan::Write { op, effects, cart: None, told }))
    }

    /// Whether it may take the card of another place: nothing is left behind.
    pub(in super::super) fn may_move_to(&self, card: &Card) -> Result<(), Code> {
        if (Card { warehouse_id: card.warehouse_id, is_home: card.is_home, policy: card.policy, ..self.card.clone() })
            != *card
        {
            return Err("other_card");
        }
        // What it was granted where it goes it has there.
        let is_left = |(of, key): &(_, StockKey)| *of == self.life() && key.warehouse_id != card.warehouse_id;
        let own = self.allotments.iter().filter(|(at, _)| is_left(at));
        let open = own.map(|(_, own)| own.open()).sum();
        let carts = self.carts.values().filter(|kept| kept.is_unsent).count();
        let aside = self.journals().flat_map(|(_, journal)| journal.answers()).filter(|(_, word)| *word == "set_aside");
        let waiting = i64::try_from(self.own.unanswered() + aside.count() + carts).unwrap_or(i64::MAX);
        Leaving { open, waiting, is_unheard: false }.keeps_it_here().map_or(Ok(()), |_| Err("not_left"))
    }

    /// It goes on there, and reads the feed anew. Carts of the place stay there.
    pub(in super::super) fn move_to(&mut self, card: &Card) {
        self.stood.insert(self.card.warehouse_id);
        self.card = card.clone();
        (self.cursor, self.heard_at, self.told) = (None, None, Some(ToldAnew::default()));
        self.carts.retain(|_, kept| kept.cart.home() == card.warehouse_id);
    }

    /// It closes its journal, if head office has said that it is to.
    pub(super) fn leave(&self) -> Result<Plan, Code> {
        if !self.is_suspended() {
            return Err("not_suspended");
        }
        let back = self.all_back()?.map(Box::new);
        let (op, effects) = (Op::LifeEnded(LifeEnded { incarnation_id: self.life() }), Effects::default());
        let told = Told::Noted { key: None, delta: 0 };
        Ok(Plan::Leave { back, over: Box::new(Plan::Write { op, effects, cart: None, told }) })
    }
}
