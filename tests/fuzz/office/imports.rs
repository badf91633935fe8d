//! Files of products and of opening stock: each row goes in or is told by its line and code, and the totals add up.

use std::{
    io::{self, Cursor, Write},
    sync::{Arc, Mutex},
};

use outpost_server::import::{self, Options, Report, Source};

use super::{Office, run};
use crate::targets::{Target, choices::Choices, damage::damaged};

const VALUES: [(&str, &[&str]); 9] = [
    ("sku", &["P1", "P2", "P9", "25671", "99999999999", "123456789012", "", " "]),
    ("barcode", &["4006381333931", "036000291452", "4006381333932", "96385074", "", "x"]),
    ("name", &["Tea", "Jam", "Cr\u{e8}me", "", "two\nlines", "a \"quoted\" one"]),
    ("price", &["1", "2.50", "0.0", "1.23456", "-1", "99999999999999", "1e9", ""]),
    ("currency", &["USD", "EUR", "usd", ""]),
    ("category_path", &["FOOD > TEA", "FOOD", "FUEL > DIESEL", " > ", "A > A > A", ""]),
    ("unit", &["each", "gram", "bushel", ""]),
    ("quantity", &["0", "12", "1000000000", "1000000001", "-1", "+1", "1.5", "", "99999999999999999999"]),
    ("shelf", &["7", "", "\u{1f345}"]),
];

/// Rejected rows, as they are written.
#[derive(Clone, Default)]
struct Rejected(Arc<Mutex<Vec<u8>>>);

impl Write for Rejected {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("nobody panicked").extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn every_row_goes_in_or_is_told() {
    let office = Office::open().await;
    let inputs = Target { name: "imports", run: |_| {}, inputs: 150 };
    for input in run::inputs(inputs, 0) {
        let choices = &mut Choices::of(&input);
        let ((file, lines), is_stock) = (file(choices), choices.once_in(2));
        let Some((report, rejected)) = imported(&office, &file, is_stock, choices.once_in(2)).await else { continue };
        adds_up(&report, &rejected);
        let told: Vec<u64> = report.first_rejects.iter().map(|reject| reject.line).collect();
        assert!(told.is_sorted() && lines.is_none_or(|lines| told.iter().all(|line| lines.contains(line))), "{told:?}");
        let (again, _) = imported(&office, &file, is_stock, false).await.expect("it was good before");
        assert_eq!((again.new, again.rows), (0, report.rows), "again makes nothing new");
    }
    let broken = office.server.laws().await.expect("they can be checked");
    assert_eq!(broken, Vec::<String>::new());
}

/// A file, and the lines on which its rows begin, unless it was damaged.
fn file(choices: &mut Choices<'_>) -> (Vec<u8>, Option<Vec<u64>>) {
    let mut columns: Vec<_> = VALUES.into_iter().filter(|_| !choices.once_in(5)).collect();
    let first = choices.place(columns.len());
    columns.rotate_left(first);
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
    writer.write_record(columns.iter().map(|(name, _)| *name)).expect("into memory");
    let (mut lines, mut line) = (Vec::new(), 2);
    for _ in 0..choices.place(8) {
        let fewer = if choices.once_in(8) { 1 } else { 0 };
        let row: Vec<&str> = columns.iter().skip(fewer).map(|(_, values)| choices.one(values)).collect();
        writer.write_record(&row).expect("into memory");
        lines.push(line);
        line += 1 + row.iter().map(|value| value.matches('\n').count() as u64).sum::<u64>();
    }
    let file = writer.into_inner().expect("into memory");
    if choices.once_in(3) { (damaged(&file, choices), None) } else { (file, Some(lines)) }
}

/// What came of it, and what was rejected; none if the file as a whole was refused.
async fn imported(office: &Office, file: &[u8], is_stock: bool, in_store: bool) -> Option<(Report, Vec<u8>)> {
    let source = Source::new(Cursor::new(file.to_vec())).ok()?;
    let rejected = Rejected::default();
    let options =
        Options { in_store_barcodes: in_store, rejects: Some(Box::new(rejected.clone())), ..Options::default() };
    let report = match is_stock {
        true => import::stock(&office.server, source, "Place 1", options, |_| {}).await,
        false => import::products(&office.server, source, options, |_| {}).await,
    };
    match report {
        Ok(report) => Some((report, rejected.0.lock().expect("nobody panicked").clone())),
        Err(error) => {
            assert!(["columns_missing", "file_damaged"].contains(&error.code()), "{error}");
            None
        }
    }
}

fn adds_up(report: &Report, rejected: &[u8]) {
    assert_eq!(report.rows, report.new + report.changed + report.unchanged + report.rejected, "{report:?}");
    assert_eq!(report.reasons.values().sum::<u64>(), report.rejected);
    assert_eq!(report.first_rejects.len() as u64, report.rejected.min(20));
    assert!(report.first_rejects.iter().all(|reject| !reject.code.is_empty() && !reject.reason.is_empty()));
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(rejected);
    assert_eq!(reader.byte_records().filter_map(Result::ok).count() as u64, report.rejected);
}
