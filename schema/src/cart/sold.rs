//! What a checkout sold, unit by unit, so that a unit sold twice is found.
//!
//! A unit is (cart, product, actor, number): the number that its actor gave it when it was added.
//! The units of a line that a checkout sells are its live ones less those that live takings undo.
//! Goods of one product are alike, so which of them a taking undoes is a choice; it is made the same
//! way everywhere, from the line alone:
//!
//! 1. An actor's takings undo its own units first, the last added first: that is what a customer who
//!    corrects a slip of the finger means.
//! 2. What its takings ask beyond that (and what lies beyond the largest amount) comes from the
//!    others' units: from the highest actor down, the last added first.
//!
//! So two tills that check out the same state sell the same units; one more add and one less in
//! between changes nothing; and because taking all is a clearing, units added after that, or after
//! a checkout that was seen, are never among those sold before.

use serde::{Deserialize, Serialize};

use super::{COUNT_MAX, Cart, Clock, LINES_MAX, Line, join, raise, show};
use crate::{
    fault::Fault,
    id::{CartId, IncarnationId, ProductId},
    money::Money,
    quantity::{AMOUNT_MAX, Amount},
};

/// Consecutive units, or takings, of one actor: the numbers above `from`, up to and with `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Span {
    /// Who counted them.
    pub actor: IncarnationId,
    /// The last number before them.
    pub from: u64,
    /// Their last number.
    pub to: u64,
}

impl Span {
    /// How many they are.
    pub const fn units(&self) -> u64 {
        self.to.saturating_sub(self.from)
    }

    /// Gives up the last ones, at most `wanted`, and says how many.
    fn give_up(&mut self, wanted: u64) -> u64 {
        let given = wanted.min(self.units());
        self.to -= given;
        given
    }

    fn shared(&self, other: &Self) -> Option<Self> {
        let (from, to) = (self.from.max(other.from), self.to.min(other.to));
        (self.actor == other.actor && from < to).then_some(Self { actor: self.actor, from, to })
    }
}

/// What one checkout sold; it goes into the order and never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sold {
    /// The cart.
    pub cart_id: CartId,
    /// Its lines, in the order they were shown.
    pub lines: Vec<SoldLine>,
}

/// One sold line, with everything of it that the checkout covered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoldLine {
    /// What was sold.
    pub product_id: ProductId,
    /// How much: what the line showed.
    pub quantity: Amount,
    /// The price shown when the line began; none if the till had to ask.
    pub unit_price: Option<Money>,
    /// The live units, by actor.
    pub added: Vec<Span>,
    /// The live takings, by actor.
    pub taken: Vec<Span>,
}

impl SoldLine {
    /// The units this line sold, as the head of this file defines them.
    pub fn units(&self) -> Vec<Span> {
        let mut units = self.added.clone();
        for taking in &self.taken {
            if let Some(own) = units.iter_mut().find(|span| span.actor == taking.actor) {
                own.give_up(taking.units());
            }
        }
        let mut beyond = sum(&units).saturating_sub(self.quantity.units().unsigned_abs());
        for span in units.iter_mut().rev() {
            beyond -= span.give_up(beyond);
        }
        units.retain(|span| span.units() > 0);
        units
    }

    pub(super) fn check(&self) -> Result<(), Fault> {
        check_spans(&self.added)?;
        check_spans(&self.taken)?;
        let units = sum(&self.added).saturating_sub(sum(&self.taken)).min(AMOUNT_MAX.unsigned_abs());
        if units != self.quantity.units().unsigned_abs() {
            return Err(Fault::UnbelievableCart { why: "a sold line's units do not sum to its quantity" });
        }
        if self.unit_price.is_some_and(Money::is_negative) { Err(Fault::NegativePrice) } else { Ok(()) }
    }
}

impl Sold {
    /// Checks what a peer says it sold.
    ///
    /// # Errors
    /// [`Fault::NoLines`], [`Fault::TooManyLines`], [`Fault::NegativePrice`], or
    /// [`Fault::UnbelievableCart`] if units are not in order, out of bounds or not the quantity sold.
    pub fn check(&self) -> Result<(), Fault> {
        check_count(self.lines.len())?;
        let mut products: Vec<_> = self.lines.iter().map(|line| line.product_id).collect();
        products.sort_unstable();
        if !products.is_sorted_by(|a, b| a < b) {
            return Err(Fault::UnbelievableCart { why: "a product is sold on two lines" });
        }
        self.lines.iter().try_for_each(SoldLine::check)
    }
}

