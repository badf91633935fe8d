//! Seeds against an oracle: a list of everything that happened, each unit and each taking with a
//! number of its own, and for each till the set of what it has heard of. The oracle knows no clock
//! and counts nothing per actor; it implements the words at the head of `cart.rs` and `sold.rs` on
//! these sets.

use std::{cmp::Reverse, collections::BTreeSet};

use rand::{Rng, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use uuid::Uuid;

use super::super::*;

/// Things that happened, one bit for each place in the history.
type Set = u128;

/// So many seeds, of so many steps; a seed that fills the history stops early.
const SEEDS: u64 = 10_000;
const STEPS: usize = 28;
const PRODUCTS: [ProductId; 2] = [ProductId(Uuid::from_u128(70)), ProductId(Uuid::from_u128(71))];

struct Event {
    by: IncarnationId,
    product: ProductId,
    what: What,
}

#[derive(Clone, Copy, PartialEq)]
enum What {
    Unit,
    Taking,
    Clearing { covers: Set },
    Beginning { cleared: u32, at: Timestamp, unit_price: Option<Money> },
    Parking { at: Hlc, parked: bool },
}

#[derive(Default)]
struct History(Vec<Event>);

impl History {
    fn note(&mut self, seen: &mut Set, by: IncarnationId, product: ProductId, what: What) {
        *seen |= 1 << self.0.len();
        self.0.push(Event { by, product, what });
    }

    fn of(&self, seen: Set) -> impl Iterator<Item = (Set, &Event)> {
        let mut left = seen;
        std::iter::from_fn(move || {
            let bit = left & left.wrapping_neg();
            left ^= bit;
            (bit != 0).then(|| (bit, &self.0[bit.trailing_zeros() as usize]))
        })
    }

    fn on(&self, seen: Set, product: ProductId) -> impl Iterator<Item = (Set, &Event)> {
        self.of(seen).filter(move |(_, event)| event.product == product)
    }

    /// The units and takings of a line.
    fn goods(&self, seen: Set, product: ProductId) -> Set {
        let goods = self.on(seen, product).filter(|(_, event)| matches!(event.what, What::Unit | What::Taking));
        goods.fold(0, |set, (bit, _)| set | bit)
    }

    fn covered(&self, seen: Set, product: ProductId) -> Set {
        self.on(seen, product).fold(0, |set, (_, event)| match event.what {
            What::Clearing { covers } => set | covers,
            What::Unit | What::Taking | What::Beginning { .. } | What::Parking { .. } => set,
        })
    }

    fn live(&self, seen: Set, product: ProductId, what: What) -> Vec<(IncarnationId, Set)> {
        let covered = self.covered(seen, product);
        let live = self.on(seen & !covered, product).filter(|(_, event)| event.what == what);
        live.map(|(bit, event)| (event.by, bit)).collect()
    }

    fn value(&self, seen: Set, product: ProductId) -> i64 {
        let count = |what| i64::try_from(self.live(seen, product, what).len()).expect("a short history");
        count(What::Unit) - count(What::Taking)
    }

    fn shown(&self, seen: Set, product: ProductId) -> i64 {
        self.value(seen, product).max(0)
    }

    /// The units that a checkout sells: takings undo their own till's last, then the last of all.
    fn sold(&self, seen: Set, product: ProductId) -> Set {
        let mut units = self.live(seen, product, What::Unit);
        units.sort_unstable();
        let mut beyond = 0;
        for (by, _) in self.live(seen, product, What::Taking) {
            match units.iter().rposition(|(actor, _)| *actor == by) {
                Some(own) => drop(units.remove(own)),
                None => beyond += 1,
            }
        }
        units.truncate(units.len().saturating_sub(beyond));
        units.iter().fold(0, |set, (_, bit)| set | bit)
    }

    fn beginning(&self, seen: Set, product: ProductId) -> Option<(Timestamp, Option<Money>)> {
        let beginnings = self.on(seen, product).filter_map(|(_, event)| match event.what {
            What::Beginning { cleared, at, unit_price } => Some((Reverse(cleared), at, event.by, unit_price)),
            What::Unit | What::Taking | What::Clearing { .. } | What::Parking { .. } => None,
        });
        beginnings.min().map(|(_, at, _, unit_price)| (at, unit_price))
    }

    fn parking(&self, seen: Set) -> Option<(Hlc, IncarnationId, bool)> {
        let parkings = self.of(seen).filter_map(|(_, event)| match event.what {
            What::Parking { at, parked } => Some((at, event.by, parked)),
            What::Unit | What::Taking | What::Clearing { .. } | What::Beginning { .. } => None,
        });
        parkings.max()
    }

    /// Whom a state's reader must hear from first, before it believes the author.
    fn awaits(&self, told: Set, known: Set, author: IncarnationId) -> BTreeSet<IncarnationId> {
        let goods = PRODUCTS.map(|product| self.goods(told & !known, product));
        let mut awaits: BTreeSet<_> = self.of(goods[0] | goods[1]).map(|(_, event)| event.by).collect();
        let newer = self.parking(told).filter(|_| self.parking(told) > self.parking(known));
        awaits.extend(newer.map(|(_, by, _)| by));
        awaits.remove(&author);
        awaits
    }
}

/// A till, or what it sent, or its backup: a cart, who writes there, and what is known there.
#[derive(Clone)]
struct Replica {
    cart: Cart,
    actor: IncarnationId,
    seen: Set,
}

struct Sale {
    sold: Sold,
    seen: Set,
    units: [Set; PRODUCTS.len()],
}

struct World {
    seed: u64,
    chance: ChaCha8Rng,
    history: History,
    tills: Vec<Replica>,
    mail: Vec<Replica>,
    sales: Vec<Sale>,
    incarnations: u128,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut chance = ChaCha8Rng::seed_from_u64(seed);
        let (first, at) = (IncarnationId(Uuid::from_u128(500)), Hlc::ZERO);
        let (owner, home) = (UserId::GUEST, WarehouseId(Uuid::nil()));
        let cart = Cart::open(CartId(Uuid::nil()), owner, home, first, at);
        let mut history = History::default();
        let mut seen = 0;
        history.note(&mut seen, first, PRODUCTS[0], What::Parking { at, parked: false });
        let count = chance.random_range(2..=4);
        let tills = vec![Replica { cart, actor: first, seen }; count];
        let mut world = Self { seed, chance, history, tills, mail: vec![], sales: vec![], incarnations: 0 };
        (1..count).for_each(|till| world.tills[till].actor = world.incarnation());
        world
    }

    /// A new actor, above or below the others.
    fn incarnation(&mut self) -> IncarnationId {
        self.incarnations += 1;
        let side = if self.chance.random() { 1_000 } else { 0 };
        IncarnationId(Uuid::from_u128(side + self.incarnations))
    }

    fn step(&mut self) {
        let till = self.chance.random_range(0..self.tills.len());
        let product = PRODUCTS[self.chance.random_range(0..PRODUCTS.len())];
        let units = self.chance.random_range(1..=3);
        match self.chance.random_range(0..20) {
            0..=3 => self.add(till, product, units),
            4..=5 => self.take(till, product, units),
            6 => self.set(till, product, units - 1),
            7 => self.remove(till, product),
            8..=9 => self.checkout(till),
            10 => self.park(till),
            11 => self.close(till),
            12 => self.rarely(till),
            13..=15 => self.mail.push(self.tills[till].clone()),
            _ => self.deliver(till),
        }
        self.check(till);
    }

    fn rarely(&mut self, till: usize) {
        if self.chance.random() { self.clear(till) } else { self.restore(till) }
    }

    fn add(&mut self, till: usize, product: ProductId, units: i64) {
        let at = Timestamp::from_micros(self.chance.random_range(0..9));
        let unit_price = Money::from_parts(self.chance.random_range(1..9)).ok();
        let Replica { cart, actor, seen } = &mut self.tills[till];
        cart.add(*actor, product, Amount::new(units).expect("small"), unit_price, at).expect("there is room");
        if self.history.value(*seen, product) <= 0 {
            let covers = self.history.goods(*seen, product);
            self.history.note(seen, *actor, product, What::Clearing { covers });
            let cleared = self.history.covered(*seen, product).count_ones();
            self.history.note(seen, *actor, product, What::Beginning { cleared, at, unit_price });
        }
        (0..units).for_each(|_| self.history.note(seen, *actor, product, What::Unit));
    }

    fn take(&mut self, till: usize, product: ProductId, units: i64) {
        let Replica { cart, actor, seen } = &mut self.tills[till];
        cart.take(*actor, product, Amount::new(units).expect("small")).expect("within bounds");
        if units >= self.history.shown(*seen, product) {
            let covers = self.history.goods(*seen, product);
            self.history.note(seen, *actor, product, What::Clearing { covers });
        } else {
            (0..units).for_each(|_| self.history.note(seen, *actor, product, What::Taking));
        }
    }

    /// By the cart's own word and the oracle's: the difference to what is shown.
    fn set(&mut self, till: usize, product: ProductId, wanted: i64) {
        let before = self.tills[till].clone();
        let shown = self.history.shown(before.seen, product);
        match wanted.cmp(&shown) {
            Ordering::Equal => (),
            Ordering::Less => self.take(till, product, shown - wanted),
            Ordering::Greater => self.add(till, product, wanted - shown),
        }
        let Replica { mut cart, actor, .. } = before;
        let line = self.tills[till].cart.lines.get(&product);
        let (unit_price, at) =
            line.map_or((None, Timestamp::from_micros(0)), |line| (line.began.unit_price, line.began.at));
        cart.set(actor, product, wanted, unit_price, at).expect("there is room");
        assert_eq!(cart, self.tills[till].cart, "seed {}", self.seed);
    }

    fn remove(&mut self, till: usize, product: ProductId) {
        let Replica { cart, actor, seen } = &mut self.tills[till];
        cart.remove(product);
        let covers = self.history.goods(*seen, product);
        self.history.note(seen, *actor, product, What::Clearing { covers });
    }

    fn clear(&mut self, till: usize) {
        self.tills[till].cart.clear();
        PRODUCTS.into_iter().for_each(|product| self.remove(till, product));
    }

    fn checkout(&mut self, till: usize) {
        let before = self.tills[till].seen;
        let shown = PRODUCTS.map(|product| self.history.shown(before, product));
        let Ok(sold) = self.tills[till].cart.checkout() else {
            return assert_eq!(shown, [0, 0], "seed {}", self.seed);
        };
        assert_eq!(sold.check(), Ok(()), "seed {}", self.seed);
        for (product, shown) in PRODUCTS.into_iter().zip(shown) {
            let line = sold.lines.iter().find(|line| line.product_id == product);
            assert_eq!(line.map_or(0, |line| line.quantity.units()), shown, "seed {}", self.seed);
            if shown > 0 {
                self.remove(till, product);
            }
        }
        let units = PRODUCTS.map(|product| self.history.sold(before, product));
        self.sales.push(Sale { sold, seen: before, units });
    }

    /// An order that another till made arrives without that till's cart.
    fn close(&mut self, till: usize) {
        if self.sales.is_empty() {
            return;
        }
        let sale = &self.sales[self.chance.random_range(0..self.sales.len())];
        let Replica { cart, actor, seen } = &mut self.tills[till];
        cart.close(&sale.sold);
        for line in &sale.sold.lines {
            let mut covers = 0;
            for what in [What::Unit, What::Taking] {
                let live = self.history.live(sale.seen, line.product_id, what);
                let of_sale = self.history.on(*seen & sale.seen, line.product_id);
                let same =
                    of_sale.filter(|(_, event)| event.what == what && live.iter().any(|(by, _)| *by == event.by));
                covers |= same.fold(0, |set, (bit, _)| set | bit);
            }
            self.history.note(seen, *actor, line.product_id, What::Clearing { covers });
        }
    }

    fn park(&mut self, till: usize) {
        let (parked, wall) =
            (self.chance.random(), Hlc { at: Timestamp::from_micros(self.chance.random_range(1..9)), tick: 0 });
        let Replica { cart, actor, seen } = &mut self.tills[till];
        let (before, ..) = self.history.parking(*seen).expect("parking is told from the start");
        if parked {
            cart.park("", *actor, wall).expect("a short label")
        } else {
            cart.resume(*actor, wall)
        }
        let at = if wall > before { wall } else { Hlc { at: before.at, tick: before.tick + 1 } };
        self.history.note(seen, *actor, PRODUCTS[0], What::Parking { at, parked });
    }

    /// The till forgets all but what it once sent, and writes under a new name from now on.
    fn restore(&mut self, till: usize) {
        if let Some(backup) = self.letter() {
            let actor = self.incarnation();
            self.tills[till] = Replica { actor, ..backup };
        }
    }

    /// Any letter ever sent: late, again, out of order.
    fn letter(&mut self) -> Option<Replica> {
        (!self.mail.is_empty()).then(|| self.mail[self.chance.random_range(0..self.mail.len())].clone())
    }

    fn deliver(&mut self, till: usize) {
        let Some(letter) = self.letter() else { return };
        self.check_belief(till, &letter);
        let third = self.tills[self.chance.random_range(0..self.tills.len())].cart.clone();
        check_laws(&self.tills[till].cart, &letter.cart, &third, self.seed);
        self.hear(till, &letter);
    }

    fn hear(&mut self, till: usize, letter: &Replica) {
        self.tills[till].cart.merge(&letter.cart);
        self.tills[till].seen |= letter.seen;
    }

    fn check_belief(&self, till: usize, letter: &Replica) {
        let reader = &self.tills[till];
        let awaits = self.history.awaits(letter.seen, reader.seen, letter.actor);
        let right = if awaits.is_empty() { Belief::Merge } else { Belief::KeepAside { awaits } };
        // The label is written along with the parking, and the oracle knows it as one.
        let mut told = letter.cart.clone();
        told.label = reader.cart.label.clone();
        assert_eq!(told.believable(Some(&reader.cart), letter.actor, &[].into(), &[]), right, "seed {}", self.seed);
    }

    fn check(&self, till: usize) {
        let Replica { cart, seen, .. } = &self.tills[till];
        for product in PRODUCTS {
            let shown = self.history.shown(*seen, product);
            assert_eq!(cart.quantity(product), shown, "seed {}", self.seed);
            let line = cart.lines().into_iter().find(|line| line.product_id == product);
            let begun = self.history.beginning(*seen, product).filter(|_| shown > 0);
            assert_eq!(line.map(|line| (line.added_at, line.unit_price)), begun, "seed {}", self.seed);
        }
        let parked = self.history.parking(*seen).map(|(_, _, parked)| parked);
        assert_eq!(Some(cart.is_parked()), parked, "seed {}", self.seed);
    }

    /// One till, any of them, hears from all in some order, and then all from it.
    fn settle(&mut self) {
        self.tills.shuffle(&mut self.chance);
        let mut hub = self.tills[0].clone();
        for till in &self.tills {
            hub.cart.merge(&till.cart);
            hub.seen |= till.seen;
        }
        let bytes = |cart: &Cart| rmp_serde::to_vec_named(cart).expect("a cart packs");
        let packed = bytes(&hub.cart);
        for till in 0..self.tills.len() {
            self.hear(till, &hub);
            self.check(till);
            assert_eq!(self.tills[till].cart, hub.cart, "seed {}", self.seed);
            assert_eq!(bytes(&self.tills[till].cart), packed, "seed {}", self.seed);
        }
    }

    /// Orders reach the server in any order; each finds exactly the units that others sold before it.
    fn claim(&mut self) {
        self.sales.shuffle(&mut self.chance);
        for (place, product) in PRODUCTS.into_iter().enumerate() {
            let (mut known, mut before) = (SoldUnits::default(), 0);
            for sale in &self.sales {
                let lines = sale.sold.lines.iter().filter(|line| line.product_id == product);
                let twice: u64 = lines.map(|line| known.claim(line).units()).sum();
                assert_eq!(twice, u64::from((before & sale.units[place]).count_ones()), "seed {}", self.seed);
                before |= sale.units[place];
            }
        }
    }

    fn is_full(&self) -> bool {
        self.history.0.len() + 16 > Set::BITS as usize
    }
}

