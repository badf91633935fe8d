//! The whole of Outpost on one machine: a server, three devices and two that come later, real goods and real baskets. The
//! line is cut and mended, a device loses power, and at the end an auditor compares every book.
//!
//! `examples/laptop.sh` installs and builds what this needs, and says where its data lies.

mod audit;
mod bad_day;
mod baskets;
mod finding;
mod line;
mod lost;
mod machine;
mod plan;
mod report;
mod stockroom;
mod story;
mod till;
mod town;

use std::{
    collections::BTreeMap,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Parser;
use outpost_schema::money::Money;
use outpost_server::cluster::Cluster;

use audit::{Book, Office};
use plan::Plan;
use report::{Outcome, chapter};
use story::Ledger;
use town::Town;

/// Every receipt that a customer holds, as the ledger wrote them down at the end of the day.
const RECEIPTS: &str = "receipts.csv";

/// Files that a run leaves beside the folders of its machines.
const FILES: [&str; 16] = [
    RECEIPTS,
    "kiosk.toml",
    "popup.toml",
    "handheld.toml",
    "till.toml",
    "spare.toml",
    "kiosk.stick",
    "popup.stick",
    "handheld.stick",
    "till.stick",
    "spare.stick",
    "server.log",
    "rejected.csv",
    "high-street.csv",
    "summer-fair.csv",
    "stockroom.csv",
];

/// Folders that it leaves.
const FOLDERS: [&str; 8] = ["kiosk", "popup", "popup-morning", "handheld", "spare", "till", "server", "backups"];

/// Runs a day of a small shop network on this machine.
#[derive(Parser)]
#[command(name = "examples/laptop.sh")]
struct Arguments {
    /// No pages; ends by itself
    #[arg(long)]
    check: bool,
    /// Clears the example's data and ends
    #[arg(long)]
    clean: bool,
    /// Where the data lies
    #[arg(long, env = "OUTPOST_LAPTOP_DATA", default_value = ".outpost/laptop", value_name = "FOLDER")]
    data: PathBuf,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("\nThe example stopped: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<bool, Box<dyn Error>> {
    if arguments.clean {
        clear(&arguments.data).await?;
        println!("cleared {}", arguments.data.display());
        return Ok(true);
    }
    let receipts = arguments.data.join(RECEIPTS);
    if !arguments.check && receipts.exists() {
        return again(&arguments.data, &Ledger::load(&receipts)?).await;
    }
    clear(&arguments.data).await?;
    let plan = Plan::make()?;
    let ledger = Ledger::default();
    chapter("A server, three places, 92,331 products, three devices");
    let mut town = Town::found(&arguments.data, &plan).await?;
    let ended = day(&mut town, &plan, &ledger, &arguments).await;
    // Whatever happened, nothing is left running.
    town.close().await?;
    ended
}

async fn day(town: &mut Town, plan: &Plan, ledger: &Ledger, arguments: &Arguments) -> Result<bool, Box<dyn Error>> {
    story::live(town, plan, ledger).await?;
    ledger.save(&arguments.data.join(RECEIPTS))?;
    chapter("An auditor compares the books");
    let is_good = audit(town, ledger).await?;
    if !arguments.check {
        stay_up(town).await?;
    }
    Ok(is_good)
}

/// The day was lived in an earlier run: everything is switched on again, and must be as it was.
async fn again(data: &Path, ledger: &Ledger) -> Result<bool, Box<dyn Error>> {
    chapter("The day is over already (--clean clears it); everything is switched on again");
    let town = Town::reopen(data).await?;
    let ended = async {
        story::all_level(&town).await?;
        let is_good = audit(&town, ledger).await?;
        stay_up(&town).await?;
        Ok(is_good)
    };
    let ended = ended.await;
    town.close().await?;
    ended
}

async fn audit(town: &Town, ledger: &Ledger) -> Result<bool, Box<dyn Error>> {
    let config = town.database().await?;
    let (book, office) = (Book::of_server(&config).await?, Office::of_server(&config).await?);
    let mut broken = town.broken_laws();
    for device in town.devices() {
        let differences = book.differences(&Book::of_node(&device.database())?);
        broken.extend(differences.into_iter().map(|what| format!("{}: {what}", device.till.name)));
    }
    let receipts = ledger.receipts();
    let key = |order: outpost_schema::id::OrderId| order.0.simple().to_string();
    let mut outcome = Outcome {
        sold: receipts.len(),
        takings: receipts.iter().map(|(_, receipt)| receipt.total).sum::<Money>().to_string(),
        lost: receipts.iter().filter(|(_, receipt)| !book.orders().contains_key(&key(receipt.order_id))).count(),
        duplicated: office.duplicated,
        oversold: office.owed,
        concerns: office.concerns.len(),
        agree: broken.is_empty(),
        ..Outcome::default()
    };
    for device in town.devices() {
        outcome.waiting += device.till.waiting().await?;
    }
    let mut takings: BTreeMap<String, (usize, Money)> = BTreeMap::new();
    for (node, receipt) in receipts {
        let (sales, money) = takings.entry(node).or_default();
        *sales += 1;
        *money = [*money, receipt.total].into_iter().sum();
    }
    outcome.print(&takings, &office.concerns, &broken);
    Ok(outcome.is_good())
}

async fn stay_up(town: &Town) -> Result<(), Box<dyn Error>> {
    eprintln!("The pages stay up until you press Ctrl-C:");
    eprintln!("  head office  {}", town.office_url());
    for device in town.devices() {
        eprintln!("  {:<12} {}", device.till.name, device.url());
    }
    tokio::signal::ctrl_c().await?;
    Ok(())
}

/// Removes what an earlier run left, and ends its Postgres if the run itself was killed.
async fn clear(data: &Path) -> Result<(), Box<dyn Error>> {
    let server = data.join("server");
    if server.join("postgres/data/postmaster.pid").exists() {
        Cluster::start(&server).await?.stop()?;
    }
    for name in FOLDERS {
        let folder = data.join(name);
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
    }
    for name in FILES {
        let file = data.join(name);
        if file.exists() {
            fs::remove_file(file)?;
        }
    }
    Ok(fs::create_dir_all(data)?)
}
