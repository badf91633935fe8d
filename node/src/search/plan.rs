//! How what was typed is looked for, given the words that there are: pure, over a [`Dictionary`].
//!
//! Three ways are tried, each only if the one before finds nothing: products with all words; with all words, of which
//! some may be mistyped; with some of the words, those with more and rarer ones first. Each looks for the words as they were
//! typed, and below them for what they mean besides, as head office says.

mod besides;
mod near;

use std::collections::HashMap;

use self::{
    besides::Other,
    near::{NEAR, Near},
};
use super::{
    begun::{self, Begun},
    forms::{self, Forms},
    meanings::Meant,
    typed::{Typed, Wish},
    words,
};

/// What a form of a word counts for beside the word itself: the word that was written is rather what was meant.
const FORM: f32 = 0.7;

/// What a code of letters and digits counts for beside a word: it names one product, and words describe many.
const NAMED: f32 = 2.0;

/// Signs that such a code must have; shorter ones are sizes and versions.
const NAMED_SIGNS: usize = 4;

/// What the parts of a code count for, in whatever order and place they stand.
const PARTS: f32 = 0.6;

/// What a word counts for that begins with what was typed so far.
const BEGUN: f32 = 0.8;

/// The same for a product of whose category alone a word begins so.
const BEGUN_CATEGORY: f32 = 0.2;

/// What a product counts for that has other words in the place of those that were typed: however well it matches, it
/// stands below every product that has the words themselves.
const BELOW: f32 = 1e-9;

/// Words that a beginning may stand for, the most used ones: with each letter typed there are fewer.
const BEGUN_MAX: usize = 64;

/// Letters that a word must have to be looked for as two.
const SPLIT_LETTERS: usize = 6;

/// Words that what a person says of a product has at most. More are a title, from another shop or a supplier's list, and
/// no two shops call a thing by all the same words.
const SAID_MAX: usize = 6;

/// Of the words, the part that a product must have at least if none has all.
const SOME_OF: usize = 4;

/// The words that products have.
pub(crate) trait Dictionary {
    /// In how many products a term is.
    fn uses(&self, term: &str) -> u64;
    /// Words within a distance of letters added, left out, changed or swapped with the next, with their uses.
    fn near(&self, word: &str, distance: u8) -> Vec<(String, u64)>;
    /// Words that begin so, with their uses.
    fn begun(&self, beginning: &str) -> Vec<(String, u64)>;
}

/// One way to have something: all of these words, each by any of its terms.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Way {
    pub(crate) terms: Vec<Vec<String>>,
    /// What it counts for; 1 is the word itself.
    pub(crate) weight: f32,
}

impl Way {
    /// By these terms.
    pub(crate) fn of(terms: Vec<String>, weight: f32) -> Self {
        Self { terms: terms.into_iter().map(|term| vec![term]).collect(), weight }
    }
}

/// One thing to have, in any of these ways.
pub(crate) type Need = Vec<Way>;

/// Needs, and what all of them count for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Alternative {
    pub(crate) needs: Vec<Need>,
    /// How many of them a product must have; none means all.
    pub(crate) at_least: Option<usize>,
    pub(crate) weight: f32,
}

/// What to look for: products that satisfy any of the alternatives.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    pub(crate) alternatives: Vec<Alternative>,
}

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    All,
    Mistyped,
    Some,
}

/// The passes in their order.
pub(crate) const PASSES: [Pass; 3] = [Pass::All, Pass::Mistyped, Pass::Some];

/// Plans over a dictionary.
pub(crate) struct Planner<'a, D> {
    dictionary: &'a D,
    forms: &'a mut Forms,
    /// Words near those that were looked up: several passes ask for the same.
    known_near: HashMap<(String, usize), Vec<Near>>,
    /// What wishes mean besides, as far as products have it.
    others: Vec<Other>,
}

impl<'a, D: Dictionary> Planner<'a, D> {
    /// Plans with these words, finds forms with these stems, and looks for what is meant besides.
    pub(crate) fn new(dictionary: &'a D, forms: &'a mut Forms, meant: &[Meant]) -> Self {
        let mut planner = Self { dictionary, forms, known_near: HashMap::new(), others: Vec::new() };
        planner.learn(meant);
        planner
    }

