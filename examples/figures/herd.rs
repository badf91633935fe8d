//! Everybody comes back at once: after a night, or after a cut line that all of them hung on, each with
//! sales to tell and news to hear, against one server process that is nobody else's. Beside it the same
//! devices, with as much to tell and to hear, one after another.

pub mod device;

use std::{process::Stdio, sync::Arc, time::Duration};

use outpost_schema::{
    device::{Card, NodeKind},
    id::{ProductId, WarehouseId},
    money::Money,
    stock::SalePolicy,
};
use outpost_server::{
    command::{Cli, run},
    import,
    nodes::{self, NodeWanted},
    publish,
    server::Server,
    time::Real,
};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};
use tokio_postgres::Client;

use self::device::{Came, Device};
use crate::{
    postgres::{self, Postgres},
    report::{Figure, Outcome, Report},
    watch::timed_async,
};

/// See [`Figure`].
pub const FIGURE: Figure = Figure {
    name: "herd",
    tells: "500 devices in 25 shops, each with 20 orders to tell and 500 prices and its shop's orders to hear, come back at once.",
    means: "All must be drained by themselves; nobody may be lost. The server's memory must not grow with the herd.",
    measure,
};

/// Names the database that a process of this program serves instead of measuring.
const SERVE: &str = "OUTPOST_FIGURES_SERVE";

const SHOPS: usize = 25;
const DEVICES: usize = 500;
const ORDERS: usize = 20;
const PRODUCTS: usize = 500;

/// More than any device here needs.
const ROUNDS_MAX: u32 = 1_000;

/// Devices that are brought level at once before they go away.
const AT_A_TIME: usize = 8;

/// Serves, if this process was started for that.
pub fn serves() -> Option<Outcome> {
    let database = std::env::var(SERVE).ok()?;
    let data = std::env::var(DATA).ok()?;
    let asked =
        ["outpost-server", "--database", &database, "--data", &data, "--listen", "127.0.0.1:0", "--log", "error"];
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    Some(runtime.map_err(Into::into).and_then(|runtime| {
        let cli = <Cli as clap::Parser>::parse_from(asked);
        runtime.block_on(run(cli)).map(drop).map_err(|problem| problem.to_string().into())
    }))
}

/// Names the folder of that process.
const DATA: &str = "OUTPOST_FIGURES_DATA";

fn measure(report: &mut Report) -> Outcome {
    postgres::with(async |postgres| herd(report, &postgres).await)
}

async fn herd(report: &mut Report, postgres: &Postgres) -> Outcome {
    let (server, outside) = postgres.server("herd").await?;
    let (devices, goods) = set_up(&server, &outside).await?;
    let office = Office::open(&postgres.url("herd")).await?;
    level(&devices, &office.url).await?;
    let rest = office.peak()?;
    go_away(&server, &devices, &goods, 1).await?;
    let (all, mut each, came) = at_once(&devices, &office.url).await?;
    let peak = office.peak()?;
    go_away(&server, &devices, &goods, 2).await?;
    let mut alone = Vec::with_capacity(DEVICES);
    for device in &devices {
        alone.push(return_of(device, &office.url).await?.0);
    }
    let one_by_one: Duration = alone.iter().sum();
    let told = outside.query_one("select count(*) from orders", &[]).await?.get::<_, i64>(0);
    if usize::try_from(told)? != 2 * DEVICES * ORDERS {
        return Err(format!("{told} orders were told").into());
    }
    each.sort();
    alone.sort();
    let beside = "one device after another";
    report.say("all drained and level", "500 devices", "s", (all.as_secs_f64(), one_by_one.as_secs_f64()), beside);
    let told = (DEVICES * ORDERS) as f64;
    report.say(
        "orders told",
        "over HTTP",
        "orders/s",
        (told / all.as_secs_f64(), told / one_by_one.as_secs_f64()),
        beside,
    );
    for (case, part) in [("p50", 50), ("p99", 99)] {
        report.say("a device's return", case, "s", (nth(&each, part), nth(&alone, part)), beside);
    }
    report.say("memory of the server", "peak", "MB", (peak, rest), "its peak before, serving 8 at a time");
    let (busy, cut) = (came.iter().map(|came| came.busy).sum::<u32>(), came.iter().map(|came| came.cut).sum::<u32>());
    let rounds = came.iter().map(|came| came.rounds).max().unwrap_or(0);
    report.note(format!(
        "busy answers {busy}, rounds cut off {cut}, most rounds of a device {rounds}; every order is there, once"
    ));
    Ok(())
}

