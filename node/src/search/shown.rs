//! What was found as it is shown: the offer as the database has it now, and which parts of its name matched. Parts are
//! plain text: whoever shows them marks them, and nothing of a product's name is ever markup.

use std::collections::HashSet;

use outpost_schema::id::ProductId;
use serde::{Deserialize, Serialize};

use super::{
    forms::{self, Forms},
    measure,
    plan::Plan,
    typed::Typed,
    words::{self, Word},
};
use crate::{
    catalogue::{self, Offer},
    db::{catalogue as products, identity},
    error::Error,
    node::Node,
};

/// A part of a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The text.
    pub text: String,
    /// Whether it is what was looked for.
    pub is_match: bool,
}

/// A product that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// As this device can sell it.
    pub offer: Offer,
    /// Its name in parts; put together they are the name.
    pub name: Vec<Part>,
}

impl Hit {
    /// Nothing of its name is marked.
    pub(super) fn plain(offer: Offer) -> Self {
        let name = vec![Part { text: offer.product.name.clone(), is_match: false }];
        Self { offer, name }
    }
}

/// The products with their names marked; one that is gone since is left out.
pub(super) fn hits(
    node: &Node,
    found: impl Iterator<Item = ProductId>,
    plan: Option<&Plan>,
    typed: &Typed,
) -> Result<Vec<Hit>, Error> {
    let offers: Vec<Offer> = node.db().read(|conn| {
        let identity = identity::find(conn)?;
        let products = found.filter_map(|product| products::find(conn, product).transpose());
        products.map(|product| catalogue::offer(conn, identity.as_ref(), product?)).collect()
    })?;
    let Some(plan) = plan else { return Ok(offers.into_iter().map(Hit::plain).collect()) };
    let mut marker = Marker::new(plan, typed);
    Ok(offers.into_iter().map(|offer| Hit { name: marker.mark(&offer.product.name), offer }).collect())
}

/// Marks what was looked for.
struct Marker<'a> {
    terms: HashSet<&'a str>,
    /// What the stems among them begin with: a word that begins otherwise is no form of any, and is not stemmed.
    stems_begin: HashSet<char>,
    /// What a word may begin with to be marked.
    begun: Option<&'a str>,
    forms: Forms,
}

impl<'a> Marker<'a> {
    fn new(plan: &'a Plan, typed: &'a Typed) -> Self {
        let ways = plan.alternatives.iter().flat_map(|one| &one.needs).flatten();
        let terms: HashSet<&str> = ways.flat_map(|way| &way.terms).flatten().map(String::as_str).collect();
        let stems_begin = terms.iter().filter_map(|term| forms::stem(term)?.chars().next()).collect();
        let begun = typed.wishes.last().filter(|_| typed.is_open).map(super::typed::Wish::text);
        Self { terms, stems_begin, begun, forms: Forms::new() }
    }

    fn mark(&mut self, name: &str) -> Vec<Part> {
        let words = words::words(name);
        let mut is_match: Vec<bool> = words.iter().map(|word| self.is_match(word)).collect();
        self.mark_joined(&words, &mut is_match);
        let mut parts: Vec<Part> = Vec::new();
        let mut done = 0;
        for (word, is_match) in words.iter().zip(is_match).filter(|(_, is_match)| *is_match) {
            push(&mut parts, &name[done..word.at.start], false);
            push(&mut parts, &name[word.at.clone()], is_match);
            done = word.at.end;
        }
        push(&mut parts, &name[done..], false);
        parts
    }

    fn is_match(&mut self, word: &Word) -> bool {
        let has = |term: &str| self.terms.contains(term);
        has(&word.text)
            || self.begun.is_some_and(|begun| word.text.starts_with(begun))
            || words::parts(&word.text).into_iter().any(has)
            || word.text.starts_with(|first| self.stems_begin.contains(&first))
                && self.forms.stems(&word.text).iter().any(|stem| has(&forms::term(stem)))
    }

    /// Measures, and chunks that are looked for as one word.
    fn mark_joined(&self, words: &[Word], is_match: &mut [bool]) {
        for at in 0..words.len() {
            if let Some((term, taken)) = measure::at(&words[at..])
                && self.terms.contains(term.as_str())
            {
                is_match[at..at + taken].fill(true);
            }
        }
        let mut at = 0;
        for chunk in words.chunk_by(|_, next| next.is_joined) {
            let whole: String = chunk.iter().map(|word| word.text.as_str()).collect();
            if chunk.len() > 1 && self.terms.contains(whole.as_str()) {
                is_match[at..at + chunk.len()].fill(true);
            }
            at += chunk.len();
        }
    }
}

fn push(parts: &mut Vec<Part>, text: &str, is_match: bool) {
    if !text.is_empty() {
        parts.push(Part { text: text.to_owned(), is_match });
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            plan::{Alternative, Way},
            typed,
        },
        *,
    };

    fn marked(name: &str, terms: &[&str], typing: &str) -> String {
        let needs = vec![vec![Way::of(terms.iter().map(|term| (*term).to_owned()).collect(), 1.0)]];
        let plan = Plan { alternatives: vec![Alternative { needs, at_least: None, weight: 1.0 }] };
        let typed = typed::read(typing, true);
        let parts = Marker::new(&plan, &typed).mark(name);
        assert_eq!(parts.iter().map(|part| part.text.as_str()).collect::<String>(), name);
        parts.iter().map(|part| if part.is_match { format!("[{}]", part.text) } else { part.text.clone() }).collect()
    }

    #[test]
    fn what_was_looked_for_is_marked_and_the_name_stays_whole() {
        let cases: [(&str, &[&str], &str, &str); 6] = [
            ("<b>Crème</b> brûlée", &["creme"], "", "<b>[Crème]</b> brûlée"),
            ("Dark Chocolates 500 g", &["~chocol", "=g500000"], "", "Dark [Chocolates] [500] [g]"),
            ("KX-TS108W phone", &["kxts108w"], "", "[KX]-[TS108W] phone"),
            ("Green tea", &["x"], "gre", "[Green] tea"),
            ("ÉÉ", &["ee"], "", "[ÉÉ]"),
            ("nothing", &["x"], "", "nothing"),
        ];
        for (name, terms, typing, expected) in cases {
            assert_eq!(marked(name, terms, typing), expected);
        }
    }
}