    /// What to look for in a pass; none if it can find nothing that the one before did not.
    pub(crate) fn plan(&mut self, typed: &Typed, pass: Pass) -> Option<Plan> {
        let last = typed.wishes.len().checked_sub(1)?;
        if pass != Pass::Some && typed.wishes.len() > SAID_MAX {
            return None;
        }
        let mut needs: Vec<Need> = Vec::new();
        for (at, wish) in typed.wishes.iter().enumerate() {
            needs.push(self.need(wish, typed.is_open && at == last, last == 0));
        }
        match pass {
            Pass::All => {}
            Pass::Mistyped if !self.correct(typed, &mut needs) => return None,
            Pass::Mistyped => {}
            Pass::Some => _ = self.correct_unknown(typed, &mut needs),
        }
        let asked = needs.len();
        let (besides, as_typed) = match pass {
            Pass::All | Pass::Mistyped => (self.besides(typed, &needs), self.alternatives(typed, needs)),
            Pass::Some => (self.some_besides(typed, &needs), vec![self.some_of(typed, needs)]),
        };
        let weighted = as_typed.into_iter().map(|needs| (needs, 1.0));
        let weighted = weighted.chain(besides.into_iter().map(|needs| (needs, BELOW)));
        let alternatives = weighted.filter(|(needs, _)| !needs.is_empty()).map(|(needs, weight)| {
            let at_least = (pass == Pass::Some).then(|| (asked / SOME_OF).clamp(1, needs.len()));
            Alternative { needs, at_least, weight }
        });
        let alternatives: Vec<_> = alternatives.collect();
        (!alternatives.is_empty()).then_some(Plan { alternatives })
    }

    /// What was probably meant, if a word that nothing is called by has one near it.
    pub(crate) fn meant(&mut self, typed: &Typed) -> Option<String> {
        let mut is_other = false;
        let mut said: Vec<String> = Vec::new();
        for (at, wish) in typed.wishes.iter().enumerate() {
            let is_unknown = !self.is_other(at) && self.need(wish, false, false).is_empty();
            let near = if is_unknown { self.nearest(wish, NEAR.len()).into_iter().next() } else { None };
            is_other |= near.is_some();
            said.push(near.map_or_else(|| wish.text().to_owned(), |(word, ..)| word));
        }
        (is_other && typed.wishes.iter().all(|wish| !matches!(wish, Wish::Measure(_)))).then(|| said.join(" "))
    }

    /// All needs; or with some of them joined to a word that there is. What nothing has leaves none.
    fn alternatives(&self, typed: &Typed, needs: Vec<Need>) -> Vec<Vec<Need>> {
        let mut alternatives: Vec<Vec<Need>> = Vec::new();
        for joined in &typed.joined {
            let Some(way) = self.known(vec![joined.word.clone()], 1.0) else { continue };
            let mut others = needs.clone();
            others.splice(joined.at..joined.at + joined.count, [vec![way]]);
            alternatives.push(others);
        }
        alternatives.push(needs);
        alternatives.retain(|needs| needs.iter().all(|need| !need.is_empty()));
        alternatives
    }

    /// What there is of the needs, and of their neighbours as one word.
    fn some_of(&self, typed: &Typed, mut needs: Vec<Need>) -> Vec<Need> {
        needs.retain(|need| !need.is_empty());
        let joined = typed.joined.iter().filter_map(|joined| self.known(vec![joined.word.clone()], 1.0));
        needs.extend(joined.map(|way| vec![way]));
        needs
    }

    /// The ways to have what was typed as it was typed; none, if nothing has it.
    fn need(&mut self, wish: &Wish, is_open: bool, is_alone: bool) -> Need {
        let mut ways = match wish {
            Wish::Word(word) => self.word(word),
            Wish::Code(code) => self.code(code),
            Wish::Measure(term) => self.known(vec![term.clone()], 1.0).into_iter().collect(),
        };
        if is_open {
            ways.extend(self.begun(wish.text(), is_alone));
        }
        ways
    }

