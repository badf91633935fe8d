//! `outpost-server stock promises | movements | low | threshold`: a row looked at closely, and what runs low.

use std::{
    collections::BTreeMap,
    fs::File,
    path::{Path, PathBuf},
};

use outpost_schema::{
    id::{ProductId, WarehouseId},
    rule::{RuleSort, Says},
    stock::StockKey,
};
use outpost_sync::wire::Problem;

use super::{moment, print_json, product, rule, table};
use crate::{
    db::{
        catalogue, import,
        shelf::{self, LowSeen, MovementSeen, Promise},
    },
    error::Error,
    rules,
    server::Server,
};

/// Rows in one look; name a warehouse to see less.
const ROWS_MAX: i64 = 200;

/// Rows read at once where all are wanted.
const PAGE: i64 = 5_000;

/// One product, and where.
#[derive(clap::Args)]
pub(super) struct Of {
    /// The product's sku, barcode or id
    product: String,
    /// Only there
    #[arg(long, value_name = "NAME")]
    warehouse: Option<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// What is laid down about goods that run low.
#[derive(clap::Subcommand)]
pub(super) enum Threshold {
    /// Say at how many or fewer goods run low: for a product, for a place, for both, or for all
    Set {
        /// How many, in the product's unit
        units: i64,
        #[command(flatten)]
        about: LowAbout,
    },
    /// Take back what was said about the same goods and place
    Clear {
        #[command(flatten)]
        about: LowAbout,
    },
    /// List them
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Take them from a CSV file with the columns sku (or barcode), warehouse and low_at; an empty warehouse is every one
    Import {
        /// The file
        file: PathBuf,
    },
}

/// Which goods run low at that.
#[derive(clap::Args)]
pub(super) struct LowAbout {
    /// Only this product: its sku, barcode or id
    #[arg(long, value_name = "SKU")]
    product: Option<String>,
    /// Only there
    #[arg(long, value_name = "NAME")]
    warehouse: Option<String>,
}

pub(super) async fn promises(of: Of, server: &Server) -> Result<(), Problem> {
    let (product_id, place) = named(&of, server).await?;
    let work = |tx| async move { shelf::promises(&tx, product_id, place, ROWS_MAX).await };
    let found = server.db.snapshot(work).await?;
    if of.json {
        return print_json(&found);
    }
    let row = |promise: &Promise| {
        let until = promise.until.map(moment).unwrap_or_default();
        let to = promise.name.clone().unwrap_or_else(|| promise.id.to_string());
        let since = promise.since.map(moment).unwrap_or_default();
        [promise.warehouse.clone(), promise.sort.word().to_owned(), to, promise.units.to_string(), since, until]
    };
    let rows: Vec<_> = found.iter().map(row).collect();
    let columns = ["warehouse", "promise", "to", "units", "since (UTC)", "until (UTC)"];
    table::print(columns, &rows, "nothing of it is promised to anybody");
    Ok(())
}

pub(super) async fn movements(of: Of, all: bool, server: &Server) -> Result<(), Problem> {
    let (product_id, place) = named(&of, server).await?;
    let (mut found, mut older_than): (Vec<MovementSeen>, _) = (Vec::new(), None);
    loop {
        let limit = if all { PAGE } else { ROWS_MAX };
        let work = |tx| async move { shelf::movements(&tx, product_id, place, older_than, limit).await };
        let page = server.db.snapshot(work).await?;
        older_than = page.last().map(|last| last.place);
        found.extend(page);
        if !all || older_than.is_none() {
            break;
        }
    }
    if of.json {
        return print_json(&found);
    }
    let row = |moved: &MovementSeen| {
        let device = moved.node.clone().unwrap_or_else(|| "head office".to_owned());
        let who = moved.person.as_ref().map_or_else(|| device.clone(), |person| format!("{person} ({device})"));
        let note = moved.receipt.clone().or_else(|| moved.note.clone()).unwrap_or_default();
        let (lot, expires) = (moved.lot.clone().unwrap_or_default(), moved.expires.clone().unwrap_or_default());
        let (delta, reason) = (format!("{:+}", moved.delta), moved.reason.to_string());
        [moment(moved.moved_at), moved.warehouse.clone(), delta, reason, who, lot, expires, note]
    };
    let rows: Vec<_> = found.iter().map(row).collect();
    let columns = ["at (UTC)", "warehouse", "units", "why", "by", "lot", "good until", "note"];
    table::print(columns, &rows, "nothing ever moved it");
    if !all && rows.len() as i64 == ROWS_MAX {
        println!("the newest {ROWS_MAX}; all of them with --all");
    }
    Ok(())
}

async fn named(of: &Of, server: &Server) -> Result<(ProductId, Option<WarehouseId>), Problem> {
    let product_id = product::find(server, &of.product).await?.product_id;
    Ok((product_id, warehouse(of.warehouse.as_deref(), server).await?))
}

async fn warehouse(name: Option<&str>, server: &Server) -> Result<Option<WarehouseId>, Problem> {
    let Some(name) = name else { return Ok(None) };
    let found = server.db.snapshot(|tx| async move { import::warehouse(&tx, name).await }).await?;
    let none = || Error::NotFound { what: "warehouse", name: name.to_owned() };
    Ok(Some(found.ok_or_else(none)?))
}

pub(super) async fn low(place: Option<String>, json: bool, server: &Server) -> Result<(), Problem> {
    let place = warehouse(place.as_deref(), server).await?;
    let (mut found, mut after): (Vec<LowSeen>, _) = (Vec::new(), None);
    loop {
        let page = server.db.snapshot(|tx| async move { shelf::low(&tx, place, after, PAGE).await }).await?;
        let Some(last) = page.last() else { break };
        after = Some(StockKey { product_id: last.product_id, warehouse_id: last.warehouse_id });
        found.extend(page);
    }
    if json {
        return print_json(&found);
    }
    let row = |low: &LowSeen| {
        let figures = [low.quantity, low.reserved_quantity, low.low_at].map(|units| units.to_string());
        let [quantity, reserved, low_at] = figures;
        [low.sku.clone().unwrap_or_default(), low.name.clone(), low.warehouse.clone(), quantity, reserved, low_at]
    };
    let rows: Vec<_> = found.iter().map(row).collect();
    let none = "nothing runs low, or nothing was laid down: outpost-server stock threshold set UNITS";
    table::print(["sku", "name", "warehouse", "on hand", "promised", "low at"], &rows, none);
    Ok(())
}

pub(super) async fn threshold(verb: Threshold, server: &Server) -> Result<(), Problem> {
    match verb {
        Threshold::Set { units, about } => {
            let says = [says(&about, units, server).await?];
            let changed = rules::lay_down(server, &says).await?;
            println!("{}", if changed > 0 { "set" } else { "nothing changed" });
            Ok(())
        }
        Threshold::Clear { about } => {
            let removed = rules::take_back(server, &[says(&about, 0, server).await?]).await?;
            println!("{}", if removed > 0 { "taken back" } else { "nothing was said about that" });
            Ok(())
        }
        Threshold::List { json } => rule::list(RuleSort::Low, json, server).await,
        Threshold::Import { file } => {
            let all = read(&file, server).await?;
            let changed = rules::lay_down(server, &all).await?;
            println!("{changed} of {} set", all.len());
            Ok(())
        }
    }
}

async fn says(about: &LowAbout, units: i64, server: &Server) -> Result<Says, Problem> {
    let product_id = match &about.product {
        Some(word) => Some(product::find(server, word).await?.product_id),
        None => None,
    };
    let warehouse_id = warehouse(about.warehouse.as_deref(), server).await?;
    Ok(Says::LowAt { product_id, warehouse_id, units })
}

/// One row of a file of thresholds.
#[derive(serde::Deserialize)]
struct LowRow {
    #[serde(default)]
    sku: Option<String>,
    #[serde(default)]
    barcode: Option<String>,
    #[serde(default)]
    warehouse: Option<String>,
    low_at: i64,
}

async fn read(file: &Path, server: &Server) -> Result<Vec<Says>, Problem> {
    let bad = |line: usize, what: String| Problem::new("bad_row", format!("row {line}: {what}; nothing was changed"));
    let open = File::open(file).map_err(|error| {
        Problem::new("no_file", format!("{} cannot be read ({error}); name another file", file.display()))
    })?;
    let mut rows = csv::Reader::from_reader(open);
    let rows: Vec<LowRow> = rows
        .deserialize()
        .enumerate()
        .map(|(at, row)| row.map_err(|error: csv::Error| bad(at + 2, error.to_string())))
        .collect::<Result<_, _>>()?;
    let codes: Vec<String> = rows.iter().map(|row| code(row).unwrap_or_default().to_owned()).collect();
    let codes = &codes;
    let products = server.db.snapshot(|tx| async move { catalogue::ids_of_words(&tx, codes).await }).await?;
    // Each place is looked up once, however many rows name it.
    let mut places: BTreeMap<&str, WarehouseId> = BTreeMap::new();
    let mut all = Vec::with_capacity(rows.len());
    for (row, at) in rows.iter().zip(2..) {
        let product_id = match code(row) {
            None => None,
            Some(code) => match products.get(code) {
                Some(product_id) => Some(*product_id),
                None => return Err(bad(at, format!("no product has the sku or barcode {code:?}"))),
            },
        };
        let warehouse_id = match row.warehouse.as_deref().filter(|name| !name.is_empty()) {
            None => None,
            Some(name) if places.contains_key(name) => places.get(name).copied(),
            Some(name) => {
                let found = warehouse(Some(name), server).await.map_err(|problem| bad(at, problem.sentence))?;
                places.extend(found.map(|id| (name, id)));
                found
            }
        };
        all.push(Says::LowAt { product_id, warehouse_id, units: row.low_at });
    }
    Ok(all)
}

fn code(row: &LowRow) -> Option<&str> {
    row.sku.as_deref().filter(|sku| !sku.is_empty()).or_else(|| row.barcode.as_deref().filter(|code| !code.is_empty()))
}
