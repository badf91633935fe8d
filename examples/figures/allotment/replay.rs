//! One product after another: deliveries, sales, lines that come back, and what became of each customer.

use std::{cmp::Reverse, collections::BinaryHeap, ops::AddAssign};

use outpost_schema::clock::Timestamp;

use super::{
    lines::Lines,
    policy::Policy,
    sales::{Sale, Sales},
};

const DAY: i64 = 86_400;

/// How much is delivered.
#[derive(Clone, Copy)]
pub struct Supply {
    /// In percent of what is wanted in the whole time.
    pub percent: i64,
    /// In so many parts, week by week.
    pub weeks: i64,
}

impl Supply {
    /// What comes in a week, of a product that so many are wanted of; what is no whole unit comes sooner, not later.
    fn of_week(self, wanted: i64, week: i64) -> i64 {
        let upto = |weeks| (wanted * self.percent * weeks + 100 * self.weeks - 1) / (100 * self.weeks);
        upto(week + 1) - upto(week)
    }
}

/// So many of so many.
#[derive(Clone, Copy, Debug, Default)]
pub struct Part {
    some: i64,
    all: i64,
}

impl Part {
    fn note(&mut self, some: i64, all: i64) {
        self.some += some;
        self.all += all;
    }

    /// In percent.
    pub fn percent(self) -> f64 {
        100.0 * self.some as f64 / self.all.max(1) as f64
    }
}

/// Of lines and of their units.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sold {
    /// Lines.
    pub lines: Part,
    /// Units.
    pub units: Part,
}

/// Words that passed between shops and head office for the sake of allotments.
#[derive(Clone, Copy, Debug, Default)]
pub struct Words {
    /// Asks, grants, recalls and what was given back.
    pub told: i64,
    /// Rounds that only these needed: to ask while a customer waits, and to give back.
    pub rounds: i64,
}

impl AddAssign for Words {
    fn add_assign(&mut self, more: Self) {
        (self.told, self.rounds) = (self.told + more.told, self.rounds + more.rounds);
    }
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Came {
    /// Wanted while the line was cut.
    pub cut: Sold,
    /// Wanted at any time.
    pub all: Sold,
    /// Sold from the shop's own allotment, whatever the line.
    pub unasked: Part,
    stranded: i64,
    words: Words,
    days: i64,
}

impl Came {
    /// Units that shops had open at the end of a day on which another shop was refused that product.
    pub fn stranded_a_day(&self) -> f64 {
        self.stranded as f64 / self.days as f64
    }

    /// Words for a hundred lines wanted.
    pub fn words_a_hundred(&self) -> f64 {
        100.0 * self.words.told as f64 / self.all.lines.all as f64
    }

    /// Rounds for a hundred lines wanted.
    pub fn rounds_a_hundred(&self) -> f64 {
        100.0 * self.words.rounds as f64 / self.all.lines.all as f64
    }

    fn note(&mut self, sale: Sale, is_cut: bool, how: How) {
        let (line, units) = if how == How::Refused { (0, 0) } else { (1, sale.units) };
        self.all.lines.note(line, 1);
        self.all.units.note(units, sale.units);
        if is_cut {
            self.cut.lines.note(line, 1);
            self.cut.units.note(units, sale.units);
        }
        self.unasked.note(i64::from(how == How::Own), 1);
    }
}

/// How a customer was served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// From what the shop may sell without asking.
    Own,
    /// After head office was asked.
    Asked,
    /// Not.
    Refused,
}

/// Replays every product under a policy.
pub fn all(sales: &Sales, lines: &Lines, supply: Supply, policy: impl Fn() -> Box<dyn Policy>) -> Came {
    let mut came = Came { days: supply.weeks * 7, ..Came::default() };
    for of_product in &sales.products {
        let mut policy = policy();
        one(sales.from, of_product, lines, supply, &mut *policy, &mut came);
        came.words += policy.words();
    }
    came
}

/// Something that happens beside the sales: a shop's line comes back, or a week's goods.
type Due = Reverse<(Timestamp, Option<usize>, i64)>;

fn one(from: Timestamp, sales: &[Sale], lines: &Lines, supply: Supply, policy: &mut dyn Policy, came: &mut Came) {
    let wanted = sales.iter().map(|sale| sale.units).sum();
    let weeks = (0..supply.weeks).map(|week| (from.plus_seconds(week * 7 * DAY), supply.of_week(wanted, week)));
    let mut due: BinaryHeap<Due> =
        weeks.filter(|(_, units)| *units > 0).map(|(at, units)| Reverse((at, None, units))).collect();
    let (mut day, mut was_refused) = (0, false);
    for sale in sales {
        while let Some(Reverse((at, shop, units))) = due.pop_if_over(sale.at) {
            match shop {
                None => policy.deliver(lines, at, units),
                Some(shop) => policy.reconnect(lines, at, shop),
            }
        }
        let today = sale.at.seconds_since(from) / DAY;
        if today > day {
            came.stranded += if was_refused { policy.open() } else { 0 };
            (day, was_refused) = (today, false);
        }
        let mended = lines.mended(sale.shop, sale.at);
        let how = policy.sell(lines, *sale, mended.is_none());
        came.note(*sale, mended.is_some(), how);
        was_refused |= how == How::Refused;
        due.extend(mended.map(|mended| Reverse((mended, Some(sale.shop), 0))));
    }
    came.stranded += if was_refused { policy.open() } else { 0 };
}

trait PopIfOver {
    /// What is due by then.
    fn pop_if_over(&mut self, at: Timestamp) -> Option<Due>;
}

impl PopIfOver for BinaryHeap<Due> {
    fn pop_if_over(&mut self, at: Timestamp) -> Option<Due> {
        if self.peek().is_some_and(|Reverse((due, ..))| *due <= at) { self.pop() } else { None }
    }
}
