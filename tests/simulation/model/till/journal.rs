//! A till's journal of one life: entries as they were written, each with the answer that it got.

use outpost_schema::{
    clock::Timestamp,
    id::IncarnationId,
    journal::{Entry, Hash, Mark},
    op::{Op, OpKind},
    stock::{Level, StockKey},
    verdict::Verdict,
    word::Word as _,
};

/// What became of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Head office said so.
    Told(Verdict),
    /// A later life tells it.
    Carried,
    /// Head office has it and said nothing.
    Silent,
}

/// An entry, as it is kept.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) entry: Entry,
    pub(super) at: Timestamp,
    pub(super) answer: Option<Answer>,
    /// What it did to stock rows.
    pub(super) changed: Vec<(StockKey, Level)>,
}

impl Written {
    fn is_settled(&self) -> bool {
        match &self.answer {
            Some(Answer::Told(verdict)) => !verdict.is_set_aside(),
            Some(Answer::Carried | Answer::Silent) => true,
            None => false,
        }
    }
}

/// The journal of one life.
#[derive(Clone, Debug)]
pub(super) struct Journal {
    entries: Vec<Written>,
    forgotten: i64,
    pub(super) acked: Mark,
    pub(super) archived: i64,
}

impl Default for Journal {
    fn default() -> Self {
        Self { entries: Vec::new(), forgotten: 0, acked: Mark::START, archived: 0 }
    }
}

impl Journal {
    pub(super) fn head(&self) -> Mark {
        self.entries.last().map_or(Mark::START, |written| written.entry.mark())
    }

    /// The last seq that was forgotten.
    pub(super) fn forgotten(&self) -> i64 {
        self.forgotten
    }

    pub(super) fn push(&mut self, written: Written) {
        self.entries.push(written);
    }

    fn place(&self, seq: i64) -> usize {
        usize::try_from(seq - self.forgotten - 1).unwrap_or(usize::MAX)
    }

    fn at(&self, seq: i64) -> Option<&Written> {
        self.entries.get(self.place(seq))
    }

    /// The entries after a seq.
    pub(super) fn after(&self, seq: i64) -> &[Written] {
        let from = usize::try_from(seq - self.forgotten).unwrap_or_default();
        self.entries.get(from..).unwrap_or_default()
    }

    /// Whether it has exactly this entry.
    pub(super) fn has(&self, mark: Mark) -> bool {
        mark == Mark::START || self.at(mark.seq).is_some_and(|written| written.entry.hash == mark.hash)
    }

    /// Whether it forgot this entry after it was archived; the hash can be compared only at the edge.
    pub(super) fn has_forgotten(&self, mark: Mark) -> bool {
        let edge = self.entries.first().map(|first| (first.entry.seq - 1, first.entry.prev_hash));
        edge.is_some_and(|(seq, hash)| mark.seq < seq || mark == Mark { seq, hash })
    }

    /// Takes `mark` as acknowledged if it is further than before and there is such an entry.
    pub(super) fn raise_acked(&mut self, mark: Mark) {
        if mark.seq > self.acked.seq && self.has(mark) {
            self.acked = mark;
        }
    }

    /// The place right before the first entry that is still here.
    pub(super) fn start(&self) -> Mark {
        let before = |first: &Written| Mark { seq: first.entry.seq - 1, hash: first.entry.prev_hash };
        self.entries.first().map_or(Mark::START, before)
    }

    /// Goes on from where head office stands; what it said of later entries counts no more.
    pub(super) fn stand_at(&mut self, acked: Mark) {
        self.acked = acked;
        let later = self.place(acked.seq + 1).min(self.entries.len());
        self.entries[later..].iter_mut().for_each(|written| written.answer = None);
    }

    /// The last answered entry up to the acknowledged mark.
    pub(super) fn answered(&self) -> i64 {
        let upto = self.place(self.acked.seq + 1).min(self.entries.len());
        let last = self.entries[..upto].iter().rev().find(|written| written.answer.is_some());
        last.map_or(0, |written| written.entry.seq)
    }

    /// Notes an answer. Of what a later life tells, that one's counts.
    pub(super) fn answer(&mut self, seq: i64, verdict: &Verdict) {
        let place = self.place(seq);
        if let Some(written) = self.entries.get_mut(place).filter(|written| written.answer != Some(Answer::Carried)) {
            written.answer = Some(Answer::Told(verdict.clone()));
        }
    }

