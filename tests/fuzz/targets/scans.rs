//! What scanners send: read or refused, whatever it is; and a line of a sale that a label makes costs what it says.

use outpost_schema::{
    money::line_total,
    quantity::Unit,
    scan::{self, Layout, Name, SCAN_MAX, Scan, Setting, Sold},
};

use super::{choices::Choices, damage::damaged, make};

const LAYOUTS: [&str; 5] = ["21IIIIIPPPPPC", "20IIIIIWWWWWC", "22IIIIVPPPPPC", "29IIIIIINNNNC", "02IIIIIVPPPPC"];

const STARTS: [&str; 10] =
    ["", "]C1", "]d2", "]Q3", "]e0", "]E0", "\u{1d}", "(01)", "https://id.gs1.org/", "HTTP://x/de/gtin/"];

/// Elements that go together, and some that do not.
const PARTS: [&str; 24] = [
    "0104006381333931",
    "(01)04006381333931",
    "/01/4006381333931",
    "00106141412345678908",
    "02040063813339313712",
    "17251130",
    "(17)251100",
    "15261300",
    "10LOT\u{1d}",
    "(10)A(7)B",
    "/10/A%2F7",
    "21S\u{1d}",
    "3103001250",
    "(3169)999999",
    "3922499\u{1d}",
    "(3932)978001499",
    "?17=251130&3103=001250",
    "30007\u{1d}",
    "\u{1d}",
    "2101234004990",
    "2001234002500",
    "0",
    "é",
    ")(",
];

/// Any bytes, and bytes like those that readers send.
pub fn scan(bytes: &[u8]) {
    let choices = &mut Choices::of(bytes);
    let mut text = choices.one(&STARTS).to_owned();
    choices.some(6, |choices| text.push_str(choices.one(&PARTS)));
    let layouts: Vec<Layout> = choices.some(3, |choices| choices.one(&LAYOUTS).parse().expect("a layout"));
    let year = i32::try_from(choices.within(1_900, 9_000)).expect("four digits");
    let setting = Setting { layouts: &layouts, currency: make::currency(choices), year };
    let damaged = String::from_utf8_lossy(&damaged(text.as_bytes(), choices)).into_owned();
    layout(&damaged);
    let sold = sold(choices, &setting);
    let rest = String::from_utf8_lossy(choices.rest()).into_owned();
    for text in [text, damaged, rest] {
        match scan::read(&text, &setting) {
            Ok(scan) => read(&scan, &sold),
            Err(unread) => assert!(!unread.code().is_empty() && !unread.to_string().is_empty()),
        }
    }
}

fn layout(text: &str) {
    if let Ok(layout) = text.parse::<Layout>() {
        assert_eq!((layout.to_string().as_str(), layout.prefix().as_str()), (text, &text[..2]));
    }
}

fn sold(choices: &mut Choices<'_>, setting: &Setting<'_>) -> Sold {
    let unit = choices.one(&[Unit::Each, Unit::Gram, Unit::Millilitre, Unit::Milligallon]);
    let price = choices.once_in(2).then(|| make::money(choices)).filter(|price| !price.is_negative());
    Sold { unit, price, price_per: unit.price_per(), currency: setting.currency }
}

fn read(scan: &Scan, sold: &Sold) {
    let skus = scan.names.iter().filter_map(|name| if let Name::Sku(sku) = name { Some(sku) } else { None });
    assert!(skus.clone().all(|sku| !sku.is_empty() && sku.len() <= SCAN_MAX));
    let dates = [&scan.produced, &scan.due, &scan.packed, &scan.best_before, &scan.sell_by, &scan.expiry];
    assert!(dates.into_iter().flatten().all(|date| date.len() == 10), "{scan:?}");
    assert!([&scan.lot, &scan.serial].into_iter().flatten().all(|text| (1..=20).contains(&text.len())), "{scan:?}");
    assert!(scan.measures.iter().all(|measured| measured.units >= 0), "{scan:?}");
    let Ok(line) = scan.line(sold) else { return };
    if let Some(label) = scan.price {
        let price = line.price.or(sold.price).expect("a price");
        assert_eq!(line_total(price, line.quantity, sold.price_per, sold.currency), Ok(label.amount), "{scan:?}");
    }
}
