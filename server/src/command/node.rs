//! `outpost-server node add | list | readmit | give-up`.

use std::{
    fs::OpenOptions,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use outpost_schema::{
    clock::Timestamp,
    device::{Card, NodeKind},
    fault::Fault,
    id::WarehouseId,
    stock::SalePolicy,
};
use outpost_sync::wire::Problem;

use super::{moment, print_json, table};
use crate::{
    config::Config,
    db::{import, office},
    epoch,
    error::Error,
    give_up::{self, Life},
    nodes::{self, NodeWanted, Readmitted},
    server::Server,
};

/// What `node` can do.
#[derive(clap::Subcommand)]
pub(super) enum Verb {
    /// Add a device and print the card that it joins with (give it to `outpost-node join`)
    Add(Wanted),
    /// List the devices: when they were last heard, what waits, what could be lost with them
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Take back a device, or the present life of its journal, that a restored database does not know
    Readmit {
        /// Its card: the one that it joined with, or what `outpost-node card` prints
        #[arg(value_name = "CARD.toml")]
        card: PathBuf,
    },
    /// Stop waiting for a device that will not come back; what it may still sell stays promised to it
    GiveUp(GiveUp),
}

/// Which device is given up, and what becomes of its stock.
#[derive(clap::Args)]
pub(super) struct GiveUp {
    /// What people call it
    name: String,
    /// Which life of its journal [default: the newest]
    #[arg(long, value_name = "N")]
    life: Option<i32>,
    /// Also take back what it may still sell, so that others may: too much can then be sold, up to the number shown
    #[arg(long)]
    reclaim: bool,
    /// Do it; without this it is only shown what would be done
    #[arg(long)]
    yes: bool,
}

/// The device that is wanted.
#[derive(clap::Args)]
pub(super) struct Wanted {
    /// What sort it is: till, kiosk, popup, handheld
    #[arg(long, value_parser = word::<NodeKind>)]
    kind: NodeKind,
    /// Where it stands
    #[arg(long, value_name = "NAME")]
    warehouse: String,
    /// A further warehouse that it receives news of; repeat the flag for more
    #[arg(long, value_name = "NAME")]
    scope: Vec<String>,
    /// What people call it [default: its kind and place]
    #[arg(long)]
    name: Option<String>,
    /// Only this device sells from there: it gets all the stock, and may sell it without asking
    #[arg(long)]
    home: bool,
    /// What happens beyond its allotment: strict or physical [default: physical at home, strict elsewhere]
    #[arg(long, value_parser = word::<SalePolicy>)]
    policy: Option<SalePolicy>,
    /// The address at which the device reaches this server [default: where it listens]
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// Write the card to this file instead of printing it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) async fn run(verb: Verb, server: &Server, config: &Config) -> Result<(), Problem> {
    match verb {
        Verb::Add(wanted) => add(wanted, server, config).await,
        Verb::List { json } => list(server, json).await,
        Verb::GiveUp(wanted) => give_up(wanted, server).await,
        Verb::Readmit { card } => readmit(&card, server).await,
    }
}

async fn readmit(file: &Path, server: &Server) -> Result<(), Problem> {
    let bad = |why: String| {
        let sentence = format!("{} is no card ({why}); print it anew with `outpost-node card`", file.display());
        Problem::new("bad_card", sentence)
    };
    let text = std::fs::read_to_string(file).map_err(|error| bad(error.to_string()))?;
    let card: Card = toml::from_str(&text).map_err(|error| bad(error.message().to_owned()))?;
    match nodes::readmit(server, &card).await? {
        Readmitted::Known => println!("{} is in the book as it is; nothing was done.", card.name),
        Readmitted::Taken => println!(
            "{} is in the book again. When it next hears head office it tells what it has, and its sales are booked.",
            card.name
        ),
    }
    Ok(())
}

async fn give_up(wanted: GiveUp, server: &Server) -> Result<(), Problem> {
    let life = give_up::life(server, &wanted.name, wanted.life).await?;
    for line in bound(&life, wanted.reclaim) {
        println!("{line}");
    }
    if !wanted.yes {
        println!("Nothing was done; say it again with --yes.");
        return Ok(());
    }
    if wanted.reclaim {
        let units = give_up::reclaim(server, life.incarnation_id).await?;
        println!("{} is given up; {units} units were taken back.", life.node);
    } else {
        give_up::give_up(server, &life).await?;
        println!("{} is given up.", life.node);
    }
    let recovery = epoch::recovery(server).await?;
    if recovery.epoch.is_recovering() {
        println!("{} other devices have not reported yet: outpost-server recovery", recovery.awaited.len());
    }
    Ok(())
}

/// What it means to give a device up, as a number.
fn bound(life: &Life, is_reclaimed: bool) -> Vec<String> {
    let Life { node, number, open_units, open_rows, .. } = life;
    let heard = life.seen_at.map_or_else(|| "never".to_owned(), moment);
    let mut lines = vec![format!(
        "{node} (life {number}, {}, last heard {heard}) may still sell {open_units} units of {open_rows} products without asking.",
        life.state
    )];
    if life.report_owed {
        lines.push("It has not reported since head office was restored, so it may hold more than that.".to_owned());
    }
    lines.push(if is_reclaimed {
        format!("They are taken back and others may sell them. If it sells them too, up to {open_units} units are sold that are not there; its sales are booked all the same.")
    } else {
        "They stay promised to it and nobody else sells them, until they are taken back with --reclaim.".to_owned()
    });
    lines
}

async fn add(wanted: Wanted, server: &Server, config: &Config) -> Result<(), Problem> {
    let warehouse_id = place(server, &wanted.warehouse).await?;
    let mut also = Vec::new();
    for name in &wanted.scope {
        also.push(place(server, name).await?);
    }
    let out = wanted.out.as_deref().map(created).transpose()?;
    let wanted = NodeWanted {
        name: wanted.name.unwrap_or_else(|| format!("{} {}", wanted.warehouse, wanted.kind)),
        kind: wanted.kind,
        warehouse_id,
        also,
        is_home: wanted.home,
        policy: wanted.policy,
        server: wanted.server.unwrap_or_else(|| format!("http://{}", config.listen)),
    };
    hand_over(&nodes::add_node(server, &wanted).await?, out)
}

pub(super) async fn place(server: &Server, name: &str) -> Result<WarehouseId, Problem> {
    let found = server.db.snapshot(|tx| async move { import::warehouse(&tx, name).await }).await?;
    Ok(found.ok_or_else(|| Error::NotFound { what: "warehouse", name: name.to_owned() })?)
}

/// Made before the device is, so that no device is added whose card cannot be kept. A card is not
/// written over, for it may be the only one of its device, and is nobody else's to read.
pub(super) fn created(path: &Path) -> Result<std::fs::File, Problem> {
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    opened.map_err(|error| {
        let sentence = format!("cannot write the card to {}; choose a new file: {error}", path.display());
        Problem::new("card_not_written", sentence)
    })
}

pub(super) fn hand_over(card: &Card, out: Option<std::fs::File>) -> Result<(), Problem> {
    let text = toml::to_string(card).map_err(|error| Problem::new("card_not_written", error.to_string()))?;
    match out {
        Some(mut file) => file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(|error| {
            Problem::new("card_not_written", format!("the card was not written ({error}); this is it:\n{text}"))
        }),
        None => {
            print!("{text}");
            Ok(())
        }
    }
}

pub(super) async fn list(server: &Server, json: bool) -> Result<(), Problem> {
    let currency = server.currency;
    let beginning = Timestamp::from_micros(0);
    let nodes = server.db.snapshot(|tx| async move { office::nodes(&tx, beginning, currency).await }).await?;
    if json {
        return print_json(&nodes);
    }
    let rows: Vec<_> = nodes
        .into_iter()
        .map(|node| {
            let seen = node.seen_at.map_or_else(|| "never".to_owned(), moment);
            let figures =
                [node.ops, node.set_aside, node.open_units, node.in_doubt, node.orders].map(|n| n.to_string());
            let [ops, set_aside, open_units, in_doubt, orders] = figures;
            let report = node.report.to_string();
            let place = if node.is_home { format!("{} (home)", node.warehouse) } else { node.warehouse };
            [
                node.name,
                node.kind.to_string(),
                place,
                seen,
                ops,
                set_aside,
                open_units,
                in_doubt,
                report,
                orders,
                node.takings.to_string(),
            ]
        })
        .collect();
    let columns = [
        "name",
        "kind",
        "place",
        "last heard",
        "ops",
        "waiting",
        "may sell",
        "in doubt",
        "report",
        "orders",
        "takings",
    ];
    table::print(columns, &rows, "no devices yet: outpost-server node add --kind till --warehouse NAME");
    Ok(())
}

/// Reads a value with the schema's own word for what is wrong.
pub(super) fn word<T: std::str::FromStr<Err = Fault>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|fault: Fault| fault.to_string())
}
