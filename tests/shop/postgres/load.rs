//! Tills that sell all the while, over the real line, and what head office told them.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use outpost_node::{
    Node,
    sell::{SaleWanted, Tendered, Terms, WantedLine},
    uplink::Uplink,
};
use outpost_schema::{
    device::{Card, NodeKind},
    id::{HoldId, ProductId, WarehouseId},
    stock::SalePolicy,
    world::{Seeded, World as _},
};
use outpost_server::{
    import,
    nodes::{self, NodeWanted},
    publish::{self, ProductNew},
    server::Server,
};
use outpost_sync::{
    round::{self, Failure, Local as _, Remote as _, Trouble},
    wire::{HOLDS_PATH, NODE_HEADER},
};
use serde_json::json;
use tokio::{task::JoinHandle, time::timeout};
use tokio_postgres::{Config, NoTls};

use super::{PATIENCE, until};
use crate::support::{amount, money, until_level};

/// Tills at work.
const TILLS: usize = 3;

/// How long a pull waits for news, in seconds.
const WAIT: u64 = 2;

/// What may be told while the database is away: its stable codes, and that a pull was cut. A Postgres that was
/// killed forgets transactions that nobody committed, so a device may have read further than it now is: then head
/// office hears everybody once, and promises nothing until it has.
const AWAY: [&str; 3] = ["database_away", "commit_unknown", "recovering"];

/// The tills, and what they were told.
pub struct Tills {
    nodes: Vec<(Card, Arc<Node>)>,
    tea: ProductId,
    at: WarehouseId,
    /// Receipts that a customer holds.
    sold: Mutex<BTreeSet<String>>,
    /// Holds that stand, as they were told.
    held: Mutex<Vec<HoldId>>,
    chance: Seeded,
}

impl Tills {
    /// A shop with a few tills and plenty of tea.
    pub async fn set_up(server: &Server, folder: &Path) -> Arc<Self> {
        let at = nodes::add_warehouse(server, "High Street").await.expect("a place").warehouse_id;
        let new = ProductNew {
            sku: Some("TEA".to_owned()),
            name: "Tea".to_owned(),
            price: Some(money("2.50")),
            ..ProductNew::default()
        };
        let tea = publish::create(server, new).await.expect("a product").product_id;
        let source = import::Source::new(std::io::Cursor::new("sku,quantity\nTEA,1000000\n")).expect("a file");
        import::stock(server, source, "High Street", import::Options::default(), |_| ()).await.expect("an import");
        let mut nodes = Vec::new();
        for number in 1..=TILLS {
            let wanted = NodeWanted {
                name: format!("Till {number}"),
                kind: NodeKind::Till,
                warehouse_id: at,
                also: Vec::new(),
                is_home: false,
                policy: Some(SalePolicy::Physical),
                server: "http://127.0.0.1:7070".to_owned(),
            };
            let card = nodes::add_node(server, &wanted).await.expect("a node");
            let folder = folder.join(&card.name);
            std::fs::create_dir(&folder).expect("a folder");
            let node = Node::open(&folder, Arc::new(Seeded::new(number as u64))).expect("a node opens");
            node.join(&card).expect("the card is its own");
            nodes.push((card, Arc::new(node)));
        }
        let (sold, held) = (Mutex::default(), Mutex::default());
        Arc::new(Self { nodes, tea, at, sold, held, chance: Seeded::new(4_711) })
    }

    /// Everybody has told and heard everything.
    pub async fn until_level(&self, url: &str) {
        for _ in 0..2 {
            for (card, node) in &self.nodes {
                until_level(node, &Uplink::new(url, card.node_id).expect("loopback")).await;
            }
        }
    }

    /// Every receipt is an order, every hold that was told stands once, and the book keeps its laws.
    pub async fn all_is_there_once(&self, server: &Server, database: &Config) {
        let (client, connection) = database.connect(NoTls).await.expect("it takes connections");
        let connection = tokio::spawn(connection);
        let receipts = "select receipt_prefix || '-' || lpad(receipt_number::text, 6, '0') from orders";
        let orders: Vec<String> =
            client.query(receipts, &[]).await.expect("orders").iter().map(|row| row.get(0)).collect();
        let sold = self.sold.lock().expect("nobody panicked").clone();
        assert_eq!(orders.iter().cloned().collect::<BTreeSet<_>>(), sold);
        assert_eq!(orders.len(), sold.len(), "each once");
        let held = self.held.lock().expect("nobody panicked").clone();
        assert!(!held.is_empty(), "somebody held something");
        for hold in &held {
            let there = client.query_one("select count(*) from holds where hold_id = $1", &[&hold.0]).await;
            assert_eq!(there.expect("readable").get::<_, i64>(0), 1, "a hold that was told stands");
        }
        drop(client);
        connection.await.expect("it ends").expect("without an error");
        assert_eq!(server.laws().await.expect("readable"), Vec::<String>::new());
        let units = 1_000_000 - sold.len() as i64;
        for (_, node) in &self.nodes {
            node.examine().expect("its journal is whole");
            let level = node.product(self.tea).expect("readable").expect("it knows tea").level;
            assert_eq!((node.status().expect("readable").waiting, level.balance), (0, units));
        }
    }

    fn sell(&self, node: &Node) {
        let line = WantedLine { product_id: self.tea, quantity: amount(1), unit_price: None };
        let wanted = SaleWanted { lines: vec![line], terms: Terms::carried_out(vec![Tendered::card("terminal 1")]) };
        let receipt = node.sell(&wanted).expect("no line is needed to sell").order.receipt;
        self.sold.lock().expect("nobody panicked").insert(receipt.to_string());
    }
}

