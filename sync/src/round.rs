//! One round: push until empty, fill from a file if need be, pull until level. It may be cut at any
//! byte and begun anew.

mod ends;
#[cfg(test)]
mod tests;

use outpost_schema::{id::EpochId, journal::Mark};

use self::ends::is_not_spoken;
pub use self::ends::{Anew, Local, Remote, Trouble, not_spoken};
use crate::{
    file::{Denied, File, FilePart, Filling},
    wire::{Pulled, Push, Pushed, Reported},
};

/// A round pulls at most this many pages, so that a long catch-up still lets the node push between.
pub const PAGES_MAX: usize = 200;

/// Why a round ended early.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure<E> {
    /// This end.
    #[error("{0}")]
    Local(E),
    /// The other end or the line.
    #[error("{0}")]
    Remote(Trouble),
    /// The two ends could not agree on where the journal stands; see [`Local::stand_at`].
    #[error(
        "this device was put back to an older copy of itself, and head office cannot give it another life; update head office"
    )]
    RolledBack,
    /// The journal is frozen; see [`Local::freeze`].
    #[error(
        "this device's journal went on in two ways, and head office cannot give it another life; sales are recorded here until head office is updated"
    )]
    Frozen,
    /// The server answered the same mark over and over.
    #[error("the server and this device cannot agree on where the journal stands; ask head office to look at both")]
    NoAgreement,
}

/// What a round did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Entries pushed.
    pub pushed: usize,
    /// Pages applied.
    pages: usize,
    /// Aggregates received.
    pub received: usize,
    /// Whether the node equals the server at one moment.
    pub is_level: bool,
}

/// Files that are asked for in a row: the rest of one, a whole one, and none at all.
const FILES_MAX: usize = 3;

/// Marks the server may correct in one round before something must be wrong.
const CORRECTIONS_MAX: usize = 3;

/// What a server says of a life that is not the caller's to begin: it is another's, or is lived already. So an old
/// copy, made while it waited for a life that its younger self then lived, does not give its receipt numbers again.
pub const LIFE_TAKEN: &str = "life_taken";

/// Names that a round asks for another life with.
const NAMES_MAX: usize = 2;

/// Lives of the server's database that one round may meet before something must be wrong.
const EPOCHS_MAX: usize = 3;

/// Runs one round. `wait_seconds` is how long the first pull may wait for news.
///
/// # Errors
/// [`Failure`]; whatever was settled and applied before stays.
pub async fn run<L: Local, R: Remote>(local: &L, remote: &R, wait_seconds: u64) -> Result<Done, Failure<L::Error>> {
    let mut round = Round { local, remote, corrections: 0, epochs: 0, may_begin_life: true, done: Done::default() };
    loop {
        round.begin_life().await?;
        local.prepare().map_err(Failure::Local)?;
        match round.once(wait_seconds).await {
            // What was noted just now is what the next life is asked for with.
            Err(Failure::RolledBack | Failure::Frozen) if round.may_begin_life => {}
            Ok(()) if round.may_begin_life && local.life_wanted().map_err(Failure::Local)?.is_some() => {}
            ended => return ended.map(|()| round.done),
        }
    }
}

/// What came of pulling.
enum Heard {
    /// What there was, or as much as one round takes.
    All,
    /// That the server's database lives another life: report, push what it lost, and pull anew.
    OtherLife,
}

struct Round<'a, L, R> {
    local: &'a L,
    remote: &'a R,
    corrections: usize,
    /// Other lives of the server's database that this round has met.
    epochs: usize,
    /// A journal that ends twice in one round would end for ever.
    may_begin_life: bool,
    done: Done,
}

