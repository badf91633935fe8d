//! Who of many gets a hold: pure, over the rows as they are. The server decides by it, and so does its model.
//!
//! A hold is kept line by line, each of them a promise on one stock row. It is placed whole or not at all;
//! later its lines may end one by one: a buyer's newer hold takes the place of that buyer's own on the same
//! row, an order uses up those at its own warehouse, and one whose goods are gone is withdrawn.

mod withdrawn;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use outpost_schema::{
    clock::Timestamp,
    id::HoldId,
    planted::{Bug, is_planted},
    quantity::Amount,
    stock::{Level, StockKey},
};

use crate::wire::{Available, Buyer, HOLD_LINES_MAX, HOLD_SECONDS_MAX, HoldLine, HoldPlaced, HoldWanted};

/// A line of a hold in the book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Of which hold.
    pub hold_id: HoldId,
    /// Of which row.
    pub key: StockKey,
    /// How much.
    pub amount: Amount,
    /// For whom.
    pub buyer: Option<Buyer>,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
    /// Whether it still counts as promised.
    pub is_open: bool,
    /// Whether it ended because the goods were not there.
    pub is_withdrawn: bool,
}

impl Held {
    fn new(wanted: &HoldWanted, line: &HoldLine, now: Timestamp) -> Self {
        Self {
            hold_id: wanted.hold_id,
            key: line.key(),
            amount: line.amount,
            buyer: wanted.buyer,
            created_at: now,
            expires_at: now.plus_seconds(wanted.seconds),
            is_open: true,
            is_withdrawn: false,
        }
    }

    /// Whether it is open and its time has not come.
    pub fn stands(&self, now: Timestamp) -> bool {
        self.is_open && self.expires_at > now
    }

    fn placed(&self) -> HoldPlaced {
        HoldPlaced { hold_id: self.hold_id, expires_at: self.expires_at }
    }
}

/// Why something is no wish for a hold, whatever the book says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// A time that is none.
    Seconds,
    /// No line, too many, or two of one stock row.
    Lines,
}

/// Checks the bounds that no wish may break.
///
/// # Errors
/// The first [`Unfit`] found.
pub fn check(wanted: &HoldWanted) -> Result<(), Unfit> {
    if !(1..=HOLD_SECONDS_MAX).contains(&wanted.seconds) {
        return Err(Unfit::Seconds);
    }
    let rows: BTreeSet<StockKey> = wanted.lines.iter().map(HoldLine::key).collect();
    let fits = (1..=HOLD_LINES_MAX).contains(&wanted.lines.len()) && rows.len() == wanted.lines.len();
    if fits { Ok(()) } else { Err(Unfit::Lines) }
}

/// The answer to one wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It stands.
    Placed(HoldPlaced),
    /// Too few are available; what is, line by line.
    NothingLeft(Vec<Available>),
    /// Another hold has this id.
    IdTaken,
    /// It was placed before and is over.
    Closed,
    /// There is no such product or warehouse.
    UnknownStock,
}

/// What the wishes are decided over: their rows, the holds with their ids, and their buyers' own.
#[derive(Clone, Debug, Default)]
pub struct Book {
    levels: BTreeMap<StockKey, Level>,
    holds: HashMap<HoldId, Vec<Held>>,
    of_buyers: HashMap<(StockKey, Buyer), HoldId>,
}

/// What is to be written, and the answers in the order of the wishes.
#[derive(Clone, Debug, Default)]
pub struct Decided {
    /// One for each wish.
    pub answers: Vec<Answer>,
    /// New lines; one that was replaced by a later wish of the same group is closed already.
    pub placed: Vec<Held>,
    /// Lines of the book that were replaced.
    pub replaced: Vec<(HoldId, StockKey)>,
    /// The rows that changed.
    pub levels: BTreeMap<StockKey, Level>,
    /// The rows of which somebody was refused, with the fewest units that were.
    pub short: BTreeMap<StockKey, i64>,
    /// The rows of which less is promised than before, because a buyer holds less now.
    pub freed: BTreeSet<StockKey>,
}

