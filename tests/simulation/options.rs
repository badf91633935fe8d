//! What a seed makes of a day: how many shops and tills, how bad the lines are, and which things happen at
//! all. Not every seed has everything: a bug that hides while tills are put back may show itself when
//! they are not (swarm testing; Groce and others, 2012).

use std::fmt;

use outpost_schema::stock::SalePolicy;

use crate::{
    chance::Chance,
    office::{Opening, Place},
};

/// The sorts of step, for drawing them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    Sell,
    Ship,
    BeginCart,
    Add,
    Take,
    Remove,
    CheckOut,
    Receive,
    Adjust,
    Dispatch,
    Arrive,
    Count,
    GiveBack,
    Ask,
    Advance,
    Cancel,
    Return,
    Customer,
    Hold,
    HoldSeveral,
    Extend,
    ShipHeld,
    Release,
    Allot,
    Round,
    Rounds,
    Compare,
    Tidy,
    Reprice,
    BeginSlow,
    EndSlow,
    Sweep,
    BackUp,
    Suspend,
    Resume,
    WriteOff,
    Reclaim,
    PowerCut,
    Restart,
    Copy,
    PutBack,
    Clone,
    Destroy,
    Clock,
    OfficeClock,
    Cut,
    Mend,
    Weather,
    OfficePutBack,
    OfficeRestart,
    Pass,
    Expect,
    CloseDelivery,
    ReceiveOf,
    UndoReceipt,
    GiveUpTransfer,
    Policy,
    KeepBack,
    Order,
    Confirm,
    Settle,
    SettleAgain,
    Retire,
    Move,
    Reborn,
    UndoneTwice,
    ComesLate,
    Interlude,
    ToldAgain,
    RetireLost,
}

/// Each sort with how many in a hundred seeds have it, and how often it then happens beside the others.
/// To add a sort of step, add it here, draw it in `plan.rs`, and let `network.rs` do it.
const SORTS: [(Sort, usize, usize); 51] = [
    (Sort::Sell, 100, 240),
    (Sort::Ship, 50, 30),
    (Sort::BeginCart, 40, 20),
    (Sort::Add, 40, 60),
    (Sort::Take, 30, 10),
    (Sort::Remove, 30, 10),
    (Sort::CheckOut, 40, 30),
    (Sort::Receive, 70, 20),
    (Sort::Adjust, 40, 20),
    (Sort::Dispatch, 40, 25),
    (Sort::Arrive, 40, 40),
    (Sort::Count, 60, 20),
    (Sort::GiveBack, 60, 20),
    (Sort::Ask, 95, 90),
    (Sort::Advance, 50, 30),
    (Sort::Cancel, 40, 15),
    (Sort::Return, 50, 60),
    (Sort::Customer, 50, 25),
    (Sort::Hold, 45, 60),
    (Sort::HoldSeveral, 35, 40),
    (Sort::Extend, 35, 20),
    (Sort::ShipHeld, 35, 30),
    (Sort::Release, 30, 10),
    (Sort::Allot, 30, 10),
    (Sort::Round, 100, 220),
    (Sort::Rounds, 50, 40),
    (Sort::Compare, 20, 5),
    (Sort::Tidy, 30, 10),
    (Sort::Reprice, 40, 10),
    (Sort::BeginSlow, 30, 15),
    (Sort::EndSlow, 30, 20),
    (Sort::Sweep, 40, 10),
    (Sort::BackUp, 35, 20),
    (Sort::PowerCut, 50, 30),
    (Sort::Restart, 50, 10),
    (Sort::Copy, 50, 20),
    (Sort::PutBack, 30, 12),
    (Sort::Clone, 25, 8),
    (Sort::Destroy, 10, 2),
    (Sort::Clock, 30, 10),
    (Sort::OfficeClock, 20, 4),
    (Sort::Cut, 40, 15),
    (Sort::Mend, 40, 15),
    (Sort::Weather, 60, 15),
    (Sort::OfficePutBack, 30, 14),
    (Sort::OfficeRestart, 30, 8),
    (Sort::Pass, 60, 30),
    (Sort::Suspend, 20, 6),
    (Sort::Resume, 25, 10),
    (Sort::WriteOff, 20, 6),
    (Sort::Reclaim, 20, 5),
];

/// Sorts that came later, each drawn apart by its own name, so that the days of seeds without it stay what they were.
const LATER: [(Sort, usize, usize); 19] = [
    (Sort::Expect, 50, 25),
    (Sort::CloseDelivery, 40, 40),
    (Sort::ReceiveOf, 60, 80),
    (Sort::UndoReceipt, 50, 80),
    (Sort::GiveUpTransfer, 60, 40),
    (Sort::Policy, 20, 25),
    (Sort::KeepBack, 20, 15),
    (Sort::Order, 30, 40),
    (Sort::Confirm, 40, 25),
    (Sort::Settle, 40, 40),
    (Sort::SettleAgain, 30, 60),
    (Sort::Interlude, 15, 10),
    (Sort::Retire, 20, 10),
    (Sort::Move, 25, 15),
    (Sort::Reborn, 15, 25),
    (Sort::UndoneTwice, 10, 10),
    (Sort::ComesLate, 10, 10),
    (Sort::ToldAgain, 8, 8),
    (Sort::RetireLost, 15, 6),
];

