//! Scans as scanners send them, and what is read of them.

use super::*;
use crate::scan::measure::Dimension;

const FNC1: &str = "\u{1d}";

fn layouts() -> Vec<Layout> {
    ["21IIIIIPPPPPC", "20IIIIIWWWWWC", "22IIIIVPPPPPC", "29IIIIIINNNNC", "02IIIIIVPPPPC"]
        .map(|text| text.parse().expect("a layout"))
        .to_vec()
}

fn read(text: &str) -> Result<Scan, Unread> {
    let layouts = layouts();
    super::read(text, &Setting { layouts: &layouts, currency: "EUR".parse().expect("currency"), year: 2026 })
}

fn barcodes(scan: &Scan) -> Vec<&str> {
    scan.names
        .iter()
        .filter_map(|name| if let Name::Barcode(code) = name { Some(code.digits()) } else { None })
        .collect()
}

fn skus(scan: &Scan) -> Vec<&str> {
    scan.names.iter().filter_map(|name| if let Name::Sku(sku) = name { Some(sku.as_str()) } else { None }).collect()
}

/// Everything that names a product: the code that is tried first.
#[test]
fn a_product_is_named_in_many_ways() {
    let cases = [
        ("4006381333931", "4006381333931"),
        (" 4006381333931\r\n", "4006381333931"),
        ("04006381333931", "04006381333931"),
        ("036000291452", "0036000291452"),
        ("96385074", "96385074"),
        ("]E04006381333931", "4006381333931"),
        ("]E496385074", "96385074"),
        ("]E0425261", "0042100005264"),
        ("04252614", "0042100005264"),
        ("]C10104006381333931", "04006381333931"),
        ("]d20104006381333931", "04006381333931"),
        ("]Q30104006381333931", "04006381333931"),
        ("]e00104006381333931", "04006381333931"),
        ("\u{1d}0104006381333931", "04006381333931"),
        ("010400638133393110LOT7", "04006381333931"),
        ("(01)04006381333931", "04006381333931"),
        ("]Q1https://example.com/01/4006381333931", "04006381333931"),
        ("https://id.gs1.org/01/04006381333931", "04006381333931"),
        ("HTTPS://shop.example/de/gtin/4006381333931/lot/A%2F7", "04006381333931"),
        ("0204006381333931379", "04006381333931"),
    ];
    for (text, first) in cases {
        let scan = read(text).unwrap_or_else(|unread| panic!("{text}: {unread}"));
        assert_eq!(barcodes(&scan).first(), Some(&first), "{text}");
    }
}

#[test]
fn what_is_no_code_is_the_shops_own() {
    for text in ["TEA", "25671", "0104", "http", "(TEA)", "(01", "tea (01) green", "12345678901", "]C", "ä]E0"] {
        let scan = read(text).unwrap_or_else(|unread| panic!("{text}: {unread}"));
        assert_eq!((skus(&scan), barcodes(&scan).len()), (vec![text], 0), "{text}");
    }
    assert_eq!(read(""), Ok(Scan::default()));
    assert_eq!(skus(&read("]A0TEA").expect("text")), ["TEA"], "of another symbology");
}

#[test]
fn elements_tell_more_than_the_product() {
    let text =
        format!("]C101040063813339311725113015261200310300125010LOT-7{FNC1}21S/9{FNC1}3922499{FNC1}307{FNC1}240X");
    let scan = read(&text).expect("a scan");
    assert_eq!(scan.expiry.as_deref(), Some("2025-11-30"));
    assert_eq!(scan.best_before.as_deref(), Some("2026-12-31"), "day nought");
    assert_eq!(scan.measures, [Measured { dimension: Dimension::Weight, units: 1_250 }]);
    assert_eq!((scan.lot.as_deref(), scan.serial.as_deref()), (Some("LOT-7"), Some("S/9")));
    assert_eq!(scan.price, Some(LabelPrice { amount: "4.99".parse().expect("money"), currency: None }));
    assert_eq!((scan.count, scan.additional_id.as_deref()), (Some(7), Some("X")));
    assert!(!scan.is_content && !scan.is_own_label && scan.other.is_empty());

    let people = "(01)04006381333931(17)251130(15)261200(3103)001250(10)LOT-7(21)S/9(3922)499(30)7(240)X";
    assert_eq!(read(people), Ok(scan.clone()));
    let link = "https://x.example/01/04006381333931/10/LOT-7/21/S%2F9?17=251130&15=261200&3103=001250&3922=499&30=7&240=X&utm=1";
    assert_eq!(read(link), Ok(scan));
}

#[test]
fn dates_of_every_sort_are_told_apart() {
    let scan =
        read("(01)04006381333931(11)260101(12)260102(13)260103(15)260104(16)260105(17)260106(20)07").expect("a scan");
    let days = [scan.produced, scan.due, scan.packed, scan.best_before, scan.sell_by, scan.expiry];
    let expected: Vec<_> = (1..=6).map(|day| Some(format!("2026-01-0{day}"))).collect();
    assert_eq!((days.to_vec(), scan.variant.as_deref()), (expected, Some("07")));
    let timed = read("(01)04006381333931(7003)2601071530").expect("a scan");
    assert_eq!(timed.expiry.as_deref(), Some("2026-01-07"));
}

