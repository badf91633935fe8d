//! A shop to tell stories about: the real server over a database of its own, real tills in folders of
//! their own, and between them lines that may be cut.

pub mod agree;
pub mod chance;
pub mod device;
pub mod process;
mod till;
pub mod told;
pub mod wire;

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use axum::Router;
use outpost_node::{Node, carts::Carts};
use outpost_schema::{
    device::{Card, NodeKind},
    id::{ProductId, WarehouseId},
    money::Money,
    op::Line,
    order::Receipt,
    quantity::Amount,
    stock::SalePolicy,
    world::Seeded,
};
use outpost_server::{
    api, import,
    nodes::{self, NodeWanted},
    publish::{self, ProductNew},
    server::Server,
    testing::TestDatabase,
};
use outpost_sync::wire::Caller;
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_postgres::Client;

pub use self::till::{Till, until_level};
use self::wire::Wire;

/// A network: one server, some places, some tills.
pub struct Shop {
    /// The tills that were added, in that order.
    pub tills: Vec<Till>,
    /// Head office.
    pub server: Arc<Server>,
    /// Head office, as it is reached.
    pub router: Router,
    /// The shared shop.
    pub high_street: WarehouseId,
    /// What the server keeps.
    pub database: TestDatabase,
    /// Whether its lines carry files.
    has_files: bool,
    folder: TempDir,
}

/// How a till is set up.
#[derive(Clone, Copy)]
pub enum Rule {
    /// One of several at a shared shop: sells only what it was allotted.
    Shared,
    /// One of several at a shared shop: sells what is in the customer's hand.
    Physical,
    /// The only one that sells from there.
    Home,
}

impl Shop {
    /// A shared shop on the high street with so many tills, and nothing in it.
    pub async fn open(tills: usize) -> Self {
        let database = TestDatabase::create().await;
        let server = Server::open(database.config(), Arc::new(Seeded::new(1_000_000))).await.expect("the server opens");
        let server = Arc::new(server);
        let router = api::router(Arc::clone(&server));
        let folder = TempDir::new().expect("a folder");
        let high_street = nodes::add_warehouse(&server, "High Street").await.expect("a place").warehouse_id;
        let mut shop = Self { tills: Vec::new(), server, router, high_street, database, has_files: false, folder };
        for _ in 0..tills {
            shop.add_till(high_street, Rule::Shared).await;
        }
        shop
    }

    /// The same, whose tills are filled from files.
    pub async fn open_with_files() -> Self {
        let mut shop = Self::open(0).await;
        let epoch = shop.server.epoch().await.expect("an epoch").epoch_id;
        shop.server.keep_files(&shop.files(), epoch).expect("a folder for files");
        shop.has_files = true;
        shop
    }

    /// Where head office keeps the files that tills are filled from.
    pub fn files(&self) -> PathBuf {
        self.folder.path().join("files")
    }

    /// Another place.
    pub async fn add_place(&self, name: &str) -> WarehouseId {
        nodes::add_warehouse(&self.server, name).await.expect("a place").warehouse_id
    }

    /// Another till; it has not heard of anything yet. Says its number.
    pub async fn add_till(&mut self, at: WarehouseId, rule: Rule) -> usize {
        self.add_till_that_hears(at, rule, &[]).await
    }

    /// A till that also hears of other places.
    pub async fn add_till_that_hears(&mut self, at: WarehouseId, rule: Rule, also: &[WarehouseId]) -> usize {
        let number = self.tills.len();
        let wanted = NodeWanted {
            name: format!("Till {}", number + 1),
            kind: NodeKind::Till,
            warehouse_id: at,
            also: also.to_vec(),
            is_home: matches!(rule, Rule::Home),
            policy: Some(match rule {
                Rule::Shared => SalePolicy::Strict,
                Rule::Physical | Rule::Home => SalePolicy::Physical,
            }),
            server: "http://127.0.0.1:7070".to_owned(),
        };
        let card = nodes::add_node(&self.server, &wanted).await.expect("a node");
        let folder = self.folder.path().join(&card.name);
        std::fs::create_dir(&folder).expect("a folder");
        let till = self.start(card, folder, number as u64 + 1);
        self.tills.push(Till { also: also.to_vec(), ..till });
        number
    }

    /// A node that lives in this folder, wherever that came from.
    pub fn start(&self, card: Card, folder: PathBuf, seed: u64) -> Till {
        let node = Arc::new(Node::open(&folder, Arc::new(Seeded::new(seed))).expect("a node opens"));
        node.join(&card).expect("the card is its own");
        let carts = Carts::open(Arc::clone(&node), &folder).expect("carts open");
        let line = Wire::lay(self.router.clone(), card.node_id);
        let line = if self.has_files { line.carries_files() } else { line };
        Till { node, carts, card, also: Vec::new(), folder, line }
    }

    /// Switches a till off and on again.
    pub fn restart(&mut self, number: usize, seed: u64) {
        let Till { node, carts, card, also, folder, .. } = self.tills.remove(number);
        drop((carts, node));
        let till = self.start(card, folder, seed);
        self.tills.insert(number, Till { also, ..till });
    }

