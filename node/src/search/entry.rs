//! A product as the index holds it: its terms, each as often as the field that it is from counts, and the values by
//! which it is narrowed down and sorted. Pure.
//!
//! Two fields hold its terms: what it is called by, and what else is said of it. Each has a length of its own, so that a
//! long description says nothing against the product whose name matches.

use outpost_schema::{catalogue::Product, id::ProductId};
use serde_json::Value;

use super::{
    begun,
    forms::{self, Forms},
    measure,
    words::{self, Word},
};
use crate::db::search::Entry;

/// Words of a description that are looked at: what stands behind them is small print.
const DESCRIPTION_WORDS: usize = 300;

/// Values of attributes that are narrowed by; longer ones are prose.
const VALUE_MAX: usize = 60;

/// Bytes of a name that it is sorted by.
const SORTED_BYTES: usize = 64;

/// The attribute that is the brand, a field of its own.
const BRAND_ATTRIBUTE: &str = "brand";

/// Between an attribute's name and its value.
pub(crate) const BETWEEN: char = '\u{1f}';

/// The bits of [`standing`] that say whether there is any of it here, and anywhere.
pub(crate) const HERE: u64 = 1;
pub(crate) const ANYWHERE: u64 = 2;

/// How far the class of what sells is shifted in [`standing`].
const SOLD_SHIFT: u32 = 2;

/// Classes of what sells: each sells twice as much as the one before. The last has no end.
const SOLD_CLASSES: u64 = 16;

/// What the index holds of a product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Indexed {
    pub(crate) product_id: ProductId,
    /// The terms that it is called by: name, code and brand; a space behind each.
    pub(crate) called: String,
    /// The terms of what else is said of it.
    pub(crate) said: String,
    /// Beginnings of words; see [`begun`].
    pub(crate) begun: String,
    /// The name as it is sorted by.
    pub(crate) name: String,
    pub(crate) brand: Option<String>,
    pub(crate) category: Option<String>,
    pub(crate) attributes: Vec<String>,
    /// In 1/10,000.
    pub(crate) price: Option<i64>,
    /// In microseconds since 1970.
    pub(crate) created: i64,
    /// See [`standing`].
    pub(crate) standing: u64,
}

impl Indexed {
    /// Of a product: `categories` are the names that it lies in, `orders` how many it was in here of late.
    pub(crate) fn of(entry: &Entry, categories: &[&str], orders: u32, forms: &mut Forms) -> Self {
        let product = &entry.product;
        let called = called(product, forms);
        Self {
            product_id: product.product_id,
            begun: begun::terms(&called, &terms_of(categories, forms)),
            called,
            said: said_of(entry, categories, forms),
            name: sorted(&product.name),
            brand: brand(product).map(str::to_owned),
            category: product.category_id.map(|id| id.to_string()),
            attributes: attributes(product),
            price: product.price.map(|price| price.parts()),
            created: product.created_at.micros(),
            standing: standing(entry, orders),
        }
    }

    /// A number that is another one, but for chance, if anything else is held (FNV-1a; Fowler, Noll, Vo).
    pub(crate) fn digest(&self) -> u64 {
        // Beginnings are of nothing but the terms.
        let Self { product_id: _, called, said, begun: _, name, brand, category, attributes, price, created, standing } =
            self;
        let numbers = format!("{price:?} {created} {standing}");
        let texts = [called, said, name].into_iter().chain(brand).chain(category).chain(attributes).map(String::as_str);
        let bytes = texts.chain([numbers.as_str()]).flat_map(|text| text.bytes().chain([0xff]));
        bytes.fold(0xcbf2_9ce4_8422_2325, |digest, byte| (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    }
}

/// A name as it is sorted: folded, and no longer than needed.
fn sorted(name: &str) -> String {
    let words: Vec<String> = name.split_whitespace().map(words::fold).collect();
    let mut key = words.join(" ");
    while key.len() > SORTED_BYTES {
        key.pop();
    }
    key
}

/// The terms of its name, its code and its brand.
fn called(product: &Product, forms: &mut Forms) -> String {
    terms_of(&[&product.name, product.sku.as_deref().unwrap_or(""), brand(product).unwrap_or("")], forms)
}

/// The terms of texts.
fn terms_of(texts: &[&str], forms: &mut Forms) -> String {
    let mut terms = Terms { forms, text: String::new() };
    texts.iter().for_each(|text| terms.add(&words::words(text)));
    terms.text
}

/// The terms of the categories that it lies in, its attributes, its description and its barcodes.
fn said_of(entry: &Entry, categories: &[&str], forms: &mut Forms) -> String {
    let product = &entry.product;
    let mut terms = Terms { forms, text: String::new() };
    categories.iter().for_each(|name| terms.add(&words::words(name)));
    for (_, value) in product.attributes.iter().filter(|(name, _)| *name != BRAND_ATTRIBUTE) {
        terms.add(&words::words(&said(value).unwrap_or_default()));
    }
    let mut description = words::words(product.description.as_deref().unwrap_or(""));
    description.truncate(DESCRIPTION_WORDS);
    terms.add(&description);
    terms.add(&words::words(&entry.codes));
    terms.text
}

struct Terms<'a> {
    forms: &'a mut Forms,
    text: String,
}

impl Terms<'_> {
    fn add(&mut self, words: &[Word]) {
        for (at, word) in words.iter().enumerate() {
            self.word(word);
            if let Some((term, _)) = measure::at(&words[at..]) {
                self.put(&term);
            }
        }
        for chunk in words.chunk_by(|_, next| next.is_joined).filter(|chunk| chunk.len() > 1) {
            let whole: String = chunk.iter().map(|word| word.text.as_str()).collect();
            if whole.len() <= words::WORD_MAX {
                self.put(&whole);
            }
        }
    }

