//! Where the line is dead: what waits goes to head office in a file, and its answers and news come back
//! in another. An export marks nothing as sent, so it may be made, lost and made again; only a reply or a
//! round settles what was in it, and each says the same again.

use std::io::{Read, Seek};

use outpost_schema::{clock::Timestamp, journal::Mark, verdict::Verdict};
use outpost_sync::{
    carried::{Answer, BadFile, Head, Reader, Sort, Told, Writer},
    round::{Anew, Local as _},
    wire::{PROTOCOL, PROTOCOL_OLDEST, Page, Pulled, Push, Pushed},
};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    db::{
        identity::{self, State},
        inbox, journal, outbox,
    },
    error::Error,
    node::Node,
};

/// Why nothing was carried. What a reply settled before it broke off stays settled; import it again.
#[derive(Debug, Error)]
pub enum NotCarried {
    /// The file.
    #[error(transparent)]
    File(#[from] BadFile),
    /// The device.
    #[error(transparent)]
    Node(#[from] Error),
    /// A reply to somebody else.
    #[error("this reply is for another device; carry it there, and look for the one that was made for this device")]
    OtherDevice,
    /// A reply to an earlier life of the journal.
    #[error("this device has begun another life of its journal since that export; make a new export")]
    OtherLife,
    /// The journal has an end that only a conversation can mend.
    #[error(
        "this device was put back or copied, and its journal cannot go on; it needs the line to head office once, \
         and then exports again"
    )]
    JournalOver,
}

impl NotCarried {
    /// The stable code that programs match on.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::File(bad) => bad.code(),
            Self::Node(error) => error.code(),
            Self::OtherDevice => "other_device",
            Self::OtherLife => "other_life",
            Self::JournalOver => "journal_over",
        }
    }
}

/// What a reply brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// Entries that head office has.
    pub answered: usize,
    /// Asks among them that were refused.
    pub refused: usize,
    /// Entries that wait at head office for something they lack.
    pub set_aside: usize,
    /// Aggregates that were taken in.
    pub received: usize,
    /// Pages that this device had heard already, or that do not go on from where it stands.
    pub passed_over: usize,
    /// Whether the device equals head office as of when the reply was made.
    pub is_level: bool,
    /// When the reply was made, by head office's clock.
    pub made_at: Option<Timestamp>,
}

impl Node {
    /// Everything that waits and where the feed goes on, as a file for head office.
    ///
    /// # Errors
    /// [`NotCarried::JournalOver`], or if the database cannot be read.
    pub fn export(&self) -> Result<Vec<u8>, NotCarried> {
        let made_at = self.world().now();
        self.db().read(|conn| {
            let identity = identity::load(conn)?;
            match identity.state {
                State::Active => {}
                State::Frozen | State::RolledBack | State::Restored => return Ok(Err(NotCarried::JournalOver)),
            }
            let standing = outbox::standing(conn)?;
            let head = Head {
                sort: Sort::Export,
                protocol: PROTOCOL,
                node_id: Some(identity.node_id()),
                incarnation_id: standing.incarnation_id,
                head: standing.head,
                acked: standing.acked,
                cursor: inbox::position(conn)?.cursor,
                epoch: None,
                made_at,
            };
            let mut file = match Writer::begin(Vec::new(), &head) {
                Ok(file) => file,
                Err(bad) => return Ok(Err(bad.into())),
            };
            let mut written = Ok(());
            outbox::each_unsent(conn, &identity, |push| {
                if written.is_ok() {
                    written = file.part(push);
                }
            })?;
            Ok(written.and_then(|()| file.end()).map_err(NotCarried::from))
        })?
    }

    /// Takes in head office's reply: settles what it answers and applies its pages, as a round does.
    /// Whatever of it was heard before changes nothing.
    ///
    /// # Errors
    /// [`NotCarried`].
    pub fn import(&self, file: impl Read + Seek) -> Result<Heard, NotCarried> {
        let mut file = Reader::open(file, Sort::Reply, PROTOCOL_OLDEST..=PROTOCOL)?;
        let identity = self.identity()?.ok_or(Error::NotJoined)?;
        if file.head.node_id != Some(identity.node_id()) {
            return Err(NotCarried::OtherDevice);
        }
        if file.head.incarnation_id != identity.incarnation_id() {
            return Err(NotCarried::OtherLife);
        }
        // Every part can be read, before the first is used.
        while file.next_part::<Told>()?.is_some() {}
        file.rewind()?;
        let mut hearing = Hearing::begin(self, &file.head);
        while let Some(told) = file.next_part::<Told>()? {
            match told {
                Told::Answer(answer) => hearing.answer(&answer)?,
                Told::News(pulled) => hearing.news(&pulled)?,
            }
        }
        Ok(hearing.heard)
    }
}

