//! A new device until its first sale: 100,000 real products and 300,000 stock rows fetched as a file
//! over HTTP, beside a plain copy of the same database on the same disk.

use std::{
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use outpost_node::{
    Node,
    courier::round_once,
    sell::{SaleWanted, Tendered, Terms, WantedLine},
    time::Real,
    uplink::Uplink,
};
use outpost_schema::{
    device::{Card, NodeKind},
    id::{ProductId, WarehouseId},
    quantity::Amount,
    stock::SalePolicy,
};
use outpost_server::{
    import::{Options, Source, products},
    nodes::{self, NodeWanted, add_warehouse},
    server::Server,
};
use outpost_sync::round::{Anew, Local as _};
use tokio_postgres::{Client, Config};

use crate::{
    disk, http,
    numbers::Rounds,
    postgres::{self, Postgres},
    report::{Figure, Outcome, Report},
    watch::timed,
};

/// See [`Figure`].
pub const FIGURE: Figure = Figure {
    name: "bootstrap",
    tells: "A new device until its first sale: 100,000 real products, 300,000 stock rows of 3 warehouses.",
    means: "Aim: at most 0.5 s if the file is ready, 1.2 s if it is made for the request, 30 MB on the wire.",
    measure,
};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/products-grocery.csv.zst");

/// Rounds of turns.
const ROUNDS: usize = 5;

/// The real catalogue has 92,331; some of it is there twice, with another size.
const PRODUCTS: i64 = 100_000;

fn measure(report: &mut Report) -> Outcome {
    postgres::with(async |postgres| rounds(report, &postgres).await)
}

async fn rounds(report: &mut Report, postgres: &Postgres) -> Outcome {
    let (server, outside) = postgres.server("bootstrap").await?;
    let places = fill(&server, &outside).await?;
    let product =
        ProductId(outside.query_one("select product_id from stock order by balance desc limit 1", &[]).await?.get(0));
    let config = server.db.config().clone();
    let mut cards = Vec::new();
    for number in 0..2 * ROUNDS {
        cards.push(card(&server, &places, number).await?);
    }
    drop(server);
    let folder = disk::folder()?;
    let (mut cold, mut warm, mut anew) = (Rounds::default(), Rounds::default(), Rounds::default());
    let mut sizes = (0.0, 0.0);
    for round in 0..ROUNDS {
        let (address, files) = serve(&config, &folder.path().join(format!("files {round}"))).await?;
        // Each turn is another device: one that comes twice with an empty folder was set back.
        let mut at = |name: &str| -> Outcome<Turn> {
            let card = cards.pop().ok_or("a card for each turn")?;
            Ok(Turn { folder: folder.path().join(format!("{name} {round}")), card, address, product })
        };
        let (first, second, copy) = (at("cold")?, at("warm")?, folder.path().join(format!("copy {round}")));
        let took = tokio::task::spawn_blocking(move || turns(&first, &second, &copy)).await??;
        cold.note(took.cold, took.copy);
        warm.note(took.warm, took.copy);
        anew.note(took.anew, took.copy);
        sizes = (megabytes(&files)?, took.megabytes);
    }
    let beside = "copy, fsync, open";
    report.say("first sale", "warm: the file is ready", "s", warm.medians(), beside);
    report.say("first sale", "cold: made for the request", "s", cold.medians(), beside);
    report.say("filled anew", "warm, beside a journal of its own", "s", anew.medians(), beside);
    report.say("on the wire", "the file", "MB", sizes, "the database");
    Ok(())
}

/// A server process of its own over the same database, with no file yet.
async fn serve(config: &Config, files: &Path) -> Outcome<(SocketAddr, PathBuf)> {
    let server = Arc::new(Server::open(config.clone(), Arc::new(outpost_server::time::Real)).await?);
    server.keep_files(files, server.epoch().await?.epoch_id)?;
    Ok((http::serve(server).await?, files.to_owned()))
}

/// One new device.
struct Turn {
    folder: PathBuf,
    card: Card,
    address: SocketAddr,
    product: ProductId,
}

/// What a round of turns took, in seconds.
struct Took {
    cold: f64,
    warm: f64,
    anew: f64,
    copy: f64,
    megabytes: f64,
}

fn turns(first: &Turn, second: &Turn, copy: &Path) -> Outcome<Took> {
    let (cold, node) = first.first_sale()?;
    drop(node);
    let (warm, node) = second.first_sale()?;
    let anew = second.anew(&node)?;
    drop(node);
    let database = second.folder.join(outpost_node::db::FILE);
    let (took, done) = timed(|| plain(&database, copy));
    done?;
    let megabytes = fs::metadata(&database)?.len() as f64 / 1e6;
    fs::remove_dir_all(&first.folder)?;
    fs::remove_dir_all(&second.folder)?;
    Ok(Took { cold, warm, anew, copy: took.as_secs_f64(), megabytes })
}

impl Turn {
    /// From an empty folder to a sale that is on the disk.
    fn first_sale(&self) -> Outcome<(f64, Node)> {
        fs::create_dir_all(&self.folder)?;
        let (took, node) = timed(|| self.open_and_sell());
        Ok((Duration::as_secs_f64(&took), node?))
    }

    fn open_and_sell(&self) -> Outcome<Node> {
        let node = Node::open(&self.folder, Arc::new(Real))?;
        node.join(&self.card)?;
        self.round(&node)?;
        let line =
            WantedLine { product_id: self.product, quantity: Amount::new(1)?, unit_price: Some("1.00".parse()?) };
        node.sell(&SaleWanted { lines: vec![line], terms: Terms::carried_out(vec![Tendered::card("terminal 1")]) })?;
        Ok(node)
    }

    /// The same device, once it has a journal, is filled beside its own tables.
    fn anew(&self, node: &Node) -> Outcome<f64> {
        node.start_anew(&Anew::TooLongAway)?;
        let (took, done) = timed(|| self.round(node));
        done?;
        Ok(took.as_secs_f64())
    }

    fn round(&self, node: &Node) -> Outcome {
        let uplink = Uplink::new(&format!("http://{}", self.address), self.card.node_id)?;
        round_once(node, &uplink).map(drop).map_err(|problem| problem.to_string().into())
    }
}

/// The limit: the database copied, on the disk for good, and open.
fn plain(from: &Path, into: &Path) -> Outcome {
    fs::copy(from, into)?;
    File::open(into)?.sync_all()?;
    let conn = rusqlite::Connection::open(into)?;
    conn.query_row("select count(*) from warehouses", [], |row| row.get::<_, i64>(0))?;
    drop(conn);
    Ok(fs::remove_file(into)?)
}

fn megabytes(files: &Path) -> Outcome<f64> {
    let mut bytes = 0;
    for entry in fs::read_dir(files)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().ends_with(".zst") {
            bytes += entry.metadata()?.len();
        }
    }
    Ok(bytes as f64 / 1e6)
}

