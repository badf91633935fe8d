//! Who may sell what: by the arithmetic that ships, by an equal split, and only at head office.

use outpost_schema::{
    clock::Timestamp,
    sizing::{Demand, Holder, Marks, Outlook, plan},
};

use super::{
    lines::Lines,
    replay::{How, Words},
    sales::Sale,
};

/// Rounds in which whoever was asked gives back and what came is granted; more never follow.
const ROUNDS_MAX: usize = 3;

/// Who may sell what of one product.
pub trait Policy {
    /// Goods come to the shared stock.
    fn deliver(&mut self, lines: &Lines, at: Timestamp, units: i64);

    /// A shop that sold while its line was cut is heard again.
    fn reconnect(&mut self, lines: &Lines, at: Timestamp, shop: usize);

    /// Somebody wants to buy.
    fn sell(&mut self, lines: &Lines, sale: Sale, is_up: bool) -> How;

    /// Units that all shops may sell without asking.
    fn open(&self) -> i64;

    /// What passed over the lines.
    fn words(&self) -> Words {
        Words::default()
    }
}

/// Only head office sells: with a cut line, nobody.
#[derive(Default)]
pub struct ServerOnly {
    free: i64,
}

impl Policy for ServerOnly {
    fn deliver(&mut self, _: &Lines, _: Timestamp, units: i64) {
        self.free += units;
    }

    fn reconnect(&mut self, _: &Lines, _: Timestamp, _: usize) {}

    fn sell(&mut self, _: &Lines, sale: Sale, is_up: bool) -> How {
        if !is_up || self.free < sale.units {
            return How::Refused;
        }
        self.free -= sale.units;
        How::Asked
    }

    fn open(&self) -> i64 {
        0
    }
}

/// Each delivery is split equally; what is left over goes round.
pub struct Equal {
    open: Vec<i64>,
    next: usize,
}

impl Equal {
    /// Nothing delivered yet.
    pub fn new(shops: usize) -> Self {
        Self { open: vec![0; shops], next: 0 }
    }
}

impl Policy for Equal {
    fn deliver(&mut self, _: &Lines, _: Timestamp, units: i64) {
        for _ in 0..units {
            self.open[self.next] += 1;
            self.next = (self.next + 1) % self.open.len();
        }
    }

    fn reconnect(&mut self, _: &Lines, _: Timestamp, _: usize) {}

    fn sell(&mut self, _: &Lines, sale: Sale, _: bool) -> How {
        let open = &mut self.open[sale.shop];
        if *open < sale.units {
            return How::Refused;
        }
        *open -= sale.units;
        How::Own
    }

    fn open(&self) -> i64 {
        self.open.iter().sum()
    }
}

/// By the arithmetic that ships.
pub struct Sized {
    free: i64,
    open: Vec<i64>,
    outlooks: Vec<Outlook>,
    words: Words,
}

impl Sized {
    /// Nothing delivered, nothing known.
    pub fn new(shops: usize) -> Self {
        Self { free: 0, open: vec![0; shops], outlooks: vec![Outlook::default(); shops], words: Words::default() }
    }

    fn marks(&self, lines: &Lines, at: Timestamp, shop: usize) -> Marks {
        Marks::of(self.outlooks[shop].demand, lines.waits(shop, at).cover(), at)
    }

    fn holders(&self, lines: &Lines, at: Timestamp) -> Vec<Holder> {
        let holder = |(shop, outlook): (usize, &Outlook)| {
            let (open, cover) = (self.open[shop], lines.waits(shop, at).cover());
            let is_near = lines.mended(shop, at).is_none();
            let weight = outlook.demand.map_or(1, |demand| demand.weight(cover, at));
            Holder { open, coming: 0, marks: self.marks(lines, at, shop), weight, asked: outlook.waits_for(at), is_near }
        };
        self.outlooks.iter().enumerate().map(holder).collect()
    }

    /// Grants and recalls until nothing moves: whoever is asked has a line, and gives back with its next round.
    fn even_out(&mut self, lines: &Lines, at: Timestamp) {
        for _ in 0..ROUNDS_MAX {
            let moves = plan(self.free, &self.holders(lines, at));
            let mut has_moved = false;
            for (shop, is) in moves.into_iter().enumerate() {
                self.grant(shop, is.grant);
                let back = is.keep.map_or(0, |keep| self.open[shop] - keep);
                if back > 0 {
                    (self.open[shop], self.free) = (self.open[shop] - back, self.free + back);
                    self.words += Words { told: 2, rounds: 1 };
                    has_moved = true;
                }
            }
            if !has_moved {
                return;
            }
        }
    }

    fn grant(&mut self, shop: usize, units: i64) {
        if units <= 0 {
            return;
        }
        (self.open[shop], self.free) = (self.open[shop] + units, self.free - units);
        self.words.told += 1;
        self.outlooks[shop] = self.outlooks[shop].granted(units);
    }

    /// Asks for what is short, as a till does by itself.
    fn ask(&mut self, lines: &Lines, sale: Sale, is_up: bool) {
        let asked = self.marks(lines, sale.at, sale.shop).ask(self.open[sale.shop], sale.units);
        self.words += Words { told: 1, rounds: i64::from(is_up) };
        let granted = if is_up { asked.min(self.free) } else { 0 };
        self.grant(sale.shop, granted);
        self.outlooks[sale.shop] = self.outlooks[sale.shop].asked_in_vain(asked - granted, sale.at);
    }
}

impl Policy for Sized {
    fn deliver(&mut self, lines: &Lines, at: Timestamp, units: i64) {
        self.free += units;
        self.even_out(lines, at);
    }

    fn reconnect(&mut self, lines: &Lines, at: Timestamp, _: usize) {
        self.even_out(lines, at);
    }

    fn sell(&mut self, lines: &Lines, sale: Sale, is_up: bool) -> How {
        let mut how = How::Own;
        if self.open[sale.shop] < sale.units {
            how = How::Asked;
            self.ask(lines, sale, is_up);
            if is_up {
                self.even_out(lines, sale.at);
            }
        }
        if self.open[sale.shop] < sale.units {
            return How::Refused;
        }
        self.open[sale.shop] -= sale.units;
        let outlook = &mut self.outlooks[sale.shop];
        outlook.demand = Some(Demand::after(outlook.demand, sale.units, sale.at));
        if is_up && self.marks(lines, sale.at, sale.shop).is_low(self.open[sale.shop]) {
            self.even_out(lines, sale.at);
        }
        how
    }

    fn open(&self) -> i64 {
        self.open.iter().sum()
    }

    fn words(&self) -> Words {
        self.words
    }
}
