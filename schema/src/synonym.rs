//! Synonyms that head office keeps: words and phrases by which customers ask for the same goods. Who searches a till for
//! one of them also finds what is called by another.
//!
//! A group never changes; another one takes its place. Its words are only words: signs are left out, letters are small,
//! and accents and forms are left to the search, which knows them.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    str::FromStr,
};

use serde::{Deserialize, Serialize};

use crate::{clock::Timestamp, fault::Fault, id::SynonymsId, text};

/// Bytes of one phrase.
pub const PHRASE_MAX: usize = 60;

/// Words of one phrase: what is longer is a title, and nobody types it as one.
pub const WORDS_MAX: usize = 5;

/// Phrases of one group.
pub const PHRASES_MAX: usize = 16;

/// Groups. A till reads them all when they have changed, in a few hundredths of a second.
pub const GROUPS_MAX: usize = 2_000;

/// Groups that one phrase stands in: a search looks for a few other words, and not for a dictionary.
pub const GROUPS_OF_ONE_MAX: usize = 8;

/// Between the phrases of a group as people write it, and before those that are found one way.
const COMMA: char = ',';
const ARROW: &str = "=>";

/// What a phrase is called in an error.
const FIELD: &str = "a synonym";

/// A word, or a few, with one space between two.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Phrase(String);

impl Phrase {
    /// Its text.
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl FromStr for Phrase {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let words = words(text);
        let phrase = words.join(" ");
        text::require(FIELD, &phrase, PHRASE_MAX)?;
        if phrase.contains(char::is_numeric) {
            return Err(Fault::SynonymWithDigits { phrase });
        }
        if words.len() > WORDS_MAX {
            return Err(Fault::TooMany { what: "words in this synonym", count: words.len(), max: WORDS_MAX });
        }
        Ok(Self(phrase))
    }
}

/// Small letters, and no sign but those that stand within words.
fn words(text: &str) -> Vec<String> {
    let is_kept =
        |letter: char| letter.is_alphanumeric() || matches!(letter, '\u{300}'..='\u{36f}') || is_joint(letter);
    let kept: String = text.chars().map(|letter| if is_kept(letter) { letter } else { ' ' }).collect();
    let words = kept.split(' ').map(|word| word.trim_matches(is_joint).to_lowercase());
    words.filter(|word| word.contains(char::is_alphanumeric)).collect()
}

const fn is_joint(letter: char) -> bool {
    matches!(letter, '-' | '.' | '\'' | '’' | '&' | '/' | '+')
}

/// Only what is written as it is kept.
impl TryFrom<String> for Phrase {
    type Error = Fault;

    fn try_from(text: String) -> Result<Self, Fault> {
        let phrase: Self = text.parse()?;
        if phrase.0 == text { Ok(phrase) } else { Err(Fault::Unreadable { what: FIELD }) }
    }
}

impl From<Phrase> for String {
    fn from(phrase: Phrase) -> Self {
        phrase.0
    }
}

impl fmt::Display for Phrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What means the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Who looks for one of these finds the others.
    pub phrases: Vec<Phrase>,
    /// Who looks for one of `phrases` also finds these, and not the other way round.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Phrase>,
}

impl Group {
    /// A group of what people wrote.
    ///
    /// # Errors
    /// The [`Fault`] of a phrase, [`Fault::NotSynonyms`] if nothing stands for anything, [`Fault::TooMany`] or
    /// [`Fault::SynonymTwice`].
    pub fn of<T: AsRef<str>>(phrases: &[T], also: &[T]) -> Result<Self, Fault> {
        let read = |texts: &[T]| texts.iter().map(|text| text.as_ref().parse()).collect::<Result<Vec<Phrase>, Fault>>();
        let group = Self { phrases: read(phrases)?, also: read(also)? };
        let count = group.all().count();
        if group.phrases.is_empty() || count < 2 {
            return Err(Fault::NotSynonyms);
        }
        if count > PHRASES_MAX {
            return Err(Fault::TooMany { what: "words and phrases in this group", count, max: PHRASES_MAX });
        }
        let mut seen = BTreeSet::new();
        let twice = group.all().find(|phrase| !seen.insert(*phrase)).map(Phrase::to_string);
        twice.map_or(Ok(group), |phrase| Err(Fault::SynonymTwice { phrase }))
    }

