//! What may be meant while somebody types, and where to look if nothing is found.

use super::{
    Hit,
    facets::{self, CategoryCount, ValueCount, counted},
    typed::{Typed, Wish},
    view::{View, fold_all},
};

/// Categories that are named if nothing is found.
const RELATED_MAX: usize = 5;

/// Letters of a word by which a category is named.
const RELATED_LETTERS: usize = 3;

/// What begins with what was typed so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Suggested {
    /// Products.
    pub hits: Vec<Hit>,
    /// Brands, with how many products each has.
    pub brands: Vec<ValueCount>,
    /// Categories; their products are not counted here.
    pub categories: Vec<CategoryCount>,
    /// What was searched here before.
    pub searches: Vec<String>,
}

/// Brands and categories that are called so.
pub(super) fn named(view: &View, text: &str, most: usize) -> (Vec<ValueCount>, Vec<CategoryCount>) {
    let folded = fold_all(text);
    if folded.is_empty() {
        return Default::default();
    }
    let book = view.book();
    let brands = book.brands.beginning(&folded);
    let uses = brands.map(|brand| (book.brands.label(brand), u64::from(view.brand_uses(brand))));
    let brands = facets::most(uses.filter(|(_, count)| *count > 0).collect(), most);
    drop(book);
    let typed: Vec<String> = folded.split(' ').map(str::to_owned).collect();
    let categories = view.tree.called(&typed, typed.len(), most);
    (brands, categories.into_iter().map(|category| counted(category, 0)).collect())
}

/// Categories that are called by one of the words.
pub(super) fn related(view: &View, typed: &Typed) -> Vec<CategoryCount> {
    let words = typed.wishes.iter().filter_map(|wish| match wish {
        Wish::Word(word) if word.chars().count() >= RELATED_LETTERS => Some(word.clone()),
        Wish::Word(_) | Wish::Code(_) | Wish::Measure(_) => None,
    });
    let called = view.tree.called(&words.collect::<Vec<_>>(), 1, RELATED_MAX);
    called.into_iter().map(|category| counted(category, 0)).collect()
}
