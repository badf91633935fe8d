//! What devices without a line send by hand: an export is taken as the pushes that it is, and a reply
//! tells what a pull would have told. All of a file is looked at before anything of it is taken.

use std::io::{Read, Seek, Write};

use outpost_schema::{
    id::NodeId,
    journal::{Entry, Mark},
    verdict::Verdict,
};
use outpost_sync::{
    carried::{Answer, BadFile, Head, Reader, Sort, Told, Writer},
    wire::{Caller, Hole, PROTOCOL, PROTOCOL_OLDEST, Problem, Pulled, Push, Pushed, Standing},
};
use thiserror::Error;

use crate::{
    accept,
    db::{Tx, feed as rows, lives, ops},
    error::Error,
    feed::{self, Limits, Unserved, cursor::Cursor},
    server::Server,
};

/// Pages in one reply: a million aggregates, more than any shop that is not filled by a file has.
const PAGES_MAX: usize = 500;

/// Why a file was not taken. What was taken of it before stays taken; import it again.
#[derive(Debug, Error)]
pub enum NotTaken {
    /// The file.
    #[error(transparent)]
    File(#[from] BadFile),
    /// The server.
    #[error(transparent)]
    Server(#[from] Error),
    /// Its cursor.
    #[error(transparent)]
    Unserved(#[from] Unserved),
    /// Its parts do not follow one another.
    #[error("this file's entries do not follow one another at {seq}; make a new export")]
    Disordered {
        /// Where.
        seq: i64,
    },
}

impl NotTaken {
    /// The stable code that programs match on.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::File(bad) => bad.code(),
            Self::Server(error) => error.code(),
            Self::Unserved(unserved) => unserved.code(),
            Self::Disordered { .. } => "disordered",
        }
    }
}

impl From<NotTaken> for Problem {
    fn from(not: NotTaken) -> Self {
        Self::new(not.code(), not.to_string())
    }
}

/// What became of an export.
#[derive(Clone, Debug)]
pub struct Taken {
    /// What stands at its head.
    pub head: Head,
    /// Whose device wrote it.
    pub node_id: NodeId,
    /// How far head office has the journal now.
    pub acked: Mark,
    /// What is answered, part by part.
    pub answers: Vec<Answer>,
    /// Entries that were new.
    pub new: usize,
    /// Entries that were known already.
    pub known: usize,
    /// Entries before this file's first that head office lacks: nothing was taken then.
    pub missing: Option<(i64, i64)>,
}

impl Taken {
    /// How many entries were answered in this way.
    pub fn count(&self, is_wanted: impl Fn(&Verdict) -> bool) -> usize {
        let verdicts = |answer: &Answer| match &answer.pushed {
            Pushed::Settled { verdicts, .. } => verdicts.iter().filter(|(_, verdict)| is_wanted(verdict)).count(),
            Pushed::Elsewhere { .. } | Pushed::Frozen | Pushed::OtherEpoch { .. } => 0,
        };
        self.answers.iter().map(verdicts).sum()
    }

    /// How many carts came beside the entries.
    pub fn carts(&self) -> usize {
        self.answers.iter().map(|answer| answer.carts.len()).sum()
    }

    /// Whether the journal was found to go on in two ways.
    pub fn is_frozen(&self) -> bool {
        self.answers.iter().any(|answer| answer.pushed == Pushed::Frozen)
    }

    fn caller(&self) -> Caller {
        Caller { node_id: self.node_id, incarnation_id: self.head.incarnation_id }
    }

