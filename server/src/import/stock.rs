//! The stock that is there on opening day, written into the book of one warehouse.
//!
//! It opens books and does not add to them: a product whose book has begun there is left alone, so the
//! same file may be imported twice. What comes in later is received, where it comes in.

use std::collections::{HashMap, HashSet};

use csv::ByteRecord;
use outpost_schema::{
    barcode::Barcode,
    id::{ProductId, WarehouseId},
    quantity::AMOUNT_MAX,
    stock::StockKey,
    text,
};
use uuid::Uuid;

use super::{
    ImportError,
    read::{Chunk, Source, SourceError},
    report::{Options, Progress, Reason, Rejects, Report},
    row::{field, parsed},
};
use crate::{
    db::{Tx, catalogue, import},
    error::Error,
    grants,
    server::Server,
};

/// The columns that are read.
const KNOWN: [&str; 3] = ["sku", "barcode", "quantity"];

type Rows = Chunk<Result<Row, Reason>>;

/// Opens the books of a warehouse. `progress` is told after every chunk.
///
/// # Errors
/// [`ImportError`], also if there is no such warehouse; nothing of the file went in then.
pub async fn stock(
    server: &Server,
    source: Source,
    warehouse: &str,
    options: Options,
    progress: impl FnMut(Progress),
) -> Result<Report, ImportError> {
    let is_dry_run = options.is_dry_run;
    let work = async |tx: &Tx| take(server, tx, source, warehouse, options, progress).await;
    let report = server.db.import(is_dry_run, work).await?;
    if !is_dry_run {
        server.ring();
    }
    Ok(report)
}

async fn take(
    server: &Server,
    tx: &Tx,
    source: Source,
    warehouse: &str,
    options: Options,
    mut progress: impl FnMut(Progress),
) -> Result<Report, ImportError> {
    let (columns, ignored_columns) = Columns::find(&source)?;
    let mut report = Report { is_dry_run: options.is_dry_run, ignored_columns, ..Report::default() };
    let mut rejects = Rejects::begin(options.rejects, source.header()).map_err(SourceError::Rejects)?;
    catalogue::lock(tx).await?;
    let found = import::warehouse(tx, warehouse).await?;
    let warehouse_id = found.ok_or_else(|| Error::NotFound { what: "warehouse", name: warehouse.to_owned() })?;
    let mut opening = Opening { server, tx, warehouse_id, act_id: act_id(server), line: 1, seen: HashSet::new() };
    let mut chunks = source.chunks(move |record| Row::read(record, &columns));
    while let Some(chunk) = chunks.recv().await {
        let chunk = chunk?;
        let bytes = chunk.bytes_read;
        opening.chunk(chunk, &mut report, &mut rejects).await?;
        progress(Progress { rows: report.rows, bytes });
    }
    rejects.finish().map_err(SourceError::Rejects)?;
    Ok(report)
}

/// One import into one warehouse.
struct Opening<'a> {
    server: &'a Server,
    tx: &'a Tx,
    warehouse_id: WarehouseId,
    act_id: Uuid,
    line: i32,
    seen: HashSet<ProductId>,
}

impl Opening<'_> {
    async fn chunk(&mut self, chunk: Rows, report: &mut Report, rejects: &mut Rejects) -> Result<(), ImportError> {
        let known = Known::load(self.tx, self.warehouse_id, &chunk).await?;
        let mut opened = Vec::new();
        for line in chunk.rows {
            report.rows += 1;
            match line.read.and_then(|row| self.decide(&row, &known)) {
                Ok(Some(entry)) => opened.push(entry),
                Ok(None) => report.unchanged += 1,
                Err(reason) => {
                    rejects.add(report, line.line, &line.record, &reason).map_err(SourceError::Rejects)?;
                }
            }
        }
        report.new += opened.len() as u64;
        report.units += opened.iter().map(|(_, units)| units).sum::<i64>();
        self.save(&opened).await
    }

    /// The book to open; none if it says that already, or there is nothing to write.
    fn decide(&mut self, row: &Row, known: &Known) -> Result<Option<(ProductId, i64)>, Reason> {
        let (column, key) = row.key();
        let product_id = known.product(row).ok_or_else(|| Reason::UnknownProduct { column, key: key.clone() })?;
        if !self.seen.insert(product_id) {
            return Err(Reason::Repeated { column, key });
        }
        match known.balances.get(&product_id) {
            Some(balance) if *balance == row.quantity => Ok(None),
            Some(balance) => Err(Reason::AlreadyInBook { balance: *balance }),
            None if row.quantity == 0 => Ok(None),
            None => Ok(Some((product_id, row.quantity))),
        }
    }

    async fn save(&mut self, opened: &[(ProductId, i64)]) -> Result<(), ImportError> {
        if opened.is_empty() {
            return Ok(());
        }
        let at = self.server.now();
        import::open_stock(self.tx, self.act_id, self.line, self.warehouse_id, at, opened).await?;
        self.line += i32::try_from(opened.len()).unwrap_or(i32::MAX);
        let key =
            |(product_id, _): &(ProductId, i64)| StockKey { product_id: *product_id, warehouse_id: self.warehouse_id };
        grants::after_change(self.server, self.tx, &opened.iter().map(key).collect()).await?;
        Ok(())
    }
}

