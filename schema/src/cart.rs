//! The cart: what somebody means to buy, changed at any till at any time and merged without loss.
//!
//! # What is meant
//!
//! Adding puts *units* on a line, taking puts *takings* on it, one for each unit of the amount.
//! A *clearing* covers every unit and every taking of the line that its till had seen, and no other.
//!
//! - A line's value is its units that no clearing covers, less its takings that no clearing covers.
//!   It is shown as at least 0 and at most [`AMOUNT_MAX`].
//! - Removing a line, emptying the cart and checking out are clearings. So is taking all that is
//!   shown, or more: two tills that both take the last three leave none, not three too few.
//! - Adding to a line whose value is 0 or less starts it over: a clearing first, then the units. Two
//!   tills that both took two of three would otherwise owe one to whatever is added next.
//! - Setting a quantity adds or takes the difference to what was shown.
//! - A line begins when something is added while it shows nothing, and then notes time and price.
//!   Of two beginnings the one that had more of the line cleared behind it is newer and counts; of
//!   equal ones the earlier. Time and price are for show: nothing is decided by them.
//!
//! So two adds both count, and of an add and a removal that did not know each other exactly the
//! unseen units survive. One thing is fixed by this choice: a taking that a removal has not seen
//! still takes from what is left, even from units its till had not seen.
//!
//! # How it is kept
//!
//! An actor is an [`IncarnationId`]: its UUID is unique over all nodes, so it alone stands for (node,
//! incarnation), and a restored device never counts on in its former numbers. A line is four vector
//! clocks over actors: `p` counts units, `n` takings, and the baselines `rp` and `rn`, which a
//! clearing copies from `p` and `n`, count the covered ones. An actor numbers its units in order and
//! others see them in order, so a count says exactly which units. Value = sum(p - rp) - sum(n - rn);
//! merging is the pointwise maximum, so order, repetition and loss of messages do not matter.
//!
//! `crdts::Map` of `PNCounter` is not used: its removal compares two unrelated number spaces and
//! gives wrong, even negative totals. This is the only file that names that crate.

mod belief;
mod form;
mod register;
mod shelf;
mod sold;

#[cfg(test)]
mod tests;

use std::{
    cmp::{Ordering, Reverse},
    collections::BTreeMap,
};

use crdts::{CmRDT, Dot, VClock};

use self::register::Register;
pub use self::{
    belief::Belief,
    shelf::Shelf,
    sold::{Overlap, Sold, SoldLine, SoldUnits, Span},
};
use crate::{
    clock::{Hlc, Timestamp},
    fault::Fault,
    foreign,
    id::{CartId, IncarnationId, ProductId, UserId, WarehouseId},
    money::Money,
    planted::{Bug, is_planted},
    quantity::{AMOUNT_MAX, Amount},
};

/// Lines that a cart may show: nearly twice the largest order of a real wholesaler (1,114 lines).
pub const LINES_MAX: usize = 2_000;

/// Lines that a till lets a cart keep, shown or cleared: a cart that has seen this many products is
/// a machine's. Each actor keeps to it alone, so a merged cart may hold more.
pub const LINES_KEPT_MAX: usize = 10_000;

/// The largest count of one actor on one line: nine million of the largest amounts, still exact in
/// any JSON reader (2^53), and sums of them never overflow the 128 bits they are made in.
pub const COUNT_MAX: u64 = 1 << 53;

/// Who has counted how far.
type Clock = VClock<IncarnationId>;

/// One product in a cart, as it merges.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    p: Clock,
    n: Clock,
    rp: Clock,
    rn: Clock,
    began: Began,
    /// What a later version wrote.
    rest: foreign::Fields,
}

/// When and at what price a line began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Began {
    /// How many units and takings of the line were cleared by then: it tells lives of a line apart.
    cleared: u64,
    at: Timestamp,
    by: IncarnationId,
    unit_price: Option<Money>,
}

impl Ord for Began {
    /// The greater one counts: more cleared behind it, then the earlier.
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |began: &Self| (began.cleared, Reverse((began.at, began.by, began.unit_price)));
        key(self).cmp(&key(other))
    }
}

impl PartialOrd for Began {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Line {
    fn new(began: Began) -> Self {
        let rest = foreign::Fields::new();
        Self { p: Clock::new(), n: Clock::new(), rp: Clock::new(), rn: Clock::new(), began, rest }
    }

    fn value(&self) -> i128 {
        total(&self.p) - total(&self.rp) - total(&self.n) + total(&self.rn)
    }

    /// The shown quantity, if there is any: an amount is at least 1.
    fn shown(&self) -> Option<Amount> {
        let units = self.value().min(i128::from(AMOUNT_MAX));
        i64::try_from(units).ok().and_then(|units| Amount::new(units).ok())
    }

    fn shown_units(&self) -> i64 {
        self.shown().map_or(0, Amount::units)
    }