impl Book {
    /// A book of these rows and lines of holds.
    pub fn new(levels: BTreeMap<StockKey, Level>, held: Vec<Held>) -> Self {
        let mut book = Self { levels, ..Self::default() };
        held.into_iter().for_each(|line| book.note(line));
        book
    }

    fn note(&mut self, line: Held) {
        if let Some(buyer) = line.buyer.filter(|_| line.is_open) {
            self.of_buyers.insert((line.key, buyer), line.hold_id);
        }
        self.holds.entry(line.hold_id).or_default().push(line);
    }

    /// The buyer's own open line of a row.
    fn own(&self, key: StockKey, buyer: Option<Buyer>) -> Option<&Held> {
        let hold_id = self.of_buyers.get(&(key, buyer?))?;
        self.holds.get(hold_id)?.iter().find(|line| line.key == key && line.is_open)
    }

    /// The row without what the buyer holds of it already.
    fn without_own(&self, key: StockKey, buyer: Option<Buyer>) -> Option<Level> {
        let own = self.own(key, buyer).map_or(0, |line| line.amount.units());
        self.levels.get(&key).map(|level| Level { promised: level.promised - own, ..*level })
    }

    /// What of a line could be held; none if there is no such row. What a buyer holds already is never in that
    /// buyer's own way.
    fn available(&self, line: &HoldLine, buyer: Option<Buyer>) -> Option<Available> {
        let buyer = buyer.filter(|_| !is_planted(Bug::OwnHoldInTheWay));
        let HoldLine { product_id, warehouse_id, amount } = *line;
        let available = self.without_own(line.key(), buyer)?.available();
        Some(Available { product_id, warehouse_id, wanted: amount.units(), available })
    }

    /// Closes a line that is there.
    fn close(&mut self, hold_id: HoldId, key: StockKey) {
        let lines = self.holds.get_mut(&hold_id).into_iter().flatten();
        lines.filter(|line| line.key == key).for_each(|line| line.is_open = false);
    }
}

/// Decides the wishes in their order, each over what those before it left.
pub fn decide(mut book: Book, wanted: &[HoldWanted], now: Timestamp) -> Decided {
    let mut decided = Decided::default();
    let before = book.levels.clone();
    for wish in wanted {
        let answer = one(&mut book, wish, now, &mut decided);
        decided.answers.push(answer);
    }
    let is_less = |(key, level): &(&StockKey, &Level)| before.get(key).is_some_and(|was| level.promised < was.promised);
    decided.freed = book.levels.iter().filter(is_less).map(|(key, _)| *key).collect();
    decided.levels = book.levels.into_iter().filter(|(key, level)| before.get(key) != Some(level)).collect();
    decided
}

fn one(book: &mut Book, wish: &HoldWanted, now: Timestamp, decided: &mut Decided) -> Answer {
    if let Some(lines) = book.holds.get(&wish.hold_id) {
        return again(lines, wish, now);
    }
    let Some(rooms) = wish.lines.iter().map(|line| book.available(line, wish.buyer)).collect::<Option<Vec<_>>>() else {
        return Answer::UnknownStock;
    };
    let fits = |room: &Available| room.wanted <= room.available;
    if rooms.iter().all(fits) {
        wish.lines.iter().for_each(|line| place(book, Held::new(wish, line, now), decided));
        return Answer::Placed(HoldPlaced { hold_id: wish.hold_id, expires_at: now.plus_seconds(wish.seconds) });
    }
    for (line, room) in wish.lines.iter().zip(&rooms) {
        if !fits(room) {
            let fewest = decided.short.entry(line.key()).or_insert(i64::MAX);
            *fewest = room.wanted.min(*fewest);
        } else if is_planted(Bug::HoldPlacedInPart) {
            place(book, Held::new(wish, line, now), decided);
        }
    }
    Answer::NothingLeft(rooms)
}

