//! Comparing a till with head office: one slice, a whole walk, and what they cost beside the rounds and
//! beside reading the same rows by bare SQL at both ends.

use std::path::Path;

use outpost_node::{Node, db::FILE, time::Real, uplink::Uplink};
use outpost_schema::id::{ProductId, WarehouseId};
use outpost_sync::{
    round,
    verify::{self, Compared, Outcome as Looked, ROUNDS_BETWEEN},
    wire::DIGEST_ROWS_MAX,
};
use rusqlite::{Connection, OpenFlags};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::{
    disk, goods, http,
    numbers::{median, micros, percentile},
    postgres::{self, Postgres},
    report::{Figure, Outcome, Report},
    shop::{self, Seller},
    till,
    watch::{timed, timed_async},
};

/// See [`Figure`].
pub const FIGURE: Figure = Figure {
    name: "digest",
    tells: "A till compares 100,000 products, 300,000 stock rows and 100,000 allotments with head office.",
    means: "No aim is set: a slice comes once in 20 rounds and should cost less than they do.",
    measure,
};

/// Rounds with nothing to say, to compare a slice with.
const IDLE_ROUNDS: usize = 200;

/// Further warehouses that the till hears of.
const ALSO: u128 = 2;

fn measure(report: &mut Report) -> Outcome {
    let folder = disk::folder()?;
    postgres::with(async |postgres| compare(report, &postgres, folder.path()).await)
}

async fn compare(report: &mut Report, postgres: &Postgres, folder: &Path) -> Outcome {
    let (server, outside) = postgres.server("digest").await?;
    fill(&outside).await?;
    let address = http::serve(server).await?;
    let node = Node::open(folder, std::sync::Arc::new(Real))?;
    node.join(&till::card()?)?;
    let uplink = Uplink::new(&format!("http://{address}"), goods::node_id())?;
    while !round::run(&node, &uplink, 0).await.map_err(|failure| failure.to_string())?.is_level {}

    let mut rounds = Vec::new();
    for _ in 0..IDLE_ROUNDS {
        let (passed, done) = timed_async(round::run(&node, &uplink, 0)).await;
        done.map_err(|failure| failure.to_string())?;
        rounds.push(micros(passed) / 1e3);
    }
    let (slices, rows) = walk(&node, &uplink).await?;
    let here = timed(|| read_here(folder)).0.as_secs_f64();
    let there = timed_async(read_there(&outside)).await.0.as_secs_f64();

    let case = format!("{rows} rows, {} slices", slices.len());
    let bare = (here + there) * 1e3;
    let bare_slice = bare / slices.len() as f64;
    report.say("slice p50", &case, "ms", (median(&slices), bare_slice), "bare SQL at both ends");
    report.say("slice p99", &case, "ms", (percentile(&slices, 99.0), bare_slice), "bare SQL at both ends");
    report.say("walk", &case, "s", (slices.iter().sum::<f64>() / 1e3, bare / 1e3), "bare SQL at both ends");
    let between = median(&rounds) * f64::from(ROUNDS_BETWEEN);
    report.say("slice", "of its rounds", "ms", (median(&slices), between), "20 rounds with nothing to say");
    Ok(())
}

/// Every slice of a whole walk in milliseconds, and the rows compared.
async fn walk(node: &Node, uplink: &Uplink) -> Outcome<(Vec<f64>, usize)> {
    let (mut slices, mut rows) = (Vec::new(), 0);
    loop {
        let anew = slices.is_empty();
        let (passed, looked) = timed_async(verify::slice(node, uplink, anew, DIGEST_ROWS_MAX)).await;
        slices.push(micros(passed) / 1e3);
        let Looked::Compared(Compared { rows: compared, mended, unexplained, is_end, .. }) =
            looked.map_err(|failure| failure.to_string())?
        else {
            return Err("nothing was compared".into());
        };
        if !mended.is_empty() || unexplained > 0 {
            return Err(format!("the two differ: {} mended, {unexplained} unexplained", mended.len()).into());
        }
        rows += compared.iter().map(|(_, rows)| rows).sum::<usize>();
        if is_end {
            return Ok((slices, rows));
        }
    }
}

async fn fill(client: &Client) -> Outcome {
    shop::fill(client, Seller::Till).await?;
    for number in 1..=ALSO {
        let also = WarehouseId(Uuid::from_u128(number));
        client
            .execute(
                "insert into warehouses (warehouse_id, name, created_at) values ($1::uuid, 'Also ' || $2::text, now())",
                &[&also, &number.to_string()],
            )
            .await?;
        client
            .execute(
                "insert into stock (product_id, warehouse_id, balance, promised, updated_at)
                 select product_id, $1::uuid, 7, 0, now() from products",
                &[&also],
            )
            .await?;
        client.execute("update nodes set scope = scope || $1::uuid", &[&also]).await?;
    }
    Ok(client.batch_execute("vacuum analyze").await?)
}

/// The same rows from SQLite, every cell looked at.
fn read_here(folder: &Path) -> Outcome<usize> {
    let conn = Connection::open_with_flags(folder.join(FILE), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut cells = 0;
    for table in ["products", "stock", "allotments"] {
        let mut statement = conn.prepare(&format!("select * from {table}"))?;
        let columns = statement.column_count();
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            for column in 0..columns {
                cells += row.get_ref(column)?.data_type() as usize;
            }
        }
    }
    Ok(cells)
}

/// The same rows from Postgres, as many at once as a slice has.
async fn read_there(client: &Client) -> Outcome<usize> {
    let limit = i64::try_from(DIGEST_ROWS_MAX)?;
    let mut read = 0;
    for table in ["products", "stock", "allotments"] {
        let key = if table == "products" { "product_id" } else { "product_id, warehouse_id" };
        let sql = format!("select * from {table} where product_id > $1 order by {key} limit $2");
        let statement = client.prepare(&sql).await?;
        let mut after = ProductId(Uuid::nil());
        loop {
            let rows = client.query(&statement, &[&after, &limit]).await?;
            let Some(last) = rows.last() else { break };
            after = last.try_get("product_id")?;
            read += rows.len();
        }
    }
    Ok(read)
}
