//! Words near those that were mistyped, in a plan.

use super::{
    super::typed::{Typed, Wish},
    Dictionary, Need, Planner, Way, most_used,
};

/// What a word counts for that is one letter, or two, from what was typed.
pub(super) const NEAR: [f32; 2] = [0.5, 0.3];

/// Letters that a word must have for one mistyped letter to be looked for, and for two.
const NEAR_LETTERS: [usize; 2] = [4, 8];

/// Words that one mistyped word may stand for.
const NEAR_MAX: usize = 16;

/// A word near another one, with its distance and its uses.
pub(super) type Near = (String, u8, u64);

impl<D: Dictionary> Planner<'_, D> {
    /// Adds the words near those that nothing has; if something has each of them, the words near all of them. Says
    /// whether that added anything.
    pub(super) fn correct(&mut self, typed: &Typed, needs: &mut [Need]) -> bool {
        if self.correct_unknown(typed, needs) {
            return true;
        }
        let mut is_other = false;
        for (wish, need) in typed.wishes.iter().zip(needs) {
            // What is a word itself is no other one with two letters wrong.
            let near = self.near_ways(wish, 1);
            is_other |= !near.is_empty();
            need.extend(near);
        }
        is_other
    }

    pub(super) fn correct_unknown(&mut self, typed: &Typed, needs: &mut [Need]) -> bool {
        let mut is_other = false;
        for (at, (wish, need)) in typed.wishes.iter().zip(needs).enumerate() {
            if !need.is_empty() || self.is_other(at) {
                continue;
            }
            need.extend(self.near_ways(wish, NEAR.len()));
            is_other |= !need.is_empty();
        }
        is_other
    }

    fn near_ways(&mut self, wish: &Wish, most: usize) -> Need {
        let near = self.nearest(wish, most).into_iter();
        near.map(|(word, distance, _)| Way::of(vec![word], NEAR[usize::from(distance) - 1])).collect()
    }

    /// Words near a mistyped one, at most so many letters from it, the most used first, with their distance.
    pub(super) fn nearest(&mut self, wish: &Wish, most: usize) -> Vec<Near> {
        let Wish::Word(word) = wish else { return Vec::new() };
        let asked = (word.clone(), most);
        if let Some(known) = self.known_near.get(&asked) {
            return known.clone();
        }
        let found = self.looked_up(word, most);
        self.known_near.insert(asked, found.clone());
        found
    }

    /// Two letters are tried only where one leads to no word: whoever mistyped one letter meant none of what that finds, and
    /// it walks over far more of the dictionary.
    fn looked_up(&self, word: &str, most: usize) -> Vec<Near> {
        let letters = word.chars().count();
        let distances = (1..).zip(NEAR_LETTERS).take(most).filter(|(_, least)| letters >= *least);
        let near = distances.map(|(distance, _)| {
            let others = self.dictionary.near(word, distance).into_iter().filter(|(other, _)| other != word);
            let near = most_used(others.collect(), NEAR_MAX).into_iter();
            near.map(|(word, uses)| (word, distance, uses)).collect()
        });
        near.into_iter().find(|near: &Vec<Near>| !near.is_empty()).unwrap_or_default()
    }
}