/// A reply that is being taken in.
struct Hearing<'a> {
    node: &'a Node,
    /// With which cursor its next page was asked for.
    asked: Option<String>,
    heard: Heard,
}

impl<'a> Hearing<'a> {
    fn begin(node: &'a Node, head: &Head) -> Self {
        let heard = Heard { made_at: Some(head.made_at), ..Heard::default() };
        Self { node, asked: head.cursor.clone(), heard }
    }

    fn answer(&mut self, answer: &Answer) -> Result<(), NotCarried> {
        let Some(sent) = self.sent(answer)? else {
            // It answers entries that this device has not written: it was put back since the export.
            let mark = answer.last.unwrap_or(Mark::START);
            self.node.stand_at(mark)?;
            return Err(NotCarried::JournalOver);
        };
        match &answer.pushed {
            settled @ Pushed::Settled { verdicts, .. } => {
                self.node.settle(&sent, settled)?;
                self.heard.answered += verdicts.len();
                let count = |wanted: fn(&Verdict) -> bool| verdicts.iter().filter(|(_, it)| wanted(it)).count();
                self.heard.refused += count(|verdict| matches!(verdict, Verdict::Refused(_)));
                self.heard.set_aside += count(Verdict::is_set_aside);
                Ok(())
            }
            Pushed::Elsewhere { acked } => self.stand_at(*acked),
            Pushed::OtherEpoch { epoch } => Ok(self.node.start_anew(&Anew::OtherEpoch(*epoch))?),
            Pushed::Frozen => {
                self.node.freeze()?;
                Err(NotCarried::JournalOver)
            }
        }
    }

    /// What the answer is to; none if this journal does not have it.
    fn sent(&self, answer: &Answer) -> Result<Option<Push>, Error> {
        let carts = answer.carts.clone();
        let Some(last) = answer.last else { return Ok(Some(Push { carts, ..Push::default() })) };
        self.node.db().read(|conn| {
            let incarnation = identity::load(conn)?.incarnation_id();
            if !journal::has(conn, incarnation, last)? {
                return Ok(None);
            }
            let count = usize::try_from(last.seq - answer.after).unwrap_or(0);
            let entries = journal::after(conn, incarnation, answer.after, count, usize::MAX)?;
            Ok(Some(Push { entries, carts, ..Push::default() }))
        })
    }

    fn stand_at(&mut self, acked: Mark) -> Result<(), NotCarried> {
        if self.node.stand_at(acked)? { Ok(()) } else { Err(NotCarried::JournalOver) }
    }

    fn news(&mut self, pulled: &Pulled) -> Result<(), NotCarried> {
        let is_next = self.node.cursor()? == self.asked;
        match pulled {
            Pulled::Page(page) => self.page(page, is_next)?,
            Pulled::Elsewhere { acked } => return self.stand_at(*acked),
            Pulled::OtherEpoch { epoch } => self.start_anew(&Anew::OtherEpoch(*epoch), is_next)?,
            Pulled::TooLongAway => self.start_anew(&Anew::TooLongAway, is_next)?,
        }
        Ok(())
    }

    fn page(&mut self, page: &Page, is_next: bool) -> Result<(), NotCarried> {
        if is_next && self.is_news(page)? {
            self.node.apply(self.asked.as_deref(), page)?;
            // Of another life of head office nothing is kept before it was reported to.
            let is_kept = self.node.cursor()?.as_deref() == Some(&*page.cursor);
            self.heard.received += if is_kept { page.aggregates.len() } else { 0 };
            self.heard.is_level = page.level && is_kept;
        } else {
            self.heard.passed_over += 1;
        }
        self.asked = Some(page.cursor.clone());
        Ok(())
    }

    /// A page from before head office had what it is known here to have is older than what is shown.
    fn is_news(&self, page: &Page) -> Result<bool, Error> {
        let standing = self.node.standing()?;
        let own = page.acked.iter().find(|acked| acked.incarnation_id == standing.incarnation_id);
        Ok(own.is_none_or(|own| own.mark.seq >= standing.acked.seq))
    }

    fn start_anew(&mut self, why: &Anew, is_next: bool) -> Result<(), Error> {
        if is_next {
            self.node.start_anew(why)?;
        }
        self.asked = None;
        Ok(())
    }
}
