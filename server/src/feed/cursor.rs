//! Where a reader of the feed goes on: a pair of Postgres snapshots and a place between them.
//!
//! As text a cursor is opaque to nodes. It ends with a check of all that stands before it, because a
//! snapshot that lost its last digit on the way would still be one, and rows would be missed unseen.

use std::{collections::BTreeSet, fmt, str::FromStr};

use outpost_schema::id::{EpochId, WarehouseId};
use sha2::{Digest, Sha256};
use thiserror::Error;
use uuid::Uuid;

/// A cursor as text is at most this long: two snapshots with a thousand running transactions each.
pub const CURSOR_BYTES_MAX: usize = 32 * 1024;

/// The first part of every cursor: how the others are to be read.
const VERSION: &str = "2";

/// Cursors that say nothing of places.
const VERSION_WITHOUT_PLACES: &str = "1";

/// Which transactions were over at one moment, as Postgres tells it: `xmin:xmax:running`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    xmin: u64,
    xmax: u64,
    running: Vec<u64>,
}

/// A text that no snapshot has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("this is not a snapshot")]
pub struct NotASnapshot;

impl Snapshot {
    /// Before every transaction.
    pub const fn nothing() -> Self {
        Self { xmin: 1, xmax: 1, running: Vec::new() }
    }

    /// Every transaction before this one was over.
    pub const fn xmin(&self) -> u64 {
        self.xmin
    }

    /// No transaction from this one on was over.
    pub const fn xmax(&self) -> u64 {
        self.xmax
    }

    /// Whether that transaction was over, or had never been.
    pub fn sees(&self, xid: u64) -> bool {
        xid < self.xmin || (xid < self.xmax && self.running.binary_search(&xid).is_err())
    }

    /// A mistake for [`outpost_schema::planted::Bug::WatermarkAsCursor`]: what ended beside a running
    /// transaction is not seen.
    pub(crate) fn all_before_xmin(&self) -> Self {
        Self { xmin: self.xmin, xmax: self.xmin, running: Vec::new() }
    }

    /// A mistake for [`outpost_schema::planted::Bug::SequenceAsCursor`]: what still runs is taken for seen.
    pub(crate) fn all_before_xmax(&self) -> Self {
        Self { xmin: self.xmax, xmax: self.xmax, running: Vec::new() }
    }

    /// Whether everything that was over in `earlier` was over in this one.
    pub fn covers(&self, earlier: &Self) -> bool {
        self.xmax >= earlier.xmax && self.running.iter().all(|xid| !earlier.sees(*xid))
    }
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:", self.xmin, self.xmax)?;
        for (place, xid) in self.running.iter().enumerate() {
            write!(f, "{}{xid}", if place == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl FromStr for Snapshot {
    type Err = NotASnapshot;

    fn from_str(text: &str) -> Result<Self, NotASnapshot> {
        let mut parts = text.splitn(3, ':');
        let (xmin, xmax, list) = (number(parts.next())?, number(parts.next())?, parts.next().ok_or(NotASnapshot)?);
        let running = list.split(',').filter(|_| !list.is_empty()).map(|xid| number(Some(xid)));
        let running: Vec<u64> = running.collect::<Result<_, _>>()?;
        let is_sound = 0 < xmin
            && xmin <= xmax
            && running.is_sorted_by(|one, next| one < next)
            && running.iter().all(|xid| (xmin..xmax).contains(xid));
        if is_sound { Ok(Self { xmin, xmax, running }) } else { Err(NotASnapshot) }
    }
}

fn number(text: Option<&str>) -> Result<u64, NotASnapshot> {
    let digits = text.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit())).ok_or(NotASnapshot)?;
    digits.parse().map_err(|_| NotASnapshot)
}

/// A place in the order in which a run tells its aggregates.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The transaction that changed the aggregate last.
    pub changed: u64,
    /// The number of its kind.
    pub kind: i16,
    /// Its ids, 16 bytes each.
    pub key: Vec<u8>,
}

impl Position {
    /// Before everything that `since` has not seen.
    pub const fn start(since: &Snapshot) -> Self {
        Self { changed: since.xmin, kind: -1, key: Vec::new() }
    }
}

/// A run that was begun and is not at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The snapshot of its first page, to which it leads.
    pub upto: Snapshot,
    /// The last aggregate that was told.
    pub after: Position,
}

/// The places that a reader hears of, as a mark. Who hears of others than a cursor was told for would never
/// be told what was there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places([u8; 4]);

impl Places {
    /// The mark of these, in whatever order they stand.
    pub fn of(warehouses: &[WarehouseId]) -> Self {
        let ids: BTreeSet<_> = warehouses.iter().map(|warehouse| warehouse.0).collect();
        let all: Vec<u8> = ids.iter().flat_map(|id| *id.as_bytes()).collect();
        let digest = Sha256::digest(&all);
        Self([digest[0], digest[1], digest[2], digest[3]])
    }
}

/// Where a reader goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Which life of the server's database it belongs to.
    pub epoch: EpochId,
    /// What its reader hears of; none in one from before that was noted.
    pub places: Option<Places>,
    /// What the reader has been told in full.
    pub since: Snapshot,
    /// The run in which it stands; none between runs.
    pub run: Option<Run>,
}

/// A cursor that this server did not write, or not so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "this is not a cursor that a page gave, or it was damaged; go on from the last one, or leave it out to read anew"
)]
pub struct BadCursor;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = self.body();
        write!(f, "{body}.{}", check(&body))
    }
}