/// The shop; its places.
async fn fill(server: &Arc<Server>, outside: &Client) -> Outcome<Vec<WarehouseId>> {
    let mut places = Vec::new();
    for name in ["High Street", "Station", "Depot"] {
        places.push(add_warehouse(server, name).await?.warehouse_id);
    }
    products(server, Source::open(Path::new(FILE))?, Options::default(), |_| {}).await?;
    outside
        .execute(
            "insert into products (product_id, sku, name, description, price, attributes, created_at, updated_at)
             select gen_random_uuid(), sku || '-2', name || ', twin pack', description, price, attributes, created_at, updated_at
             from products order by product_id limit greatest($1 - (select count(*) from products), 0)",
            &[&PRODUCTS],
        )
        .await?;
    outside
        .execute(
            "insert into stock (product_id, warehouse_id, balance, updated_at)
             select product_id, warehouse_id, (random() * 200)::bigint, now() from products cross join warehouses",
            &[],
        )
        .await?;
    outside.batch_execute("vacuum analyze").await?;
    Ok(places)
}

/// The card of a device that hears of all places.
async fn card(server: &Server, places: &[WarehouseId], number: usize) -> Outcome<Card> {
    let wanted = NodeWanted {
        name: format!("Till {number}"),
        kind: NodeKind::Till,
        warehouse_id: places[0],
        also: places[1..].to_vec(),
        is_home: false,
        policy: Some(SalePolicy::Physical),
        server: "http://127.0.0.1:7070".to_owned(),
    };
    Ok(nodes::add_node(server, &wanted).await?)
}
