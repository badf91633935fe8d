//! How many products there are by category, brand, price, stock and attribute: each under all filters but its own.

use std::collections::BTreeMap;

use outpost_schema::{id::CategoryId, money::Money};
use serde::{Deserialize, Serialize};

use super::{
    Filter,
    entry::BETWEEN,
    gather::{Counts, Tally},
    view::{Names, View},
};

/// Values of a facet that are told, those with the most products.
const VALUES_MAX: usize = 20;

/// Attributes that are counted, those that the most products have.
const ATTRIBUTES_MAX: usize = 8;

/// Categories of one level that are told, those with the most products.
const CATEGORIES_MAX: usize = 50;

/// How many products have a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValueCount {
    /// The value, as it is to be given to narrow by it.
    pub value: String,
    /// How many.
    pub count: u64,
}

/// How many products are in a category and all within it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CategoryCount {
    /// Which.
    pub category_id: CategoryId,
    /// What it is called.
    pub name: String,
    /// The one that it lies in.
    pub parent_id: Option<CategoryId>,
    /// How many.
    pub count: u64,
}

/// The lowest and the highest price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceRange {
    /// Lowest.
    pub from: Money,
    /// Highest.
    pub to: Money,
}

/// How many products there is some stock of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockCount {
    /// Where the device stands.
    pub here: u64,
    /// In any warehouse that is known here.
    pub anywhere: u64,
}

/// The counts beside what was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facets {
    /// The tops of the tree; those within the chosen category, and beside it and each that it lies in.
    pub categories: Vec<CategoryCount>,
    /// Brands.
    pub brands: Vec<ValueCount>,
    /// Prices; none, if nothing has one.
    pub price: Option<PriceRange>,
    /// Stock.
    pub stock: StockCount,
    /// Other attributes, by name.
    pub attributes: BTreeMap<String, Vec<ValueCount>>,
}

/// The counts with their names.
pub(super) fn facets(view: &View, counts: &Counts, filter: &Filter) -> Facets {
    let book = view.book();
    let money = |parts| Money::from_parts(parts).ok();
    let price = counts.price.and_then(|(from, to)| Some(PriceRange { from: money(from)?, to: money(to)? }));
    let categories = categories(view, &numbered(&book.categories, &counts.categories), filter.category);
    let brands = most(numbered(&book.brands, &counts.brands), VALUES_MAX);
    let attributes = attributes(numbered(&book.attributes, &counts.attributes));
    Facets { categories, brands, price, stock: StockCount { here: counts.here, anywhere: counts.anywhere }, attributes }
}

/// What was counted at all, with its name.
fn numbered<'a>(names: &'a Names, tally: &Tally) -> Vec<(&'a str, u64)> {
    tally.met().map(|(number, count)| (names.label(number), u64::from(count))).collect()
}

/// The values with the most products, of equal ones the first by letter.
pub(super) fn most(mut counted: Vec<(&str, u64)>, most: usize) -> Vec<ValueCount> {
    let order = |one: &(&str, u64), other: &(&str, u64)| other.1.cmp(&one.1).then_with(|| one.0.cmp(other.0));
    if counted.len() > most {
        counted.select_nth_unstable_by(most, order);
        counted.truncate(most);
    }
    counted.sort_unstable_by(order);
    counted.into_iter().map(|(value, count)| ValueCount { value: value.to_owned(), count }).collect()
}

/// An attribute's values as they were counted.
#[derive(Default)]
struct Named<'a> {
    sum: u64,
    values: Vec<(&'a str, u64)>,
}

fn attributes(counted: Vec<(&str, u64)>) -> BTreeMap<String, Vec<ValueCount>> {
    let mut by_name: BTreeMap<&str, Named<'_>> = BTreeMap::new();
    for (text, count) in counted {
        let (name, value) = text.split_once(BETWEEN).unwrap_or((text, ""));
        let named = by_name.entry(name).or_default();
        named.sum += count;
        named.values.push((value, count));
    }
    let mut names: Vec<_> = by_name.into_iter().collect();
    names.sort_by_key(|(name, named)| (std::cmp::Reverse(named.sum), *name));
    names.truncate(ATTRIBUTES_MAX);
    names.into_iter().map(|(name, named)| (name.to_owned(), most(named.values, VALUES_MAX))).collect()
}

/// Of each level that leads to the chosen category, and of the one within it, the categories with the most products.
fn categories(view: &View, alone: &[(&str, u64)], chosen: Option<CategoryId>) -> Vec<CategoryCount> {
    let alone = alone.iter().filter_map(|(id, count)| Some((id.parse().ok()?, *count)));
    let sums = view.tree.summed(alone);
    let mut levels: Vec<Option<CategoryId>> = vec![None];
    levels.extend(chosen.into_iter().flat_map(|id| view.tree.up(id)).map(|category| Some(category.category_id)));
    let mut told = Vec::new();
    for level in levels {
        let within = sums.iter().filter_map(|(id, count)| Some((view.tree.get(*id)?, *count)));
        let mut within: Vec<_> = within.filter(|(category, _)| category.parent_id == level).collect();
        within.sort_unstable_by_key(|(category, count)| {
            (std::cmp::Reverse(*count), &category.name, category.category_id)
        });
        within.truncate(CATEGORIES_MAX);
        told.extend(within.into_iter().map(|(category, count)| counted(category, count)));
    }
    told
}

/// A category with its count.
pub(super) fn counted(category: &outpost_schema::catalogue::Category, count: u64) -> CategoryCount {
    let outpost_schema::catalogue::Category { category_id, name, parent_id } = category.clone();
    CategoryCount { category_id, name, parent_id, count }
}