    /// The ways to have a word that begins so: a few letters by a term of their own, which of the only letter that
    /// was typed is a name's first one; more of them by the words that there are.
    fn begun(&self, letters: &str, is_alone: bool) -> Need {
        let count = letters.chars().count();
        let terms = match (count, is_alone) {
            (1, true) => vec![(Begun::Name, BEGUN), (Begun::Word, BEGUN)],
            (_, true) => vec![(Begun::Word, BEGUN)],
            (_, false) => vec![(Begun::Word, BEGUN), (Begun::Category, BEGUN_CATEGORY)],
        };
        let known = |(what, weight): (Begun, f32)| self.known(vec![what.term(letters)], weight);
        let mut ways: Need = terms.into_iter().filter(|_| count <= begun::LETTERS_MAX).filter_map(known).collect();
        if is_alone {
            ways.truncate(1);
        }
        if ways.is_empty() {
            let words = most_used(self.dictionary.begun(letters), BEGUN_MAX);
            let weight = BEGUN * code_weight(letters);
            ways.extend(words.into_iter().map(|(word, _)| Way::of(vec![word], weight)));
        }
        ways
    }

    fn word(&mut self, word: &str) -> Need {
        let way = |(term, weight)| Way { terms: vec![vec![term]], weight };
        let ways: Need = self.forms_of(word).into_iter().map(way).collect();
        if ways.is_empty() { self.split(word).into_iter().collect() } else { ways }
    }

    /// The terms of a word and of its forms, as far as products have them.
    fn forms_of(&mut self, word: &str) -> Vec<(String, f32)> {
        let mut terms = vec![(word.to_owned(), 1.0), (forms::term(word), FORM)];
        for stem in self.forms.stems(word) {
            terms.extend([(forms::term(stem), FORM), (stem.clone(), FORM)]);
        }
        terms.retain(|(term, _)| self.dictionary.uses(term) > 0);
        terms
    }

    fn code(&self, code: &str) -> Need {
        let mut ways: Need = self.known(vec![code.to_owned()], code_weight(code)).into_iter().collect();
        let parts: Vec<String> = words::parts(code).into_iter().map(str::to_owned).collect();
        if parts.len() > 1 {
            ways.extend(self.known(parts, PARTS));
        }
        ways
    }

    /// Two words that somebody wrote as one: of all places to part them the one whose rarer half is the most used.
    fn split(&self, word: &str) -> Option<Way> {
        if word.chars().count() < SPLIT_LETTERS {
            return None;
        }
        let halves = word.char_indices().skip(2).map(|(at, _)| word.split_at(at));
        let halves = halves.filter(|(_, second)| second.chars().count() > 1);
        let used = |half: &str| self.dictionary.uses(half);
        let (uses, first, second) = halves
            .map(|(first, second)| (used(first).min(used(second)), first, second))
            .max_by_key(|(uses, ..)| *uses)?;
        (uses > 0).then(|| Way::of(vec![first.to_owned(), second.to_owned()], 1.0))
    }

    fn known(&self, terms: Vec<String>, weight: f32) -> Option<Way> {
        terms.iter().all(|term| self.dictionary.uses(term) > 0).then(|| Way::of(terms, weight))
    }
}

/// What a code, or what was typed of it so far, counts for beside a word.
fn code_weight(code: &str) -> f32 {
    let is_mixed = code.contains(|sign: char| sign.is_ascii_digit()) && code.contains(char::is_alphabetic);
    if is_mixed && code.chars().count() >= NAMED_SIGNS { NAMED } else { 1.0 }
}

/// The words with the most uses, of equal ones the first by letter.
fn most_used(mut words: Vec<(String, u64)>, most: usize) -> Vec<(String, u64)> {
    let order =
        |(one, uses): &(String, u64), (other, others): &(String, u64)| others.cmp(uses).then_with(|| one.cmp(other));
    if words.len() > most {
        words.select_nth_unstable_by(most, order);
        words.truncate(most);
    }
    words.sort_unstable_by(order);
    words
}

#[cfg(test)]
mod tests;
