//! A network in which a day happens, at whatever depth: it does what the steps say, tells the ledger what
//! really happened, and looks after every step whether the laws hold.

mod awaited;
mod carts;
mod chores;
mod counts;
mod cuts;
mod deliveries;
mod end;
mod faults;
mod holds;
mod leaving;
mod orders;
mod recalled;
mod returns;
mod rounds;
mod rules;
mod settled;
mod spots;
pub mod summary;
mod transfers;
mod verbs;
mod withdrawn;

use std::{fmt, sync::Arc};

use outpost_schema::{
    clock::Timestamp,
    device::Card,
    id::ProductId,
    stock::StockKey,
    verdict::ConcernKind,
    world::{Seeded, World as _},
};

use outpost_sync::round;

use crate::{
    chance::Chance,
    depth::Depth,
    device::{Device, Yard},
    laws,
    ledger::{Disk, Ledger},
    office::{Book, Office, Weather},
    options::Options,
    step::Step,
    tally::Tally,
};

pub use self::spots::Spot;

/// Steps of the story that a failure tells.
const TOLD_MAX: usize = 40;

/// Something that must hold, or the sentence that says why it does not.
pub type Check<T = ()> = Result<T, String>;

/// The tills of a depth.
pub type DeviceOf<D> = <<D as Depth>::Yard as Yard>::Device;

/// The copies of a till's disk.
pub type ImageOf<D> = <<D as Depth>::Yard as Yard>::Image;

/// The lines of a depth.
pub type LineOf<D> = <<D as Depth>::Office as Office>::Line;

/// The backups of a depth.
pub type BackupOf<D> = <<D as Depth>::Office as Office>::Backup;

/// A law was broken.
#[derive(Clone, Debug)]
pub struct Broken {
    /// Which, and how.
    pub law: String,
    /// The last steps before.
    pub story: Vec<String>,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.story.iter().try_for_each(|line| writeln!(f, "  {line}"))?;
        write!(f, "  => {}", self.law)
    }
}

/// The network.
pub struct Network<D: Depth> {
    /// Head office.
    pub office: D::Office,
    /// Its clock.
    pub office_world: Arc<Seeded>,
    /// Its book, as last read.
    pub book: Book,
    /// Its last backup, and which ops are in that.
    pub backup: Option<(BackupOf<D>, Vec<usize>)>,
    /// Where the tills stand.
    pub yard: D::Yard,
    /// The tills.
    pub spots: Vec<Spot<D>>,
    /// What is sold.
    pub products: Vec<ProductId>,
    /// What head office laid down.
    laid: rules::LaidDown,
    /// What people at head office did about concerns.
    settled: settled::Settled,
    /// What really happened.
    pub ledger: Ledger,
    /// What is short in the book, and what was withdrawn.
    short: withdrawn::Shortages,
    /// What the counts of the day had seen.
    cuts: cuts::Cuts,
    /// Units of each transfer that head office gave up.
    given_up: transfers::GivenUp,
    /// What came in, and what was expected.
    deliveries: deliveries::Deliveries,
    /// What this run covered.
    pub tally: Tally,
    /// For whatever is drawn while it happens.
    pub chance: Chance,
    /// How many worlds were made.
    worlds: u64,
    seed: u64,
    story: Vec<String>,
}

/// A day at this depth, told to its end.
///
/// # Errors
/// The law that was broken.
pub async fn live<D: Depth>(options: &Options, steps: &[Step]) -> Result<Tally, Broken> {
    let mut network = Network::<D>::open(options).await;
    let lived = network.day(steps).await;
    match lived {
        Ok(()) => Ok(network.tally),
        Err(law) => Err(Broken { law, story: network.story }),
    }
}