/// How large a day may be.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Tills at most.
    pub tills: usize,
    /// Steps at most.
    pub steps: usize,
}

/// A day as a seed will have it.
#[derive(Clone, Debug)]
pub struct Options {
    /// The seed.
    pub seed: u64,
    /// What the network begins with.
    pub opening: Opening,
    /// How many steps are drawn.
    pub steps: usize,
    /// Whether every till has heard of the shop before the day begins.
    pub knows_the_shop: bool,
    /// How many calls in a hundred come to harm from the start.
    pub in_a_hundred: usize,
    /// What happens at all, and how often.
    pub mix: Vec<(Sort, usize)>,
}

impl Options {
    /// The options of a seed.
    pub fn of(seed: u64, size: Size) -> Self {
        let mut chance = Chance::of(seed ^ 0x6f70_7469_6f6e_7300);
        let tills = tills(&mut chance, size.tills);
        let mut opening = opening(&mut chance, tills);
        // Drawn apart, so that the days of old seeds stay what they were but for this.
        opening.policies = policies(&mut Chance::of(seed ^ 0x706f_6c69_6369_6573), opening.prices.len());
        let steps = size.steps / 2 + chance.below(size.steps / 2 + 1);
        let in_a_hundred = *chance.one_of(&[0, 0, 5, 20, 50]);
        let first: Vec<_> = SORTS.iter().filter(|(_, seeds, _)| chance.in_a_hundred(*seeds)).collect();
        let later = LATER.iter().filter(|(sort, seeds, _)| by_name(seed, *sort).in_a_hundred(*seeds));
        let mix = first.into_iter().chain(later).map(|(sort, _, often)| (*sort, *often)).collect();
        let knows_the_shop = chance.in_a_hundred(85);
        Self { seed, opening, steps, knows_the_shop, in_a_hundred, mix }
    }
}

/// The chance of one sort of step.
fn by_name(seed: u64, sort: Sort) -> Chance {
    let mix = |mixed: u64, letter| mixed.rotate_left(8) ^ u64::from(letter).wrapping_mul(0x0100_0000_01b3);
    Chance::of(format!("{sort:?}").bytes().fold(seed, mix))
}

/// Mostly a few, now and then many.
fn tills(chance: &mut Chance, max: usize) -> usize {
    let most = if chance.in_a_hundred(3) { max } else { max.min(6) };
    2 + chance.below(most - 1)
}

fn opening(chance: &mut Chance, mut tills: usize) -> Opening {
    let products = 1 + chance.below(3);
    let mut places = Vec::new();
    while tills > 0 {
        let is_home = chance.in_a_hundred(30);
        let here = if is_home { 1 } else { 1 + chance.below(tills) };
        tills -= here;
        let policy = |chance: &mut Chance| {
            if is_home || chance.in_a_hundred(15) { SalePolicy::Physical } else { SalePolicy::Strict }
        };
        let on_hand = (0..products).map(|_| [0, 1, 5, 20, 100][chance.below(5)]).collect();
        places.push(Place { tills: (0..here).map(|_| policy(chance)).collect(), is_home, on_hand });
    }
    let prices: Vec<i64> = (0..products).map(|_| 1 + chance.below(10_000) as i64).collect();
    Opening { places, prices, policies: Vec::new() }
}

/// What head office lays down, in some seeds: strict at a home, or physical where others sell too.
fn policies(chance: &mut Chance, products: usize) -> Vec<Option<SalePolicy>> {
    let lays_down = chance.in_a_hundred(30);
    let policy = |chance: &mut Chance| match chance.below(4) {
        0 => Some(SalePolicy::Physical),
        1 => Some(SalePolicy::Strict),
        _ => None,
    };
    if lays_down { (0..products).map(|_| policy(chance)).collect() } else { Vec::new() }
}

impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tills: usize = self.opening.places.iter().map(|place| place.tills.len()).sum();
        let places = self.opening.places.len();
        let products = self.opening.prices.len();
        writeln!(
            f,
            "seed {}: {tills} tills at {places} places, {products} products, {} steps, {} calls in a hundred come to harm",
            self.seed, self.steps, self.in_a_hundred
        )?;
        for place in &self.opening.places {
            let home = if place.is_home { "a home of" } else { "shared by" };
            writeln!(f, "  a place with {:?} on hand, {home} tills that sell {:?}", place.on_hand, place.tills)?;
        }
        if self.opening.policies.iter().any(Option::is_some) {
            writeln!(f, "  beyond the allotment: {:?}", self.opening.policies)?;
        }
        let sorts: Vec<String> = self.mix.iter().map(|(sort, often)| format!("{sort:?} {often}")).collect();
        write!(f, "  {}", sorts.join(", "))
    }
}
