//! A catalogue, row by row into the book.

use std::collections::HashSet;

use outpost_schema::barcode::Barcode;

use super::{
    ImportError,
    decide::{Categories, Deciding, Done, Shelf, Told, in_store},
    read::{Chunk, Source, SourceError},
    report::{Options, Progress, Reason, Rejects, Report},
    row::{Columns, Row},
};
use crate::{
    db::{Tx, catalogue},
    server::Server,
};

type Rows = Chunk<Result<Row, Reason>>;

/// Imports products. `progress` is told after every chunk.
///
/// Afterwards the feed tells the nodes of what changed; rows that said nothing new are not told.
///
/// # Errors
/// [`ImportError`]; nothing of the file went in then.
pub async fn products(
    server: &Server,
    source: Source,
    options: Options,
    progress: impl FnMut(Progress),
) -> Result<Report, ImportError> {
    let is_dry_run = options.is_dry_run;
    let work = async |tx: &Tx| take(server, tx, source, options, progress).await;
    let report = server.db.import(is_dry_run, work).await?;
    if !is_dry_run {
        server.ring();
        crate::accept::retry_set_aside(server).await?;
    }
    Ok(report)
}

async fn take(
    server: &Server,
    tx: &Tx,
    source: Source,
    options: Options,
    mut progress: impl FnMut(Progress),
) -> Result<Report, ImportError> {
    let (columns, ignored_columns) = Columns::find(&source)?;
    let mut report = Report { is_dry_run: options.is_dry_run, ignored_columns, ..Report::default() };
    let mut rejects = Rejects::begin(options.rejects, source.header()).map_err(SourceError::Rejects)?;
    catalogue::lock(tx).await?;
    let mut deciding = Deciding {
        at: server.now(),
        world: &*server.world,
        in_store_barcodes: options.in_store_barcodes,
        categories: Categories::of(catalogue::categories(tx).await?),
        seen: HashSet::new(),
    };
    let currency = server.currency;
    let mut chunks = source.chunks(move |record| Row::read(record, &columns, currency));
    while let Some(chunk) = chunks.recv().await {
        let chunk = chunk?;
        let bytes = chunk.bytes_read;
        let mut shelf = load(tx, &chunk, options.in_store_barcodes).await?;
        decide(chunk, &mut shelf, &mut deciding, &mut report, &mut rejects).map_err(SourceError::Rejects)?;
        let made = deciding.categories.take_made();
        report.categories += made.len() as u64;
        catalogue::insert_categories(tx, &made).await?;
        save(tx, &shelf).await?;
        progress(Progress { rows: report.rows, bytes });
    }
    rejects.finish().map_err(SourceError::Rejects)?;
    Ok(report)
}

/// Everything that the rows of a chunk name, as it stands in the book.
async fn load(tx: &Tx, chunk: &Rows, in_store_barcodes: bool) -> Result<Shelf, ImportError> {
    let rows = || chunk.rows.iter().filter_map(|line| line.read.as_ref().ok());
    let skus: Vec<String> = rows().filter_map(|row| row.sku.clone()).collect();
    let own = rows().filter_map(|row| row.barcode.clone());
    let made = rows().filter(|row| in_store_barcodes && row.barcode.is_none()).filter_map(in_store);
    let barcodes: Vec<Barcode> = own.chain(made).collect();
    Ok(Shelf::of(catalogue::named_by(tx, &skus, &barcodes).await?))
}

fn decide(
    chunk: Rows,
    shelf: &mut Shelf,
    deciding: &mut Deciding<'_>,
    report: &mut Report,
    rejects: &mut Rejects,
) -> std::io::Result<()> {
    for line in chunk.rows {
        report.rows += 1;
        match line.read.and_then(|row| shelf.take(row, deciding)) {
            Ok(told) => count(report, told),
            Err(reason) => rejects.add(report, line.line, &line.record, &reason)?,
        }
    }
    Ok(())
}

fn count(report: &mut Report, told: Told) {
    match told.done {
        Done::New => report.new += 1,
        Done::Changed => report.changed += 1,
        Done::Unchanged => report.unchanged += 1,
    }
    report.without_price += u64::from(!told.has_price);
    report.fuel += u64::from(told.is_fuel);
    report.barcodes_made += u64::from(told.barcode_made == Some(true));
    report.barcodes_not_made += u64::from(told.barcode_made == Some(false));
}

async fn save(tx: &Tx, shelf: &Shelf) -> Result<(), ImportError> {
    catalogue::insert_products(tx, &shelf.at(&shelf.new)).await?;
    catalogue::update_products(tx, &shelf.at(&shelf.changed)).await?;
    catalogue::insert_barcodes(tx, &shelf.barcodes).await?;
    Ok(())
}
