//! What a person types for a product: its barcode or sku, and how many.

use outpost_schema::{catalogue::Product, id::ProductId, money::Money, movement::Lot, scan::Scan};
use outpost_sync::wire::Problem;

use super::{Failure, till::Till};
use crate::web::{
    products::OfferShown,
    scan::{FoundShown, ScanShown},
};

/// A product and a number.
pub(super) struct Wanted {
    pub(super) offer: OfferShown,
    pub(super) units: i64,
    /// The price that a label tells, if it is another than the product's.
    pub(super) price: Option<Money>,
    /// Which of the goods it is, as far as the code says so.
    pub(super) lot: Lot,
}

impl Wanted {
    pub(super) fn plain(offer: OfferShown, units: i64) -> Self {
        Self { offer, units, price: None, lot: Lot::default() }
    }

    /// What somebody said of the lot, else what the code says of it.
    pub(super) fn lot_as(&self, lot: Option<&String>, expires: Option<&String>) -> Lot {
        let said = |said: Option<&String>, read: &Option<String>| said.or(read.as_ref()).cloned();
        Lot { lot: said(lot, &self.lot.lot), expires: said(expires, &self.lot.expires) }
    }
}

/// The products of `CODE` or `CODExN`. A sku or barcode that itself ends like that is meant whole; of anything else the
/// number is taken off first, or it would be read as the end of a scan's lot.
pub(super) fn each(till: &Till, typed: &[String]) -> Result<Vec<Wanted>, Failure> {
    typed.iter().map(|text| one(till, text)).collect()
}

fn one(till: &Till, text: &str) -> Result<Wanted, Failure> {
    if let Some(offer) = exactly(till, text)? {
        return Ok(Wanted::plain(offer, 1));
    }
    if let Some((code, units)) = split(text, 'x') {
        return several(till, code, units);
    }
    let shown = scan(till, text);
    if let Ok(shown) = &shown
        && let Some(wanted) = meant(shown)?
    {
        return Ok(wanted);
    }
    match (product(till, text), shown) {
        (Ok(offer), _) => Ok(Wanted::plain(offer, 1)),
        // What is wrong with the code says more than that nothing is called so.
        (Err(_), Err(unread)) => Err(unread),
        (Err(unknown), Ok(_)) => Err(unknown),
    }
}

/// So many of what a code means, if it says no amount itself.
fn several(till: &Till, code: &str, units: i64) -> Result<Wanted, Failure> {
    if let Some(offer) = exactly(till, code)? {
        return Ok(Wanted::plain(offer, units));
    }
    let shown = scan(till, code).ok();
    match shown.as_ref().map(meant).transpose()?.flatten() {
        Some(one) if one.units == 1 && one.price.is_none() => Ok(Wanted { units, ..one }),
        Some(_) => Err(Failure::usage(
            "label_times",
            format!("{code:?} is a label that says itself how much it is; write it once for each piece"),
        )),
        None => Ok(Wanted::plain(product(till, code)?, units)),
    }
}

fn scan(till: &Till, code: &str) -> Result<ScanShown, Failure> {
    till.get("/v1/scan", &[("code", code)])
}

/// The one product that a scan means, with what else it says; none if it means none, or several.
fn meant(shown: &ScanShown) -> Result<Option<Wanted>, Failure> {
    match shown.found.as_slice() {
        [found] => labelled(found, &shown.scan).map(Some),
        _ => Ok(None),
    }
}

/// The product of a GS1 code or a label, with the amount and price that it tells. A label that cannot be sold by is
/// not sold by some other amount.
fn labelled(found: &FoundShown, scan: &Scan) -> Result<Wanted, Failure> {
    let expires = scan.expiry.as_ref().or(scan.sell_by.as_ref()).or(scan.best_before.as_ref());
    let lot = Lot { lot: scan.lot.clone(), expires: expires.cloned() };
    match (&found.line, &found.problem) {
        (Some(line), _) => {
            Ok(Wanted { offer: found.offer.clone(), units: line.quantity.units(), price: line.price, lot })
        }
        (None, Some(problem)) => Err(problem.clone().into()),
        (None, None) => Err(not_found(&found.offer.product.name)),
    }
}

/// The code and the number after the last `mark`.
pub(super) fn split(text: &str, mark: char) -> Option<(&str, i64)> {
    let (code, units) = text.rsplit_once(mark)?;
    Some((code, units.parse().ok()?)).filter(|(code, _)| !code.is_empty())
}

/// The product of `CODE=SEEN`, and how many were seen.
pub(super) fn seen(till: &Till, text: &str) -> Result<(Product, i64), Failure> {
    let (code, counted) = split(text, '=')
        .ok_or_else(|| Failure::usage("bad_count", format!("{text:?} is no count; write it like TEA=7")))?;
    Ok((product(till, code)?.product, counted))
}

/// The one product that this code or name means.
pub(super) fn product(till: &Till, code: &str) -> Result<OfferShown, Failure> {
    let mut found = search(till, code)?;
    match found.len() {
        0 => Err(not_found(code)),
        1 => Ok(found.remove(0)),
        _ => Err(ambiguous(code, &found)),
    }
}

/// What a product is called; its id, if it is not known here.
pub(super) fn name(till: &Till, product: ProductId) -> String {
    let offer: Result<OfferShown, Failure> = till.get(&format!("/v1/products/{product}"), &[]);
    offer.map_or_else(|_| product.to_string(), |offer| offer.product.name)
}

fn exactly(till: &Till, code: &str) -> Result<Option<OfferShown>, Failure> {
    let is_exact = |offer: &OfferShown| {
        offer.product.sku.as_deref() == Some(code)
            || code.parse().is_ok_and(|barcode| offer.product.barcodes.contains(&barcode))
    };
    Ok(Some(search(till, code)?).filter(|found| found.len() == 1).map(|mut found| found.remove(0)).filter(is_exact))
}

fn search(till: &Till, code: &str) -> Result<Vec<OfferShown>, Failure> {
    till.get("/v1/products", &[("find", code), ("limit", "5")])
}

fn not_found(code: &str) -> Failure {
    Problem::new("nothing_found", format!("no product here is called {code:?}; look with `outpost-node find`")).into()
}

fn ambiguous(code: &str, found: &[OfferShown]) -> Failure {
    let names: Vec<_> =
        found.iter().map(|offer| offer.product.sku.as_deref().unwrap_or(offer.product.name.as_str())).collect();
    let sentence = format!("{code:?} may be any of {}; give a barcode or sku", names.join(", "));
    Problem::new("several_found", sentence).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_what_follows_the_last_mark() {
        assert_eq!(split("TEAx3", 'x'), Some(("TEA", 3)));
        assert_eq!(split("4006381333931x12", 'x'), Some(("4006381333931", 12)));
        assert_eq!(split("mixx2", 'x'), Some(("mix", 2)));
        assert_eq!(split("box", 'x'), None);
        assert_eq!(split("x3", 'x'), None);
        assert_eq!(split("TEA=0", '='), Some(("TEA", 0)));
    }
}
