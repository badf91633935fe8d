//! Turns a fuzzer's bytes into choices: the same bytes, the same choices. Bytes that have run out choose the
//! first of everything, so short inputs make small things.

use arbitrary::Unstructured;
use uuid::Uuid;

/// Numbers at which sums, sizes and signs turn.
const EDGES: [i64; 14] = [
    0,
    1,
    -1,
    i64::MAX,
    i64::MIN,
    i64::MAX - 1,
    1_000_000_000,
    1_000_000_001,
    1 << 53,
    (1 << 53) + 1,
    999_999_999_999_999_999,
    1_000_000_000_000_000_000,
    253_402_300_800_000_000,
    -62_135_596_800_000_001,
];

/// Characters that text is kept, cut, escaped or compared wrongly at.
const CHARACTERS: [char; 20] = [
    'a', 'Z', '0', ' ', '\0', '\n', '"', '\\', ',', ';', '@', '\'', '-', '\u{7f}', 'é', 'İ', 'ß', '\u{feff}',
    '\u{2028}', '🍅',
];

/// The choices that some bytes make.
pub struct Choices<'a>(Unstructured<'a>);

impl<'a> Choices<'a> {
    /// Those of these bytes.
    pub fn of(bytes: &'a [u8]) -> Self {
        Self(Unstructured::new(bytes))
    }

    /// The bytes that nothing was chosen by yet.
    pub fn rest(&mut self) -> &'a [u8] {
        self.0.bytes(self.0.len()).unwrap_or_default()
    }

    /// A number from the first to the last.
    pub fn within(&mut self, first: i64, last: i64) -> i64 {
        self.0.int_in_range(first..=last).unwrap_or(first)
    }

    /// A place in a list of that length.
    pub fn place(&mut self, length: usize) -> usize {
        self.0.int_in_range(0..=length.saturating_sub(1)).unwrap_or(0)
    }

    /// One of these.
    pub fn one<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.place(all.len())]
    }

    /// True once in so many times, and never when the bytes have run out.
    pub fn once_in(&mut self, times: u8) -> bool {
        !self.0.is_empty() && self.place(usize::from(times)) == usize::from(times) - 1
    }

    /// As many as that at most, each as `make` makes it.
    pub fn some<T>(&mut self, most: usize, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.place(most + 1)).map(|_| make(self)).collect()
    }

    /// Perhaps one.
    pub fn perhaps<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.once_in(2).then(|| make(self))
    }

    /// Any number, often one at which something turns.
    pub fn number(&mut self) -> i64 {
        match self.place(4) {
            0 => self.within(0, 20),
            1 => self.one(&EDGES),
            2 => self.one(&EDGES).wrapping_add(self.within(-3, 3)),
            _ => self.within(i64::MIN, i64::MAX),
        }
    }

    /// Some bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        bytes.iter_mut().for_each(|byte| *byte = u8::try_from(self.place(256)).unwrap_or(0));
        bytes
    }

    /// One of a few ids, so that things meet; `sort` keeps sorts apart.
    pub fn id(&mut self, sort: u128, most: usize) -> Uuid {
        Uuid::from_u128((sort << 64) + 1 + self.place(most) as u128)
    }

    /// Text, short as a rule, with characters that matter.
    pub fn text(&mut self, most: usize) -> String {
        let length = if self.once_in(16) { most + self.place(3) } else { self.place(most.min(9)) };
        (0..length).map(|_| self.one(&CHARACTERS)).collect()
    }

    /// Text that may be kept and says something.
    pub fn line(&mut self) -> String {
        format!("x{}", self.text(12).replace('\0', "0"))
    }
}
