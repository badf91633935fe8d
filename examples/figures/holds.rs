//! Holds, placed by one caller and by many, of one hot product and of many: over HTTP and in process,
//! beside bare SQL with as many callers.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use outpost_schema::{
    id::HoldId,
    quantity::Amount,
    stock::StockKey,
    world::{Seeded, World as _},
};
use outpost_server::{db::databases, hold::Desk, server::Server};
use outpost_sync::{
    codec::{Form, encode},
    wire::{Caller, HOLDS_PATH, HoldLine, HoldPlaced, HoldWanted},
};
use rand::Rng as _;
use rand_chacha::ChaCha8Rng;
use tokio::task::JoinSet;
use tokio_postgres::{Client, Config, Statement};

use crate::{
    bare, goods,
    http::{self, Line},
    numbers::{Rounds, Spread, micros, rate},
    postgres::{self, Postgres},
    report::{Figure, Outcome, Report},
    shop::{self, Seller},
    watch::{Watch, timed_async},
};

/// See [`Figure`].
pub const FIGURE: Figure = Figure {
    name: "holds",
    tells: "Holds of one hot product and of 10,000, by 1, 16 and 64 callers, over HTTP and in process.",
    means: "Aim: at 64 callers on one hot product over HTTP, 20,000 holds/s with a p99 of at most 10 ms, and 10 times bare SQL.",
    measure,
};

/// Rounds of turns.
const ROUNDS: usize = 3;

/// How long a crowd asks in its turn.
const TURN: Duration = Duration::from_millis(1_000);

/// Products that a crowd without a favourite draws from.
const PRODUCTS: usize = 10_000;

/// Holds of which a caller was told, and those that the shop begins with.
static TOLD: AtomicI64 = AtomicI64::new(0);

const PLACE: &str = "with taken as (
        update stock set promised = promised + $4, updated_at = now()
        where product_id = $2 and warehouse_id = $3 and balance - promised >= $4
        returning product_id
    )
    insert into holds (hold_id, product_id, warehouse_id, amount, expires_at, created_at)
    select $1, product_id, $3, $4, now() + interval '10 minutes', now() from taken";

/// Where holds can be placed.
struct Sides {
    desk: Arc<Desk>,
    address: SocketAddr,
    bare: Config,
}

/// One caller's way to place a hold.
enum Way {
    Desk(Arc<Desk>),
    Http(Line),
    Bare(Client, Statement),
    /// Asks the same server for nothing: what a request costs in which nothing is held.
    Nothing(Line),
}

/// How a crowd did: holds a second, and what each waited for, in milliseconds.
struct Did {
    speed: f64,
    waits: Vec<f64>,
}

fn measure(report: &mut Report) -> Outcome {
    postgres::with(async |postgres| sides(report, &postgres).await)
}

async fn sides(report: &mut Report, postgres: &Postgres) -> Outcome {
    let (server, outside) = postgres.server("holds").await?;
    shop::fill(&outside, Seller::Online).await?;
    let bare = postgres.database("bare").await?;
    let client = databases::connect(&bare).await?;
    client.batch_execute(bare::TABLES).await?;
    shop::fill(&client, Seller::Online).await?;
    let sides = open(server, bare).await?;
    TOLD.store(standing(&outside).await?, Ordering::Relaxed);
    for callers in [1, 16, 64] {
        for products in [1, PRODUCTS] {
            crowd(report, &sides, callers, products).await?;
        }
    }
    nothing(report, &sides, 64).await?;
    is_booked(&outside).await
}

/// Every hold that a caller was told of stands in the book, and no other; each row's promises are their sum.
async fn is_booked(outside: &Client) -> Outcome {
    let (told, standing) = (TOLD.load(Ordering::Relaxed), standing(outside).await?);
    let odd = outside
        .query_one(
            "select count(*) from stock s
             full join (select product_id, warehouse_id, sum(amount) as held from holds where closed_at is null
                group by product_id, warehouse_id) h using (product_id, warehouse_id)
             where coalesce(s.promised, 0) <> coalesce(h.held, 0)",
            &[],
        )
        .await?;
    match (told == standing, odd.try_get::<_, i64>(0)?) {
        (true, 0) => Ok(()),
        (_, odd) => Err(format!("{told} holds were told, {standing} stand, {odd} rows promise something else").into()),
    }
}

/// How many holds stand.
async fn standing(outside: &Client) -> Outcome<i64> {
    let row = outside.query_one("select count(*) from holds where closed_at is null", &[]).await?;
    Ok(row.try_get(0)?)
}

/// What the door alone lets through: as many callers of the same server, for whom nothing is decided.
async fn nothing(report: &mut Report, sides: &Sides, callers: usize) -> Outcome {
    let (mut door, mut hot) = ((Rounds::default(), Spread::default()), Vec::new());
    let mut idle = Vec::new();
    for _ in 0..callers {
        hot.push(Way::Http(Line::open(sides.address).await?));
        idle.push(Way::Nothing(Line::open(sides.address).await?));
    }
    for _ in 0..ROUNDS {
        let (by_http, by_nothing);
        (hot, by_http) = turn(hot, 1).await?;
        (idle, by_nothing) = turn(idle, 1).await?;
        note(&mut door, &by_http, &by_nothing);
    }
    let case = format!("HTTP, one hot product, {}", counted(callers, "caller"));
    report.say("speed", &case, "holds/s", door.0.medians(), "requests that ask for nothing");
    Ok(())
}

