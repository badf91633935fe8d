//! What was done to a file since it was last made certain, and what a disk keeps of it.
//!
//! A disk writes in sectors and in any order, so of the changes that nobody waited for any subset may be
//! there afterwards, and of a change any of its sectors. Bytes beside those that were written are never
//! touched: that much SQLite takes for granted too (`SQLITE_IOCAP_POWERSAFE_OVERWRITE`).

use crate::chance::Chance;

/// What a disk writes at once.
const SECTOR: u64 = 512;

/// Of a file's changes so many in a hundred are kept; which of these it is, is one throw for each file. So
/// the two ends, where a disk kept all or nothing, are as frequent as what lies between.
const KEPT_IN_A_HUNDRED: [usize; 5] = [0, 20, 50, 80, 100];

/// Of the changes so many in a hundred are torn, if they are long enough; none where all or nothing is kept.
const TORN_IN_A_HUNDRED: usize = 12;

/// One change of a file, with what it takes to undo it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where.
    at: u64,
    /// What stood there, up to the former end of the file.
    old: Vec<u8>,
    /// How long the file was.
    length: u64,
    made: Made,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Made {
    Written(Vec<u8>),
    CutShort,
}

/// What became of changes that nobody waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cut {
    /// They are there.
    pub kept: u64,
    /// Nothing of them is.
    pub dropped: u64,
    /// Some sectors of them are.
    pub torn: u64,
}

impl Cut {
    /// Both together.
    pub fn add(&mut self, other: Self) {
        self.kept += other.kept;
        self.dropped += other.dropped;
        self.torn += other.torn;
    }
}

impl Change {
    /// `new` was written at `at` over `old`, in a file of this length.
    pub fn written(at: u64, old: Vec<u8>, new: &[u8], length: u64) -> Self {
        Self { at, old, length, made: Made::Written(new.to_vec()) }
    }

    /// The file of this length was cut short to `at`; `old` stood behind.
    pub fn cut_short(at: u64, old: Vec<u8>, length: u64) -> Self {
        Self { at, old, length, made: Made::CutShort }
    }

    fn undo(&self, content: &mut Vec<u8>) {
        content.resize(index(self.length), 0);
        put(content, self.at, &self.old);
    }

    fn redo(&self, content: &mut Vec<u8>) {
        match &self.made {
            Made::Written(new) => put(content, self.at, new),
            Made::CutShort => content.truncate(index(self.at)),
        }
    }

    /// The change, sector by sector.
    fn sectors(&self) -> Vec<(u64, &[u8])> {
        let Made::Written(new) = &self.made else { return Vec::new() };
        let (mut sectors, mut at, mut rest) = (Vec::new(), self.at, new.as_slice());
        while !rest.is_empty() {
            let (sector, behind) = rest.split_at(rest.len().min(index(SECTOR - at % SECTOR)));
            sectors.push((at, sector));
            at += sector.len() as u64;
            rest = behind;
        }
        sectors
    }

    /// Does some of the sectors, and not all; false if there is only one.
    fn tear(&self, content: &mut Vec<u8>, chance: &mut Chance) -> bool {
        let mut sectors = self.sectors();
        chance.shuffle(&mut sectors);
        let some = 1 + chance.below(sectors.len().saturating_sub(1));
        if some >= sectors.len() {
            return false;
        }
        sectors[..some].iter().for_each(|(at, sector)| put(content, *at, sector));
        true
    }
}

/// Takes all these changes back, and does again what a disk would have kept.
pub fn settle(content: &mut Vec<u8>, changes: &[Change], chance: &mut Chance) -> Cut {
    changes.iter().rev().for_each(|change| change.undo(content));
    let (mut cut, keep) = (Cut::default(), *chance.one_of(&KEPT_IN_A_HUNDRED));
    for change in changes {
        if (1..100).contains(&keep) && chance.in_a_hundred(TORN_IN_A_HUNDRED) && change.tear(content, chance) {
            cut.torn += 1;
        } else if chance.in_a_hundred(keep) {
            change.redo(content);
            cut.kept += 1;
        } else {
            cut.dropped += 1;
        }
    }
    cut
}

/// What is skipped beyond the end reads as zeros, as on any disk.
fn put(content: &mut Vec<u8>, at: u64, bytes: &[u8]) {
    let (from, to) = (index(at), index(at) + bytes.len());
    if bytes.is_empty() {
        return;
    }
    content.resize(content.len().max(to), 0);
    content[from..to].copy_from_slice(bytes);
}

fn index(at: u64) -> usize {
    usize::try_from(at).expect("a file that fits in memory")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The changes, in a file that began as these bytes, and the file as it is then.
    fn changed(start: &[u8]) -> (Vec<u8>, Vec<Change>) {
        let mut content = start.to_vec();
        let written = Change::written(510, start[510..].to_vec(), &[7; 1_200], start.len() as u64);
        written.redo(&mut content);
        let cut = Change::cut_short(100, content[100..].to_vec(), content.len() as u64);
        cut.redo(&mut content);
        let beyond = Change::written(2_000, Vec::new(), &[9; 4], content.len() as u64);
        beyond.redo(&mut content);
        (content, vec![written, cut, beyond])
    }

    #[test]
    fn changes_are_undone_to_the_byte() {
        let start = [1; 600];
        let (mut content, changes) = changed(&start);
        assert_eq!((content.len(), content[99], content[100], content[2_003]), (2_004, 1, 0, 9));
        changes.iter().rev().for_each(|change| change.undo(&mut content));
        assert_eq!(content, start);
    }

    #[test]
    fn every_fate_is_met_and_bytes_beside_a_change_stay() {
        let start = [1; 600];
        let mut all = Cut::default();
        for seed in 0..200 {
            let (mut content, changes) = changed(&start);
            let cut = settle(&mut content, &changes, &mut Chance::of(seed));
            assert_eq!(cut.kept + cut.dropped + cut.torn, 3);
            assert_eq!(content[..100], start[..100], "nobody wrote there");
            all.add(cut);
        }
        assert!(all.kept > 100 && all.dropped > 100 && all.torn > 10, "{all:?}");
    }

    #[test]
    fn a_torn_change_is_torn_at_sectors() {
        let change = Change::written(510, vec![1; 90], &[7; 1_200], 600);
        let lengths: Vec<_> = change.sectors().iter().map(|(at, sector)| (*at, sector.len())).collect();
        assert_eq!(lengths, [(510, 2), (512, 512), (1_024, 512), (1_536, 174)]);
        for seed in 0..50 {
            let mut content = vec![1; 600];
            assert!(change.tear(&mut content, &mut Chance::of(seed)));
            content.resize(1_710, 0);
            let is_new =
                |(at, sector): &(u64, &[u8])| content[index(*at)..][..sector.len()].iter().all(|byte| *byte == 7);
            let news = change.sectors().iter().filter(|sector| is_new(sector)).count();
            assert!((1..4).contains(&news), "{news} of 4 sectors");
        }
        let short = Change::written(0, vec![1; 90], &[7; 512], 600);
        assert!(!short.tear(&mut vec![1; 600], &mut Chance::of(1)), "one sector is there or not");
    }
}
