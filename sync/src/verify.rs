//! Comparing what a node holds with what the server holds, and mending what differs.
//!
//! A *walk* goes through everything that is fed, kind by kind in the order of keys, one *slice* of at
//! most [`DIGEST_ROWS_MAX`] aggregates at a time. A slice is taken at level. The node adds up the digests
//! of what it was fed; the server adds up its own, for exactly the moment at which the node stands: if
//! anything in the range has changed since, it says so instead, and that is no difference. A range that
//! differs is halved, over and over, down to a few rows; those are fetched again and put in the place of
//! what is there, and the range is compared once more.
//!
//! What is a node's own is left out on both sides: an aggregate that an op of it is laid over, which no
//! image contains yet, is not what was fed. It is compared when the server has told it.

use std::collections::BTreeSet;

use outpost_schema::{
    digest::{FORM, Ids, KeyRange, Print, Sum},
    feed::Kind,
};
use serde::{Deserialize, Serialize};

use crate::{
    round::{Failure, Local, Trouble},
    wire::{
        DIGEST_RANGES_MAX, DIGEST_ROWS_MAX, DigestAsked, Digested, Imaged, ImagesAsked, Mended, Page, Problem,
        RangeAsked, RangeTold, Report, Standing,
    },
};

/// A node that is never told otherwise takes a slice after this many rounds that ended level. An idle
/// device has a round every 25 seconds, so it reads a few rows every eight minutes and walks a hundred
/// thousand in a day; a busy one walks them in an hour, and a slice is less than a hundredth of what its
/// rounds cost.
pub const ROUNDS_BETWEEN: u32 = 20;

/// A range of so few rows is fetched again rather than halved once more: about one packet.
const FEW: usize = 16;

/// Pages fetched for one slice. If more than so many are missing, the next walks bring the rest.
const PAGES_MAX: usize = 50;

/// A node's end of a comparison. As in [`Local`], each call is a transaction of its own.
pub trait Holder: Local {
    /// Whether so many rounds have passed that a slice is due.
    ///
    /// # Errors
    /// If the count cannot be read.
    fn is_due(&self) -> Result<bool, Self::Error>;

    /// A slice is taken now, whatever comes of it: the next one is due after as many rounds.
    ///
    /// # Errors
    /// If the count cannot be kept.
    fn put_off(&self) -> Result<(), Self::Error>;

    /// What is held from where the walk stands, at most `rows` aggregates; none while the feed has not
    /// been read. `anew` begins a new walk.
    ///
    /// # Errors
    /// If the database cannot be read.
    fn held(&self, anew: bool, rows: usize) -> Result<Option<Held>, Self::Error>;

    /// The same of these ranges.
    ///
    /// # Errors
    /// If the database cannot be read.
    fn held_in(&self, ranges: &[KeyRange]) -> Result<Vec<Piece>, Self::Error>;

    /// Puts images in the place of what differs from them in the range that they cover, if `cursor` is
    /// still the stored one, and keeps what was mended for the next report. None if it is not.
    ///
    /// # Errors
    /// If it cannot be kept.
    fn mend(&self, cursor: &str, covered: &KeyRange, page: &Page) -> Result<Option<Vec<Mended>>, Self::Error>;

    /// What there is to tell the server.
    ///
    /// # Errors
    /// If it cannot be read.
    fn report(&self) -> Result<Report, Self::Error>;

    /// The server has heard this report.
    ///
    /// # Errors
    /// If the note cannot be kept.
    fn reported(&self, report: &Report) -> Result<(), Self::Error>;

    /// A slice was compared: moves the walk on behind it.
    ///
    /// # Errors
    /// If the note cannot be kept.
    fn move_on(&self, held: &Held, compared: &Compared) -> Result<(), Self::Error>;
}

/// The server's end, over whatever carries the bytes.
pub trait Referee {
    /// Asks for the sums of ranges.
    fn digest(&self, standing: Standing, asked: &DigestAsked)
    -> impl Future<Output = Result<Digested, Trouble>> + Send;

    /// Asks for the images of a range.
    fn images(&self, standing: Standing, asked: &ImagesAsked) -> impl Future<Output = Result<Imaged, Trouble>> + Send;
}

/// A slice of what a node holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The feed position that it is of.
    pub cursor: String,
    /// Ranges that follow on each other.
    pub pieces: Vec<Piece>,
    /// Where the walk goes on: a kind, and the last key of it that is in this slice. None at its end.
    pub next: Option<(Kind, Option<Ids>)>,
}

/// What a node holds of one range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Which keys.
    pub range: KeyRange,
    /// The prints of what is there, by key.
    pub rows: Vec<(Ids, Print)>,
    /// Keys that are left out, because something of the node's own is laid over them.
    pub own: Vec<Ids>,
}

impl Piece {
    fn sum(&self) -> Sum {
        self.rows.iter().map(|(_, print)| *print).collect()
    }

    fn is_small(&self) -> bool {
        self.rows.len() <= FEW
    }

    fn asked(&self) -> RangeAsked {
        RangeAsked { range: self.range.clone(), except: self.own.clone() }
    }