/// A wish whose id is known: asked for again, that is, or another one. For how long it was wanted is no part of
/// it, for it may have been extended since; the answer says how long it lasts.
fn again(lines: &[Held], wish: &HoldWanted, now: Timestamp) -> Answer {
    let sorted = |mut lines: Vec<(StockKey, Amount)>| {
        lines.sort_unstable();
        lines
    };
    let is_same = lines.iter().all(|line| line.buyer == wish.buyer)
        && sorted(lines.iter().map(|line| (line.key, line.amount)).collect())
            == sorted(wish.lines.iter().map(|line| (line.key(), line.amount)).collect());
    match lines.iter().find(|line| line.stands(now)) {
        _ if !is_same => Answer::IdTaken,
        // A part of what was held is not what was held.
        _ if is_cut(lines) => Answer::Closed,
        Some(line) => Answer::Placed(line.placed()),
        None => Answer::Closed,
    }
}

/// Whether a line of a hold was withdrawn: what is left of it ends in its time, and is neither told as the whole nor
/// made to last.
pub fn is_cut(lines: &[Held]) -> bool {
    lines.iter().any(|line| line.is_withdrawn)
}

/// Places a line, in the place of the buyer's own of that row.
fn place(book: &mut Book, line: Held, decided: &mut Decided) {
    let Some(without_own) = book.without_own(line.key, line.buyer) else { return };
    book.levels.insert(line.key, Level { promised: without_own.promised + line.amount.units(), ..without_own });
    if let Some(own) = book.own(line.key, line.buyer).map(|own| own.hold_id) {
        book.close(own, line.key);
        let is_own = |placed: &&mut Held| placed.hold_id == own && placed.key == line.key;
        match decided.placed.iter_mut().find(is_own) {
            Some(placed) => placed.is_open = false,
            None => decided.replaced.push((own, line.key)),
        }
    }
    decided.placed.push(line.clone());
    book.note(line);
}

/// The answer to a wish that a hold lasts longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Extension {
    /// It lasts until then. These rows change: what had been released of them since its time came is promised to it
    /// again.
    Lasts(HoldPlaced, BTreeMap<StockKey, Level>),
    /// Its time came, and too few are left of what was released since; what is, line by line.
    NothingLeft(Vec<Available>),
    /// It is over.
    Closed,
    /// A moment that is past, or further off than a hold may last.
    BadMoment,
    /// There never was one.
    UnknownHold,
}

/// Decides whether a hold of these lines lasts until a moment. That never cuts it short: who was told of it may
/// rely on what it was told, unless the goods are gone. If its time has come, it still has what nobody has released since; of the rows in
/// `lapsed` it was released for no other reason, and is placed again if there are enough.
pub fn extend(lines: &[Held], lapsed: &BTreeMap<StockKey, Level>, until: Timestamp, now: Timestamp) -> Extension {
    let Some(hold_id) = lines.first().map(|line| line.hold_id) else { return Extension::UnknownHold };
    if is_cut(lines) {
        return Extension::Closed;
    }
    let again: Vec<(&Held, Level)> =
        lines.iter().filter_map(|line| lapsed.get(&line.key).map(|level| (line, *level))).collect();
    let lasting = lines.iter().filter(|line| line.is_open).chain(again.iter().map(|(line, _)| *line));
    let Some(lasted) = lasting.map(|line| line.expires_at).max() else { return Extension::Closed };
    if until <= now || until > now.plus_seconds(HOLD_SECONDS_MAX) {
        return Extension::BadMoment;
    }
    let rooms: Vec<Available> = again.iter().map(|(line, level)| room(line, level.available())).collect();
    if rooms.iter().any(|room| room.wanted > room.available) {
        return Extension::NothingLeft(rooms);
    }
    let taken =
        |(line, level): (&Held, Level)| (line.key, Level { promised: level.promised + line.amount.units(), ..level });
    let lasts = HoldPlaced { hold_id, expires_at: lasted.max(until) };
    Extension::Lasts(lasts, again.into_iter().map(taken).collect())
}

fn room(line: &Held, available: i64) -> Available {
    let StockKey { product_id, warehouse_id } = line.key;
    Available { product_id, warehouse_id, wanted: line.amount.units(), available }
}

#[cfg(test)]
mod tests;
