//! `outpost-server stock`: what is on hand; the other verbs stand in [`super::shelf`].

use outpost_sync::wire::Problem;

use super::{print_json, product, shelf, table};
use crate::{
    db::{
        import,
        office::{self, StockWanted},
    },
    error::Error,
    grants,
    server::Server,
};

/// Rows in one look; name a product or a warehouse to see less.
const ROWS_MAX: i64 = 200;

/// What `stock` can do.
#[derive(clap::Subcommand)]
pub(super) enum Verb {
    /// Show what is on hand, promised and missing
    Show {
        /// Only this product: its sku, barcode or id
        product: Option<String>,
        /// Only there
        #[arg(long, value_name = "NAME")]
        warehouse: Option<String>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Show or set how many units of each product are kept back for orders, and granted to no device unasked
    KeptBack {
        /// So many from now on; show what is set, if none are named
        units: Option<i64>,
        /// Only there; without UNITS, and with --reset, as everywhere again
        #[arg(long, value_name = "NAME")]
        warehouse: Option<String>,
        /// Let that warehouse keep back what is kept back everywhere
        #[arg(long, requires = "warehouse", conflicts_with = "units")]
        reset: bool,
    },
    /// Show to whom a product is promised: devices, holds, orders
    Promises(shelf::Of),
    /// Show what moved a product, the newest first
    Movements {
        #[command(flatten)]
        of: shelf::Of,
        /// All of them, however many
        #[arg(long)]
        all: bool,
    },
    /// Show what runs low
    Low {
        /// Only there
        #[arg(long, value_name = "NAME")]
        warehouse: Option<String>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Say at how many goods run low
    #[command(subcommand)]
    Threshold(shelf::Threshold),
}

pub(super) async fn run(verb: Verb, server: &Server) -> Result<(), Problem> {
    match verb {
        Verb::Show { product, warehouse, json } => show(product, warehouse, json, server).await,
        Verb::KeptBack { units, warehouse, reset } => keep_back(units, warehouse, reset, server).await,
        Verb::Promises(of) => shelf::promises(of, server).await,
        Verb::Movements { of, all } => shelf::movements(of, all, server).await,
        Verb::Low { warehouse, json } => shelf::low(warehouse, json, server).await,
        Verb::Threshold(verb) => shelf::threshold(verb, server).await,
    }
}

async fn keep_back(units: Option<i64>, warehouse: Option<String>, reset: bool, server: &Server) -> Result<(), Problem> {
    if units.is_some() || reset {
        let at = match warehouse.as_deref() {
            Some(name) => {
                let found = server.db.snapshot(|tx| async move { import::warehouse(&tx, name).await }).await?;
                Some(found.ok_or_else(|| no_warehouse(name))?)
            }
            None => None,
        };
        grants::keep_back(server, at, units).await?;
    }
    let kept = grants::kept_back(server).await?;
    println!("everywhere: {} of each product", kept.units);
    for place in kept.warehouses {
        println!("{}: {}", place.name, place.units);
    }
    Ok(())
}

async fn show(product: Option<String>, warehouse: Option<String>, json: bool, server: &Server) -> Result<(), Problem> {
    let product_id = match product {
        Some(word) => Some(product::find(server, &word).await?.product_id),
        None => None,
    };
    let warehouse = warehouse.as_deref();
    let rows = server.db.snapshot(|tx| async move {
        let warehouse_id = match warehouse {
            Some(name) => Some(import::warehouse(&tx, name).await?.ok_or_else(|| no_warehouse(name))?),
            None => None,
        };
        office::stock(&tx, StockWanted { warehouse_id, product_id, after: None, limit: ROWS_MAX }).await
    });
    let rows = rows.await?;
    if json {
        return print_json(&rows);
    }
    let columns = ["sku", "name", "warehouse", "on hand", "promised", "free", "owed", "unbacked"];
    let shown: Vec<_> = rows
        .iter()
        .map(|row| {
            let units =
                [row.quantity, row.reserved_quantity, row.available, row.owed, row.unbacked].map(|n| n.to_string());
            let [quantity, reserved, available, owed, unbacked] = units;
            let (sku, name) = (row.sku.clone().unwrap_or_default(), row.name.clone());
            [sku, name, row.warehouse.clone(), quantity, reserved, available, owed, unbacked]
        })
        .collect();
    table::print(columns, &shown, "no stock yet: import it, or receive goods at a device");
    if rows.len() as i64 == ROWS_MAX {
        println!("the first {ROWS_MAX} rows; name a product to see another");
    }
    Ok(())
}

fn no_warehouse(name: &str) -> Error {
    Error::NotFound { what: "warehouse", name: name.to_owned() }
}