async fn open(server: Arc<Server>, bare: Config) -> Outcome<Sides> {
    let address = http::serve(Arc::clone(&server)).await?;
    Ok(Sides { desk: Arc::new(Desk::open(&server)), address, bare })
}

async fn crowd(report: &mut Report, sides: &Sides, callers: usize, products: usize) -> Outcome {
    let (mut over_http, mut in_process) =
        ((Rounds::default(), Spread::default()), (Rounds::default(), Spread::default()));
    let (mut http, mut desk, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..callers {
        http.push(Way::Http(Line::open(sides.address).await?));
        desk.push(Way::Desk(Arc::clone(&sides.desk)));
        let client = databases::connect(&sides.bare).await?;
        let statement = client.prepare(PLACE).await?;
        bare.push(Way::Bare(client, statement));
    }
    for _ in 0..ROUNDS {
        let (by_http, by_desk, by_sql);
        (http, by_http) = turn(http, products).await?;
        (bare, by_sql) = turn(bare, products).await?;
        (desk, by_desk) = turn(desk, products).await?;
        note(&mut over_http, &by_http, &by_sql);
        note(&mut in_process, &by_desk, &by_sql);
    }
    let (who, what) = (counted(callers, "caller"), if products == 1 { "one hot product" } else { "10,000 products" });
    say(report, &format!("HTTP, {what}, {who}"), &over_http);
    say(report, &format!("in process, {what}, {who}"), &in_process);
    Ok(())
}

fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

fn note((speed, waits): &mut (Rounds, Spread), ours: &Did, bare: &Did) {
    speed.note(ours.speed, bare.speed);
    waits.note(&ours.waits, &bare.waits);
}

fn say(report: &mut Report, case: &str, (speed, waits): &(Rounds, Spread)) {
    report.say("speed", case, "holds/s", speed.medians(), "bare SQL");
    report.say("p50", case, "ms", waits.p50.medians(), "bare SQL p50");
    report.say("p99", case, "ms", waits.p99.medians(), "bare SQL p99");
}

/// Lets every caller place one hold after another for a while.
async fn turn(ways: Vec<Way>, products: usize) -> Outcome<(Vec<Way>, Did)> {
    let (passed, done) = timed_async(async {
        let mut tasks = JoinSet::new();
        for (way, seed) in ways.into_iter().zip(0..) {
            tasks.spawn(ask(way, products, seed));
        }
        let (mut back, mut waits) = (Vec::new(), Vec::new());
        while let Some(done) = tasks.join_next().await {
            let (way, waited) = done??;
            back.push(way);
            waits.extend(waited);
        }
        Outcome::Ok((back, waits))
    })
    .await;
    let (ways, waits) = done?;
    Ok((ways, Did { speed: rate(waits.len(), passed), waits }))
}

async fn ask(mut way: Way, products: usize, seed: u64) -> Outcome<(Way, Vec<f64>)> {
    let mut chance = goods::chance(seed);
    let ids = Seeded::new(chance_of_all());
    let (watch, mut waits) = (Watch::start(), Vec::new());
    while watch.passed() < TURN {
        let wanted = wanted(&ids, &mut chance, products)?;
        let (passed, placed) = timed_async(way.place(wanted)).await;
        placed?;
        waits.push(micros(passed) / 1e3);
    }
    Ok((way, waits))
}

/// A seed that no caller had before, because ids of holds must differ.
fn chance_of_all() -> u64 {
    rand::random()
}

fn wanted(ids: &Seeded, chance: &mut ChaCha8Rng, products: usize) -> Outcome<HoldWanted> {
    let product_id = goods::product_id(chance.random_range(0..products));
    let key = StockKey { product_id, warehouse_id: goods::warehouse_id() };
    Ok(HoldWanted::of_one(HoldId::new(ids.now(), ids.id_chance()), key, Amount::new(1)?, 600))
}

impl Way {
    async fn place(&mut self, wanted: HoldWanted) -> Outcome {
        match self {
            Self::Desk(desk) => {
                let caller = Caller { node_id: goods::node_id(), incarnation_id: goods::incarnation_id() };
                desk.place(caller, wanted).await?;
                TOLD.fetch_add(1, Ordering::Relaxed);
            }
            Self::Http(line) => {
                let placed: HoldPlaced = line.post(HOLDS_PATH, None, &encode(Form::Binary, &wanted)).await?;
                if placed.hold_id != wanted.hold_id {
                    return Err("a caller was told of somebody else's hold".into());
                }
                TOLD.fetch_add(1, Ordering::Relaxed);
            }
            Self::Nothing(line) => _ = line.get("/healthz").await?,
            Self::Bare(client, statement) => {
                let HoldWanted { hold_id, lines, .. } = wanted;
                let HoldLine { product_id, warehouse_id, amount } = lines[0];
                let placed = client.execute(statement, &[&hold_id, &product_id, &warehouse_id, &amount]).await?;
                if placed != 1 {
                    return Err("bare SQL placed nothing".into());
                }
            }
        }
        Ok(())
    }
}