impl<D: Depth> Network<D> {
    async fn open(options: &Options) -> Self {
        let office_world = Arc::new(Seeded::new(options.seed.wrapping_mul(31)));
        let office = D::Office::open(&options.opening, &office_world).await;
        let mut network = Self {
            book: Book::default(),
            laid: rules::LaidDown::of(&options.opening.rules(&office.products())),
            settled: settled::Settled::default(),
            products: office.products(),
            yard: D::yard(),
            spots: Vec::new(),
            backup: None,
            ledger: Ledger::default(),
            short: withdrawn::Shortages::default(),
            cuts: cuts::Cuts::of(options.knows_the_shop),
            given_up: transfers::GivenUp::default(),
            deliveries: deliveries::Deliveries::default(),
            tally: Tally { seeds: 1, ..Tally::default() },
            chance: Chance::of(options.seed ^ 0x6461_7900),
            worlds: 0,
            seed: options.seed,
            story: Vec::new(),
            office,
            office_world,
        };
        network.set_up(options).await;
        if options.knows_the_shop {
            network.hear_of_the_shop().await;
        }
        for (spot, seed) in network.spots.iter().zip(options.seed..) {
            spot.line.weather(seed, options.in_a_hundred);
        }
        network
    }

    /// Every till calls once over a good line.
    async fn hear_of_the_shop(&mut self) {
        for number in 0..self.spots.len() {
            let spot = &self.spots[number];
            if let Some(device) = &spot.device {
                round::run(device, &spot.line, 0)
                    .await
                    .unwrap_or_else(|failure| panic!("a first call fails: {failure}"));
            }
            self.spots[number].has_called = true;
            self.has_heard(number);
            self.look(number);
        }
        self.book = self.office.book().await;
    }

    async fn set_up(&mut self, options: &Options) {
        let cards = self.office.cards();
        let mut next = cards.iter();
        for place in &options.opening.places {
            for card in next.by_ref().take(place.tills.len()) {
                let world = self.world();
                let device = self.yard.start(card, &world);
                self.put(card.clone(), device, world, Vec::new());
                for (product, on_hand) in self.products.iter().zip(&place.on_hand) {
                    let key = StockKey { product_id: *product, warehouse_id: card.warehouse_id };
                    *self.ledger.row(key) =
                        crate::ledger::Row { opening: *on_hand, there: *on_hand, ..Default::default() };
                }
            }
        }
        self.book = self.office.book().await;
        for number in 0..self.spots.len() {
            self.look(number);
        }
    }

    /// Puts a till somewhere, with a line of its own.
    fn put(&mut self, card: Card, device: DeviceOf<D>, world: Arc<Seeded>, disk: Disk) {
        let line = self.office.lay(card.node_id);
        let (life, (shown, open)) = (device.life(), Default::default());
        self.spots.push(Spot {
            device: Some(device),
            line,
            world,
            image: None,
            disk,
            under_way: None,
            half: None,
            is_doubtful: false,
            was_doubtful: false,
            doubtful_life: None,
            clock_was_set: false,
            has_called: false,
            stood: [card.warehouse_id].into(),
            card,
            going: None,
            is_told_off: false,
            closings: Vec::new(),
            life,
            shown,
            open,
            heard: 0,
        });
    }

    /// A clock of its own, with chance that nobody else has.
    fn world(&mut self) -> Arc<Seeded> {
        self.worlds += 1;
        let seed = self.seed.wrapping_mul(0x9e37_79b9).wrapping_add(self.worlds);
        Arc::new(Seeded::new(seed.wrapping_mul(0xbf58_476d_1ce4_e5b9)))
    }

    /// The same, with the time that a till's clock shows.
    fn world_at(&mut self, number: usize) -> Arc<Seeded> {
        let world = self.world();
        world.pass(self.spots[number].world.now().seconds_since(world.now()));
        world
    }

    async fn day(&mut self, steps: &[Step]) -> Check {
        for step in steps {
            self.tally.steps += 1;
            self.tell(|| format!("{step:?}"));
            self.step(step).await?;
            self.wake_the_dark().await?;
        }
        self.settle().await?;
        self.count_harm();
        Ok(())
    }