/// What goes on at all tills at once, until it is ended.
pub struct Load {
    running: Vec<JoinHandle<()>>,
    seen: Arc<Seen>,
}

/// What the tills have heard.
#[derive(Default)]
struct Seen {
    is_over: AtomicBool,
    /// Answers that were good: of rounds, of holds, of pulls that waited.
    good: [AtomicUsize; 3],
    /// Answers that said that the database is away.
    away: AtomicUsize,
}

impl Load {
    /// Every till sells and pushes, waits for news, and holds.
    pub fn begin(tills: &Arc<Tills>, url: &str) -> Self {
        let seen = Arc::new(Seen::default());
        let mut running = Vec::new();
        for number in 0..TILLS {
            let (tills, seen, url) = (Arc::clone(tills), Arc::clone(&seen), url.to_owned());
            let (others, counted, address) = (Arc::clone(&tills), Arc::clone(&seen), url.clone());
            let (waiting, heard, there) = (Arc::clone(&tills), Arc::clone(&seen), url.clone());
            running.push(tokio::spawn(async move { sell_and_push(&tills, number, &url, &seen).await }));
            running.push(tokio::spawn(async move { hold(&others, number, &address, &counted).await }));
            running.push(tokio::spawn(async move { wait_for_news(&waiting, number, &there, &heard).await }));
        }
        Self { running, seen }
    }

    /// Returns once rounds and holds have been answered.
    pub async fn is_under_way(&self) {
        self.until(|seen| seen.good.iter().all(|good| good.load(Ordering::Relaxed) > 0)).await;
    }

    /// Returns once somebody was told that the database is away.
    pub async fn hears_that_it_is_away(&self) {
        self.until(|seen| seen.away.load(Ordering::Relaxed) > 2).await;
    }

    /// Returns once rounds and holds and pulls are answered as before.
    pub async fn goes_on(&self) {
        self.seen.good.iter().for_each(|good| good.store(0, Ordering::Relaxed));
        self.is_under_way().await;
    }

    /// Ends it; what a till complained of in vain fails the story.
    pub async fn end(self) {
        self.seen.is_over.store(true, Ordering::Relaxed);
        for running in self.running {
            timeout(PATIENCE, running).await.expect("nothing hangs").expect("nothing is told without words");
        }
    }

    async fn until(&self, is_so: impl Fn(&Seen) -> bool) {
        until(|| {
            assert!(!self.running.iter().any(JoinHandle::is_finished), "a till has stopped");
            is_so(&self.seen)
        })
        .await;
    }
}

impl Seen {
    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    fn is_good(&self, what: usize) {
        self.good[what].fetch_add(1, Ordering::Relaxed);
    }

    /// A line that is cut is no answer; whatever is answered says by its code that the database is away.
    fn is_away(&self, code: &str) {
        assert!(AWAY.contains(&code), "{code}");
        self.away.fetch_add(1, Ordering::Relaxed);
    }

    fn note<E: std::fmt::Debug>(&self, what: usize, failure: Option<Trouble>, other: Option<E>) {
        assert!(other.is_none(), "{other:?}");
        match failure {
            None => self.is_good(what),
            Some(Trouble::Told(problem) | Trouble::Busy(problem, _)) => self.is_away(&problem.code),
            Some(trouble @ (Trouble::Cut(_) | Trouble::Garbled(_))) => panic!("{trouble}"),
        }
    }
}

async fn sell_and_push(tills: &Tills, number: usize, url: &str, seen: &Seen) {
    let (card, node) = &tills.nodes[number];
    let uplink = Uplink::new(url, card.node_id).expect("loopback");
    while !seen.is_over() {
        tills.sell(node);
        let done = timeout(PATIENCE, round::run(&**node, &uplink, 0)).await.expect("it is answered");
        let (trouble, other) = match done {
            Ok(_) => (None, None),
            Err(Failure::Remote(trouble)) => (Some(trouble), None),
            Err(failure) => (None, Some(failure)),
        };
        seen.note(0, trouble, other);
        tokio::task::yield_now().await;
    }
}

async fn hold(tills: &Tills, number: usize, url: &str, seen: &Seen) {
    let card = &tills.nodes[number].0;
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().expect("a client");
    while !seen.is_over() {
        let hold_id = HoldId::new(tills.chance.now(), tills.chance.id_chance());
        let wanted = json!({
            "hold_id": hold_id, "product_id": tills.tea, "warehouse_id": tills.at, "amount": 1, "seconds": 80_000
        });
        let request = client.post(format!("{url}{HOLDS_PATH}")).header("content-type", "application/json");
        let request = request.header(NODE_HEADER, format!("{}/{}", card.node_id, card.incarnation_id));
        let answer = request.body(wanted.to_string()).send().await.expect("it is answered");
        let status = answer.status();
        let said: serde_json::Value = serde_json::from_slice(&answer.bytes().await.expect("whole")).expect("JSON");
        if status.is_success() {
            tills.held.lock().expect("nobody panicked").push(hold_id);
            seen.is_good(1);
        } else {
            assert_eq!(status, 503, "{said}");
            seen.is_away(said["code"].as_str().expect("a code"));
        }
    }
}

async fn wait_for_news(tills: &Tills, number: usize, url: &str, seen: &Seen) {
    let (card, node) = &tills.nodes[number];
    let uplink = Uplink::new(url, card.node_id).expect("loopback");
    while !seen.is_over() {
        let (standing, cursor) = (node.standing().expect("readable"), node.cursor().expect("readable"));
        let pulled = timeout(PATIENCE, uplink.pull(standing, cursor.as_deref(), WAIT)).await.expect("it is answered");
        seen.note(2, pulled.err(), None::<()>);
        tokio::task::yield_now().await;
    }
}
