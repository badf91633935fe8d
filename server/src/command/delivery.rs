//! `outpost-server delivery expect | list | show | close`.

use outpost_schema::{clock::Timestamp, delivery::Delivery};
use outpost_sync::wire::Problem;

use super::{moment, print_json, product, table};
use crate::{
    db::{deliveries as stored, import, names::Names},
    deliveries::{self, ClosedBy, Expected, ExpectedLine},
    error::Error,
    server::Server,
};

/// Deliveries in one look.
const ROWS_MAX: i64 = 200;

/// What `delivery` can do.
#[derive(clap::Subcommand)]
pub(super) enum Verb {
    /// Say what is expected at a warehouse; its devices are told
    Expect {
        /// What is written on its papers
        reference: String,
        /// A product's sku, barcode or id, and how many: TEA=24
        #[arg(required = true, value_name = "SKU=UNITS")]
        products: Vec<String>,
        /// Where
        #[arg(long, value_name = "NAME")]
        warehouse: String,
        /// From whom
        #[arg(long, value_name = "NAME")]
        supplier: String,
        /// The day it is due, as YYYY-MM-DD
        #[arg(long, value_name = "DAY")]
        due: Option<String>,
    },
    /// List those that wait for something
    List {
        /// Only there
        #[arg(long, value_name = "NAME")]
        warehouse: Option<String>,
        /// Those that are over too
        #[arg(long)]
        all: bool,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Show what is expected and what came
    Show {
        /// Its reference or id
        delivery: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Close one of which no more will come
    Close {
        /// Its reference or id
        delivery: String,
        /// Who closes it
        #[arg(long, value_name = "NAME")]
        by: String,
        /// Why, such as what becomes of what is short
        #[arg(long, value_name = "TEXT")]
        note: String,
    },
}

pub(super) async fn run(verb: Verb, server: &Server) -> Result<(), Problem> {
    match verb {
        Verb::Expect { reference, products, warehouse, supplier, due } => {
            let mut lines = Vec::new();
            for text in &products {
                lines.push(line(text, server).await?);
            }
            let due_at = due.map(|day| due_day(&day)).transpose()?;
            let said = Expected { warehouse, supplier, reference, due_at, lines };
            show(server, &deliveries::expect(server, &said).await?).await
        }
        Verb::List { warehouse, all, json } => list(server, warehouse.as_deref(), all, json).await,
        Verb::Show { delivery, json } => {
            let name = delivery.as_str();
            let found = server.db.snapshot(|tx| async move { deliveries::find(&tx, name).await }).await?;
            if json { print_json(&found) } else { show(server, &found).await }
        }
        Verb::Close { delivery, by, note } => {
            show(server, &deliveries::close(server, &delivery, &ClosedBy { by, note }).await?).await
        }
    }
}

async fn line(text: &str, server: &Server) -> Result<ExpectedLine, Problem> {
    let cure = || Problem::new("bad_line", format!("{text:?} names no goods; write it like TEA=24"));
    let (word, units) = text.rsplit_once('=').ok_or_else(cure)?;
    let expected = units.parse().map_err(|_| cure())?;
    Ok(ExpectedLine { product_id: product::find(server, word).await?.product_id, expected })
}

/// The end of a day, in UTC.
fn due_day(day: &str) -> Result<Timestamp, Problem> {
    let cure = || Problem::new("bad_day", format!("{day:?} is no day; write it like 2026-11-30"));
    let parts: Vec<i64> = day.split('-').map(str::parse).collect::<Result<_, _>>().map_err(|_| cure())?;
    let &[year, month, day] = parts.as_slice() else { return Err(cure()) };
    let days = (1..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    if !days {
        return Err(cure());
    }
    // Years begin in March here, so that a leap day is the last one.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * month + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    Ok(Timestamp::from_micros(((days + 1) * 86_400 - 1) * 1_000_000))
}

async fn list(server: &Server, at: Option<&str>, all: bool, json: bool) -> Result<(), Problem> {
    let looked = server.db.snapshot(|tx| async move {
        let place = match at {
            Some(name) => Some(import::warehouse(&tx, name).await?.ok_or_else(|| no_warehouse(name))?),
            None => None,
        };
        Ok((stored::list(&tx, place, all, ROWS_MAX).await?, Names::load(&tx, &[]).await?))
    });
    let (deliveries, names) = looked.await?;
    if json {
        return print_json(&deliveries);
    }
    let rows: Vec<_> = deliveries
        .iter()
        .map(|one| {
            let sum = |of: fn(&outpost_schema::delivery::DeliveryLine) -> i64| one.lines.iter().map(of).sum::<i64>();
            let [expected, came, open] =
                [sum(|l| l.expected), sum(|l| l.received), sum(|l| l.open())].map(|n| n.to_string());
            let due = one.due_at.map(moment).unwrap_or_default();
            let place = names.warehouse(one.warehouse_id);
            let state = one.state().word().to_owned();
            [one.reference.clone(), one.supplier.clone(), place, due, expected, came, open, state]
        })
        .collect();
    let columns = ["reference", "supplier", "warehouse", "due", "expected", "came", "open", "state"];
    table::print(columns, &rows, "nothing is expected: outpost-server delivery expect");
    Ok(())
}

async fn show(server: &Server, one: &Delivery) -> Result<(), Problem> {
    let products: Vec<_> = one.lines.iter().map(|line| line.product_id).collect();
    let products = products.as_slice();
    let names = server.db.snapshot(|tx| async move { Names::load(&tx, products).await }).await?;
    println!("{}  {} from {}, {}", one.delivery_id, one.reference, one.supplier, one.state().word());
    println!(
        "at {}{}",
        names.warehouse(one.warehouse_id),
        one.due_at.map(|at| format!(", due {}", moment(at))).unwrap_or_default()
    );
    if let Some(closing) = &one.closing {
        println!("closed {} by {}: {}", moment(closing.at), closing.by, closing.note);
    }
    let rows: Vec<_> = one
        .lines
        .iter()
        .map(|line| {
            let figures = [line.expected, line.received, line.open(), line.over()].map(|n| n.to_string());
            let [expected, came, open, over] = figures;
            [names.product(line.product_id), expected, came, open, over]
        })
        .collect();
    table::print(["product", "expected", "came", "open", "over"], &rows, "nothing is expected of it");
    Ok(())
}

fn no_warehouse(name: &str) -> Error {
    Error::NotFound { what: "warehouse", name: name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_read_as_it_is_written() {
        for day in ["1970-01-01", "2016-02-29", "2026-11-30", "2000-03-01"] {
            assert_eq!(moment(due_day(day).expect("a day")), format!("{day} 23:59:59"));
        }
        for none in ["", "tomorrow", "2026-13-01", "2026-11", "2026-11-30-1"] {
            assert!(due_day(none).is_err(), "{none}");
        }
    }
}
