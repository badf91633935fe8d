//! A plan as a query of tantivy, and the passes one after another.

use std::{collections::BTreeSet, sync::Arc};

use tantivy::{
    Term,
    query::{AllQuery, BooleanQuery, BoostQuery, ConstScoreQuery, DisjunctionMaxQuery, EmptyQuery, Query, TermQuery},
    schema::IndexRecordOption,
};

use super::{
    Filter, How, InStock, OFFSET_MAX, PAGE_MAX, Wanted, begun, entry,
    forms::Forms,
    gather::{Gather, Gathered, Sieve},
    index::Fields,
    meanings::Meanings,
    plan::{self, Alternative, Need, Pass, Plan, Planner, Way},
    typed::Typed,
    view::{Book, View, fold_all},
};

/// What a term counts for where it is what a product is called by, and where it is said of it: a description speaks of
/// other things too.
const CALLED: f32 = 1.0;
const SAID: f32 = 0.25;

/// What came of looking.
pub(super) struct Looked {
    pub(super) how: How,
    pub(super) gathered: Gathered,
    /// What was looked for, if words were.
    pub(super) plan: Option<Plan>,
    pub(super) meant: Option<String>,
}

/// Looks, pass after pass, until something matches what was typed. Filters come after: what they leave may be nothing.
pub(super) fn look(view: &View, meanings: &Meanings, typed: &Typed, wanted: &Wanted) -> tantivy::Result<Looked> {
    let nothing = |meant| Looked { how: How::Nothing, gathered: Gathered::default(), plan: None, meant };
    if typed.wishes.is_empty() {
        if !wanted.text.trim().is_empty() {
            return Ok(nothing(None));
        }
        let gathered = gather(view, &AllQuery, wanted)?;
        return Ok(Looked { how: How::Everything, gathered, plan: None, meant: None });
    }
    let mut forms = Forms::new();
    let meant = meanings.of_typed(typed, &mut forms);
    let mut planner = Planner::new(view, &mut forms, &meant);
    for pass in plan::PASSES {
        let Some(plan) = planner.plan(typed, pass) else { continue };
        let query = query(&plan, view.fields);
        let gathered = gather(view, &*query, wanted)?;
        if gathered.total > 0 || gathered.matched {
            let how = match pass {
                Pass::All => How::AllWords,
                Pass::Mistyped => How::Mistyped,
                Pass::Some => How::SomeWords,
            };
            let meant = if pass == Pass::All { None } else { planner.meant(typed) };
            return Ok(Looked { how, gathered, plan: Some(plan), meant });
        }
    }
    Ok(nothing(planner.meant(typed)))
}

fn gather(view: &View, query: &dyn Query, wanted: &Wanted) -> tantivy::Result<Gathered> {
    let (sieve, values) = {
        let book = view.book();
        let values = [book.brands.len(), book.categories.len(), book.attributes.len()];
        (sieve(view, &book, &wanted.filter), values)
    };
    let most = wanted.offset.min(OFFSET_MAX) + wanted.limit.min(PAGE_MAX);
    let gather = Gather { view, sieve: &sieve, sort: wanted.sort, most, is_counted: wanted.has_facets, values };
    view.searcher.search(query, &gather)
}

/// The filters as numbers. A value that no product has leaves nothing.
fn sieve(view: &View, book: &Book, filter: &Filter) -> Sieve {
    let categories = filter.category.map(|category| {
        let within = view.tree.within(category).into_iter().chain([category]);
        Arc::new(within.filter_map(|id| book.categories.find(&id.to_string())).collect())
    });
    let brands = || filter.brands.iter().filter_map(|brand| book.brands.find(&fold_all(brand))).collect();
    let price = (filter.price_from.is_some() || filter.price_to.is_some()).then(|| {
        let (from, to) = (filter.price_from.map(|money| money.parts()), filter.price_to.map(|money| money.parts()));
        (from.unwrap_or(i64::MIN), to.unwrap_or(i64::MAX))
    });
    let stock = filter.stock.map(|stock| match stock {
        InStock::Here => entry::HERE,
        InStock::Anywhere => entry::ANYWHERE,
    });
    let names: BTreeSet<&str> = filter.attributes.iter().map(|(name, _)| name.as_str()).collect();
    let attributes = names.into_iter().take(super::ATTRIBUTES_MAX).map(|name| {
        let wanted = filter.attributes.iter().filter(|(other, _)| other == name);
        let values =
            wanted.filter_map(|(name, value)| book.attributes.find(&format!("{name}{}{value}", entry::BETWEEN)));
        (book.attribute_names.find(name).unwrap_or(u32::MAX), Arc::new(values.collect()))
    });
    Sieve {
        categories,
        brands: (!filter.brands.is_empty()).then(|| Arc::new(brands())),
        price,
        stock,
        attributes: attributes.collect(),
    }
}

fn query(plan: &Plan, fields: Fields) -> Box<dyn Query> {
    any(plan.alternatives.iter().map(|alternative| one_alternative(alternative, fields)).collect())
}

fn one_alternative(alternative: &Alternative, fields: Fields) -> Box<dyn Query> {
    let needs = alternative.needs.iter().map(|need| one_need(need, fields)).collect();
    let query = match alternative.at_least {
        None => BooleanQuery::intersection(needs),
        Some(least) => BooleanQuery::union_with_minimum_required_clauses(needs, least),
    };
    if alternative.weight < 1.0 {
        Box::new(BoostQuery::new(Box::new(query), alternative.weight))
    } else {
        Box::new(query)
    }
}

fn one_need(need: &Need, fields: Fields) -> Box<dyn Query> {
    any(need.iter().map(|way| one_way(way, fields)).collect())
}

fn one_way(way: &Way, fields: Fields) -> Box<dyn Query> {
    let in_field = |field, text: &String, weight| -> Box<dyn Query> {
        let term = TermQuery::new(Term::from_field_text(field, text), IndexRecordOption::WithFreqs);
        Box::new(BoostQuery::new(Box::new(term), way.weight * weight))
    };
    let term = |text: &String| -> Box<dyn Query> {
        if begun::is_term(text) {
            let term = TermQuery::new(Term::from_field_text(fields.begun, text), IndexRecordOption::Basic);
            // How many words begin so says nothing for a product.
            return Box::new(ConstScoreQuery::new(Box::new(term), way.weight));
        }
        Box::new(BooleanQuery::union(vec![in_field(fields.called, text, CALLED), in_field(fields.said, text, SAID)]))
    };
    let word = |terms: &Vec<String>| any(terms.iter().map(term).collect());
    match way.terms.as_slice() {
        [one] => word(one),
        several => Box::new(BooleanQuery::intersection(several.iter().map(word).collect())),
    }
}

/// The best of several counts.
fn any(mut queries: Vec<Box<dyn Query>>) -> Box<dyn Query> {
    match queries.len() {
        0 => Box::new(EmptyQuery),
        1 => queries.remove(0),
        _ => Box::new(DisjunctionMaxQuery::new(queries)),
    }
}
