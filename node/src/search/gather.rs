//! One walk over everything that matches: which of it passes the filters, what is on top, and how many there are by
//! each value.
//!
//! A facet counts what passes every filter but its own: otherwise, once a brand is chosen, no other one could be. So of
//! each document it is noted which filters it fails: none, and it is found; one, and it counts in that one's facet
//! alone; more, and it counts nowhere.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, BinaryHeap},
    sync::Arc,
};

use outpost_schema::{
    id::ProductId,
    planted::{Bug, is_planted},
};
use tantivy::{
    DocId, Score, SegmentOrdinal, SegmentReader,
    collector::{Collector, SegmentCollector},
};

use super::{
    Sort, entry,
    view::{Columns, View},
};

/// What each class of what sells adds to a score: of two matches that are nearly equal the better seller comes first.
const SOLD_ADDS: f32 = 0.005;

/// What is left of the score of what is not in stock here.
const NOT_HERE: f32 = 0.97;

/// The filters, as numbers of values.
#[derive(Clone, Debug, Default)]
pub(super) struct Sieve {
    pub(super) categories: Option<Arc<BTreeSet<u32>>>,
    pub(super) brands: Option<Arc<BTreeSet<u32>>>,
    /// From and to, both included, in 1/10,000.
    pub(super) price: Option<(i64, i64)>,
    /// Bits of a standing of which one must be set.
    pub(super) stock: Option<u64>,
    /// Values of which a product must have one, by the number of the attribute's name.
    pub(super) attributes: Vec<(u32, Arc<BTreeSet<u32>>)>,
}

const CATEGORY: u32 = 1;
const BRAND: u32 = 1 << 1;
const PRICE: u32 = 1 << 2;
const STOCK: u32 = 1 << 3;

/// The bit of the attribute filter at a place.
const fn attribute_bit(place: usize) -> u32 {
    1 << (4 + place)
}

impl Sieve {
    /// Which filters a document fails, as bits.
    fn failed(&self, columns: &Columns, doc: DocId) -> u32 {
        let among = |wanted: &Option<Arc<BTreeSet<u32>>>, value: Option<u32>| {
            wanted.as_ref().is_none_or(|wanted| value.is_some_and(|value| wanted.contains(&value)))
        };
        let mut failed = 0;
        if self.categories.is_some() && !among(&self.categories, columns.category.first(doc)) {
            failed |= CATEGORY;
        }
        if self.brands.is_some() && !among(&self.brands, columns.brand.first(doc)) {
            failed |= BRAND;
        }
        if let Some((from, to)) = self.price
            && !columns.price(doc).is_some_and(|price| (from..=to).contains(&price))
        {
            failed |= PRICE;
        }
        if let Some(stock) = self.stock
            && columns.standing(doc) & stock == 0
        {
            failed |= STOCK;
        }
        for (place, (_, wanted)) in self.attributes.iter().enumerate() {
            if !columns.attribute.all(doc).iter().any(|value| wanted.contains(value)) {
                failed |= attribute_bit(place);
            }
        }
        failed
    }
}

/// How many there are of each value. Only those that were met are ever looked at: a catalogue has a hundred thousand
/// brands, and what is found has a few.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    counts: Vec<u32>,
    met: Vec<u32>,
}

impl Tally {
    fn of(values: usize) -> Self {
        Self { counts: vec![0; values], met: Vec::new() }
    }

    fn up(&mut self, value: u32, by: u32) {
        if let Some(count) = self.counts.get_mut(value as usize) {
            if *count == 0 {
                self.met.push(value);
            }
            *count += by;
        }
    }

    fn add(&mut self, other: &Self) {
        other.met().for_each(|(value, count)| self.up(value, count));
    }

    /// The values that there are, with how many of each.
    pub(super) fn met(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.met.iter().filter_map(|value| Some((*value, *self.counts.get(*value as usize)?)))
    }
}

/// How many there are by each value.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    pub(super) categories: Tally,
    pub(super) brands: Tally,
    pub(super) attributes: Tally,
    /// Lowest and highest.
    pub(super) price: Option<(i64, i64)>,
    pub(super) here: u64,
    pub(super) anywhere: u64,
}