    fn word(&mut self, word: &Word) {
        self.put(&word.text);
        if word.is_code {
            words::parts(&word.text).into_iter().for_each(|part| put(&mut self.text, part));
        } else {
            self.forms.stems(&word.text).iter().for_each(|stem| put(&mut self.text, &forms::term(stem)));
        }
    }

    fn put(&mut self, term: &str) {
        put(&mut self.text, term);
    }
}

fn put(text: &mut String, term: &str) {
    text.push_str(term);
    text.push(' ');
}

/// The product's brand, if it says one.
fn brand(product: &Product) -> Option<&str> {
    let brand = product.attributes.get(BRAND_ATTRIBUTE)?.as_str()?.trim();
    (!brand.is_empty() && brand.len() <= VALUE_MAX).then_some(brand)
}

/// What else it can be narrowed by: names of attributes and their values.
fn attributes(product: &Product) -> Vec<String> {
    let others = product.attributes.iter().filter(|(name, _)| *name != BRAND_ATTRIBUTE);
    let said = others.filter_map(|(name, value)| Some((name, said(value)?)));
    said.filter(|(name, value)| !value.is_empty() && value.len() <= VALUE_MAX && !name.contains(BETWEEN))
        .map(|(name, value)| format!("{name}{BETWEEN}{value}"))
        .collect()
}

/// An attribute as people say it; none of what has parts.
fn said(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Whether there is any of it, and how well it sells, in one number.
fn standing(entry: &Entry, orders: u32) -> u64 {
    let here = if entry.is_here { HERE } else { 0 };
    let anywhere = if entry.is_anywhere { ANYWHERE } else { 0 };
    here | anywhere | class_of(orders) << SOLD_SHIFT
}

/// The class of what was in so many orders: 0 of none, then one more with each doubling.
pub(crate) fn class_of(orders: u32) -> u64 {
    orders.checked_ilog2().map_or(0, |doublings| u64::from(doublings) + 1).min(SOLD_CLASSES - 1)
}

/// The class of what sells that a standing says.
pub(crate) const fn sold(standing: u64) -> u64 {
    standing >> SOLD_SHIFT
}

#[cfg(test)]
mod tests {
    use outpost_schema::{clock::Timestamp, money::Money, quantity::Unit};
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    fn entry(name: &str, attributes: Value) -> Entry {
        let at = Timestamp::from_micros(0);
        let product = Product {
            product_id: ProductId(Uuid::nil()),
            sku: Some("X-1".to_owned()),
            name: name.to_owned(),
            description: None,
            price: None,
            unit: Unit::Each,
            price_per: 1,
            category_id: None,
            seller_id: None,
            image_urls: Vec::new(),
            attributes: attributes.as_object().cloned().unwrap_or_default(),
            barcodes: Vec::new(),
            created_at: at,
            updated_at: at,
        };
        Entry { product, codes: String::new(), is_here: true, is_anywhere: true }
    }

    #[test]
    fn it_is_called_by_its_name_and_the_rest_is_said_of_it() {
        let milk = entry("Milk 1 l", json!({ "brand": "Ada", "size": "L" }));
        let held = Indexed::of(&milk, &["Dairy"], 0, &mut Forms::new());
        let has = |text: &str, term: &str| text.split(' ').any(|other| other == term);
        assert_eq!(
            ["milk", "=l1000", "x1", "ada", "dairy"].map(|term| has(&held.called, term)),
            [true, true, true, true, false]
        );
        assert_eq!(["milk", "dairy", "~dairi", "l"].map(|term| has(&held.said, term)), [false, true, true, true]);
    }

    #[test]
    fn whatever_else_is_held_is_another_digest() {
        let digest = |entry: &Entry, categories: &[&str], orders| {
            Indexed::of(entry, categories, orders, &mut Forms::new()).digest()
        };
        let milk = entry("Milk", json!({ "size": "1 l" }));
        let priced =
            Entry { product: Product { price: Money::from_parts(1).ok(), ..milk.product.clone() }, ..milk.clone() };
        let all = [
            digest(&milk, &[], 0),
            digest(&milk, &[], 1),
            digest(&milk, &["Dairy"], 0),
            digest(&priced, &[], 0),
            digest(&Entry { is_here: false, ..milk.clone() }, &[], 0),
            digest(&entry("Milk", json!({})), &[], 0),
        ];
        assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), all.len());
        assert_eq!(all[0], digest(&milk, &[], 0));
    }

    #[test]
    fn it_is_narrowed_by_what_is_short_and_whole() {
        let said = entry(
            "x",
            json!({ "brand": " Ada ", "size": "L", "vegan": true, "kg": 2, "list": [1], "note": "n".repeat(99) }),
        );
        assert_eq!(brand(&said.product), Some("Ada"));
        assert_eq!(attributes(&said.product), ["kg\u{1f}2", "size\u{1f}L", "vegan\u{1f}true"]);
    }

    #[test]
    fn what_sells_twice_as_much_is_a_class_higher() {
        assert_eq!([0, 1, 2, 3, 4, 1_000, u32::MAX].map(class_of), [0, 1, 2, 2, 3, 10, 15]);
        let standing = standing(&entry("x", json!({})), 4);
        assert_eq!((standing & HERE, standing & ANYWHERE, sold(standing)), (HERE, ANYWHERE, 3));
    }
}
