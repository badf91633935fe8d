//! What a scanner sends, read once: plain GTINs, GS1 element strings, GS1 Digital Links and the labels that a
//! shop's own scales print. What comes out names a product and says what the label says of it.
//!
//! Any bytes are read or refused with their reason; nothing is guessed. The rules are those of the GS1 General
//! Specifications (release 24): element strings in section 7.8, dates in 7.12, restricted circulation numbers
//! in 2.1.11; Digital Link is GS1's URI syntax 1.4.

mod date;
mod elements;
mod gs1;
pub mod label;
mod line;
mod link;
mod measure;
#[cfg(test)]
mod tests;
mod unread;

use serde::{Deserialize, Serialize};

pub use self::{
    label::Layout,
    line::{Line, Sold},
    measure::{Dimension, Measured},
    unread::Unread,
};
use crate::{
    barcode::{self, Barcode},
    money::{Currency, Money},
};

/// What a scanner sends at once, in bytes: the most letters that a QR code holds.
pub const SCAN_MAX: usize = 4_296;

/// Ends an element of variable length where a reader puts FNC1 into words: ASCII 29.
const FNC1: char = '\u{1d}';

/// By what a product is looked up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Name {
    /// By its barcode.
    Barcode(Barcode),
    /// By the shop's own code.
    Sku(String),
}

/// A price that a label tells: for the whole of what it is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelPrice {
    /// How much.
    pub amount: Money,
    /// The currency's number (ISO 4217), if the label tells it; else it is the shop's own.
    pub currency: Option<u16>,
}

/// What a scan says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scan {
    /// By what the product is looked up, the likeliest first. Empty if only a pallet or a place is named.
    pub names: Vec<Name>,
    /// Whether the product is what lies within the thing that was scanned.
    pub is_content: bool,
    /// The number of the logistic unit (SSCC).
    pub sscc: Option<String>,
    /// How many pieces.
    pub count: Option<i64>,
    /// Weights, lengths, areas and volumes.
    pub measures: Vec<Measured>,
    /// What it costs.
    pub price: Option<LabelPrice>,
    /// The batch or lot.
    pub lot: Option<String>,
    /// The serial number.
    pub serial: Option<String>,
    /// The variant of the product.
    pub variant: Option<String>,
    /// Further product identification given by its maker.
    pub additional_id: Option<String>,
    /// When it was made, as `2026-11-30`.
    pub produced: Option<String>,
    /// When it is to be paid.
    pub due: Option<String>,
    /// When it was packed.
    pub packed: Option<String>,
    /// Until when it is at its best.
    pub best_before: Option<String>,
    /// Until when it may be sold.
    pub sell_by: Option<String>,
    /// Until when it may be used.
    pub expiry: Option<String>,
    /// Whether a scale of the shop printed it, so that what it tells is what is sold.
    pub is_own_label: bool,
    /// Elements that are well formed and mean nothing here: identifier and value.
    pub other: Vec<(String, String)>,
}

/// What a reading depends on beside the scan itself.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// How the shop's own labels are laid out.
    pub layouts: &'a [Layout],
    /// The network's currency, which the prices on its own labels are in.
    pub currency: Currency,
    /// The present year: two digits of a year mean the one that is nearest to it.
    pub year: i32,
}

/// Reads what a scanner sent, or what somebody typed in its place. A text that is neither a code nor a link is
/// taken for the shop's own code.
///
/// # Errors
/// [`Unread`], if it is a code of one of the known sorts and something about it is wrong.
pub fn read(text: &str, setting: &Setting<'_>) -> Result<Scan, Unread> {
    let text = text.trim_matches(|letter: char| letter.is_ascii_whitespace());
    if text.len() > SCAN_MAX {
        return Err(Unread::TooLong);
    }
    match sort(text) {
        Sort::Elements(text) => gs1::elements(text, setting),
        Sort::Bracketed(text) => gs1::bracketed(text, setting),
        Sort::Link(text) => link::link(text, setting),
        Sort::Retail(text) => retail(text, setting),
        Sort::Plain(text) if looks_like_elements(text) => {
            Ok(gs1::elements(text, setting).unwrap_or_else(|_| own(text)))
        }
        Sort::Plain(text) => plain(text, setting),
    }
}