impl Counts {
    fn add(&mut self, other: &Self) {
        self.categories.add(&other.categories);
        self.brands.add(&other.brands);
        self.attributes.add(&other.attributes);
        self.price = wider(self.price, other.price);
        self.here += other.here;
        self.anywhere += other.anywhere;
    }
}

fn wider(one: Option<(i64, i64)>, other: Option<(i64, i64)>) -> Option<(i64, i64)> {
    match (one, other) {
        (Some((low, high)), Some((lower, higher))) => Some((low.min(lower), high.max(higher))),
        (one, other) => one.or(other),
    }
}

/// Where something comes in the order that was asked for: a number, or a name; the greatest first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Number(u64),
    Name(Reverse<String>),
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub(super) struct Gathered {
    /// How many there are.
    pub(super) total: u64,
    /// Whether something matched at all, though perhaps no filter let it pass.
    pub(super) matched: bool,
    /// The first of them.
    pub(super) top: Vec<ProductId>,
    /// The counts, if they were asked for.
    pub(super) counts: Option<Counts>,
}

/// What is gathered.
#[derive(Clone, Copy)]
pub(super) struct Gather<'a> {
    pub(super) view: &'a View,
    pub(super) sieve: &'a Sieve,
    pub(super) sort: Sort,
    /// How many of the first are named.
    pub(super) most: usize,
    pub(super) is_counted: bool,
    /// How many brands, categories and attributes there are.
    pub(super) values: [usize; 3],
}

/// What a part gives.
pub(super) struct Part {
    total: u64,
    matched: bool,
    top: Vec<(Rank, Reverse<ProductId>)>,
    counts: Option<Counts>,
}

impl Collector for Gather<'_> {
    type Fruit = Gathered;
    type Child = InPart;

    fn for_segment(&self, _: SegmentOrdinal, part: &SegmentReader) -> tantivy::Result<InPart> {
        let columns = self.view.parts.get(&part.segment_id()).cloned();
        let columns =
            columns.ok_or_else(|| tantivy::TantivyError::InternalError("a part without columns".to_owned()))?;
        let [brands, categories, attributes] = self.values;
        let counts = self.is_counted.then(|| Counts {
            categories: Tally::of(categories),
            brands: Tally::of(brands),
            attributes: Tally::of(attributes),
            ..Counts::default()
        });
        let (sieve, name_of) = (self.sieve.clone(), Arc::clone(&self.view.name_of));
        Ok(InPart {
            columns,
            sieve,
            sort: self.sort,
            most: self.most,
            name_of,
            total: 0,
            matched: false,
            top: BinaryHeap::new(),
            counts,
        })
    }

    fn requires_scoring(&self) -> bool {
        self.sort == Sort::Relevance
    }

    fn merge_fruits(&self, parts: Vec<Part>) -> tantivy::Result<Gathered> {
        let mut gathered = Gathered::default();
        let mut top = Vec::new();
        for part in parts {
            gathered.total += part.total;
            gathered.matched |= part.matched;
            top.extend(part.top);
            gathered.counts = match (gathered.counts.take(), part.counts) {
                (Some(mut sum), Some(counts)) => {
                    sum.add(&counts);
                    Some(sum)
                }
                (one, other) => one.or(other),
            };
        }
        if self.is_counted {
            gathered.counts.get_or_insert_default();
        }
        top.sort_unstable_by(|one, other| other.cmp(one));
        gathered.top = top.into_iter().take(self.most).map(|(_, Reverse(product))| product).collect();
        Ok(gathered)
    }
}

/// Gathers in one part.
pub(super) struct InPart {
    columns: Arc<Columns>,
    sieve: Sieve,
    sort: Sort,
    most: usize,
    name_of: Arc<[u32]>,
    total: u64,
    matched: bool,
    /// The least of the best on top. Within a part, names are ranked by their numbers.
    top: BinaryHeap<Reverse<(u64, Reverse<DocId>)>>,
    counts: Option<Counts>,
}

