//! The first letters of words as terms of their own: while somebody types them, a search walks along one list of
//! products, instead of along those of every word that begins so.

use std::collections::BTreeSet;

use super::forms;

/// Letters that such a term has at most. What is longer begins few words, which the dictionary knows.
pub(crate) const LETTERS_MAX: usize = 3;

/// What begins so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begun {
    /// The name of a product.
    Name,
    /// A word of what it is called by.
    Word,
    /// A word of a category that it lies in.
    Category,
}

impl Begun {
    /// What the term begins with, so that it is never taken for a word.
    const fn sign(self) -> char {
        match self {
            Self::Name => '^',
            Self::Word => '<',
            Self::Category => '/',
        }
    }

    /// The term of some letters.
    pub(crate) fn term(self, letters: &str) -> String {
        format!("{}{letters}", self.sign())
    }
}

/// Whether a term is one of these.
pub(crate) fn is_term(term: &str) -> bool {
    term.starts_with([Begun::Name, Begun::Word, Begun::Category].map(Begun::sign))
}

/// The terms of a product that is called by these terms and lies in categories that are called by those.
pub(crate) fn terms(called: &str, categories: &str) -> String {
    let name = called.split_whitespace().next().and_then(|word| beginnings(word).next());
    let name = name.map(|letter| Begun::Name.term(letter));
    let each = |text, what: Begun| written(text).map(move |letters| what.term(letters));
    let all: BTreeSet<String> =
        name.into_iter().chain(each(called, Begun::Word)).chain(each(categories, Begun::Category)).collect();
    all.into_iter().collect::<Vec<_>>().join(" ")
}

fn written(terms: &str) -> impl Iterator<Item = &str> {
    terms.split_whitespace().filter(|term| forms::is_written(term)).flat_map(beginnings)
}

/// The first letter of a word, the first two, and so on.
fn beginnings(word: &str) -> impl Iterator<Item = &str> {
    word.char_indices().take(LETTERS_MAX).map(|(at, letter)| &word[..at + letter.len_utf8()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_has_the_beginnings_of_all_its_words_each_once_and_the_first_letter_of_its_name() {
        assert_eq!(
            terms("crème ~crem 2l =l2000 cr ", "dairy "),
            "/d /da /dai <2 <2l <c <cr <crè ^c",
            "neither of stems nor of amounts"
        );
        assert_eq!(terms("", ""), "");
    }

    #[test]
    fn a_beginning_is_never_taken_for_a_word() {
        for what in [Begun::Name, Begun::Word, Begun::Category] {
            let term = what.term("a");
            assert_eq!((is_term(&term), forms::is_written(&term)), (true, false), "{term}");
        }
        assert!(!is_term("a") && !is_term("~a") && !is_term("=g1"));
    }
}