impl<L: Local, R: Remote> Round<'_, L, R> {
    /// If this life is over, asks for another one. A server that knows no other lives leaves the node as
    /// it is: it goes on recording, and sells nothing from its allotments. Any other refusal ends the round: which
    /// of this life's ops the images contain is known only once the next one is begun, so none are read before.
    async fn begin_life(&mut self) -> Result<(), Failure<L::Error>> {
        let mut names = 0;
        while let Some(wanted) = self.local.life_wanted().map_err(Failure::Local)? {
            names += 1;
            let standing = self.local.standing().map_err(Failure::Local)?;
            self.may_begin_life = false;
            match self.remote.begin_life(standing, &wanted).await {
                Ok(born) => return self.local.begin_life(&born).map_err(Failure::Local),
                Err(Trouble::Told(problem)) if is_not_spoken(&problem) => return Ok(()),
                Err(trouble) => {
                    let is_taken = matches!(&trouble, Trouble::Told(problem) if problem.code == LIFE_TAKEN);
                    if is_taken {
                        self.local.life_is_taken(wanted.incarnation_id).map_err(Failure::Local)?;
                    }
                    if !is_taken || names == NAMES_MAX {
                        return Err(Failure::Remote(trouble));
                    }
                }
            }
        }
        Ok(())
    }

    async fn once(&mut self, wait_seconds: u64) -> Result<(), Failure<L::Error>> {
        loop {
            self.report().await?;
            let pushed = self.push_until_empty().await;
            match &pushed {
                Err(Failure::Frozen) if self.may_begin_life => return pushed,
                // A frozen journal still hears the news: prices and stock go on arriving.
                Ok(()) | Err(Failure::Frozen) => {}
                Err(_) => return pushed,
            }
            match self.pull_until_level(wait_seconds).await? {
                Heard::All => return pushed,
                Heard::OtherLife => {}
            }
        }
    }

    /// Tells the server what its database may have forgotten. A server of before protocol 2 asks for
    /// nothing, and grants without.
    async fn report(&mut self) -> Result<(), Failure<L::Error>> {
        while let Some(report) = self.local.report().map_err(Failure::Local)? {
            let standing = self.local.standing().map_err(Failure::Local)?;
            let answer = match self.remote.report(standing, &report).await {
                Err(Trouble::Told(problem)) if is_not_spoken(&problem) => return Ok(()),
                answer => answer.map_err(Failure::Remote)?,
            };
            match answer {
                Reported::Taken { acked } => {
                    // What it lost of the journal is pushed again.
                    if report.last && acked.seq < standing.acked.seq {
                        self.agree(acked)?;
                    }
                    self.local.reported(&report).map_err(Failure::Local)?;
                }
                // It has more of this journal than we have; the push finds out what happened to ours.
                Reported::Elsewhere { .. } => return Ok(()),
                Reported::OtherEpoch { epoch } => self.start_anew(epoch)?,
            }
        }
        Ok(())
    }

    async fn push_until_empty(&mut self) -> Result<(), Failure<L::Error>> {
        let mut settled: Option<Push> = None;
        loop {
            let push = self.local.unsent().map_err(Failure::Local)?;
            if push.is_empty() {
                return Ok(());
            }
            // The server took it for settled, and it still waits: again would be the same for ever.
            if settled.as_ref().is_some_and(|settled| push.tells_the_same_as(settled)) {
                return Err(Failure::NoAgreement);
            }
            let standing = self.local.standing().map_err(Failure::Local)?;
            match self.remote.push(standing, &push).await.map_err(Failure::Remote)? {
                answer @ Pushed::Settled { .. } => {
                    self.local.settle(&push, &answer).map_err(Failure::Local)?;
                    self.done.pushed += push.entries.len();
                    settled = Some(push);
                }
                Pushed::Elsewhere { acked } => self.agree(acked)?,
                Pushed::OtherEpoch { epoch } => {
                    self.start_anew(epoch)?;
                    self.report().await?;
                }
                Pushed::Frozen => {
                    self.local.freeze().map_err(Failure::Local)?;
                    return Err(Failure::Frozen);
                }
            }
        }
    }

    async fn pull_until_level(&mut self, wait_seconds: u64) -> Result<Heard, Failure<L::Error>> {
        let mut wait = if self.fill().await? { 0 } else { wait_seconds };
        for _ in 0..PAGES_MAX {
            let cursor = self.local.cursor().map_err(Failure::Local)?;
            let standing = self.local.standing().map_err(Failure::Local)?;
            match self.remote.pull(standing, cursor.as_deref(), wait).await.map_err(Failure::Remote)? {
                Pulled::Page(page) => {
                    self.local.apply(cursor.as_deref(), &page).map_err(Failure::Local)?;
                    self.done.pages += 1;
                    self.done.received += page.aggregates.len();
                    // A page that was not kept, because more must be read than it tells, is no level.
                    let is_kept = self.local.cursor().map_err(Failure::Local)?.as_deref() == Some(&*page.cursor);
                    self.done.is_level = page.level && is_kept;
                    if self.done.is_level {
                        return Ok(Heard::All);
                    }
                    // It was of another life than the one that is known, and nothing of it was kept.
                    if !is_kept && self.local.report().map_err(Failure::Local)?.is_some() {
                        return Ok(Heard::OtherLife);
                    }
                }
                Pulled::Elsewhere { acked } => {
                    self.agree(acked)?;
                    self.fill().await?;
                }
                Pulled::OtherEpoch { epoch } => {
                    self.start_anew(epoch)?;
                    return Ok(Heard::OtherLife);
                }
                Pulled::TooLongAway => {
                    self.local.start_anew(&Anew::TooLongAway).map_err(Failure::Local)?;
                    self.fill().await?;
                }
            }
            wait = 0;
        }
        Ok(Heard::All)
    }

    fn start_anew(&mut self, epoch: EpochId) -> Result<(), Failure<L::Error>> {
        self.epochs += 1;
        if self.epochs > EPOCHS_MAX {
            return Err(Failure::NoAgreement);
        }
        self.local.start_anew(&Anew::OtherEpoch(epoch)).map_err(Failure::Local)
    }

    /// Fills the node if need be, and says whether it did.
    async fn fill(&mut self) -> Result<bool, Failure<L::Error>> {
        for _ in 0..FILES_MAX {
            let wanted = match self.local.filling().map_err(Failure::Local)? {
                Filling::Not => return Ok(false),
                Filling::Here => return self.local.fill().map(|()| true).map_err(Failure::Local),
                Filling::Wants(wanted) => wanted,
            };
            let standing = self.local.standing().map_err(Failure::Local)?;
            match self.remote.file(standing, &wanted).await {
                Ok(file) => {
                    self.land(file).await?;
                    return Ok(true);
                }
                Err(Trouble::Told(problem)) => match Denied::of(&problem) {
                    Denied::DoWithout => self.local.do_without_file().map_err(Failure::Local)?,
                    Denied::StartOver => self.local.drop_file().map_err(Failure::Local)?,
                    Denied::AgreeFirst => return Ok(false),
                    Denied::Fail => return Err(Failure::Remote(Trouble::Told(problem))),
                },
                Err(trouble) => return Err(Failure::Remote(trouble)),
            }
        }
        Ok(false)
    }

    async fn land(&mut self, mut file: File) -> Result<(), Failure<L::Error>> {
        file.head.check().map_err(|problem| Failure::Remote(Trouble::Garbled(problem)))?;
        self.local.take_file(FilePart::Head(&file.head)).map_err(Failure::Local)?;
        while let Some(bytes) = file.parts.next().await.map_err(Failure::Remote)? {
            self.local.take_file(FilePart::Bytes(&bytes)).map_err(Failure::Local)?;
        }
        self.local.fill().map_err(Failure::Local)
    }

    fn agree(&mut self, acked: Mark) -> Result<(), Failure<L::Error>> {
        self.corrections += 1;
        if self.corrections > CORRECTIONS_MAX {
            return Err(Failure::NoAgreement);
        }
        if self.local.stand_at(acked).map_err(Failure::Local)? { Ok(()) } else { Err(Failure::RolledBack) }
    }
}