    fn standing(&self) -> Standing {
        let head = if self.head.head.seq > self.acked.seq { self.head.head } else { self.acked };
        Standing { incarnation_id: self.head.incarnation_id, head, acked: self.acked }
    }
}

/// Takes an export in.
///
/// # Errors
/// [`NotTaken`].
pub async fn take(server: &Server, file: impl Read + Seek) -> Result<Taken, NotTaken> {
    let mut file = Reader::open(file, Sort::Export, PROTOCOL_OLDEST..=PROTOCOL)?;
    let head = file.head.clone();
    let after = look_through(&mut file)?.unwrap_or(head.acked.seq);
    let node_id = whose(server, &head).await?;
    let mut taken = Taken { acked: head.acked, answers: Vec::new(), new: 0, known: 0, missing: None, node_id, head };
    let is_ours = stand(server, &mut taken).await?;
    if after > taken.acked.seq {
        taken.missing = Some((taken.acked.seq + 1, after));
        let pushed = Pushed::Elsewhere { acked: taken.acked };
        taken.answers.push(Answer { after, last: None, carts: Vec::new(), pushed });
        return Ok(taken);
    }
    while let Some(push) = file.next_part::<Push>()? {
        take_part(server, &mut taken, is_ours, push).await?;
        if taken.is_frozen() {
            break;
        }
    }
    Ok(taken)
}

/// Reads every part once, and says after which entry the first one goes on.
fn look_through(file: &mut Reader<impl Read + Seek>) -> Result<Option<i64>, NotTaken> {
    let (mut after, mut before) = (None, None::<Mark>);
    while let Some(push) = file.next_part::<Push>()? {
        // Behind a hole the entries go on from a mark that nobody has.
        if let Some(hole) = push.hole {
            after = after.or(Some(hole.after.seq));
            before = push.entries.first().map(|first| Mark { seq: first.seq - 1, hash: first.prev_hash });
        }
        for entry in &push.entries {
            if before.is_some_and(|before| entry.seq != before.seq + 1 || entry.prev_hash != before.hash) {
                return Err(NotTaken::Disordered { seq: entry.seq });
            }
            after = after.or(Some(entry.seq - 1));
            before = Some(entry.mark());
        }
    }
    file.rewind()?;
    Ok(after)
}

/// The device that wrote the file: by its own word, or else the one whose journal this is.
async fn whose(server: &Server, head: &Head) -> Result<NodeId, Error> {
    let life = head.incarnation_id;
    match head.node_id {
        Some(node_id) => Ok(node_id),
        None => {
            let of_life = server.db.snapshot(|tx| async move { lives::device(&tx, life).await }).await?;
            of_life.ok_or(Error::UnknownNode)
        }
    }
}

/// Looks how far the journal is in the book, and whether the book has what the device took for its end.
async fn stand(server: &Server, taken: &mut Taken) -> Result<bool, Error> {
    let (caller, believed) = (taken.caller(), taken.head.acked);
    let work = |tx: Tx| async move {
        let opening = rows::opening(&tx, caller).await?.ok_or(Error::UnknownNode)?;
        let known = ops::known(&tx, caller.incarnation_id, believed.seq, believed.seq).await?;
        let is_ours =
            believed == Mark::START || known.get(&believed.seq).is_some_and(|(hash, _)| *hash == believed.hash);
        Ok((opening.acked, is_ours))
    };
    let (acked, is_ours) = server.db.snapshot(work).await?;
    taken.acked = acked;
    Ok(is_ours)
}

async fn take_part(server: &Server, taken: &mut Taken, is_ours: bool, push: Push) -> Result<(), NotTaken> {
    let before = taken.acked;
    // A file may be older than what the line brought meanwhile. That is no sign of an old image: where it
    // stood is in the book, so it stands where the book does.
    let standing = if is_ours { taken.standing() } else { Standing { acked: taken.head.acked, ..taken.standing() } };
    let push = Push { hole: push.hole.and_then(|hole| still_open(hole, before)), ..push };
    let pushed = accept::push(server, taken.caller(), standing, &push).await?;
    if let Pushed::Settled { acked, .. } = &pushed {
        taken.acked = *acked;
        let known = push.entries.iter().filter(|entry| entry.seq <= before.seq).count();
        taken.known += known;
        taken.new += push.entries.len() - known;
    }
    let after = push.entries.first().map_or(before.seq, |entry| entry.seq - 1);
    let last = push.entries.last().map(Entry::mark);
    taken.answers.push(Answer { after, last, carts: push.carts, pushed });
    Ok(())
}

/// What is left of a hole: the line may have brought meanwhile what was missing.
fn still_open(hole: Hole, acked: Mark) -> Option<Hole> {
    (acked.seq + 1 < hole.before.seq).then_some(Hole { after: acked, ..hole })
}

/// What a reply holds beside the answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replied {
    /// Aggregates.
    pub aggregates: usize,
    /// Whether they lead up to the present.
    pub is_level: bool,
}

/// Writes the reply to an export: its answers, then what changed for the device since its cursor.
///
/// # Errors
/// [`NotTaken`]; what was taken stays taken, so that the reply can be written at another time.
pub async fn reply(server: &Server, taken: &Taken, out: impl Write) -> Result<Replied, NotTaken> {
    let (made_at, epoch) = (server.now(), Some(server.epoch().await?.epoch_id));
    let head = Head { sort: Sort::Reply, protocol: PROTOCOL, acked: taken.acked, epoch, made_at, ..taken.head.clone() };
    let mut file = Writer::begin(out, &head)?;
    for answer in &taken.answers {
        file.part(&Told::Answer(Box::new(answer.clone())))?;
    }
    let mut news = News { server, taken, replied: Replied { aggregates: 0, is_level: false } };
    // Who is to look its journal up first hears nothing else yet.
    if taken.missing.is_none() && !taken.is_frozen() {
        news.tell(&mut file).await?;
    }
    file.end()?;
    Ok(news.replied)
}

/// The pages of a reply.
struct News<'a> {
    server: &'a Server,
    taken: &'a Taken,
    replied: Replied,
}

impl News<'_> {
    async fn tell(&mut self, file: &mut Writer<impl Write>) -> Result<(), NotTaken> {
        let asked = self.taken.head.cursor.as_deref().map(str::parse).transpose();
        let mut cursor: Option<Cursor> = asked.map_err(|bad| NotTaken::Unserved(Unserved::BadCursor(bad)))?;
        for _ in 0..PAGES_MAX {
            let pulled = self.pull(cursor.as_ref()).await?;
            file.part(&Told::News(Box::new(pulled.clone())))?;
            cursor = match pulled {
                Pulled::Page(page) => {
                    self.replied.aggregates += page.aggregates.len();
                    self.replied.is_level = page.level;
                    Some(page.cursor.parse().map_err(|bad| NotTaken::Unserved(Unserved::BadCursor(bad)))?)
                }
                // The line brought more meanwhile: the device is told so, and has heard the news there.
                Pulled::Elsewhere { .. } => return Ok(()),
                Pulled::OtherEpoch { .. } | Pulled::TooLongAway => None,
            };
            if self.replied.is_level {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn pull(&self, cursor: Option<&Cursor>) -> Result<Pulled, NotTaken> {
        let (caller, standing) = (self.taken.caller(), self.taken.standing());
        match feed::page(self.server, caller, standing, cursor, Limits::default()).await {
            Err(Unserved::TooLongAway | Unserved::OtherPlaces) => Ok(Pulled::TooLongAway),
            served => Ok(served?.pulled),
        }
    }
}