/// The shops with their devices, and what they sell.
async fn set_up(server: &Server, outside: &Client) -> Outcome<(Vec<Arc<Device>>, Vec<ProductId>)> {
    let rows: String = (0..PRODUCTS).map(|number| format!("P{number},Product {number},1.00\n")).collect();
    let source = import::Source::new(std::io::Cursor::new(format!("sku,name,price\n{rows}")))?;
    import::products(server, source, import::Options::default(), |_| ()).await?;
    let mut devices = Vec::with_capacity(DEVICES);
    for shop in 0..SHOPS {
        let name = format!("Shop {shop}");
        let at = nodes::add_warehouse(server, &name).await?.warehouse_id;
        let rows: String = (0..PRODUCTS).map(|number| format!("P{number},1000000\n")).collect();
        let source = import::Source::new(std::io::Cursor::new(format!("sku,quantity\n{rows}")))?;
        import::stock(server, source, &name, import::Options::default(), |_| ()).await?;
        for number in 0..DEVICES / SHOPS {
            devices.push(Arc::new(Device::new(card(server, at, &format!("{name} till {number}")).await?)));
        }
    }
    let goods = outside.query("select product_id from products order by product_id", &[]).await?;
    Ok((devices, goods.iter().map(|row| ProductId(row.get(0))).collect()))
}

async fn card(server: &Server, warehouse_id: WarehouseId, name: &str) -> Outcome<Card> {
    let wanted = NodeWanted {
        name: name.to_owned(),
        kind: NodeKind::Till,
        warehouse_id,
        also: Vec::new(),
        is_home: false,
        policy: Some(SalePolicy::Physical),
        server: "http://127.0.0.1:7070".to_owned(),
    };
    Ok(nodes::add_node(server, &wanted).await?)
}

/// Everybody has heard everything there is.
async fn level(devices: &[Arc<Device>], url: &str) -> Outcome {
    for some in devices.chunks(AT_A_TIME) {
        at_once(some, url).await?;
    }
    Ok(())
}

/// The line is cut: everybody sells, and head office changes every price.
async fn go_away(server: &Server, devices: &[Arc<Device>], goods: &[ProductId], day: i64) -> Outcome {
    let price: Money = format!("{day}.50").parse()?;
    for (device, number) in devices.iter().zip(0..) {
        device.sell(&Real, goods[number % goods.len()], price, ORDERS);
    }
    let prices: Vec<_> = goods.iter().map(|product| (*product, Some(price))).collect();
    publish::reprice(server, &prices).await?;
    Ok(())
}

/// All of them in one moment: how long until the last is level, how long each took, and how it went.
async fn at_once(devices: &[Arc<Device>], url: &str) -> Outcome<(Duration, Vec<Duration>, Vec<Came>)> {
    let (all, returned) = timed_async(all_return(devices, url)).await;
    let (each, came) = returned?;
    Ok((all, each, came))
}

async fn all_return(devices: &[Arc<Device>], url: &str) -> Outcome<(Vec<Duration>, Vec<Came>)> {
    let returning: Vec<_> = devices
        .iter()
        .map(|device| {
            let (device, url) = (Arc::clone(device), url.to_owned());
            tokio::spawn(async move { return_of(&device, &url).await })
        })
        .collect();
    let (mut each, mut came) = (Vec::new(), Vec::new());
    for returned in returning {
        let (passed, how) = returned.await??;
        each.push(passed);
        came.push(how);
    }
    Ok((each, came))
}

async fn return_of(device: &Device, url: &str) -> Outcome<(Duration, Came)> {
    let (passed, came) = timed_async(device.come_back(url, &Real, ROUNDS_MAX)).await;
    let came = came?;
    let (told, heard) = device.told_and_heard();
    if usize::try_from(told)? % ORDERS != 0 || heard == 0 {
        return Err(format!("{told} orders were told, {heard} news heard").into());
    }
    Ok((passed, came))
}

fn nth(sorted: &[Duration], hundredth: usize) -> f64 {
    sorted.get((sorted.len() * hundredth / 100).min(sorted.len().saturating_sub(1))).map_or(0.0, Duration::as_secs_f64)
}

/// The server as a process of its own; it ends with this value.
struct Office {
    child: Child,
    url: String,
    _data: tempfile::TempDir,
}

impl Office {
    async fn open(database: &str) -> Outcome<Self> {
        let data = tempfile::TempDir::new()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.env(SERVE, database).env(DATA, data.path()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("its words are piped")?).lines();
        let said = lines.next_line().await?.ok_or("the server ended before it served")?;
        let url = said.split_whitespace().find(|word| word.starts_with("http://")).ok_or(said.clone())?.to_owned();
        // Somebody must go on listening, or its next word would end it.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { child, url, _data: data })
    }

    /// The most memory that it ever had, in megabytes; 0 where the machine does not say.
    fn peak(&self) -> Outcome<f64> {
        let id = self.child.id().ok_or("the server has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let peak =
            status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        Ok(peak.unwrap_or(0.0) / 1_024.0)
    }
}