enum Sort<'a> {
    /// By its symbology or a leading FNC1.
    Elements(&'a str),
    /// Written for people: `(01)...`.
    Bracketed(&'a str),
    Link(&'a str),
    /// Of a symbology that holds a GTIN and nothing else: EAN and UPC.
    Retail(&'a str),
    Plain(&'a str),
}

/// Symbologies that hold element strings (ISO/IEC 15424): GS1-128, DataBar, Data Matrix, QR, DotCode.
const GS1: [&str; 5] = ["]C1", "]e0", "]d2", "]Q3", "]J1"];

/// EAN-13, UPC-A and UPC-E; EAN-8.
const RETAIL: [&str; 2] = ["]E0", "]E4"];

fn sort(text: &str) -> Sort<'_> {
    let after = |prefixes: &[&str]| prefixes.iter().find_map(|prefix| text.strip_prefix(prefix));
    if let Some(rest) = after(&GS1) {
        return sorted(rest).unwrap_or(Sort::Elements(rest));
    }
    if let Some(rest) = after(&RETAIL) {
        return Sort::Retail(rest);
    }
    // Any other symbology: what it holds is text.
    let is_marked = text.starts_with(']') && text.is_char_boundary(3) && text.len() > 3;
    let text = if is_marked { &text[3..] } else { text };
    sorted(text).unwrap_or(Sort::Plain(text))
}

/// What shows of itself of which sort it is.
fn sorted(text: &str) -> Option<Sort<'_>> {
    if let Some(rest) = text.strip_prefix(FNC1) {
        return Some(Sort::Elements(rest));
    }
    let scheme = text.get(..8).unwrap_or(text).to_ascii_lowercase();
    if scheme.starts_with("https://") || scheme.starts_with("http://") {
        return Some(Sort::Link(text));
    }
    let inner = text.strip_prefix('(').and_then(|rest| rest.split_once(')')).map(|(ai, _)| ai);
    let is_bracketed = inner.is_some_and(|ai| (2..=4).contains(&ai.len()) && is_digits(ai));
    is_bracketed.then_some(Sort::Bracketed(text))
}

/// Readers that send no symbology: a GTIN or SSCC with its identifier in front and a check digit that fits.
fn looks_like_elements(text: &str) -> bool {
    let digits = |from: usize, to: usize| text.get(from..to).filter(|digits| is_digits(digits));
    match text.get(..2) {
        Some("00") => digits(2, 20).is_some_and(barcode::fits),
        Some("01" | "02") => text.len() > 16 && digits(2, 16).is_some_and(barcode::fits),
        Some(_) | None => false,
    }
}

/// A code that is a GTIN for certain.
fn retail(text: &str, setting: &Setting<'_>) -> Result<Scan, Unread> {
    if !is_digits(text) || !matches!(text.len(), 6..=8 | 12 | 13) {
        return Err(Unread::NotAGtin);
    }
    let found = plain_code(text, setting)?;
    let short = barcode::upc_e(text).map(|code| named(names_of(&code)));
    found.or(short).ok_or(Unread::CheckDigit { ai: "01" })
}

fn plain(text: &str, setting: &Setting<'_>) -> Result<Scan, Unread> {
    if !is_digits(text) || !matches!(text.len(), 8 | 12..=14) {
        return Ok(own(text));
    }
    let found = plain_code(text, setting)?.or_else(|| {
        let short = Some(text).filter(|text| text.len() == 8).and_then(barcode::upc_e);
        short.map(|code| named(names_of(&code)))
    });
    let mut scan = found.ok_or(Unread::CheckDigit { ai: "01" })?;
    if !scan.is_own_label {
        scan.names.push(Name::Sku(text.to_owned()));
    }
    Ok(scan)
}

/// A GTIN with a check digit that fits, or one of the shop's own labels; none if no check digit fits.
fn plain_code(text: &str, setting: &Setting<'_>) -> Result<Option<Scan>, Unread> {
    let Ok(code) = text.parse::<Barcode>() else { return Ok(None) };
    if let Some(layout) = setting.layouts.iter().find(|layout| layout.is_of(&code)) {
        return layout.read(&code, setting.currency).map(Some);
    }
    let mut names = names_of(&code);
    // Eight digits may be both, and either check digit may fit by chance.
    names.extend(Some(text).filter(|text| text.len() == 8).and_then(barcode::upc_e).map(Name::Barcode));
    Ok(Some(named(names)))
}

/// A GTIN and the other ways in which the same one is written.
fn names_of(code: &Barcode) -> Vec<Name> {
    code.spellings().into_iter().map(Name::Barcode).collect()
}

fn named(names: Vec<Name>) -> Scan {
    Scan { names, ..Scan::default() }
}

fn own(text: &str) -> Scan {
    named(Some(text).filter(|text| !text.is_empty()).map(|text| Name::Sku(text.to_owned())).into_iter().collect())
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
