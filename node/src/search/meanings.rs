//! What else words mean, as head office says: groups of synonyms, kept in memory so that a search that meets none of them
//! takes no longer, and read anew where the database says that they changed. Pure.
//!
//! A word is known in all its forms, and a phrase whether it was written as one word or as several. What has a digit is a
//! number or a code, and means itself alone.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
};

use outpost_schema::synonym::{Group, Phrase};

use super::{forms::Forms, typed::Typed, words::words};

/// Other phrases that one search looks for at most. Where there are more, the first words that were typed have them, and
/// of each word the first groups that were entered.
pub(crate) const OTHERS_MAX: usize = 16;

/// Words, folded.
type Words = Vec<String>;

/// Groups, and where their phrases begin.
#[derive(Debug, Default)]
pub(crate) struct Meanings {
    groups: Vec<Means>,
    longest: usize,
    /// By the word that it begins with, or a stem of it.
    by_first: HashMap<String, Vec<Known>>,
}

/// A group: who looks for one of the first `asked` phrases finds all others.
#[derive(Debug)]
struct Means {
    phrases: Vec<Words>,
    asked: usize,
}

/// A phrase of a group, by its words.
#[derive(Clone, Debug)]
struct Known {
    group: usize,
    phrase: usize,
    words: Words,
}

/// Wishes that mean something else too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Meant {
    /// The first of them, and how many.
    pub(crate) at: usize,
    pub(crate) count: usize,
    /// What else, each in words.
    pub(crate) others: Vec<Words>,
}

impl Meanings {
    /// Those of groups.
    pub(crate) fn of(groups: &[Group], forms: &mut Forms) -> Self {
        let mut meanings = Self::default();
        for group in groups {
            let folded = |phrase: &Phrase| words(phrase.text()).into_iter().map(|word| word.text).collect();
            let (phrases, asked) = (group.all().map(folded).collect(), group.phrases.len());
            meanings.learn(Means { phrases, asked }, forms);
        }
        meanings
    }

    fn learn(&mut self, means: Means, forms: &mut Forms) {
        let group = self.groups.len();
        for (phrase, words) in means.phrases[..means.asked].iter().enumerate() {
            self.longest = self.longest.max(words.len());
            let as_one = (words.len() > 1).then(|| vec![words.concat()]);
            for words in [words.clone()].into_iter().chain(as_one) {
                let Some(first) = words.first().cloned() else { continue };
                for form in forms.stems(&first).iter().chain([&first]) {
                    let known = Known { group, phrase, words: words.clone() };
                    self.by_first.entry(form.clone()).or_default().push(known);
                }
            }
        }
        self.groups.push(means);
    }

    /// What of what was typed means something else too, from its beginning on, the longest first.
    pub(crate) fn of_typed(&self, typed: &Typed, forms: &mut Forms) -> Vec<Meant> {
        if self.groups.is_empty() {
            return Vec::new();
        }
        let mut spans: Vec<(usize, usize, Words)> = Vec::new();
        for at in 0..typed.wishes.len() {
            let behind = typed.wishes[at..].iter().zip(&typed.is_plain[at..]);
            let plain = behind.take_while(|(_, is_plain)| **is_plain).take(self.longest);
            let plain: Words = plain.map(|(wish, _)| wish.text().to_owned()).collect();
            spans.extend((1..=plain.len()).rev().map(|count| (at, count, plain[..count].to_vec())));
        }
        for joined in &typed.joined {
            if typed.is_plain[joined.at..joined.at + joined.count].iter().all(|is_plain| *is_plain) {
                spans.push((joined.at, joined.count, vec![joined.word.clone()]));
            }
        }
        let mut meant: BTreeMap<(usize, Reverse<usize>), Vec<Words>> = BTreeMap::new();
        for (at, count, words) in spans {
            for other in self.others(&words, forms) {
                let others = meant.entry((at, Reverse(count))).or_default();
                if !others.contains(&other) {
                    others.push(other);
                }
            }
        }
        meant.into_iter().map(|((at, Reverse(count)), others)| Meant { at, count, others }).collect()
    }

    /// What these words mean besides, each once.
    fn others(&self, words: &[String], forms: &mut Forms) -> Vec<Words> {
        let Some(first) = words.first() else { return Vec::new() };
        let mut places: Vec<(usize, usize)> = Vec::new();
        for form in forms.stems(first).clone().iter().chain([first]) {
            let known = self.by_first.get(form).into_iter().flatten();
            let same: Vec<&Known> = known.filter(|known| known.words.len() == words.len()).collect();
            let same = same.into_iter().filter(|known| {
                words.iter().zip(&known.words).skip(1).all(|(word, other)| forms.are_of_one(word, other))
            });
            places.extend(same.map(|known| (known.group, known.phrase)));
        }
        places.sort_unstable();
        places.dedup();
        let mut others: Vec<Words> = Vec::new();
        for (group, phrase) in places {
            let means = self.groups[group].phrases.iter().enumerate().filter(|(at, _)| *at != phrase);
            for (_, other) in means {
                if other != words && !others.contains(other) {
                    others.push(other.clone());
                }
            }
        }
        others
    }
}

#[cfg(test)]
mod tests {
    use super::{super::typed, *};

    fn said(lines: &[&str], text: &str) -> Vec<String> {
        let groups: Vec<Group> = lines.iter().map(|line| line.parse().expect("a group")).collect();
        let mut forms = Forms::new();
        let meanings = Meanings::of(&groups, &mut forms);
        let meant = meanings.of_typed(&typed::read(text, false), &mut forms);
        let shown = |meant: &Meant| {
            let others: Vec<_> = meant.others.iter().map(|words| words.join(" ")).collect();
            format!("{}+{} {}", meant.at, meant.count, others.join("|"))
        };
        meant.iter().map(shown).collect()
    }

    const SODA: &str = "soft drink, soda, pop";

    #[test]
    fn words_and_phrases_mean_the_others_of_their_groups() {
        let shoes = "trainers => sneakers, running shoes";
        let cases: [(&[&str], &str, &[&str]); 14] = [
            (&[SODA], "soda", &["0+1 soft drink|pop"]),
            (&[SODA], "SODAS", &["0+1 soft drink|pop"]),
            (&[SODA], "cheap soft drinks", &["1+2 soda|pop"]),
            (&[SODA], "softdrink", &["0+1 soda|pop"]),
            (&["softdrink, soda"], "soft drink", &["0+2 soda"]),
            (&[SODA], "soft", &[]),
            (&[SODA], "drink soft", &[]),
            (&[SODA, "pop, music"], "pop", &["0+1 soft drink|soda|music"]),
            (&[SODA, "pop, soda"], "pop", &["0+1 soft drink|soda"]),
            (&[shoes], "trainer", &["0+1 sneakers|running shoes"]),
            (&[shoes], "running shoes", &[]),
            (&["Crème brûlée, custard"], "creme BRULEE", &["0+2 custard"]),
            (&["coca-cola, coke"], "cocacola", &["0+1 coke"]),
            (&[], "soda", &[]),
        ];
        for (lines, text, expected) in cases {
            assert_eq!(said(lines, text), expected, "{lines:?} {text}");
        }
    }

    #[test]
    fn numbers_codes_and_amounts_mean_themselves_alone() {
        let groups = [SODA, "g, gram", "x, ex", "kx, kay"];
        for text in ["soda7", "7 200", "x-200", "500 g", "KX-TS108W", "soft 500g drink"] {
            assert_eq!(said(&groups, text), Vec::<String>::new(), "{text}");
        }
    }
}
