//! Text taken apart into words, the same way for what is sold and for what is typed.
//!
//! A *word* is a run of letters and digits, folded: small letters without accents, so that "CAFÉ" and "cafe" are one.
//! Words that only a sign stands between ("coca-cola", "KX-TS108W") are a *chunk*, and may be written as one.

use std::cell::RefCell;

use tantivy::tokenizer::{AsciiFoldingFilter, LowerCaser, RawTokenizer, TextAnalyzer, TokenStream as _};

/// Letters of a word that are looked at; what is longer is no word that anybody types.
pub(crate) const WORD_MAX: usize = 40;

/// A word where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    /// Folded.
    pub(crate) text: String,
    /// Its bytes in the text that it is from.
    pub(crate) at: std::ops::Range<usize>,
    /// Whether it is a number or a code: it has a digit.
    pub(crate) is_code: bool,
    /// Whether nothing but a sign stands between it and the word before.
    pub(crate) is_joined: bool,
}

/// The words of a text, in order.
pub(crate) fn words(text: &str) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    for at in runs(text) {
        let folded = fold(&text[at.clone()]);
        if folded.is_empty() {
            continue;
        }
        let between = words.last().map(|word| &text[word.at.end..at.start]);
        let is_joined = between.is_some_and(is_joint);
        let is_code = folded.bytes().any(|byte| byte.is_ascii_digit());
        words.push(Word { text: folded, at, is_code, is_joined });
    }
    words
}

/// Whether what stands between two words leaves them one thing.
fn is_joint(between: &str) -> bool {
    let mut signs = between.chars();
    matches!((signs.next(), signs.next()), (Some('-' | '.' | '\'' | '’' | '_' | '/' | '&' | '+'), None))
}

/// Where letters and digits stand together. A point or comma between two digits belongs to the number.
fn runs(text: &str) -> Vec<std::ops::Range<usize>> {
    let mut runs: Vec<std::ops::Range<usize>> = Vec::new();
    let mut letters = text.char_indices().peekable();
    let (mut start, mut was_digit) = (None, false);
    while let Some((at, letter)) = letters.next() {
        let next_is_digit = letters.peek().is_some_and(|(_, next)| next.is_ascii_digit());
        let is_within = letter.is_alphanumeric()
            || is_mark(letter) && start.is_some()
            || matches!(letter, '.' | ',') && was_digit && next_is_digit;
        match (is_within, start) {
            (true, None) => start = Some(at),
            (false, Some(begin)) => {
                runs.push(begin..at);
                start = None;
            }
            (true, Some(_)) | (false, None) => {}
        }
        was_digit = letter.is_ascii_digit();
    }
    runs.extend(start.map(|begin| begin..text.len()));
    runs
}

/// An accent that stands by itself behind its letter.
const fn is_mark(letter: char) -> bool {
    matches!(letter, '\u{300}'..='\u{36f}')
}

/// Small letters without accents; a comma in a number is a point.
pub(crate) fn fold(text: &str) -> String {
    let kept: String = text.chars().filter(|letter| !is_mark(*letter)).take(WORD_MAX).collect();
    let plain = if kept.is_ascii() { kept.to_ascii_lowercase() } else { without_accents(&kept) };
    plain.replace(',', ".")
}

thread_local! {
    /// By the table of Lucene's ASCIIFoldingFilter, which tantivy has. Made once: a catalogue folds a million words.
    static FOLDING: RefCell<TextAnalyzer> = RefCell::new(
        TextAnalyzer::builder(RawTokenizer::default()).filter(LowerCaser).filter(AsciiFoldingFilter).build(),
    );
}

fn without_accents(text: &str) -> String {
    FOLDING.with_borrow_mut(|folding| {
        let mut tokens = folding.token_stream(text);
        tokens.next().map(|token| token.text.to_lowercase()).unwrap_or_default()
    })
}

/// The runs of letters and of digits of a code, of two signs or more; none of what is one run.
pub(crate) fn parts(code: &str) -> Vec<&str> {
    let mut ends: Vec<usize> = code
        .char_indices()
        .zip(code.chars().skip(1))
        .filter(|((_, one), next)| sort(*one) != sort(*next))
        .map(|((at, one), _)| at + one.len_utf8())
        .collect();
    if ends.is_empty() {
        return Vec::new();
    }
    ends.push(code.len());
    let starts = std::iter::once(0).chain(ends.iter().copied());
    let runs = starts.zip(ends.iter().copied()).map(|(start, end)| &code[start..end]);
    runs.filter(|run| run.chars().count() > 1).collect()
}

/// Digits with their point are of one sort, letters of the other.
const fn sort(letter: char) -> bool {
    letter.is_ascii_digit() || letter == '.'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_comes_apart_into_folded_words() {
        let cases: [(&str, &[&str]); 10] = [
            ("Café  CRÈME", &["cafe", "creme"]),
            ("Cafe\u{301}", &["cafe"]),
            ("coca-cola", &["coca", "cola"]),
            ("L'Oréal", &["l", "oreal"]),
            ("0,5 l (1.5)", &["0.5", "l", "1.5"]),
            ("end. Of", &["end", "of"]),
            ("Straße Øl", &["strasse", "ol"]),
            ("Чай 茶", &["чай", "茶"]),
            ("\u{0}\"' \t()", &[]),
            ("", &[]),
        ];
        for (text, expected) in cases {
            let found: Vec<String> = words(text).into_iter().map(|word| word.text).collect();
            assert_eq!(found, expected, "{text:?}");
        }
    }

    #[test]
    fn a_sign_joins_and_a_space_does_not() {
        let joined = |text: &str| words(text).into_iter().map(|word| word.is_joined).collect::<Vec<_>>();
        assert_eq!(joined("KX-TS108W kit"), [false, true, false]);
        assert_eq!(joined("a - b, c"), [false, false, false]);
    }

    #[test]
    fn codes_come_apart_where_letters_meet_digits() {
        assert_eq!(parts("kdl40v3000"), ["kdl", "40", "3000"]);
        assert_eq!(parts("3000"), Vec::<&str>::new());
        assert_eq!(parts("7up"), ["up"]);
        assert_eq!(parts("1.5l"), ["1.5"]);
    }

    #[test]
    fn each_word_says_where_it_stands() {
        let text = "Très  Ça";
        let found = words(text);
        assert_eq!(found.iter().map(|word| &text[word.at.clone()]).collect::<Vec<_>>(), ["Très", "Ça"]);
    }
}
