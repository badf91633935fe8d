//! Who of many gets a hold: pure, over the rows as they are. The server decides by it, and so does its model.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use outpost_schema::{
    clock::Timestamp,
    id::{CartId, HoldId},
    quantity::Amount,
    stock::{Level, StockKey},
};

use crate::wire::{HoldPlaced, HoldWanted};

/// A hold in the book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Which.
    pub hold_id: HoldId,
    /// Of which row.
    pub key: StockKey,
    /// How much.
    pub amount: Amount,
    /// For which cart.
    pub cart_id: Option<CartId>,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
    /// Whether it still counts as promised.
    pub is_open: bool,
}

impl Held {
    fn new(wanted: &HoldWanted, now: Timestamp) -> Self {
        Self {
            hold_id: wanted.hold_id,
            key: key_of(wanted),
            amount: wanted.amount,
            cart_id: wanted.cart_id,
            created_at: now,
            expires_at: now.plus_seconds(wanted.seconds),
            is_open: true,
        }
    }

    /// Whether it is what was wanted: asked for again, that is, and not another one.
    fn is_of(&self, wanted: &HoldWanted) -> bool {
        (self.key, self.amount, self.cart_id) == (key_of(wanted), wanted.amount, wanted.cart_id)
            && self.expires_at == self.created_at.plus_seconds(wanted.seconds)
    }

    fn placed(&self) -> HoldPlaced {
        HoldPlaced { hold_id: self.hold_id, expires_at: self.expires_at }
    }
}

/// Which stock row a wish is about.
pub fn key_of(wanted: &HoldWanted) -> StockKey {
    StockKey { product_id: wanted.product_id, warehouse_id: wanted.warehouse_id }
}

/// The answer to one wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It stands.
    Placed(HoldPlaced),
    /// So many are available, which is too few.
    NothingLeft(i64),
    /// Another hold has this id.
    IdTaken,
    /// It was placed before and is over.
    Closed,
    /// There is no such product or warehouse.
    UnknownStock,
}

/// What the wishes are decided over: their rows, the holds with their ids, and their carts' own.
#[derive(Clone, Debug, Default)]
pub struct Book {
    levels: BTreeMap<StockKey, Level>,
    holds: HashMap<HoldId, Held>,
    of_carts: HashMap<(StockKey, CartId), HoldId>,
}

/// What is to be written, and the answers in the order of the wishes.
#[derive(Clone, Debug, Default)]
pub struct Decided {
    /// One for each wish.
    pub answers: Vec<Answer>,
    /// New holds; one that was replaced by a later wish of the same group is closed already.
    pub placed: Vec<Held>,
    /// Holds of the book that were replaced.
    pub replaced: Vec<HoldId>,
    /// The rows that changed.
    pub levels: BTreeMap<StockKey, Level>,
    /// The rows of which somebody was refused.
    pub short: BTreeSet<StockKey>,
}

impl Book {
    /// A book of these rows and holds.
    pub fn new(levels: BTreeMap<StockKey, Level>, held: Vec<Held>) -> Self {
        let mut book = Self { levels, ..Self::default() };
        held.into_iter().for_each(|hold| book.note(hold));
        book
    }

    fn note(&mut self, hold: Held) {
        if let Some(cart_id) = hold.cart_id.filter(|_| hold.is_open) {
            self.of_carts.insert((hold.key, cart_id), hold.hold_id);
        }
        self.holds.insert(hold.hold_id, hold);
    }
}

/// Decides the wishes in their order, each over what those before it left.
pub fn decide(mut book: Book, wanted: &[HoldWanted], now: Timestamp) -> Decided {
    let mut decided = Decided::default();
    let before = book.levels.clone();
    for wish in wanted {
        let answer = one(&mut book, wish, now, &mut decided);
        if let Answer::NothingLeft(_) = answer {
            decided.short.insert(key_of(wish));
        }
        decided.answers.push(answer);
    }
    decided.levels = book.levels.into_iter().filter(|(key, level)| before.get(key) != Some(level)).collect();
    decided
}

fn one(book: &mut Book, wish: &HoldWanted, now: Timestamp, decided: &mut Decided) -> Answer {
    match book.holds.get(&wish.hold_id) {
        Some(held) if !held.is_of(wish) => return Answer::IdTaken,
        Some(held) if held.is_open => return Answer::Placed(held.placed()),
        Some(_) => return Answer::Closed,
        None => {}
    }
    let key = key_of(wish);
    let Some(level) = book.levels.get_mut(&key) else { return Answer::UnknownStock };
    // A buyer's own hold never blocks that buyer: the new one takes its place.
    let own = wish.cart_id.and_then(|cart_id| book.of_carts.get(&(key, cart_id)).copied());
    let own_units = own.and_then(|own| book.holds.get(&own)).map_or(0, |held| held.amount.units());
    let without_own = Level { promised: level.promised - own_units, ..*level };
    if without_own.available() < wish.amount.units() {
        return Answer::NothingLeft(without_own.available());
    }
    level.promised = without_own.promised + wish.amount.units();
    if let Some(own) = own {
        close(book, own, decided);
    }
    let held = Held::new(wish, now);
    let placed = held.placed();
    decided.placed.push(held.clone());
    book.note(held);
    Answer::Placed(placed)
}