#[test]
fn pallets_and_boxes_say_what_is_in_them() {
    let pallet = read("00106141412345678908").expect("a pallet");
    assert_eq!((pallet.sscc.as_deref(), pallet.names.len()), (Some("106141412345678908"), 0));
    let boxed = read("]C100106141412345678908020400638133393137120").expect("a box");
    assert_eq!((boxed.is_content, boxed.count, barcodes(&boxed)[0]), (true, Some(120), "04006381333931"));
    let link = read("https://x.example/00/106141412345678908").expect("a pallet");
    assert_eq!(link.sscc, pallet.sscc);
}

#[test]
fn a_price_may_name_its_currency() {
    let scan = read("(01)98765432109213(3932)978001499").expect("a scan");
    assert_eq!(scan.price, Some(LabelPrice { amount: "14.99".parse().expect("money"), currency: Some(978) }));
    let whole = read("(01)98765432109213(3930)3921500").expect("a scan").price.expect("a price");
    assert_eq!((whole.amount.to_string(), whole.currency), ("1500.00".to_owned(), Some(392)));
}

#[test]
fn a_bracket_in_a_value_is_a_part_of_it() {
    let scan = read("(01)04006381333931(10)A(7)B(21)x").expect("a scan");
    assert_eq!((scan.lot.as_deref(), scan.serial.as_deref()), (Some("A(7)B"), Some("x")));
}

#[test]
fn own_labels_tell_what_the_network_has_them_tell() {
    let code = |body: &str| format!("{body}{}", crate::barcode::check_digit(body.as_bytes()));
    let price = read(&code("210123400499")).expect("a label");
    assert_eq!(skus(&price), ["01234", "1234"]);
    assert_eq!(barcodes(&price), [code("210123400000")]);
    assert_eq!(price.price.map(|price| price.amount.to_string()).as_deref(), Some("4.99"));
    let weight = read(&code("200123400250")).expect("a label");
    assert_eq!(weight.measures, [Measured { dimension: Dimension::Weight, units: 250 }]);
    assert_eq!(read(&code("291234560012")).expect("a label").count, Some(12));
    let checked = read(&code("221234614685")).expect("a label");
    assert_eq!(
        (skus(&checked), checked.price.expect("a price").amount.to_string()),
        (vec!["1234"], "146.85".to_owned())
    );
    assert_eq!(read(&code("221234514685")), Err(Unread::PriceCheckDigit));
    // A scale that prints twelve digits: number system 2.
    let american = read(&code("21234592875")).expect("a label");
    assert_eq!(american.price.expect("a price").amount.to_string(), "28.75");
    // A prefix that no layout has is a code like any other.
    assert_eq!(barcodes(&read(&code("230123400499")).expect("a code"))[0], code("230123400499"));
}

#[test]
fn what_is_wrong_is_told_with_its_code() {
    let cases = [
        ("4006381333932", "wrong_check_digit"),
        ("]E04006381333932", "wrong_check_digit"),
        ("]E0TEA", "not_a_barcode"),
        ("]C10104006381333932", "wrong_check_digit"),
        ("]C1010400638133393", "bad_element"),
        ("]C1010400638133393110", "bad_element"),
        ("]C101040063813339311725", "bad_element"),
        ("]C10104006381333931310300125A", "bad_element"),
        ("]C10104006381333931172513305", "bad_date"),
        ("]C1010400638133393117251330", "bad_date"),
        ("]C10104006381333931101234567890123456789012", "bad_element"),
        ("]C1050400638133393110A", "unknown_element"),
        ("]C1é", "unknown_element"),
        ("]C1010400638133393110A\u{1d}10B", "element_twice"),
        ("]C101040063813339310104006381333948", "element_twice"),
        ("(01)04006381333931(10)ä", "bad_element"),
        ("(00)106141412345678909", "wrong_check_digit"),
        ("https://example.com/products/7", "not_a_product_link"),
        ("https://example.com/01", "not_a_product_link"),
        ("https://example.com/01/4006381333932", "wrong_check_digit"),
        ("https://example.com/01/4006381333931/10/%zz", "bad_element"),
        ("https://example.com/01/4006381333931/10/%ff", "bad_element"),
        ("(01)98765432109213(3932)978", "bad_element"),
        ("(01)98765432109213(3928)000000001", "bad_label_price"),
    ];
    for (text, code) in cases {
        let read = read(text);
        assert_eq!(read.as_ref().map_err(Unread::code).err(), Some(code), "{text}: {read:?}");
    }
    assert_eq!(read(&"9".repeat(SCAN_MAX + 1)), Err(Unread::TooLong));
    assert_eq!(read("]C1010400638133393110A\u{1d}10A").map(|scan| scan.lot), Ok(Some("A".to_owned())), "said twice");
}
