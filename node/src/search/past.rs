//! What was searched here before. It is kept in memory alone: what somebody types at a till may be a person's name, and
//! belongs into no file.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use super::view::fold_all;

/// Searches that are remembered.
const REMEMBERED_MAX: usize = 500;

/// Signs of a search that is remembered.
const LENGTH_MAX: usize = 60;

/// Searches that found something, the last one first.
#[derive(Debug, Default)]
pub(super) struct Past(Mutex<VecDeque<(String, String)>>);

impl Past {
    /// It found something.
    pub(super) fn note(&self, text: &str) {
        let folded = fold_all(text);
        if folded.is_empty() || text.chars().count() > LENGTH_MAX {
            return;
        }
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(other, _)| *other != folded);
        all.push_front((folded, text.to_owned()));
        all.truncate(REMEMBERED_MAX);
    }

    /// Those that begin so, and go on.
    pub(super) fn beginning(&self, text: &str, most: usize) -> Vec<String> {
        let folded = fold_all(text);
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = all.iter().filter(|(other, _)| other.starts_with(&folded) && *other != folded);
        found.take(most).map(|(_, text)| text.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_search_comes_first_and_each_once() {
        let past = Past::default();
        for text in ["Green Tea", "green apple", "GREEN TEA", "milk", "", &"long ".repeat(40)] {
            past.note(text);
        }
        assert_eq!(past.beginning("Gre", 9), ["GREEN TEA", "green apple"]);
        assert_eq!(past.beginning("", 9).len(), 3);
        assert_eq!(past.beginning("milk", 9), Vec::<String>::new());
    }
}