fn close(book: &mut Book, own: HoldId, decided: &mut Decided) {
    if let Some(held) = book.holds.get_mut(&own) {
        held.is_open = false;
    }
    match decided.placed.iter_mut().find(|held| held.hold_id == own) {
        Some(held) => held.is_open = false,
        None => decided.replaced.push(own),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]
mod tests {
    use outpost_schema::id::{ProductId, WarehouseId};
    use uuid::Uuid;

    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_000_000);

    fn wish(id: u128, units: i64, cart: Option<u128>) -> HoldWanted {
        HoldWanted {
            hold_id: HoldId(Uuid::from_u128(id)),
            product_id: ProductId(Uuid::from_u128(1)),
            warehouse_id: WarehouseId(Uuid::from_u128(2)),
            amount: Amount::new(units).unwrap(),
            cart_id: cart.map(|cart| CartId(Uuid::from_u128(cart))),
            seconds: 60,
        }
    }

    fn book(balance: i64, held: &[HoldWanted]) -> Book {
        let promised = held.iter().map(|wish| wish.amount.units()).sum();
        let levels = BTreeMap::from([(key_of(&wish(0, 1, None)), Level { balance, promised })]);
        Book::new(levels, held.iter().map(|wish| Held::new(wish, NOW)).collect())
    }

    /// `p` placed, a digit: so many left, `t` taken, `c` closed, `?` unknown.
    fn told(decided: &Decided) -> String {
        let letter = |answer: &Answer| match answer {
            Answer::Placed(_) => 'p',
            Answer::NothingLeft(left) => char::from_digit(u32::try_from(*left).unwrap(), 10).unwrap(),
            Answer::IdTaken => 't',
            Answer::Closed => 'c',
            Answer::UnknownStock => '?',
        };
        decided.answers.iter().map(letter).collect()
    }

    fn promised(decided: &Decided) -> Option<i64> {
        decided.levels.values().next().map(|level| level.promised)
    }

    #[test]
    fn each_is_decided_over_what_those_before_left() {
        let wishes = [wish(1, 3, None), wish(2, 3, None), wish(3, 2, None), wish(4, 1, None)];
        let decided = decide(book(5, &[]), &wishes, NOW);
        assert_eq!((told(&decided).as_str(), promised(&decided)), ("p2p0", Some(5)));
        assert_eq!((decided.placed.len(), decided.short.len()), (2, 1));
    }

    #[test]
    fn a_repeat_is_the_same_hold_and_another_content_is_not() {
        let decided = decide(book(5, &[wish(1, 3, None)]), &[wish(1, 3, None), wish(1, 2, None)], NOW);
        assert_eq!((told(&decided).as_str(), promised(&decided)), ("pt", None));
        let longer = HoldWanted { seconds: 61, ..wish(1, 3, None) };
        assert_eq!(told(&decide(book(5, &[wish(1, 3, None)]), &[longer], NOW)), "t");
        let twice = decide(book(5, &[]), &[wish(1, 3, None), wish(1, 3, None)], NOW);
        assert_eq!((told(&twice).as_str(), promised(&twice), twice.placed.len()), ("pp", Some(3), 1));
    }

    #[test]
    fn a_buyer_s_own_hold_never_blocks_that_buyer() {
        let mine = wish(1, 4, Some(7));
        let decided = decide(book(5, std::slice::from_ref(&mine)), &[wish(2, 5, Some(7))], NOW);
        assert_eq!((told(&decided).as_str(), promised(&decided)), ("p", Some(5)));
        assert_eq!(decided.replaced, [mine.hold_id]);
        assert_eq!(told(&decide(book(5, &[mine]), &[wish(2, 5, Some(8))], NOW)), "1", "another's blocks");
    }

    #[test]
    fn within_one_group_a_buyer_s_last_wish_counts() {
        let wishes = [wish(1, 4, Some(7)), wish(2, 2, Some(7)), wish(3, 3, None), wish(1, 4, Some(7))];
        let decided = decide(book(5, &[]), &wishes, NOW);
        assert_eq!((told(&decided).as_str(), promised(&decided)), ("pppc", Some(5)));
        let open: Vec<bool> = decided.placed.iter().map(|held| held.is_open).collect();
        assert_eq!((open, decided.replaced.len()), (vec![false, true, true], 0));
    }

    #[test]
    fn what_nobody_stocks_is_unknown() {
        assert_eq!(told(&decide(Book::default(), &[wish(1, 1, None)], NOW)), "?");
    }

    #[test]
    fn promises_beyond_the_book_leave_nothing() {
        let mut short = book(2, &[]);
        short.levels.values_mut().for_each(|level| level.promised = 9);
        assert_eq!(told(&decide(short, &[wish(1, 1, None)], NOW)), "0");
    }
}
