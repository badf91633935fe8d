//! What somebody typed, as what a product must have. Whatever it is, it is only text: nothing in it is an operator.

use super::{
    measure,
    words::{Word, words},
};

/// Signs of what was typed that are looked at: the longest title of a product, and room to spare.
pub(crate) const TYPED_MAX: usize = 512;

/// Words of it that are looked at.
pub(crate) const WORDS_MAX: usize = 32;

/// One thing that a product is to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// A word.
    Word(String),
    /// A number or a code, in which no letter is ever guessed.
    Code(String),
    /// An amount, by its term.
    Measure(String),
}

/// Several wishes that may stand as one word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Joined {
    /// The first of them, and how many.
    pub(crate) at: usize,
    pub(crate) count: usize,
    /// The one word.
    pub(crate) word: String,
}

/// What was typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Typed {
    /// In order, each once.
    pub(crate) wishes: Vec<Wish>,
    /// Whether each of them is a word of its own: no number, no amount, and no part of a code such as KX-TS108W.
    pub(crate) is_plain: Vec<bool>,
    /// Neighbours that may be one word.
    pub(crate) joined: Vec<Joined>,
    /// Whether the last wish may be the beginning of a word.
    pub(crate) is_open: bool,
}

impl Wish {
    /// What it is called, in words.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Word(text) | Self::Code(text) | Self::Measure(text) => text,
        }
    }
}

/// Reads it; `is_typing` while somebody is still at the last word.
pub(crate) fn read(text: &str, is_typing: bool) -> Typed {
    let cut = text.char_indices().nth(TYPED_MAX).map_or(text.len(), |(at, _)| at);
    let mut found = words(&text[..cut]);
    found.truncate(WORDS_MAX);
    let ends_in_word = found.last().is_some_and(|word| word.at.end == cut);
    let mut typed = Typed { is_open: is_typing && ends_in_word, ..Typed::default() };
    let chunks = found.chunk_by(|_, next| next.is_joined);
    let in_code: Vec<bool> =
        chunks.flat_map(|chunk| vec![chunk.iter().any(|word| word.is_code); chunk.len()]).collect();
    let mut rest = found.as_slice();
    while let Some(word) = rest.first() {
        let (wish, taken) = match measure::at(rest) {
            // Whoever still types a number with a letter behind it may go on.
            Some((term, taken)) if !(typed.is_open && taken == rest.len()) => (Wish::Measure(term), taken),
            Some(_) | None if word.is_code => (Wish::Code(word.text.clone()), 1),
            Some(_) | None => (Wish::Word(word.text.clone()), 1),
        };
        if !typed.wishes.contains(&wish) {
            typed.join(word, &wish);
            let is_in_code = in_code.get(found.len() - rest.len()).copied().unwrap_or(false);
            typed.is_plain.push(matches!(wish, Wish::Word(_)) && !is_in_code);
            typed.wishes.push(wish);
        }
        rest = rest.get(taken..).unwrap_or_default();
    }
    typed
}

impl Typed {
    /// The next wish and the one before it may be one word; and within a chunk, all since its begin.
    fn join(&mut self, word: &Word, wish: &Wish) {
        let at = self.wishes.len();
        let Some(before) = self.wishes.last() else { return };
        if matches!(before, Wish::Measure(_)) || matches!(wish, Wish::Measure(_)) {
            return;
        }
        let longer =
            self.joined.last().filter(|joined| word.is_joined && joined.at + joined.count == at && joined.count > 1);
        let longer = longer.map(|joined| Joined {
            at: joined.at,
            count: joined.count + 1,
            word: format!("{}{}", joined.word, wish.text()),
        });
        self.joined.push(Joined { at: at - 1, count: 2, word: format!("{}{}", before.text(), wish.text()) });
        self.joined.extend(longer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wishes(text: &str) -> Vec<String> {
        read(text, false).wishes.iter().map(|wish| wish.text().to_owned()).collect()
    }

    #[test]
    fn wishes_are_words_codes_and_measures() {
        let typed = read("Dark choc 500 g X-200", false);
        let expected = [
            Wish::Word("dark".to_owned()),
            Wish::Word("choc".to_owned()),
            Wish::Measure("=g500000".to_owned()),
            Wish::Word("x".to_owned()),
            Wish::Code("200".to_owned()),
        ];
        assert_eq!(typed.wishes, expected);
        assert_eq!(typed.is_plain, [true, true, false, false, false], "X-200 is a code");
        assert!(!typed.is_open && read("dark cho", true).is_open && !read("dark ", true).is_open);
        assert_eq!(read("tea 500 g", true).wishes.last(), Some(&Wish::Word("g".to_owned())));
    }

    #[test]
    fn neighbours_may_be_one_word() {
        let joined = |text: &str| read(text, false).joined.into_iter().map(|one| one.word).collect::<Vec<_>>();
        assert_eq!(joined("coca cola zero"), ["cocacola", "colazero"]);
        assert_eq!(joined("rg-58-u"), ["rg58", "58u", "rg58u"]);
        assert_eq!(joined("tea 500 g"), Vec::<String>::new());
    }

    #[test]
    fn hostile_text_is_only_text() {
        for text in ["\"unbalanced (", "\u{0}\u{1b}[2J\r\n", "(a+)+$ .* [", "name:* AND NOT", "'; drop table products"]
        {
            _ = read(text, true);
        }
        assert_eq!(wishes("\"(+-*:\u{0}"), Vec::<String>::new());
        assert_eq!(wishes("same same SAME"), ["same"]);
        assert!(wishes(&"é".repeat(10_000)).iter().all(|word| word.len() <= super::super::words::WORD_MAX));
        let many: String = (0..5_000).map(|number| format!("w{number} ")).collect();
        assert_eq!(wishes(&many).len(), WORDS_MAX);
    }
}
