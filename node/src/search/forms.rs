//! Forms of one word: "chocolates" and "chocolate", in each of the languages that shops sell in.
//!
//! Which language a product's name is in is not known, and often it is two. So a word is known by its stem in each of
//! them (Snowball's algorithms, as tantivy has them), and two words are forms of one if they share any. That joins a
//! few words too many, which is why a form counts for less than the word itself.

use std::collections::{BTreeSet, HashMap};

use tantivy::tokenizer::{Language, RawTokenizer, Stemmer, TextAnalyzer, TokenStream as _};

use super::begun;

/// The languages: those of the catalogues that this was made for.
const LANGUAGES: [Language; 4] = [Language::English, Language::French, Language::Spanish, Language::German];

/// Words whose stems are remembered: a catalogue says the same few over and over.
const REMEMBERED_MAX: usize = 20_000;

/// Before a stem in the index, so that it is never taken for a word that somebody wrote.
const SIGN: char = '~';

/// Finds stems, and remembers them.
pub(crate) struct Forms {
    stemmers: Vec<TextAnalyzer>,
    remembered: HashMap<String, BTreeSet<String>>,
}

impl Forms {
    /// Nothing remembered.
    pub(crate) fn new() -> Self {
        let stemmer = |language| TextAnalyzer::builder(RawTokenizer::default()).filter(Stemmer::new(language)).build();
        Self { stemmers: LANGUAGES.into_iter().map(stemmer).collect(), remembered: HashMap::new() }
    }

    /// The stems of a folded word that are not the word itself.
    pub(crate) fn stems(&mut self, word: &str) -> &BTreeSet<String> {
        if self.remembered.len() >= REMEMBERED_MAX {
            self.remembered.clear();
        }
        let stemmers = &mut self.stemmers;
        self.remembered.entry(word.to_owned()).or_insert_with(|| {
            let stems = stemmers.iter_mut().filter_map(|stemmer| {
                let mut tokens = stemmer.token_stream(word);
                tokens.next().map(|token| token.text.clone())
            });
            stems.filter(|stem| !stem.is_empty() && stem != word).collect()
        })
    }

    /// Whether two folded words are one, or forms of one.
    pub(crate) fn are_of_one(&mut self, word: &str, other: &str) -> bool {
        if word == other {
            return true;
        }
        let stems = self.stems(word).clone();
        let others = self.stems(other);
        stems.contains(other) || others.contains(word) || !stems.is_disjoint(others)
    }
}

impl std::fmt::Debug for Forms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Forms").field("remembered", &self.remembered.len()).finish_non_exhaustive()
    }
}

/// The term of a stem. A word that is a stem itself stands for it without one: only what differs is told.
pub(crate) fn term(stem: &str) -> String {
    format!("{SIGN}{stem}")
}

/// The stem that a term stands for, if it is the term of one.
pub(crate) fn stem(term: &str) -> Option<&str> {
    term.strip_prefix(SIGN)
}

/// Whether a term of the index is a word as somebody wrote it.
pub(crate) fn is_written(term: &str) -> bool {
    !term.starts_with([SIGN, '=']) && !begun::is_term(term)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_one_word_share_a_stem() {
        let mut forms = Forms::new();
        let mut of = |word: &str| {
            let mut stems = forms.stems(word).clone();
            stems.insert(word.to_owned());
            stems
        };
        for (one, other) in [
            ("chocolate", "chocolates"),
            ("running", "run"),
            ("gateau", "gateaux"),
            ("galleta", "galletas"),
            ("kartoffel", "kartoffeln"),
        ] {
            assert!(!of(one).is_disjoint(&of(other)), "{one} {other}");
        }
        assert!(of("milk").is_disjoint(&of("silk")));
    }
}
