//! The import of the real grocery catalogue through head office: every row read, checked, decided and
//! marked in the feed, beside `COPY` of the finished rows into a bare table.

use std::path::Path;

use futures_util::{SinkExt as _, TryStreamExt as _};
use outpost_server::{
    db::databases,
    import::{Options, Source, products},
};
use tokio_postgres::Client;

use crate::{
    environment,
    numbers::{Rounds, median, rate},
    postgres::{self, Postgres},
    report::{Figure, Outcome, Report},
    watch::timed_async,
};

/// See [`Figure`].
pub const FIGURE: Figure = Figure {
    name: "import",
    tells: "The real catalogue of 92,331 products from its CSV file into the book of head office.",
    means: "COPY has no rows to read, check, find again or tell the nodes of; no aim is set, a minute would be too long.",
    measure,
};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/products-grocery.csv.zst");

/// Rounds of turns.
const ROUNDS: usize = 3;

fn measure(report: &mut Report) -> Outcome {
    postgres::with(async |postgres| rounds(report, &postgres).await)
}

async fn rounds(report: &mut Report, postgres: &Postgres) -> Outcome {
    let (mut seconds, mut speed, mut peaks, mut rows) = (Rounds::default(), Rounds::default(), Vec::new(), 0);
    for _ in 0..ROUNDS {
        environment::forget_peak();
        let (server, outside) = postgres.server("import").await?;
        let source = Source::open(Path::new(FILE))?;
        let (ours, done) = timed_async(products(&server, source, Options::default(), |_| {})).await;
        let done = done?;
        peaks.push(environment::peak_mb());
        rows = usize::try_from(done.rows)?;
        let copy = copy(&outside, &databases::connect(&postgres.database("bare").await?).await?).await?;
        seconds.note(ours.as_secs_f64(), copy.as_secs_f64());
        speed.note(rate(rows, ours), rate(rows, copy));
    }
    let case = format!("{rows} products");
    report.say("time", &case, "s", seconds.medians(), "COPY into a bare table");
    report.say("speed", &case, "rows/s", speed.medians(), "COPY into a bare table");
    let file = std::fs::metadata(FILE)?.len() as f64 / (1024.0 * 1024.0);
    report.say("peak memory", &case, "MB", (median(&peaks), file), "the file, compressed");
    Ok(())
}

/// How long it takes to copy the products of one database into a bare table of another.
async fn copy(from: &Client, into: &Client) -> Outcome<std::time::Duration> {
    let parts: Vec<_> = from.copy_out("copy products to stdout (format binary)").await?.try_collect().await?;
    into.batch_execute(
        "create table products (
            product_id uuid primary key, sku text, name text, description text, price numeric(18, 4), unit text,
            price_per bigint, category_id uuid, seller_id uuid, image_urls jsonb, attributes jsonb,
            created_at timestamptz, updated_at timestamptz
        )",
    )
    .await?;
    let (passed, done) = timed_async(async {
        let sink = into.copy_in("copy products from stdin (format binary)").await?;
        let mut sink = std::pin::pin!(sink);
        for part in parts {
            sink.feed(part).await?;
        }
        sink.finish().await
    })
    .await;
    done?;
    Ok(passed)
}
