//! Who may sell what: by the arithmetic that ships, by an equal split, and only at head office.

use outpost_schema::{
    clock::Timestamp,
    sizing::{Demand, Holding, Marks, even_out},
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

/// A part of each delivery is split equally, unit by unit in turn; head office sells the rest to whoever is heard.
pub struct Equal {
    open: Vec<i64>,
    next: usize,
    percent: i64,
    delivered: i64,
    free: i64,
}

impl Equal {
    /// Nothing delivered yet. So many units of a hundred are split.
    pub fn new(shops: usize, percent: i64) -> Self {
        Self { open: vec![0; shops], next: 0, percent, delivered: 0, free: 0 }
    }
}

impl Policy for Equal {
    fn deliver(&mut self, _: &Lines, _: Timestamp, units: i64) {
        for _ in 0..units {
            self.delivered += 1;
            let split = |delivered| delivered * self.percent / 100;
            if split(self.delivered) > split(self.delivered - 1) {
                self.open[self.next] += 1;
                self.next = (self.next + 1) % self.open.len();
            } else {
                self.free += 1;
            }
        }
    }

    fn reconnect(&mut self, _: &Lines, _: Timestamp, _: usize) {}

    fn sell(&mut self, _: &Lines, sale: Sale, is_up: bool) -> How {
        let open = &mut self.open[sale.shop];
        if *open >= sale.units {
            *open -= sale.units;
            return How::Own;
        }
        let missing = sale.units - *open;
        if !is_up || self.free < missing {
            return How::Refused;
        }
        (*open, self.free) = (0, self.free - missing);
        How::Asked
    }

    fn open(&self) -> i64 {
        self.open.iter().sum()
    }
}

/// By the arithmetic that ships.
pub struct Sized {
    free: i64,
    shops: Vec<Holding>,
    words: Words,
}

impl Sized {
    /// Nothing delivered, nothing known.
    pub fn new(shops: usize) -> Self {
        let (allotment, outlook) = Default::default();
        let unknown = Holding { allotment, outlook, cover: 0, is_near: true };
        Self { free: 0, shops: vec![unknown; shops], words: Words::default() }
    }

    /// What head office knows of the lines at a moment.
    fn look(&mut self, lines: &Lines, at: Timestamp) {
        for (shop, holding) in self.shops.iter_mut().enumerate() {
            holding.cover = lines.waits(shop, at).cover(at);
            holding.is_near = lines.mended(shop, at).is_none();
        }
    }

    /// Grants and recalls until nothing moves: whoever is asked has a line, and gives back with its next round.
    fn even_out(&mut self, lines: &Lines, at: Timestamp) {
        self.look(lines, at);
        for _ in 0..ROUNDS_MAX {
            let changed = even_out(self.free, &mut self.shops, at);
            self.free -= changed.iter().map(|(_, opened)| opened).sum::<i64>();
            self.words.told += changed.len() as i64;
            let back: i64 = changed.iter().map(|(shop, _)| give_back(&mut self.shops[*shop])).sum();
            if back == 0 {
                return;
            }
            self.free += back;
            let givers = changed.iter().filter(|(_, opened)| *opened == 0).count() as i64;
            self.words += Words { told: givers, rounds: givers };
        }
    }

    /// Asks for what is short, as a till does by itself, with the marks that it was told.
    fn ask(&mut self, lines: &Lines, sale: Sale, is_up: bool) {
        let holding = &mut self.shops[sale.shop];
        let asked = Marks::around(holding.outlook.full).ask(holding.allotment.open(), sale.units);
        let granted = if is_up { asked.min(self.free) } else { 0 };
        self.free -= granted;
        holding.allotment = holding.allotment.grant(granted);
        holding.outlook = holding.outlook.granted(granted, sale.at).asked_in_vain(asked - granted, sale.at);
        self.words += Words { told: 1 + i64::from(granted > 0), rounds: i64::from(is_up) };
        if is_up {
            self.even_out(lines, sale.at);
        }
    }
}

/// What a shop that was asked gives back.
fn give_back(holding: &mut Holding) -> i64 {
    let open = holding.allotment.open();
    let back = holding.outlook.keep(holding.allotment.granted).map_or(0, |keep| (open - keep).max(0));
    holding.allotment = holding.allotment.give_back(back);
    back
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
        let covers = |shops: &[Holding]| shops[sale.shop].allotment.covers(sale.units);
        let mut how = How::Own;
        if !covers(&self.shops) {
            how = How::Asked;
            self.ask(lines, sale, is_up);
        }
        if !covers(&self.shops) {
            return How::Refused;
        }
        let holding = &mut self.shops[sale.shop];
        holding.allotment = holding.allotment.consume(sale.units);
        holding.outlook.demand = Some(Demand::after(holding.outlook.demand, sale.units, sale.at));
        holding.cover = lines.waits(sale.shop, sale.at).cover(sale.at);
        if is_up && holding.is_due(sale.at) {
            self.even_out(lines, sale.at);
        }
        how
    }

    fn open(&self) -> i64 {
        self.shops.iter().map(|holding| holding.allotment.open()).sum()
    }

    fn words(&self) -> Words {
        self.words
    }
}