    fn cleared(&self) -> u64 {
        u64::try_from(total(&self.rp) + total(&self.rn)).unwrap_or(u64::MAX)
    }

    fn add(&mut self, began: Began, amount: Amount) -> Result<(), Fault> {
        Amount::new(self.shown_units() + amount.units())?;
        let count = counted_on(&self.p, began.by, amount)?;
        if self.value() <= 0 {
            self.clear();
            self.began = self.began.max(Began { cleared: self.cleared(), ..began });
        }
        raise(&mut self.p, began.by, count);
        Ok(())
    }

    fn take(&mut self, actor: IncarnationId, amount: Amount) -> Result<(), Fault> {
        if amount.units() >= self.shown_units() {
            self.clear();
        } else {
            let count = counted_on(&self.n, actor, amount)?;
            raise(&mut self.n, actor, count);
        }
        Ok(())
    }

    fn clear(&mut self) {
        join(&mut self.rp, &self.p);
        join(&mut self.rn, &self.n);
    }

    fn merge(&mut self, other: &Self) {
        join(&mut self.p, &other.p);
        join(&mut self.n, &other.n);
        join(&mut self.rp, &other.rp);
        join(&mut self.rn, &other.rn);
        // A clearing that arrives before what it covers still covers it.
        join(&mut self.p, &self.rp);
        join(&mut self.n, &self.rn);
        self.began = self.began.max(other.began);
        foreign::merge(&mut self.rest, &other.rest);
    }
}

fn total(clock: &Clock) -> i128 {
    clock.iter().map(|dot| i128::from(dot.counter)).sum()
}

fn raise(clock: &mut Clock, actor: IncarnationId, count: u64) {
    clock.apply(Dot::new(actor, count));
}

fn join(clock: &mut Clock, other: &Clock) {
    for dot in other.iter() {
        raise(clock, *dot.actor, dot.counter);
    }
}

fn counted_on(clock: &Clock, actor: IncarnationId, amount: Amount) -> Result<u64, Fault> {
    let count = clock.get(&actor).checked_add(amount.units().unsigned_abs());
    count.filter(|count| *count <= COUNT_MAX).ok_or(Fault::AmountOutOfRange { units: amount.units() })
}

/// What somebody means to buy. Any node may change it; states of one cart merge in any order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cart {
    cart_id: CartId,
    created_at: Timestamp,
    owner: Register<UserId>,
    home: Register<WarehouseId>,
    parked: Register<bool>,
    label: Register<String>,
    lines: BTreeMap<ProductId, Line>,
    /// What a later version wrote.
    rest: foreign::Fields,
}

/// One line as a person sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShownLine {
    /// What is to be bought.
    pub product_id: ProductId,
    /// How much of it.
    pub quantity: Amount,
    /// The price shown when the line began; none if the till must ask.
    pub unit_price: Option<Money>,
    /// When the line began.
    pub added_at: Timestamp,
}

impl Cart {
    /// An empty cart of `owner` at the shop `home`.
    pub fn open(cart_id: CartId, owner: UserId, home: WarehouseId, actor: IncarnationId, at: Hlc) -> Self {
        Self {
            cart_id,
            created_at: at.at,
            owner: Register::new(owner, actor, at),
            home: Register::new(home, actor, at),
            parked: Register::new(false, actor, at),
            label: Register::new(String::new(), actor, at),
            lines: BTreeMap::new(),
            rest: foreign::Fields::new(),
        }
    }

    /// Its id.
    pub const fn cart_id(&self) -> CartId {
        self.cart_id
    }

    /// When it was opened.
    pub const fn created_at(&self) -> Timestamp {
        self.created_at
    }

    /// Whose it is: a user, or an anonymous one of its own.
    pub const fn owner(&self) -> UserId {
        *self.owner.value()
    }

    /// The shop it is in.
    pub const fn home(&self) -> WarehouseId {
        *self.home.value()
    }

    /// Whether it waits for its customer to come back.
    pub const fn is_parked(&self) -> bool {
        *self.parked.value()
    }

    /// What the till calls it while it is parked; may be empty.
    pub fn label(&self) -> &str {
        self.label.value()
    }

    /// The lines that show something, in the order they began.
    pub fn lines(&self) -> Vec<ShownLine> {
        let mut lines: Vec<_> = self.lines.iter().filter_map(|(id, line)| show(*id, line)).collect();
        lines.sort_by_key(|line| (line.added_at, line.product_id));
        lines
    }

    /// The quantity shown for one product, 0 if it is not in the cart.
    pub fn quantity(&self, product: ProductId) -> i64 {
        self.lines.get(&product).map_or(0, Line::shown_units)
    }

    /// Whether no line shows anything. Such a cart is not listed, but lives on for late adds.
    pub fn is_empty(&self) -> bool {
        self.lines.values().all(|line| line.shown().is_none())
    }

