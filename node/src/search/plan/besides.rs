//! What words mean besides, in a plan: other words and phrases in the place of those that were typed.

use super::{
    super::meanings::{Meant, OTHERS_MAX},
    Dictionary, Need, Planner, Typed, Way,
};

/// What another word counts for that means the same, among other such products.
const OTHER: f32 = 0.5;

/// Wishes with the ways to have what they mean besides.
pub(super) struct Other {
    at: usize,
    count: usize,
    need: Need,
}

impl<D: Dictionary> Planner<'_, D> {
    /// Keeps of what is meant besides what products have.
    pub(super) fn learn(&mut self, meant: &[Meant]) {
        let mut left = OTHERS_MAX;
        for Meant { at, count, others } in meant {
            let ways = others.iter().map(|words| self.other(words)).filter(|ways| !ways.is_empty());
            let ways: Vec<Need> = ways.take(left).collect();
            left -= ways.len();
            if !ways.is_empty() {
                self.others.push(Other { at: *at, count: *count, need: ways.concat() });
            }
        }
    }

    /// The same with what is meant besides in the place of what was typed: each of the words, and of the phrases one after
    /// another, and all that can stand beside each other.
    pub(super) fn besides(&self, typed: &Typed, needs: &[Need]) -> Vec<Vec<Need>> {
        if self.others.is_empty() {
            return Vec::new();
        }
        let mut besides: Vec<Vec<Need>> = Vec::new();
        let widened = self.widened(needs);
        if self.others.iter().any(|other| other.count == 1) {
            besides.extend(self.alternatives(typed, widened.clone()));
        }
        let phrases: Vec<&Other> = self.phrases().collect();
        let each = phrases.iter().map(|phrase| vec![*phrase]);
        let all = if phrases.len() > 1 { Some(apart(&phrases)) } else { None };
        for replaced in each.chain(all) {
            let mut others = widened.clone();
            for phrase in replaced.into_iter().rev() {
                others.splice(phrase.at..phrase.at + phrase.count, [phrase.need.clone()]);
            }
            besides.push(others);
        }
        besides.retain(|needs| needs.iter().all(|need| !need.is_empty()));
        besides
    }

    /// The same with what is meant besides.
    pub(super) fn some_besides(&self, typed: &Typed, needs: &[Need]) -> Vec<Vec<Need>> {
        if self.others.is_empty() {
            return Vec::new();
        }
        let mut some = self.some_of(typed, self.widened(needs));
        some.extend(self.phrases().map(|phrase| phrase.need.clone()));
        vec![some]
    }

    /// The needs, each in the ways of what its one word means besides, too.
    fn widened(&self, needs: &[Need]) -> Vec<Need> {
        let mut widened = needs.to_vec();
        for other in self.others.iter().filter(|other| other.count == 1) {
            widened[other.at].extend(other.need.iter().cloned());
        }
        widened
    }

    /// What several wishes together mean besides.
    fn phrases(&self) -> impl Iterator<Item = &Other> {
        self.others.iter().filter(|other| other.count > 1)
    }

    /// Whether a wish means something besides that products have: then it is no word that somebody mistyped.
    pub(super) fn is_other(&self, at: usize) -> bool {
        self.others.iter().any(|other| (other.at..other.at + other.count).contains(&at))
    }

    /// The ways to have what other words say; none, if nothing has it.
    fn other(&mut self, words: &[String]) -> Need {
        if let [word] = words {
            let lessened = |way: Way| Way { weight: way.weight * OTHER, ..way };
            return self.word(word).into_iter().map(lessened).collect();
        }
        let terms = |word: &String| self.forms_of(word).into_iter().map(|(term, _)| term).collect();
        let terms: Vec<Vec<String>> = words.iter().map(terms).collect();
        let mut ways: Need = self.known(vec![words.concat()], OTHER).into_iter().collect();
        if terms.iter().all(|terms| !terms.is_empty()) {
            ways.push(Way { terms, weight: OTHER });
        }
        ways
    }
}

/// Phrases none of which begins before the one before it ends: the first, and then the next that fits.
fn apart<'a>(phrases: &[&'a Other]) -> Vec<&'a Other> {
    let mut apart: Vec<&Other> = Vec::new();
    for phrase in phrases {
        if apart.last().is_none_or(|last| last.at + last.count <= phrase.at) {
            apart.push(phrase);
        }
    }
    apart
}
