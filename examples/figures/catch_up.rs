//! A device that comes back after 20,000 sales elsewhere and 30,000 changes of the catalogue: how long
//! until it is level, over HTTP, and what that costs those who were there all the time.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use outpost_node::{
    Node,
    sell::{SaleWanted, Tendered, Terms, WantedLine},
    time::Real,
    uplink::Uplink,
};
use outpost_schema::{
    device::{Card, NodeKind},
    feed::Aggregate,
    money::Money,
    quantity::Amount,
    stock::SalePolicy,
};
use outpost_server::{
    accept,
    feed::{self, Limits, cursor::Cursor},
    nodes::{self, NodeWanted},
    server::Server,
};
use outpost_sync::{
    codec::{Form, encode},
    round::{self, Local as _, Remote as _},
    wire::{Caller, Pulled, Standing},
};
use tokio_postgres::Client;

use crate::{
    disk, goods, http,
    journal::Journal,
    numbers::{median, micros, percentile},
    postgres::{self, Postgres},
    report::{Figure, Outcome, Report},
    shop::{self, Seller},
    watch::{Watch, timed, timed_async},
};

/// See [`Figure`].
pub const FIGURE: Figure = Figure {
    name: "catch_up",
    tells: "A device back after 20,000 sales elsewhere and 30,000 changes, over HTTP, alone and among 50 others.",
    means: "Aim: level within 1 s, each row once; those who are there, and the device's own sales, hardly notice.",
    measure,
};

const SALES: usize = 20_000;
/// Edits of the catalogue: each of these products three times.
const CHANGED: i64 = 10_000;
/// Devices that are there, each pulling as often as a shop has news.
const OTHERS: usize = 50;
const PAUSE: Duration = Duration::from_millis(50);
/// For how long the others are watched while nobody comes back.
const QUIET: Duration = Duration::from_secs(5);
/// How often the device comes back.
const TIMES: usize = 3;

fn measure(report: &mut Report) -> Outcome {
    postgres::with(async |postgres| back(report, &postgres).await)
}

async fn back(report: &mut Report, postgres: &Postgres) -> Outcome {
    let (server, client) = postgres.server("catch_up").await?;
    shop::fill(&client, Seller::Till).await?;
    let address = format!("http://{}", http::serve(Arc::clone(&server)).await?);
    let folder = disk::folder()?;
    let card = device(&server, "Back").await?;
    let since = level(&card, &folder.path().join("level"), &address).await?;
    let mut others = Others::settle(&server, &address).await?;
    elsewhere(&server, &client).await?;
    let told = walk(&server, &card, &since).await?;

    let mut alone = Returns::default();
    for time in 0..TIMES {
        alone.note(come_back(&card, &copy(folder.path(), &format!("alone {time}"))?, &address).await?);
    }
    let bare = bare(&client, &since).await?;
    report.say("until level", "alone", "ms", (median(&alone.until_level), bare), "the same rows by bare SQL");
    report.say("received", "each row once", "rows", (median(&alone.received), told.distinct), "distinct rows");
    report.say("on the wire", "all pages", "MB", (told.wire / 1e6, told.plain / 1e6), "before compression");
    report.say(
        "longest wait of a sale",
        "alone",
        "ms",
        (alone.longest_sale, alone.quiet_sale),
        "p99 when nothing comes",
    );

    let nothing = async {
        tokio::time::sleep(QUIET).await;
        Ok(())
    };
    let quiet = others.watch(nothing).await?.1;
    let among = others.watch(among(&card, folder.path(), &address)).await?;
    report.say("until level", "among 50", "ms", (median(&among.0.until_level), median(&alone.until_level)), "alone");
    for percent in [50.0, 99.0] {
        let both = (percentile(&among.1, percent), percentile(&quiet, percent));
        report.say(&format!("pull p{percent}"), "of the 50 meanwhile", "ms", both, "without it");
    }
    Ok(())
}

async fn among(card: &Card, folder: &Path, address: &str) -> Outcome<Returns> {
    let mut among = Returns::default();
    for time in 0..TIMES {
        among.note(come_back(card, &copy(folder, &format!("among {time}"))?, address).await?);
    }
    Ok(among)
}

/// Another device at the shop, that sells what is in the customer's hand.
async fn device(server: &Server, name: &str) -> Outcome<Card> {
    let wanted = NodeWanted {
        name: name.to_owned(),
        kind: NodeKind::Till,
        warehouse_id: goods::warehouse_id(),
        also: Vec::new(),
        is_home: false,
        policy: Some(SalePolicy::Physical),
        server: "http://127.0.0.1:7070".to_owned(),
    };
    Ok(nodes::add_node(server, &wanted).await?)
}

/// A device that has heard everything there is, switched off; and its cursor.
async fn level(card: &Card, folder: &Path, address: &str) -> Outcome<Cursor> {
    std::fs::create_dir_all(folder)?;
    let node = Node::open(folder, Arc::new(Real))?;
    node.join(card)?;
    while !round::run(&node, &Uplink::new(address, card.node_id)?, 0).await?.is_level {}
    Ok(node.cursor()?.ok_or("a level device has a cursor")?.parse()?)
}

