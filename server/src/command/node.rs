//! `outpost-server node add | list`.

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
    error::Error,
    nodes::{self, NodeWanted},
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
    }
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

async fn place(server: &Server, name: &str) -> Result<WarehouseId, Problem> {
    let found = server.db.snapshot(|tx| async move { import::warehouse(&tx, name).await }).await?;
    Ok(found.ok_or_else(|| Error::NotFound { what: "warehouse", name: name.to_owned() })?)
}

/// Made before the device is, so that no device is added whose card cannot be kept. A card is not
/// written over, for it may be the only one of its device, and is nobody else's to read.
fn created(path: &Path) -> Result<std::fs::File, Problem> {
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    opened.map_err(|error| {
        let sentence = format!("cannot write the card to {}; choose a new file: {error}", path.display());
        Problem::new("card_not_written", sentence)
    })
}

fn hand_over(card: &Card, out: Option<std::fs::File>) -> Result<(), Problem> {
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

async fn list(server: &Server, json: bool) -> Result<(), Problem> {
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
            let figures = [node.ops, node.set_aside, node.open_units, node.orders].map(|n| n.to_string());
            let [ops, set_aside, open_units, orders] = figures;
            let place = if node.is_home { format!("{} (home)", node.warehouse) } else { node.warehouse };
            [
                node.name,
                node.kind.to_string(),
                place,
                seen,
                ops,
                set_aside,
                open_units,
                orders,
                node.takings.to_string(),
            ]
        })
        .collect();
    let columns = ["name", "kind", "place", "last heard", "ops", "waiting", "may sell", "orders", "takings"];
    table::print(columns, &rows, "no devices yet: outpost-server node add --kind till --warehouse NAME");
    Ok(())
}

/// Reads a value with the schema's own word for what is wrong.
fn word<T: std::str::FromStr<Err = Fault>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|fault: Fault| fault.to_string())
}