    fn halves(mut self) -> [Self; 2] {
        let behind = self.rows.split_off(self.rows.len() / 2);
        let middle = self.rows.last().map_or_else(Ids::new, |(ids, _)| ids.clone());
        let (low, high) = self.range.split(&middle);
        let (own_low, own_high) = self.own.into_iter().partition(|ids| *ids <= middle);
        [Self { range: low, rows: self.rows, own: own_low }, Self { range: high, rows: behind, own: own_high }]
    }
}

/// What came of one slice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was compared.
    Compared(Compared),
    /// The two did not stand at one place; after the next round they will.
    NotNow,
    /// The server writes aggregates in another form: nothing can be compared until one of the two is
    /// brought up to date.
    OtherForm {
        /// Its form.
        form: u16,
    },
}

/// What a comparison found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared {
    /// Aggregates compared, by kind.
    pub rows: Vec<(Kind, usize)>,
    /// Aggregates left out because something of the node's own, not fed yet, is laid over them.
    pub own: usize,
    /// Aggregates passed over because they, or their neighbours, were changing just then.
    pub moving: usize,
    /// What was mended.
    pub mended: Vec<Mended>,
    /// Aggregates in ranges that differ still: the server's own side must be looked at.
    pub unexplained: usize,
    /// Whether the walk came to its end.
    pub is_end: bool,
}

/// Compares the next slice of the walk, mends what differs, and moves the walk on. `rows` is how many
/// aggregates at most.
///
/// # Errors
/// [`Failure`]; what was mended before stays mended, and the walk stays where it was.
pub async fn slice<L: Holder, R: Referee>(
    local: &L,
    remote: &R,
    anew: bool,
    rows: usize,
) -> Result<Outcome, Failure<L::Error>> {
    let Some(held) = local.held(anew, rows.min(DIGEST_ROWS_MAX)).map_err(Failure::Local)? else {
        return Ok(Outcome::NotNow);
    };
    let mut look = Look { local, remote, cursor: &held.cursor, compared: counted(&held) };
    match look.through(held.pieces.clone()).await {
        Ok(()) => {}
        Err(Stop::NotNow) => return Ok(Outcome::NotNow),
        Err(Stop::OtherForm(form)) => return Ok(Outcome::OtherForm { form }),
        Err(Stop::Failed(failure)) => return Err(failure),
    }
    let compared = look.compared;
    local.move_on(&held, &compared).map_err(Failure::Local)?;
    if compared.is_end {
        tell(local, remote).await?;
    }
    Ok(Outcome::Compared(compared))
}

/// Takes a slice if one is due. For after a round that ended level; what comes of it is no matter of the
/// round's, and is tried again as many rounds later.
///
/// # Errors
/// [`Failure`].
pub async fn when_due<L: Holder, R: Referee>(local: &L, remote: &R) -> Result<Option<Outcome>, Failure<L::Error>> {
    if !local.is_due().map_err(Failure::Local)? {
        return Ok(None);
    }
    local.put_off().map_err(Failure::Local)?;
    slice(local, remote, false, DIGEST_ROWS_MAX).await.map(Some)
}

/// Tells the server how the walk ended, without comparing anything.
async fn tell<L: Holder, R: Referee>(local: &L, remote: &R) -> Result<(), Failure<L::Error>> {
    let Some(cursor) = local.cursor().map_err(Failure::Local)? else { return Ok(()) };
    let mut look = Look { local, remote, cursor: &cursor, compared: Compared::default() };
    match look.ask(&[], true).await {
        Ok(_) | Err(Stop::NotNow | Stop::OtherForm(_)) => Ok(()),
        Err(Stop::Failed(failure)) => Err(failure),
    }
}

fn counted(held: &Held) -> Compared {
    let mut compared = Compared { is_end: held.next.is_none(), ..Compared::default() };
    for piece in &held.pieces {
        compared.own += piece.own.len();
        match compared.rows.last_mut() {
            Some((kind, rows)) if *kind == piece.range.kind => *rows += piece.rows.len(),
            Some(_) | None => compared.rows.push((piece.range.kind, piece.rows.len())),
        }
    }
    compared
}

/// Why a slice was not compared to its end.
enum Stop<E> {
    NotNow,
    OtherForm(u16),
    Failed(Failure<E>),
}

impl<E> From<Failure<E>> for Stop<E> {
    fn from(failure: Failure<E>) -> Self {
        Self::Failed(failure)
    }
}

struct Look<'a, L, R> {
    local: &'a L,
    remote: &'a R,
    cursor: &'a str,
    compared: Compared,
}

