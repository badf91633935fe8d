//! Whether a peer's state of a cart may be merged. A merge cannot be undone, so one forged count
//! would stay for ever: each actor's counts are taken from that actor alone.

use std::collections::BTreeSet;

use super::{Began, COUNT_MAX, Cart, Clock, LINES_KEPT_MAX, Line, register::Register};
use crate::{
    fault::Fault,
    id::{IncarnationId, ProductId},
    money::Money,
    text,
};

/// What to do with a state that a peer has sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Belief {
    /// It says nothing but what its author may say.
    Merge,
    /// It repeats what others did and what is not known here; keep it until their own states arrive.
    KeepAside {
        /// Whose states are awaited.
        awaits: BTreeSet<IncarnationId>,
    },
    /// No device that works can have made it.
    Refuse(Fault),
}

/// Who can speak for whom.
struct Witnesses<'a> {
    author: IncarnationId,
    elders: &'a BTreeSet<IncarnationId>,
    known: Option<&'a Cart>,
    aside: &'a [(IncarnationId, Cart)],
}

impl<'a> Witnesses<'a> {
    /// Whether what `actor` is said to have done is its own word, or seen in one of the carts that
    /// may tell: the known one, and those that `actor` itself has sent.
    fn confirm(&self, actor: IncarnationId, seen_in: impl Fn(&'a Cart) -> bool) -> bool {
        let sent = self.aside.iter().filter(|(author, _)| *author == actor).map(|(_, cart)| cart);
        actor == self.author || self.elders.contains(&actor) || self.known.into_iter().chain(sent).any(seen_in)
    }
}

impl Cart {
    /// Judges this state, sent by `author`, before it is merged into `known` (none if the cart is new
    /// here). Beyond what is known, only the author's own units, takings and fields are believed;
    /// which units it cleared is its own business, as long as it can have seen them.
    ///
    /// `aside` are the states kept aside for this cart, each with its author. They can confirm each
    /// other: after a server was restored, two devices may each repeat what the other did.
    ///
    /// `elders` are earlier lives of the author's device, for which it speaks as well.
    pub fn believable(
        &self,
        known: Option<&Self>,
        author: IncarnationId,
        elders: &BTreeSet<IncarnationId>,
        aside: &[(IncarnationId, Self)],
    ) -> Belief {
        if let Err(fault) = self.check(known, author) {
            return Belief::Refuse(fault);
        }
        let awaits = self.unconfirmed(&Witnesses { author, elders, known, aside });
        if awaits.is_empty() { Belief::Merge } else { Belief::KeepAside { awaits } }
    }

    fn check(&self, known: Option<&Self>, author: IncarnationId) -> Result<(), Fault> {
        if known.is_some_and(|known| known.cart_id != self.cart_id || known.created_at != self.created_at) {
            return Err(Fault::UnbelievableCart { why: "it is another cart" });
        }
        let own = self.lines.values().filter(|line| line.p.get(&author) > 0).count();
        if own > LINES_KEPT_MAX {
            return Err(Fault::TooManyLines { count: own, max: LINES_KEPT_MAX });
        }
        text::check("label", self.label(), text::LINE_MAX)?;
        self.lines.values().try_for_each(Line::check)
    }

    fn unconfirmed(&self, witnesses: &Witnesses<'_>) -> BTreeSet<IncarnationId> {
        let mut awaits = BTreeSet::new();
        awaits.extend(unseen(&self.owner, witnesses, |cart| &cart.owner));
        awaits.extend(unseen(&self.home, witnesses, |cart| &cart.home));
        awaits.extend(unseen(&self.parked, witnesses, |cart| &cart.parked));
        awaits.extend(unseen(&self.label, witnesses, |cart| &cart.label));
        for (product, line) in &self.lines {
            line.unconfirmed(*product, witnesses, &mut awaits);
        }
        awaits
    }
}

impl Line {
    fn check(&self) -> Result<(), Fault> {
        let why = if [&self.p, &self.n].into_iter().any(beyond_bounds) {
            "a count is out of bounds"
        } else if !covers(&self.p, &self.rp) || !covers(&self.n, &self.rn) {
            "it clears what was never counted"
        } else if self.p.get(&self.began.by) == 0 {
            "a line began without a unit"
        } else if self.began.cleared > self.cleared() {
            "a line began after more than was cleared"
        } else if self.began.unit_price.is_some_and(Money::is_negative) {
            "a price is below nothing"
        } else {
            return Ok(());
        };
        Err(Fault::UnbelievableCart { why })
    }

    fn unconfirmed(&self, product: ProductId, witnesses: &Witnesses<'_>, awaits: &mut BTreeSet<IncarnationId>) {
        let in_line = |actor, seen: &dyn Fn(&Self) -> bool| {
            witnesses.confirm(actor, |cart| cart.lines.get(&product).is_some_and(seen))
        };
        let added = self.p.iter().filter(|dot| !in_line(*dot.actor, &|line| line.p.get(dot.actor) >= dot.counter));
        let taken = self.n.iter().filter(|dot| !in_line(*dot.actor, &|line| line.n.get(dot.actor) >= dot.counter));
        awaits.extend(added.chain(taken).map(|dot| *dot.actor));
        let Began { by, .. } = self.began;
        if !in_line(by, &|line| line.began >= self.began) {
            awaits.insert(by);
        }
    }
}

fn unseen<'a, T: Ord + Clone + 'a>(
    told: &Register<T>,
    witnesses: &Witnesses<'a>,
    of: impl Fn(&'a Cart) -> &'a Register<T>,
) -> Option<IncarnationId> {
    (!witnesses.confirm(told.by(), |cart| of(cart) >= told)).then_some(told.by())
}

fn beyond_bounds(clock: &Clock) -> bool {
    clock.iter().any(|dot| dot.counter > COUNT_MAX)
}

fn covers(clock: &Clock, baseline: &Clock) -> bool {
    baseline.iter().all(|dot| dot.counter <= clock.get(dot.actor))
}