    /// A folder that no till lives in.
    pub fn spare_folder(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A product, with this many on the high street.
    pub async fn product(&self, sku: &str, price: &str, on_hand: i64) -> ProductId {
        self.product_at("High Street", sku, price, on_hand).await
    }

    /// A product, with this many at a place.
    pub async fn product_at(&self, place: &str, sku: &str, price: &str, on_hand: i64) -> ProductId {
        let new = ProductNew {
            sku: Some(sku.to_owned()),
            name: format!("{sku} of the house"),
            price: Some(money(price)),
            ..ProductNew::default()
        };
        let product = publish::create(&self.server, new).await.expect("a product").product_id;
        if on_hand > 0 {
            self.stock(place, &[(sku.to_owned(), on_hand)]).await;
        }
        product
    }

    /// Opens the books of a place.
    pub async fn stock(&self, place: &str, on_hand: &[(String, i64)]) {
        let rows: String = on_hand.iter().map(|(sku, units)| format!("{sku},{units}\n")).collect();
        let source = import::Source::new(std::io::Cursor::new(format!("sku,quantity\n{rows}"))).expect("a file");
        let report = import::stock(&self.server, source, place, import::Options::default(), |_| ()).await;
        assert_eq!(report.expect("an import").rejected, 0);
    }

    /// Many products `P0000`, `P0001`, each with so many on the high street.
    pub async fn products(&self, count: usize, on_hand: i64) -> Vec<ProductId> {
        let rows: String = (0..count).map(|number| format!("P{number:04},Product {number},1.00\n")).collect();
        let source = import::Source::new(std::io::Cursor::new(format!("sku,name,price\n{rows}"))).expect("a file");
        let report = import::products(&self.server, source, import::Options::default(), |_| ()).await;
        assert_eq!(report.expect("an import").rejected, 0);
        let opening: Vec<_> = (0..count).map(|number| (format!("P{number:04}"), on_hand)).collect();
        self.stock("High Street", &opening).await;
        let query = "select product_id from products where sku ~ '^P[0-9]{4}$' order by sku";
        let rows = self.client().await.query(query, &[]).await.expect("products");
        rows.iter().map(|row| ProductId(row.get(0))).collect()
    }

    /// A connection of one's own to the server's database.
    pub async fn client(&self) -> Client {
        self.database.connect().await
    }

    /// The one number that this query gives.
    pub async fn number(&self, query: &str) -> i64 {
        let row = self.client().await.query_one(query, &[]).await;
        row.unwrap_or_else(|error| panic!("{query}: {error:?}")).get(0)
    }

    /// The open concerns, by kind and subject.
    pub async fn concerns(&self) -> Vec<(String, String)> {
        let query = "select kind, subject from concerns where closed_at is null order by kind, subject";
        let rows = self.client().await.query(query, &[]).await.expect("concerns");
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    /// The receipts of every order at head office.
    pub async fn server_receipts(&self) -> BTreeSet<String> {
        let query = "select receipt_prefix, receipt_number from orders";
        let rows = self.client().await.query(query, &[]).await.expect("orders");
        rows.iter().map(|row| Receipt { prefix: row.get(0), number: row.get(1) }.to_string()).collect()
    }

    /// Every till tells and hears everything there is.
    pub async fn all_level(&self) {
        for _ in 0..2 {
            for till in &self.tills {
                till.until_level().await;
            }
        }
    }

    /// Gives a till so many units to sell by itself.
    pub async fn allot(&self, till: usize, product: ProductId, units: i64) {
        self.allot_to(&self.tills[till], product, units).await;
    }

    /// Gives this till so many units to sell by itself.
    pub async fn allot_to(&self, till: &Till, product: ProductId, units: i64) {
        till.until_level().await;
        till.node.ask(&[line(product, units)]).expect("an ask is written down");
        till.until_level().await;
        assert!(till.open(product) >= units, "the server granted {} of {units}", till.open(product));
    }

    /// The server's book keeps its laws, and every till equals it row by row.
    pub async fn agree(&self) {
        self.keeps_its_laws().await;
        let client = self.client().await;
        for till in &self.tills {
            let file = till.folder.join(outpost_node::db::FILE);
            let found = agree::differences(&client, &file, &till.card, &till.also).await;
            assert!(found.is_empty(), "{} differs:\n{}", till.card.name, found.join("\n"));
        }
    }

    /// The server's book keeps its laws.
    pub async fn keeps_its_laws(&self) {
        let broken = self.server.laws().await.expect("the book can be read");
        assert!(broken.is_empty(), "{}", broken.join("\n"));
    }
}

/// The server on a loopback port, as long as this lives.
pub struct Serving {
    /// Where.
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Serving {
    /// Serves this shop's head office over real HTTP.
    pub async fn begin(shop: &Shop) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let router = shop.router.clone();
        Self { address, task: tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") }) }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Who calls with this card.
pub fn caller(card: &Card) -> Caller {
    Caller { node_id: card.node_id, incarnation_id: card.incarnation_id }
}

/// So many units.
pub fn amount(units: i64) -> Amount {
    Amount::new(units).expect("a sound amount")
}

/// So many units of a product.
pub fn line(product_id: ProductId, units: i64) -> Line {
    Line { product_id, amount: amount(units) }
}

/// So much money.
pub fn money(text: &str) -> Money {
    text.parse().expect("money")
}

/// Copies a folder as a backup program would: everything in it, while nobody uses it.
pub fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a copy");
        }
    }
}