fn merged(one: &Cart, two: &Cart) -> Cart {
    let mut cart = one.clone();
    cart.merge(two);
    cart
}

fn check_laws(one: &Cart, two: &Cart, three: &Cart, seed: u64) {
    let both = merged(one, two);
    assert_eq!(both, merged(two, one), "merging is commutative, seed {seed}");
    assert_eq!(both, merged(&both, two), "merging is idempotent, seed {seed}");
    assert_eq!(merged(&both, three), merged(one, &merged(two, three)), "merging is associative, seed {seed}");
}

fn run(seed: u64) -> World {
    let mut world = World::new(seed);
    for _ in 0..STEPS {
        if !world.is_full() {
            world.step();
        }
    }
    world.settle();
    world.claim();
    world
}

#[test]
fn carts_agree_with_a_list_of_everything_that_happened() {
    let (mut sales, mut twice) = (0, 0);
    for seed in 0..SEEDS {
        let world = run(seed);
        sales += world.sales.len();
        let sold = |sale: &Sale| sale.units.iter().map(|units| units.count_ones()).sum::<u32>();
        let all = world.sales.iter().fold([0; 2], |all, sale| [all[0] | sale.units[0], all[1] | sale.units[1]]);
        twice += world.sales.iter().map(sold).sum::<u32>() - all[0].count_ones() - all[1].count_ones();
    }
    println!("{SEEDS} seeds, {sales} sales, {twice} units sold twice");
    assert!(sales > 5_000 && twice > 1_000, "the seeds reach what they are for: {sales} sales, {twice} units twice");
}