impl Cursor {
    fn body(&self) -> String {
        let (epoch, since) = (self.epoch.0.simple(), &self.since);
        let begin = match self.places {
            Some(Places(mark)) => format!("{VERSION}.{}.{epoch}.{since}", hex(&mark)),
            None => format!("{VERSION_WITHOUT_PLACES}.{epoch}.{since}"),
        };
        match &self.run {
            None => begin,
            Some(Run { upto, after }) => {
                format!("{begin}.{upto}.{}.{}.{}", after.changed, after.kind, hex(&after.key))
            }
        }
    }
}

impl FromStr for Cursor {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<Self, BadCursor> {
        let (body, sum) = text.rsplit_once('.').filter(|_| text.len() <= CURSOR_BYTES_MAX).ok_or(BadCursor)?;
        if sum != check(body) {
            return Err(BadCursor);
        }
        let parts: Vec<&str> = body.split('.').collect();
        let (places, parts) = match parts.as_slice() {
            [VERSION, mark, parts @ ..] => {
                let mark = unhex(mark)?.try_into().map_err(|_| BadCursor)?;
                (Some(Places(mark)), parts)
            }
            [VERSION_WITHOUT_PLACES, parts @ ..] => (None, parts),
            _ => return Err(BadCursor),
        };
        match parts {
            [epoch, since] => Ok(Self { epoch: id(epoch)?, places, since: snapshot(since)?, run: None }),
            [epoch, since, upto, changed, kind, key] => {
                let changed = number(Some(changed)).map_err(|_| BadCursor)?;
                let after = Position { changed, kind: kind.parse().map_err(|_| BadCursor)?, key: unhex(key)? };
                let run = Some(Run { upto: snapshot(upto)?, after });
                Ok(Self { epoch: id(epoch)?, places, since: snapshot(since)?, run })
            }
            _ => Err(BadCursor),
        }
    }
}

fn id(text: &str) -> Result<EpochId, BadCursor> {
    Uuid::try_parse(text).map(EpochId).map_err(|_| BadCursor)
}

fn snapshot(text: &str) -> Result<Snapshot, BadCursor> {
    text.parse().map_err(|NotASnapshot| BadCursor)
}

fn check(body: &str) -> String {
    hex(&Sha256::digest(body.as_bytes())[..8])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Result<Vec<u8>, BadCursor> {
    // Checked here, because a number may begin with a sign, and may have one digit.
    if !text.len().is_multiple_of(2) || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(BadCursor);
    }
    let pairs = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).map_err(|_| BadCursor));
    pairs.map(|pair| u8::from_str_radix(pair?, 16).map_err(|_| BadCursor)).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]
mod tests {
    use super::*;

    fn snapshot_of(text: &str) -> Snapshot {
        text.parse().unwrap()
    }

    fn cursor() -> Cursor {
        let after = Position { changed: 103, kind: 8, key: vec![0, 255, 16] };
        let run = Some(Run { upto: snapshot_of("100:110:101,105"), after });
        let places = Some(Places([0, 7, 255, 16]));
        Cursor { epoch: EpochId(Uuid::from_u128(7)), places, since: snapshot_of("90:95:90,94"), run }
    }

    #[test]
    fn a_cursor_reads_back_as_it_was_written() {
        let cursors = [
            cursor(),
            Cursor { run: None, ..cursor() },
            Cursor { since: Snapshot::nothing(), ..cursor() },
            Cursor { places: None, ..cursor() },
        ];
        for cursor in cursors {
            let text = cursor.to_string();
            assert_eq!(text.parse(), Ok(cursor));
            assert!(text.bytes().all(|byte| byte.is_ascii_graphic() && !b"&=#%+\"\\".contains(&byte)), "{text}");
        }
    }

    #[test]
    fn any_damage_shows() {
        let text = cursor().to_string();
        for at in 0..text.len() {
            assert_eq!(text[..at].parse::<Cursor>(), Err(BadCursor), "cut at {at}");
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'1' { b'2' } else { b'1' };
            assert_eq!(String::from_utf8(changed).unwrap().parse::<Cursor>(), Err(BadCursor), "changed at {at}");
        }
        for made_up in ["", "0", "1.x.1:1:", "tomato", "\u{1f345}.\u{1f345}"] {
            let with_check = format!("{made_up}.{}", check(made_up));
            assert_eq!(made_up.parse::<Cursor>(), Err(BadCursor));
            assert_eq!(with_check.parse::<Cursor>(), Err(BadCursor), "{with_check}");
        }
    }

    #[test]
    fn what_is_no_snapshot_is_refused() {
        for text in ["", "1", "1:1", "0:1:", "2:1:", "1:3:2,2", "1:3:3", "1:5:4,2", "+1:2:", "1:2:,", "1:x:"] {
            assert_eq!(text.parse::<Snapshot>(), Err(NotASnapshot), "{text}");
        }
    }

    #[test]
    fn a_snapshot_sees_what_was_over() {
        let snapshot = snapshot_of("100:110:101,105");
        for (xid, is_seen) in [(99, true), (100, true), (101, false), (105, false), (109, true), (110, false)] {
            assert_eq!(snapshot.sees(xid), is_seen, "{xid}");
        }
        assert!(!Snapshot::nothing().sees(3));
    }

    #[test]
    fn a_later_snapshot_covers_an_earlier_one() {
        let early = snapshot_of("100:110:101,105");
        for (later, covers) in
            [("100:110:101,105", true), ("105:110:105", true), ("101:120:101,115", true), ("102:110:102,105", false)]
        {
            assert_eq!(snapshot_of(later).covers(&early), covers, "{later}");
        }
        assert!(!early.covers(&snapshot_of("105:111:105")));
    }
}