impl Cart {
    /// Sells what is shown and clears it. Later and unseen adds stay, or reopen the cart.
    ///
    /// # Errors
    /// [`Fault::NoLines`] if nothing is shown, [`Fault::TooManyLines`] if more than [`LINES_MAX`] are
    /// (merging may bring that about). The cart is then unchanged.
    pub fn checkout(&mut self) -> Result<Sold, Fault> {
        let shown = self.lines();
        check_count(shown.len())?;
        let lines =
            shown.iter().filter_map(|line| freeze(line.product_id, self.lines.get(&line.product_id)?)).collect();
        let sold = Sold { cart_id: self.cart_id, lines };
        self.close(&sold);
        Ok(sold)
    }

    /// Clears what an order says was sold from this cart, as far as it has been seen here; the rest
    /// comes with the state of the till that sold it. So an order alone never moves anyone's count.
    pub fn close(&mut self, sold: &Sold) {
        if sold.cart_id != self.cart_id {
            return;
        }
        for line in &sold.lines {
            if let Some(own) = self.lines.get_mut(&line.product_id) {
                raise_within(&mut own.rp, &line.added, &own.p);
                raise_within(&mut own.rn, &line.taken, &own.n);
            }
        }
    }
}

/// The units of one product of one cart that orders have sold so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Span>", into = "Vec<Span>")]
pub struct SoldUnits {
    /// In order, apart from each other.
    spans: Vec<Span>,
}

/// Units that were sold before; both orders stand, and people must look at it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overlap {
    /// Which ones.
    pub spans: Vec<Span>,
}

impl Overlap {
    /// How many.
    pub fn units(&self) -> u64 {
        sum(&self.spans)
    }
}

impl SoldUnits {
    /// Takes note of a line's units and finds those that were sold already. Claim each order once.
    pub fn claim(&mut self, line: &SoldLine) -> Overlap {
        let claimed = Self::from(line.units());
        let spans = self.spans.iter().flat_map(|sold| claimed.spans.iter().filter_map(|span| span.shared(sold)));
        let overlap = Overlap { spans: spans.collect() };
        self.merge(&claimed);
        overlap
    }

    /// Takes in the units that are known elsewhere.
    pub fn merge(&mut self, other: &Self) {
        self.spans.extend_from_slice(&other.spans);
        self.settle();
    }

    /// The units, in order.
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    fn settle(&mut self) {
        self.spans.sort_unstable();
        self.spans.dedup_by(|next, span| {
            let touches = next.actor == span.actor && next.from <= span.to;
            if touches {
                span.to = span.to.max(next.to);
            }
            touches
        });
    }
}

impl From<Vec<Span>> for SoldUnits {
    fn from(spans: Vec<Span>) -> Self {
        let mut units = Self { spans };
        units.settle();
        units
    }
}

impl From<SoldUnits> for Vec<Span> {
    fn from(units: SoldUnits) -> Self {
        units.spans
    }
}

fn freeze(product_id: ProductId, line: &Line) -> Option<SoldLine> {
    let shown = show(product_id, line)?;
    let (added, taken) = (spans(&line.rp, &line.p), spans(&line.rn, &line.n));
    Some(SoldLine { product_id, quantity: shown.quantity, unit_price: shown.unit_price, added, taken })
}

fn spans(from: &Clock, to: &Clock) -> Vec<Span> {
    let span = |actor: IncarnationId, to| Span { actor, from: from.get(&actor), to };
    to.iter().map(|dot| span(*dot.actor, dot.counter)).filter(|span| span.units() > 0).collect()
}

fn raise_within(baseline: &mut Clock, covered: &[Span], seen: &Clock) {
    let mut raised = Clock::new();
    for span in covered {
        raise(&mut raised, span.actor, span.to);
    }
    raised.glb(seen);
    join(baseline, &raised);
}

/// Saturates, because a peer's spans are added before they are believed.
fn sum(spans: &[Span]) -> u64 {
    spans.iter().fold(0, |total, span| total.saturating_add(span.units()))
}

fn check_count(lines: usize) -> Result<(), Fault> {
    match lines {
        0 => Err(Fault::NoLines),
        1..=LINES_MAX => Ok(()),
        count => Err(Fault::TooManyLines { count, max: LINES_MAX }),
    }
}

fn check_spans(spans: &[Span]) -> Result<(), Fault> {
    if spans.iter().any(|span| span.from >= span.to || span.to > COUNT_MAX) {
        return Err(Fault::UnbelievableCart { why: "a span of units is empty or out of bounds" });
    }
    if !spans.is_sorted_by(|a, b| a.actor < b.actor) {
        return Err(Fault::UnbelievableCart { why: "a line's spans are not one per device, in order" });
    }
    Ok(())
}
