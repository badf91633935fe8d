//! What may happen to a call on its way, and the count of what did.

use super::Chance;

/// What happens to one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrives, and so does the answer.
    Passes,
    /// It never arrives.
    Lost,
    /// The line breaks after so many bytes of the request.
    CutAsking(usize),
    /// Only so many bytes of the request arrive, as if they were all.
    ShortAsking(usize),
    /// It arrives; the answer does not.
    AnswerLost,
    /// It arrives; of the answer only so many bytes, as if they were all.
    ShortAnswer(usize),
    /// It arrives twice; the second answer is heard.
    Twice,
    /// It stays on the way, and arrives after the next call.
    Late,
}

impl Fate {
    /// One of the evil ones.
    pub(super) fn ill(chance: &mut Chance) -> Self {
        let bytes = chance.below(600);
        *chance.one_of(&[
            Self::Lost,
            Self::CutAsking(bytes),
            Self::ShortAsking(bytes),
            Self::AnswerLost,
            Self::ShortAnswer(bytes),
            Self::Twice,
            Self::Late,
        ])
    }
}

/// What happened to calls so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Harm {
    /// Calls or answers that never arrived.
    pub dropped: u64,
    /// Calls that arrived twice.
    pub repeated: u64,
    /// Calls that arrived after later ones.
    pub reordered: u64,
    /// Calls or answers of which only a part arrived.
    pub truncated: u64,
    /// Calls that came through.
    pub whole: u64,
}

impl Harm {
    /// Counts a call that meets this fate; one that is late counts when it arrives.
    pub(super) fn note(&mut self, fate: Fate) {
        match fate {
            Fate::Passes => self.whole += 1,
            Fate::Lost | Fate::AnswerLost => self.dropped += 1,
            Fate::CutAsking(_) | Fate::ShortAsking(_) | Fate::ShortAnswer(_) => self.truncated += 1,
            Fate::Twice => self.repeated += 1,
            Fate::Late => {}
        }
    }
}