    /// Notes the answer of a push. One that came by the feed meanwhile is newer, and stays.
    pub(super) fn answer_first(&mut self, seq: i64, verdict: &Verdict) {
        let is_open = self.at(seq).is_some_and(|written| match &written.answer {
            None => true,
            Some(Answer::Told(verdict)) => verdict.is_set_aside(),
            Some(Answer::Carried | Answer::Silent) => false,
        });
        if is_open {
            self.answer(seq, verdict);
        }
    }

    /// Head office has these entries; if it said nothing of one, there is no use in asking again.
    pub(super) fn note_silence(&mut self, from: i64, upto: i64) {
        let (from, upto) = (self.place(from), self.place(upto + 1).min(self.entries.len()));
        for written in self.entries.get_mut(from..upto).into_iter().flatten() {
            written.answer.get_or_insert(Answer::Silent);
        }
    }

    /// The entries after a seq are told by a later life.
    pub(super) fn note_carried(&mut self, seq: i64) {
        let from = self.place(seq + 1).min(self.entries.len());
        self.entries[from..].iter_mut().for_each(|written| written.answer = Some(Answer::Carried));
    }

    /// The entries after a seq that no later life has carried.
    pub(super) fn untold(&self, seq: i64) -> impl Iterator<Item = &Written> {
        self.after(seq).iter().filter(|written| written.answer != Some(Answer::Carried))
    }

    /// Notes what an entry did to stock rows.
    pub(super) fn change(&mut self, seq: Option<i64>, changed: Vec<(StockKey, Level)>) {
        let place = seq.map(|seq| self.place(seq));
        if let Some(written) = place.and_then(|place| self.entries.get_mut(place)) {
            written.changed = changed;
        }
    }

    /// The hashes after a seq.
    pub(super) fn hashes_after(&self, seq: i64) -> Vec<Hash> {
        self.after(seq).iter().map(|written| written.entry.hash).collect()
    }

    /// The last entry up to a seq.
    pub(super) fn mark_upto(&self, seq: i64) -> Option<Mark> {
        let upto = self.place(seq + 1).min(self.entries.len());
        self.entries[..upto].last().map(|written| written.entry.mark())
    }

    /// Forgets the oldest entries up to what is archived, written before a moment and answered for good.
    pub(super) fn forget(&mut self, before: Timestamp) {
        let upto = self.archived.min(self.acked.seq).min(self.head().seq - 1);
        let may_go = |written: &&Written| written.entry.seq <= upto && written.at < before && written.is_settled();
        let count = self.entries.iter().take_while(may_go).count();
        self.entries.drain(..count);
        self.forgotten += i64::try_from(count).unwrap_or_default();
    }

    pub(super) fn unanswered(&self) -> usize {
        self.entries.iter().rev().filter(|written| written.answer.is_none()).count()
    }

    /// The answers, by the word.
    pub(super) fn answers(&self) -> impl Iterator<Item = (i64, &'static str)> {
        self.entries.iter().filter_map(|written| match written.answer.as_ref()? {
            Answer::Told(verdict) => Some((written.entry.seq, verdict.word())),
            Answer::Carried | Answer::Silent => None,
        })
    }

    /// The ops that images do not contain: those after a seq, and those that are set aside.
    pub(super) fn uncontained(&self, seq: i64, set_aside: &[i64]) -> impl Iterator<Item = &Written> {
        self.entries.iter().filter(move |written| written.entry.seq > seq || set_aside.contains(&written.entry.seq))
    }

    /// Whether it is the chain that was written.
    pub(super) fn examine(&self, life: IncarnationId) -> Result<(), String> {
        let Some(first) = self.entries.first() else { return Ok(()) };
        let mut before = Mark { seq: self.forgotten, hash: first.entry.prev_hash };
        for Written { entry, .. } in &self.entries {
            if !entry.follows(life, before) || (entry.seq == 1 && entry.prev_hash != Hash::START) {
                return Err(format!("entry {} of {life} does not follow the one before it", entry.seq));
            }
            before = entry.mark();
        }
        Ok(())
    }
}

/// The op that an entry tells, if this program can read it.
pub(super) fn op_of(entry: &Entry) -> Option<Op> {
    Op::from_body(OpKind::of_word(&entry.kind).ok()?, &entry.body.0).ok()
}