impl SegmentCollector for InPart {
    type Fruit = Part;

    fn collect(&mut self, doc: DocId, score: Score) {
        self.matched = true;
        let failed = self.sieve.failed(&self.columns, doc);
        if self.counts.is_some() && (failed.count_ones() <= 1 || is_planted(Bug::CountsUnfiltered)) {
            self.count(doc, failed);
        }
        if failed == 0 {
            self.total += 1;
            self.keep(doc, score);
        }
    }

    fn harvest(self) -> Part {
        let Self { columns, sort, top, total, matched, counts, .. } = self;
        let top = top.into_iter().map(|Reverse((rank, Reverse(doc)))| {
            let rank = if sort == Sort::Name { Rank::Name(Reverse(name(&columns, doc))) } else { Rank::Number(rank) };
            (rank, Reverse(columns.product(doc)))
        });
        Part { total, matched, top: top.collect(), counts }
    }
}

impl InPart {
    fn keep(&mut self, doc: DocId, score: Score) {
        let rank = (self.rank(doc, score), Reverse(doc));
        if self.top.len() < self.most {
            self.top.push(Reverse(rank));
        } else if let Some(mut least) = self.top.peek_mut()
            && least.0 < rank
        {
            *least = Reverse(rank);
        }
    }

    /// A number that is greater the earlier it comes.
    fn rank(&self, doc: DocId, score: Score) -> u64 {
        let columns = &self.columns;
        let known = |price: i64| tantivy::i64_to_u64(price);
        match self.sort {
            Sort::Relevance => {
                let standing = columns.standing(doc);
                let here = if standing & entry::HERE == 0 { NOT_HERE } else { 1.0 };
                let sold = entry::sold(standing) as f32 * SOLD_ADDS;
                // Scores are never negative, so their bits are in their order.
                u64::from((score * here * (1.0 + sold)).max(0.0).to_bits())
            }
            // What has no price comes last either way.
            Sort::Price => columns.price(doc).map_or(0, |price| u64::MAX - known(price)),
            Sort::PriceDown => columns.price(doc).map_or(0, known),
            Sort::Newest => columns.created.first(doc).map_or(0, known),
            Sort::Name => {
                let number = columns.name.as_ref().and_then(|names| names.ords().first(doc));
                u64::MAX - number.unwrap_or(u64::MAX)
            }
        }
    }

    fn count(&mut self, doc: DocId, failed: u32) {
        let Some(counts) = &mut self.counts else { return };
        let columns = &self.columns;
        let passes_but = |own: u32| failed & !own == 0 || is_planted(Bug::CountsUnfiltered);
        if passes_but(CATEGORY) {
            columns.category.first(doc).into_iter().for_each(|value| counts.categories.up(value, 1));
        }
        if passes_but(BRAND) {
            columns.brand.first(doc).into_iter().for_each(|value| counts.brands.up(value, 1));
        }
        if passes_but(PRICE) {
            let price = columns.price(doc).map(|price| (price, price));
            counts.price = wider(counts.price, price);
        }
        if passes_but(STOCK) {
            let standing = columns.standing(doc);
            counts.here += u64::from(standing & entry::HERE != 0);
            counts.anywhere += u64::from(standing & entry::ANYWHERE != 0);
        }
        let own = self.sieve.attributes.iter().enumerate().find(|(place, _)| failed == attribute_bit(*place));
        let only = own.map(|(_, (name, _))| *name);
        if failed == 0 || only.is_some() || is_planted(Bug::CountsUnfiltered) {
            for value in columns.attribute.all(doc) {
                if only.is_none() || self.name_of.get(*value as usize).copied() == only {
                    counts.attributes.up(*value, 1);
                }
            }
        }
    }
}

fn name(columns: &Columns, doc: DocId) -> String {
    let mut name = String::new();
    if let Some(names) = &columns.name
        && let Some(number) = names.ords().first(doc)
        && let Err(error) = names.ord_to_str(number, &mut name)
    {
        tracing::warn!(%error, "a name of the search index cannot be read");
    }
    name
}