    async fn step(&mut self, step: &Step) -> Check {
        match step {
            Step::At(till, verb) => self.at(*till, verb).await,
            Step::Round(till) => self.round(*till).await,
            Step::Rounds(one, other) => self.rounds(*one, *other).await,
            Step::Compare(till) => self.compare(*till).await,
            Step::Tidy(till) => self.tidy(*till),
            Step::Office(chore) => self.chore(chore).await,
            Step::Fault(fault) => self.fault(fault).await,
            Step::Pass(seconds) => {
                self.pass(*seconds);
                self.look_again().await
            }
        }
    }

    fn pass(&mut self, seconds: i64) {
        self.office_world.pass(seconds);
        for spot in &self.spots {
            spot.world.pass(seconds);
        }
        self.holds_expire();
        self.tally.node_seconds += seconds.unsigned_abs() * self.spots.len() as u64;
    }

    /// Keeps the last lines of the story.
    fn tell(&mut self, line: impl FnOnce() -> String) {
        if self.story.len() >= 2 * TOLD_MAX {
            self.story.drain(..TOLD_MAX);
        }
        self.story.push(line());
    }

    /// The till that a number means, if there is one there.
    fn till(&self, nth: usize) -> Option<usize> {
        let number = nth % self.spots.len();
        self.spots[number].device.as_ref().map(|_| number)
    }

    fn product(&self, nth: usize) -> ProductId {
        self.products[nth % self.products.len()]
    }

    fn key(&self, number: usize, product_id: ProductId) -> StockKey {
        StockKey { product_id, warehouse_id: self.spots[number].card.warehouse_id }
    }

    /// Reads the book anew and checks every law that can be checked now.
    async fn look_at_the_book(&mut self) -> Check {
        let book = self.office.book().await;
        let before = std::mem::replace(&mut self.book, book);
        self.holds_expire();
        self.note_what_was_decided();
        self.note_what_was_confirmed(&before)?;
        self.note_what_was_withdrawn(&before)?;
        self.nothing_kept_back_is_granted(&before)?;
        self.what_is_settled_stays_settled(&before)?;
        self.check()
    }

    /// Whether the laws hold.
    fn check(&mut self) -> Check {
        self.tally.checks += 1;
        laws::check(self)?;
        for row in self.ledger.rows.values() {
            let deficit = (-row.there).max(0).unsigned_abs();
            if deficit > self.tally.deficit_max {
                (self.tally.deficit_max, self.tally.deficit_bound) = (deficit, row.excess.unsigned_abs());
            }
        }
        Ok(())
    }

    /// What became of ops that change what is owed: cancellations that head office agreed to.
    fn note_what_was_decided(&mut self) {
        let mut freed = Vec::new();
        let (ledger, book) = (&mut self.ledger, &self.book);
        for order in ledger.owed.values_mut().filter(|order| !order.is_cancelled) {
            let agreed = |op: &&usize| book.verdict(ledger.ops[**op].name) == Some("accepted");
            if order.asks.iter().find(agreed).is_some() {
                order.is_cancelled = true;
                if order.has_left {
                    // It had been handed over, and nobody at head office knew.
                    freed.extend(order.lines.iter().copied());
                    ledger.explained.insert(ConcernKind::ShippedThoughCancelled);
                }
            }
        }
        self.ledger.allow(&freed);
        self.note_what_was_used_up();
    }

    /// Holds that orders have used up by now.
    fn note_what_was_used_up(&mut self) {
        for (hold, place, op) in self.ledger.used.clone() {
            if self.book.verdict(self.ledger.ops[op].name) == Some("accepted") {
                self.ledger.end_lines(hold, |key| key.warehouse_id == place);
            }
        }
    }

    /// A hold whose time came is over, whatever head office's clock says later.
    fn holds_expire(&mut self) {
        let now = self.office_now();
        self.ledger.holds.values_mut().for_each(|held| held.is_over |= held.until <= now);
    }

    fn count_harm(&mut self) {
        for spot in &self.spots {
            let harm = spot.line.harm();
            self.tally.dropped += harm.dropped;
            self.tally.repeated += harm.repeated;
            self.tally.reordered += harm.reordered;
            self.tally.truncated += harm.truncated;
        }
    }

    /// Head office's clock.
    pub fn office_now(&self) -> Timestamp {
        self.office_world.now()
    }
}