/// What the database knows of the products that a chunk names.
struct Known {
    by_sku: HashMap<String, ProductId>,
    by_barcode: HashMap<Barcode, ProductId>,
    balances: HashMap<ProductId, i64>,
}

impl Known {
    async fn load(tx: &Tx, warehouse_id: WarehouseId, chunk: &Rows) -> Result<Self, ImportError> {
        let rows = || chunk.rows.iter().filter_map(|line| line.read.as_ref().ok());
        let skus: Vec<String> = rows().filter_map(|row| row.sku.clone()).collect();
        let barcodes: Vec<Barcode> = rows().filter_map(|row| row.barcode.clone()).collect();
        let mut known = Self { by_sku: HashMap::new(), by_barcode: HashMap::new(), balances: HashMap::new() };
        let mut ids = Vec::new();
        for product in catalogue::named_by(tx, &skus, &barcodes).await? {
            known.by_sku.extend(product.sku.map(|sku| (sku, product.product_id)));
            known.by_barcode.extend(product.barcodes.into_iter().map(|barcode| (barcode, product.product_id)));
            ids.push(product.product_id);
        }
        known.balances = import::balances(tx, warehouse_id, &ids).await?.into_iter().collect();
        Ok(known)
    }

    fn product(&self, row: &Row) -> Option<ProductId> {
        let by_sku = row.sku.as_ref().and_then(|sku| self.by_sku.get(sku));
        let by_barcode = || row.barcode.as_ref().and_then(|barcode| self.by_barcode.get(barcode));
        by_sku.or_else(by_barcode).copied()
    }
}

/// Where each column stands.
struct Columns {
    sku: Option<usize>,
    barcode: Option<usize>,
    quantity: usize,
    width: usize,
}

impl Columns {
    fn find(source: &Source) -> Result<(Self, Vec<String>), SourceError> {
        let (sku, barcode) = (source.column("sku"), source.column("barcode"));
        let missing = |column: &str| {
            let needed = "quantity, and sku or barcode";
            SourceError::MissingColumns { missing: column.to_owned(), needed }
        };
        let quantity = source.column("quantity").ok_or_else(|| missing("quantity"))?;
        sku.or(barcode).ok_or_else(|| missing("sku"))?;
        Ok((Self { sku, barcode, quantity, width: source.names().len() }, source.ignored(&KNOWN)))
    }
}

/// What a row says.
struct Row {
    sku: Option<String>,
    barcode: Option<Barcode>,
    quantity: i64,
}

impl Row {
    fn read(record: &ByteRecord, columns: &Columns) -> Result<Self, Reason> {
        if record.len() != columns.width {
            return Err(Reason::WrongWidth { found: record.len(), expected: columns.width });
        }
        let line = |column, at| field(record, column, at, text::LINE_MAX);
        let row = Self {
            sku: line("sku", columns.sku)?,
            barcode: line("barcode", columns.barcode)?.map(|text| parsed("barcode", &text)).transpose()?,
            quantity: quantity(line("quantity", Some(columns.quantity))?.unwrap_or_default())?,
        };
        if row.sku.is_none() && row.barcode.is_none() { Err(Reason::NoKey) } else { Ok(row) }
    }

    fn key(&self) -> (&'static str, String) {
        match (&self.sku, &self.barcode) {
            (Some(sku), _) => ("sku", sku.clone()),
            (None, Some(barcode)) => ("barcode", barcode.to_string()),
            (None, None) => ("sku", String::new()),
        }
    }
}

fn quantity(text: String) -> Result<i64, Reason> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let units = text.parse().ok().filter(|units| digits && (0..=AMOUNT_MAX).contains(units));
    units.ok_or(Reason::NotAQuantity { text })
}

/// Names this import in the book, so that its movements are known as one act.
fn act_id(server: &Server) -> Uuid {
    ProductId::new(server.now(), server.world.id_chance()).0
}
