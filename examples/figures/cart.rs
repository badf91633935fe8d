//! The cart: what its four vector clocks a line cost in time and bytes, beside plain maps and lists
//! that forget who counted what and so could not be merged, or not without loss.

use std::{collections::BTreeMap, hint::black_box, time::Duration};

use outpost_node::carts::Carts;
use outpost_schema::{
    cart::Cart,
    clock::{Hlc, Timestamp},
    id::{CartId, IncarnationId, ProductId, UserId, WarehouseId},
    quantity::Amount,
    world::{Seeded, World as _},
};

use crate::{
    disk::{self, Probe},
    goods,
    numbers::{Rounds, micros},
    report::{Figure, Outcome, Report},
    till::{self, A_MOMENT, Pace, beside_disk},
    watch::timed,
};

/// See [`Figure`].
pub const FIGURE: Figure = Figure {
    name: "cart",
    tells: "A cart's add, merge and size as more devices change it, and an add that is surely on a till's disk.",
    means: "A cart is merged on each push and pull that carries it, so a merge should stay far below the 25 ms of a page.",
    measure,
};

/// Lines of the cart: a full basket.
const LINES: usize = 10;

/// Rounds of turns.
const ROUNDS: usize = 7;

/// Times that each side does its work in one turn, to be long enough for the clock.
const TIMES: u32 = 2_000;

/// Durable adds of a round.
const DURABLE_TIMES: usize = 150;

/// What counts of a merge are without their meaning: one number per product and device.
type Counts = BTreeMap<(ProductId, IncarnationId), u64>;

/// Products and devices that the figure's carts name.
struct Cast {
    world: Seeded,
    products: Vec<ProductId>,
    one: Amount,
}

fn measure(report: &mut Report) -> Outcome {
    let world = Seeded::new(1);
    let products = (0..LINES).map(|_| ProductId::new(world.now(), world.id_chance())).collect();
    let cast = Cast { world, products, one: Amount::new(1)? };
    for nodes in [1, 10, 100] {
        add(report, &cast, nodes)?;
        merge(report, &cast, nodes)?;
        size(report, &cast, nodes)?;
    }
    durable(report, &cast)
}

/// Adds through a till that has one page of products: SQLite, then the fast copy in sled.
fn durable(report: &mut Report, cast: &Cast) -> Outcome {
    let folder = disk::folder()?;
    let node = till::open(&folder.path().join("till"), 1)?;
    let carts = Carts::open(node, &folder.path().join("carts"))?;
    let mut probe = Probe::make(folder.path())?;
    let cart_id = carts.begin(None)?.cart_id();
    let mut numbers = (0..LINES).cycle();
    let pace = Pace { times: DURABLE_TIMES, pause: A_MOMENT };
    beside_disk(report, &mut probe, "durable add, 10 lines", pace, || {
        let product = numbers.next().map(goods::product_id).ok_or("numbers that cycle never end")?;
        Ok(carts.add(cart_id, product, cast.one, None).map(drop)?)
    })
}

impl Cast {
    /// A cart of which every line was changed by this many devices, and those devices.
    fn cart(&self, nodes: usize) -> Outcome<(Cart, Vec<IncarnationId>)> {
        let actors: Vec<_> = (0..nodes).map(|_| IncarnationId::new(self.world.now(), self.world.id_chance())).collect();
        let owner = UserId::new(self.world.now(), self.world.id_chance());
        let home = WarehouseId::new(self.world.now(), self.world.id_chance());
        let cart_id = CartId::new(self.world.now(), self.world.id_chance());
        let first = actors.first().copied().ok_or("a cart has at least one device")?;
        let mut cart = Cart::open(cart_id, owner, home, first, Hlc::ZERO.tick(self.world.now()));
        for actor in &actors {
            for product in &self.products {
                cart.add(*actor, *product, self.one, None, self.world.now())?;
            }
        }
        Ok((cart, actors))
    }

    /// Every count of such a cart, bare.
    fn counts(&self, actors: &[IncarnationId]) -> Counts {
        self.products.iter().flat_map(|product| actors.iter().map(|actor| ((*product, *actor), 1))).collect()
    }
}

fn add(report: &mut Report, cast: &Cast, nodes: usize) -> Outcome {
    let (cart, actors) = cast.cart(nodes)?;
    let at = cast.world.now();
    let mut rounds = Rounds::default();
    for _ in 0..ROUNDS {
        let ours = adds(cart.clone(), cast, &actors, at)?;
        rounds.note(each(ours), each(plain_adds(cast)));
    }
    let (ours, beside) = rounds.medians();
    report.say("add", &case(nodes), "us", (ours, beside), "add in a plain map");
    Ok(())
}

fn adds(mut cart: Cart, cast: &Cast, actors: &[IncarnationId], at: Timestamp) -> Outcome<Duration> {
    let turns = actors.iter().cycle().zip(cast.products.iter().cycle()).take(TIMES as usize);
    let (passed, done) = timed(|| {
        for (actor, product) in turns {
            cart.add(*actor, *product, cast.one, None, at)?;
        }
        Ok::<(), outpost_schema::fault::Fault>(())
    });
    black_box(&cart);
    done?;
    Ok(passed)
}

fn plain_adds(cast: &Cast) -> Duration {
    let mut plain: BTreeMap<ProductId, i64> = cast.products.iter().map(|product| (*product, 1)).collect();
    let (passed, ()) = timed(|| {
        for product in cast.products.iter().cycle().take(TIMES as usize) {
            *plain.entry(*product).or_default() += cast.one.units();
        }
    });
    black_box(&plain);
    passed
}

fn merge(report: &mut Report, cast: &Cast, nodes: usize) -> Outcome {
    let (mut cart, actors) = cast.cart(nodes)?;
    let other = cart.clone();
    let (mut counts, others) = (cast.counts(&actors), cast.counts(&actors));
    let mut rounds = Rounds::default();
    for _ in 0..ROUNDS {
        let (ours, ()) = timed(|| (0..TIMES).for_each(|_| black_box(&mut cart).merge(black_box(&other))));
        let (beside, ()) = timed(|| (0..TIMES).for_each(|_| larger(black_box(&mut counts), black_box(&others))));
        rounds.note(each(ours), each(beside));
    }
    report.say("merge", &case(nodes), "us", rounds.medians(), "pointwise maximum of a map");
    Ok(())
}

/// The larger of each pair of counts.
fn larger(counts: &mut Counts, others: &Counts) {
    for (key, other) in others {
        let count = counts.entry(*key).or_default();
        *count = (*count).max(*other);
    }
}

fn size(report: &mut Report, cast: &Cast, nodes: usize) -> Outcome {
    let (cart, _) = cast.cart(nodes)?;
    let ours = rmp_serde::to_vec_named(&cart)?.len();
    let list: Vec<(ProductId, i64)> =
        cart.lines().iter().map(|line| (line.product_id, line.quantity.units())).collect();
    let beside = rmp_serde::to_vec_named(&list)?.len();
    report.say("size", &case(nodes), "bytes", (ours as f64, beside as f64), "list of product and quantity");
    Ok(())
}

/// Microseconds of one time.
fn each(passed: Duration) -> f64 {
    micros(passed) / f64::from(TIMES)
}

fn case(nodes: usize) -> String {
    match nodes {
        1 => format!("{LINES} lines, 1 device"),
        _ => format!("{LINES} lines, {nodes} devices"),
    }
}