    /// Adds units of a product. `unit_price` is the one shown to the customer, kept if the line begins.
    ///
    /// # Errors
    /// [`Fault::AmountOutOfRange`] if the line would show more than [`AMOUNT_MAX`],
    /// [`Fault::TooManyLines`] at the limit, [`Fault::NegativePrice`]. The cart is then unchanged.
    pub fn add(
        &mut self,
        actor: IncarnationId,
        product: ProductId,
        amount: Amount,
        unit_price: Option<Money>,
        at: Timestamp,
    ) -> Result<(), Fault> {
        if unit_price.is_some_and(Money::is_negative) {
            return Err(Fault::NegativePrice);
        }
        self.room_for(product)?;
        let began = Began { cleared: 0, at, by: actor, unit_price };
        self.lines.entry(product).or_insert_with(|| Line::new(began)).add(began, amount)
    }

    /// Takes units away; all that is shown, if it is not more than `amount`.
    ///
    /// # Errors
    /// [`Fault::AmountOutOfRange`] if the actor has counted to [`COUNT_MAX`].
    pub fn take(&mut self, actor: IncarnationId, product: ProductId, amount: Amount) -> Result<(), Fault> {
        self.lines.get_mut(&product).map_or(Ok(()), |line| line.take(actor, amount))
    }

    /// Makes the shown quantity `units`, by the difference to what is shown; 0 removes the line.
    ///
    /// # Errors
    /// Those of [`Cart::add`] and [`Cart::take`]; [`Fault::AmountOutOfRange`] below 0 as well.
    pub fn set(
        &mut self,
        actor: IncarnationId,
        product: ProductId,
        units: i64,
        unit_price: Option<Money>,
        at: Timestamp,
    ) -> Result<(), Fault> {
        let wanted = if units == 0 { 0 } else { Amount::new(units)?.units() };
        let shown = self.quantity(product);
        match wanted.cmp(&shown) {
            Ordering::Equal => Ok(()),
            Ordering::Less => self.take(actor, product, Amount::new(shown - wanted)?),
            Ordering::Greater => self.add(actor, product, Amount::new(wanted - shown)?, unit_price, at),
        }
    }

    /// Removes a line: all of it that was seen here.
    pub fn remove(&mut self, product: ProductId) {
        if is_planted(Bug::CounterInAMap) {
            self.lines.remove(&product);
        }
        if let Some(line) = self.lines.get_mut(&product) {
            line.clear();
        }
    }

    /// Removes every line.
    pub fn clear(&mut self) {
        self.lines.values_mut().for_each(Line::clear);
    }

    /// Takes in what another replica of this cart knows; a state of another cart says nothing about
    /// this one. Judge a peer's state by [`Cart::believable`] first.
    pub fn merge(&mut self, other: &Self) {
        if self.cart_id != other.cart_id {
            return;
        }
        self.created_at = self.created_at.min(other.created_at);
        self.owner.merge(&other.owner);
        self.home.merge(&other.home);
        self.parked.merge(&other.parked);
        self.label.merge(&other.label);
        foreign::merge(&mut self.rest, &other.rest);
        for (product, line) in &other.lines {
            self.lines.entry(*product).and_modify(|own| own.merge(line)).or_insert_with(|| {
                let mut fresh = Line::new(line.began);
                fresh.merge(line);
                fresh
            });
        }
    }

    /// Whether `actor` has counted something here that `other` does not know of: what another copy of
    /// this cart must not take away, or the same count would be used twice.
    pub fn knows_more_of(&self, actor: IncarnationId, other: &Self) -> bool {
        self.lines.iter().any(|(product, line)| {
            let known = other.lines.get(product);
            let beyond =
                |own: &Clock, theirs: Option<&Clock>| own.get(&actor) > theirs.map_or(0, |clock| clock.get(&actor));
            beyond(&line.p, known.map(|line| &line.p)) || beyond(&line.n, known.map(|line| &line.n))
        })
    }

    fn room_for(&self, product: ProductId) -> Result<(), Fault> {
        if !self.lines.contains_key(&product) && self.lines.len() >= LINES_KEPT_MAX {
            return Err(Fault::TooManyLines { count: self.lines.len() + 1, max: LINES_KEPT_MAX });
        }
        if self.lines.len() < LINES_MAX || self.quantity(product) > 0 {
            return Ok(());
        }
        let shown = self.lines.values().filter(|line| line.shown().is_some()).count();
        if shown < LINES_MAX { Ok(()) } else { Err(Fault::TooManyLines { count: shown + 1, max: LINES_MAX }) }
    }
}

fn show(product_id: ProductId, line: &Line) -> Option<ShownLine> {
    let Began { at: added_at, unit_price, .. } = line.began;
    line.shown().map(|quantity| ShownLine { product_id, quantity, unit_price, added_at })
}