    /// Everything that stands in it.
    pub fn all(&self) -> impl Iterator<Item = &Phrase> {
        self.phrases.iter().chain(&self.also)
    }

    /// What it says, in whatever order it was written.
    fn says(&self) -> [BTreeSet<&Phrase>; 2] {
        [self.phrases.iter().collect(), self.also.iter().collect()]
    }
}

/// As people write it: `soft drink, soda, pop`, or one way `trainers => sneakers, running shoes`.
impl FromStr for Group {
    type Err = Fault;

    fn from_str(line: &str) -> Result<Self, Fault> {
        let (phrases, also) = line.split_once(ARROW).unwrap_or((line, ""));
        if also.contains(ARROW) {
            return Err(Fault::NotSynonyms);
        }
        let parts = |text: &'_ str| -> Vec<String> {
            text.split(COMMA).filter(|part| !part.trim().is_empty()).map(str::to_owned).collect()
        };
        Self::of(&parts(phrases), &parts(also))
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = |phrases: &[Phrase]| phrases.iter().map(Phrase::text).collect::<Vec<_>>().join(", ");
        match self.also.as_slice() {
            [] => f.write_str(&said(&self.phrases)),
            also => write!(f, "{} {ARROW} {}", said(&self.phrases), said(also)),
        }
    }
}

/// A group that head office keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Synonyms {
    /// Its id.
    pub synonyms_id: SynonymsId,
    /// What it says.
    pub group: Group,
    /// When it was entered.
    pub created_at: Timestamp,
}

/// What is to be done with the groups that are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Groups that are new.
    pub added: Vec<Group>,
    /// Groups that are no longer wanted.
    pub removed: Vec<SynonymsId>,
}

/// What makes of the groups that are kept those that are wanted besides; or, if these are all, those alone. What is kept
/// already stays as it is.
///
/// # Errors
/// [`Fault::TooMany`] groups in all, or [`Fault::SynonymTooOften`].
pub fn change(kept: &[Synonyms], wanted: &[Group], is_all: bool) -> Result<Change, Fault> {
    let mut seen: BTreeSet<_> = kept.iter().map(|kept| kept.group.says()).collect();
    let asked: BTreeSet<_> = wanted.iter().map(Group::says).collect();
    let added: Vec<Group> = wanted.iter().filter(|group| seen.insert(group.says())).cloned().collect();
    let is_wanted = |kept: &&Synonyms| !is_all || asked.contains(&kept.group.says());
    let (staying, going): (Vec<&Synonyms>, Vec<&Synonyms>) = kept.iter().partition(is_wanted);
    check(staying.into_iter().map(|kept| &kept.group).chain(&added))?;
    Ok(Change { added, removed: going.into_iter().map(|kept| kept.synonyms_id).collect() })
}

fn check<'a>(groups: impl Iterator<Item = &'a Group>) -> Result<(), Fault> {
    let (mut count, mut uses) = (0, HashMap::<&Phrase, usize>::new());
    for group in groups {
        count += 1;
        for phrase in group.all() {
            let uses = uses.entry(phrase).or_default();
            *uses += 1;
            if *uses > GROUPS_OF_ONE_MAX {
                return Err(Fault::SynonymTooOften { phrase: phrase.to_string(), max: GROUPS_OF_ONE_MAX });
            }
        }
    }
    let what = "groups of synonyms";
    if count > GROUPS_MAX { Err(Fault::TooMany { what, count, max: GROUPS_MAX }) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