/// The switched-off device's folder once more, to come back from.
fn copy(folder: &Path, name: &str) -> Outcome<PathBuf> {
    let to = folder.join(name);
    std::fs::create_dir_all(&to)?;
    for entry in std::fs::read_dir(folder.join("level"))? {
        let entry = entry?;
        std::fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(to)
}

/// What happens while the device is away.
async fn elsewhere(server: &Server, client: &Client) -> Outcome {
    let caller = Caller { node_id: goods::node_id(), incarnation_id: goods::incarnation_id() };
    let mut journal = Journal::begin(1);
    for _ in 0..SALES / 500 {
        let run = journal.run(500)?;
        accept::push(server, caller, run.standing(), &run.push).await?;
    }
    for _ in 0..3 {
        let sql = "update products set name = name || '.'
                   where product_id in (select product_id from products order by product_id limit $1)";
        client.execute(sql, &[&CHANGED]).await?;
    }
    Ok(client.batch_execute("vacuum analyze").await?)
}

/// What one return took.
struct Return {
    until_level: Duration,
    received: usize,
    /// How long each sale took meanwhile, and as many before, in milliseconds.
    sales: Vec<f64>,
    quiet: Vec<f64>,
}

#[derive(Default)]
struct Returns {
    until_level: Vec<f64>,
    received: Vec<f64>,
    longest_sale: f64,
    quiet_sale: f64,
}

impl Returns {
    fn note(&mut self, back: Return) {
        self.until_level.push(micros(back.until_level) / 1e3);
        self.received.push(back.received as f64);
        self.longest_sale = back.sales.iter().copied().fold(self.longest_sale, f64::max);
        self.quiet_sale = percentile(&back.quiet, 99.0).max(self.quiet_sale);
    }
}

/// Switches the device on, and sells at its till until it is level.
async fn come_back(card: &Card, folder: &Path, address: &str) -> Outcome<Return> {
    let node = Arc::new(Node::open(folder, Arc::new(Real))?);
    let uplink = Uplink::new(address, card.node_id)?;
    let is_over = Arc::new(AtomicBool::new(false));
    let selling = |is_over: Arc<AtomicBool>, node: Arc<Node>| move || sell_until(&node, &is_over);
    let quiet = tokio::task::spawn_blocking(selling(Arc::new(AtomicBool::new(true)), Arc::clone(&node))).await??;
    let till = tokio::task::spawn_blocking(selling(Arc::clone(&is_over), Arc::clone(&node)));
    let (until_level, received) = timed_async(pull_until_level(&node, &uplink)).await;
    is_over.store(true, Ordering::SeqCst);
    Ok(Return { until_level, received: received?, sales: till.await??, quiet })
}

/// Pulls and applies as a round does. It pushes nothing: the copies of the device are one device, and what
/// each of them sold would be taken for a journal that went on in two ways.
async fn pull_until_level(node: &Node, uplink: &Uplink) -> Outcome<usize> {
    let mut received = 0;
    loop {
        let cursor = node.cursor()?;
        let pulled =
            uplink.pull(node.standing()?, cursor.as_deref(), 0).await.map_err(|trouble| trouble.to_string())?;
        let Pulled::Page(page) = pulled else { return Err("no page was served".into()) };
        node.apply(cursor.as_deref(), &page)?;
        received += page.aggregates.len();
        if page.level {
            return Ok(received);
        }
    }
}

/// Sells one thing after another, with a moment between; at least thirty. Tells how long each took.
fn sell_until(node: &Node, is_over: &AtomicBool) -> Outcome<Vec<f64>> {
    let mut took = Vec::new();
    while took.len() < 30 || !is_over.load(Ordering::SeqCst) {
        std::thread::sleep(Duration::from_millis(5));
        let line =
            WantedLine { product_id: goods::product_id(took.len()), quantity: Amount::new(1)?, unit_price: None };
        let terms = Terms::carried_out(vec![Tendered::cash(Money::from_parts(100_000_000)?)]);
        let (passed, sold) = timed(|| node.sell(&SaleWanted { lines: vec![line], terms }));
        sold?;
        took.push(micros(passed) / 1e3);
    }
    Ok(took)
}

/// What the pages hold that lead up to the present.
struct Told {
    distinct: f64,
    wire: f64,
    plain: f64,
}

async fn walk(server: &Server, card: &Card, since: &Cursor) -> Outcome<Told> {
    let caller = Caller { node_id: card.node_id, incarnation_id: card.incarnation_id };
    let mark = outpost_schema::journal::Mark::START;
    let standing = Standing { incarnation_id: card.incarnation_id, head: mark, acked: mark };
    let (mut cursor, mut keys) = (since.clone(), std::collections::BTreeSet::new());
    let mut told = Told { distinct: 0.0, wire: 0.0, plain: 0.0 };
    loop {
        let served = feed::page(server, caller, standing, Some(&cursor), Limits::default()).await?;
        let Pulled::Page(page) = served.pulled else { return Err("no page was served".into()) };
        told.plain += rmp_serde::to_vec_named(&page)?.len() as f64;
        keys.extend(page.aggregates.iter().map(key));
        cursor = page.cursor.parse()?;
        let is_level = page.level;
        told.wire += encode(Form::Binary, &Pulled::Page(page)).bytes.len() as f64;
        if is_level {
            return Ok(Told { distinct: keys.len() as f64, ..told });
        }
    }
}

/// What tells two aggregates apart: their ids are unique over all kinds here, but for a product's stock.
fn key(aggregate: &Aggregate) -> (u8, uuid::Uuid) {
    if let Aggregate::Product(product) = aggregate {
        return (1, product.product_id.0);
    }
    if let Aggregate::Stock(stock) = aggregate {
        return (2, stock.product_id.0);
    }
    let Aggregate::Order(order) = aggregate else { panic!("nothing else changes in this figure: {aggregate:?}") };
    (3, order.order_id.0)
}

/// Milliseconds in which bare SQL reads the same rows, as of one moment.
async fn bare(client: &Client, since: &Cursor) -> Outcome<f64> {
    let since = i64::try_from(since.since.xmin())?.to_string();
    let mut took = Vec::new();
    for _ in 0..TIMES {
        let watch = Watch::start();
        client.batch_execute("begin isolation level repeatable read read only").await?;
        for (kind, tables) in [
            (3, "products t on f.key = uuid_send(t.product_id)"),
            (4, "stock t on f.key = uuid_send(t.product_id) || uuid_send(t.warehouse_id)"),
            (8, "orders t on f.key = uuid_send(t.order_id)"),
            (8, "orders o on f.key = uuid_send(o.order_id) join order_items t using (order_id)"),
            (8, "orders o on f.key = uuid_send(o.order_id) join payments t using (order_id)"),
        ] {
            let sql = format!("select t.* from feed f join {tables} where f.kind = {kind} and f.changed >= '{since}'");
            std::hint::black_box(client.query(&sql, &[]).await?);
        }
        client.batch_execute("commit").await?;
        took.push(micros(watch.passed()) / 1e3);
    }
    Ok(median(&took))
}

/// Devices that are there, and pull again and again.
struct Others {
    lines: Vec<(Uplink, Standing, Option<String>)>,
}

impl Others {
    /// Lets them hear everything there is, once for all of them: their scopes are the same.
    async fn settle(server: &Server, address: &str) -> Outcome<Self> {
        let mark = outpost_schema::journal::Mark::START;
        let mut lines = Vec::new();
        for number in 0..OTHERS {
            let card = device(server, &format!("Other {number}")).await?;
            let standing = Standing { incarnation_id: card.incarnation_id, head: mark, acked: mark };
            lines.push((Uplink::new(address, card.node_id)?, standing, None));
        }
        Ok(Self { lines })
    }

    /// Follows the pages up to the present, with the first of them, and gives all of them that cursor.
    async fn come_level(&mut self) -> Outcome {
        let Some((uplink, standing, _)) = self.lines.first() else { return Ok(()) };
        let mut cursor = None;
        loop {
            let pulled = uplink.pull(*standing, cursor.as_deref(), 0).await.map_err(|trouble| trouble.to_string())?;
            let Pulled::Page(page) = pulled else { return Err("no page was served".into()) };
            cursor = Some(page.cursor);
            if page.level {
                break;
            }
        }
        self.lines.iter_mut().for_each(|line| line.2.clone_from(&cursor));
        Ok(())
    }

    /// How long each of their pulls takes while something goes on, in milliseconds, and what came of that.
    async fn watch<T>(&mut self, work: impl Future<Output = Outcome<T>>) -> Outcome<(T, Vec<f64>)> {
        self.come_level().await?;
        let (is_over, failed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let pulling: Vec<_> = std::mem::take(&mut self.lines)
            .into_iter()
            .map(|line| tokio::spawn(pull_until(line, Arc::clone(&is_over), Arc::clone(&failed))))
            .collect();
        let made = work.await;
        is_over.store(true, Ordering::SeqCst);
        let mut took = Vec::new();
        for task in pulling {
            let (line, theirs) = task.await?;
            self.lines.push(line);
            took.extend(theirs);
        }
        if failed.load(Ordering::SeqCst) > 0 {
            return Err("a pull of the others failed".into());
        }
        Ok((made?, took))
    }
}

type OtherLine = (Uplink, Standing, Option<String>);

async fn pull_until(
    (uplink, standing, mut cursor): OtherLine,
    is_over: Arc<AtomicBool>,
    failed: Arc<AtomicUsize>,
) -> (OtherLine, Vec<f64>) {
    let mut took = Vec::new();
    while !is_over.load(Ordering::SeqCst) {
        let (passed, pulled) = timed_async(uplink.pull(standing, cursor.as_deref(), 0)).await;
        match pulled {
            Ok(Pulled::Page(page)) => cursor = Some(page.cursor),
            Ok(_) | Err(_) => _ = failed.fetch_add(1, Ordering::SeqCst),
        }
        took.push(micros(passed) / 1e3);
        tokio::time::sleep(PAUSE).await;
    }
    ((uplink, standing, cursor), took)
}
