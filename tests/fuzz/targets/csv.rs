//! CSV files as far as they are read without a database: the encoding, the header and its columns.

use std::io::Cursor;

use outpost_server::import::Source;

use super::{choices::Choices, damage::damaged};

const COLUMNS: [&str; 10] =
    ["sku", "barcode", "name", "price", "currency", "category_path", "unit", "quantity", "SKU ", "\u{feff}name"];

/// What is wrong with a file as a whole.
const CODES: [&str; 3] = ["file_damaged", "file_empty", "column_twice"];

/// Any file is opened, packed or not, or refused with a code.
pub fn csv(bytes: &[u8]) {
    let choices = &mut Choices::of(bytes);
    let mark = choices.one(&[",", ";"]);
    let header = choices.some(5, |choices| choices.one(&COLUMNS)).join(mark);
    let rows = choices.some(4, |choices| choices.some(5, |choices| choices.text(9)).join(mark));
    let file = format!("{header}\n{}", rows.join("\r\n"));
    for plain in [file.as_bytes().to_vec(), damaged(file.as_bytes(), choices)] {
        let packed = zstd::bulk::compress(&plain, 1).expect("compresses");
        assert_eq!(opened(&plain), opened(&packed), "packed or not");
        _ = opened(&damaged(&packed, choices));
    }
    _ = opened(choices.rest());
}

fn opened(bytes: &[u8]) -> Result<(), &'static str> {
    let source = Source::new(Cursor::new(bytes.to_vec())).map(drop).map_err(|error| error.code());
    assert!(source.is_ok() || source.is_err_and(|code| CODES.contains(&code)), "{source:?}");
    source
}