impl<L: Holder, R: Referee> Look<'_, L, R> {
    async fn through(&mut self, pieces: Vec<Piece>) -> Result<(), Stop<L::Error>> {
        let differing = self.narrow(pieces).await?;
        if differing.is_empty() {
            return Ok(());
        }
        let differing = joined(differing);
        for piece in &differing {
            self.mend(piece).await?;
        }
        self.confirm(&differing).await
    }

    /// The small ranges that differ.
    async fn narrow(&mut self, mut pieces: Vec<Piece>) -> Result<Vec<Piece>, Stop<L::Error>> {
        let (mut differing, mut is_first) = (Vec::new(), true);
        while !pieces.is_empty() {
            let behind = pieces.split_off(pieces.len().min(DIGEST_RANGES_MAX));
            let asked = std::mem::replace(&mut pieces, behind);
            let told = self.ask(&asked, is_first).await?;
            is_first = false;
            for (piece, told) in asked.into_iter().zip(told) {
                match told {
                    RangeTold::Sum(sum) if sum == piece.sum() => {}
                    RangeTold::Moved if piece.is_small() => self.compared.moving += piece.rows.len(),
                    RangeTold::Sum(_) if piece.is_small() => differing.push(piece),
                    RangeTold::TooMany => differing.push(piece),
                    RangeTold::Sum(_) | RangeTold::Moved => pieces.extend(piece.halves()),
                }
            }
        }
        Ok(differing)
    }

    async fn ask(&mut self, pieces: &[Piece], with_report: bool) -> Result<Vec<RangeTold>, Stop<L::Error>> {
        let report = if with_report { Some(self.local.report().map_err(Failure::Local)?) } else { None };
        let ranges = pieces.iter().map(Piece::asked).collect();
        let asked = DigestAsked { form: FORM, cursor: self.cursor.to_owned(), ranges, report };
        let standing = self.local.standing().map_err(Failure::Local)?;
        match self.remote.digest(standing, &asked).await.map_err(Failure::Remote)? {
            Digested::Ranges(told) if told.len() == pieces.len() => {
                if let Some(report) = &asked.report {
                    self.local.reported(report).map_err(Failure::Local)?;
                }
                Ok(told)
            }
            Digested::Ranges(_) => Err(Failure::Remote(Trouble::Garbled(other_ranges())).into()),
            Digested::PullFirst => Err(Stop::NotNow),
            Digested::OtherForm { form } => Err(Stop::OtherForm(form)),
        }
    }

    /// Fetches a range again, page by page.
    async fn mend(&mut self, piece: &Piece) -> Result<(), Stop<L::Error>> {
        let mut range = piece.range.clone();
        for _ in 0..PAGES_MAX {
            let own: BTreeSet<&Ids> = piece.own.iter().collect();
            let keys = piece.rows.iter().map(|(ids, _)| ids).filter(|ids| range.has(ids) && !own.contains(ids));
            let keys = keys.cloned().collect();
            let asked = ImagesAsked { cursor: self.cursor.to_owned(), range: range.clone(), keys };
            let standing = self.local.standing().map_err(Failure::Local)?;
            let told = self.remote.images(standing, &asked).await.map_err(Failure::Remote)?;
            let Imaged::Images { page, upto } = told else { return Err(Stop::NotNow) };
            let (covered, rest) = match &upto {
                None => (range.clone(), None),
                Some(upto) => {
                    let (covered, rest) = range.split(upto);
                    (covered, Some(rest))
                }
            };
            let mended = self.local.mend(self.cursor, &covered, &page).map_err(Failure::Local)?;
            self.compared.mended.extend(mended.ok_or(Stop::NotNow)?);
            match rest {
                Some(rest) if rest != range => range = rest,
                Some(_) | None => return Ok(()),
            }
        }
        Ok(())
    }

    /// Compares once more what was mended, and tells of it.
    async fn confirm(&mut self, mended: &[Piece]) -> Result<(), Stop<L::Error>> {
        let ranges: Vec<KeyRange> = mended.iter().map(|piece| piece.range.clone()).collect();
        let pieces = self.local.held_in(&ranges).map_err(Failure::Local)?;
        for pieces in pieces.chunks(DIGEST_RANGES_MAX) {
            let told = self.ask(pieces, true).await?;
            for (piece, told) in pieces.iter().zip(told) {
                match told {
                    RangeTold::Sum(sum) if sum != piece.sum() => self.compared.unexplained += piece.rows.len().max(1),
                    // What moves will be heard; what is too many was fetched as far as it goes.
                    RangeTold::Sum(_) | RangeTold::Moved | RangeTold::TooMany => {}
                }
            }
        }
        Ok(())
    }
}

/// Neighbours are fetched together.
fn joined(mut pieces: Vec<Piece>) -> Vec<Piece> {
    pieces.sort_by(|one, other| (one.range.kind, &one.range.after).cmp(&(other.range.kind, &other.range.after)));
    let mut joined: Vec<Piece> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        match joined.last_mut() {
            Some(last)
                if last.range.kind == piece.range.kind
                    && last.range.upto.is_some()
                    && last.range.upto == piece.range.after
                    && last.rows.len() + piece.rows.len() <= DIGEST_ROWS_MAX =>
            {
                last.range.upto = piece.range.upto;
                last.rows.extend(piece.rows);
                last.own.extend(piece.own);
            }
            Some(_) | None => joined.push(piece),
        }
    }
    joined
}

fn other_ranges() -> Problem {
    Problem::new("other_ranges", "the server answered other ranges than were asked for; update whichever is older")
}

#[cfg(test)]
mod tests;
