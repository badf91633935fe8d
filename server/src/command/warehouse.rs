//! `outpost-server warehouse add | list`.

use outpost_sync::wire::Problem;

use super::{print_json, table};
use crate::{db::office, nodes, server::Server};

/// What `warehouse` can do.
#[derive(clap::Subcommand)]
pub(super) enum Verb {
    /// Set up a place that holds stock; a shop is one too
    Add {
        /// What people call it
        name: String,
    },
    /// List them with the sums of their stock
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(verb: Verb, server: &Server) -> Result<(), Problem> {
    match verb {
        Verb::Add { name } => {
            let warehouse = nodes::add_warehouse(server, &name).await?;
            println!("{}  {}", warehouse.warehouse_id, warehouse.name);
            Ok(())
        }
        Verb::List { json } => list(server, json).await,
    }
}

async fn list(server: &Server, json: bool) -> Result<(), Problem> {
    let warehouses = server.db.snapshot(|tx| async move { office::warehouses(&tx).await }).await?;
    if json {
        return print_json(&warehouses);
    }
    let rows: Vec<_> = warehouses
        .into_iter()
        .map(|one| {
            let figures = [one.products, one.sold_out, one.quantity, one.reserved_quantity].map(|n| n.to_string());
            let [products, sold_out, quantity, reserved] = figures;
            let home = one.home_of.map_or_else(|| "shared".to_owned(), |node| format!("home of {node}"));
            [one.warehouse_id.to_string(), one.name, home, products, sold_out, quantity, reserved]
        })
        .collect();
    let columns = ["id", "name", "sold from", "products", "sold out", "on hand", "promised"];
    table::print(columns, &rows, "no warehouses yet: outpost-server warehouse add NAME");
    Ok(())
}
