//! What a round runs between: the node's end, the server's, and what can be wrong on the way.

use outpost_schema::{
    id::{EpochId, IncarnationId},
    journal::Mark,
};

use crate::{
    file::{File, FilePart, FileWanted, Filling, NO_FILE},
    wire::{Born, LifeWanted, Page, Problem, Pulled, Push, Pushed, Report, Reported, Standing},
};

/// The node's end: its journal and its fed tables. Each call is one transaction of its own, so none
/// is open while the line is waited for.
pub trait Local {
    /// What can go wrong at this end.
    type Error;

    /// The journal's head, and how far it is known to be acknowledged.
    ///
    /// # Errors
    /// If the journal cannot be read.
    fn standing(&self) -> Result<Standing, Self::Error>;

    /// The next run of entries after the acknowledged mark, and carts changed since they were
    /// pushed; both within the wire's limits. Both empty: nothing waits.
    ///
    /// # Errors
    /// If the journal cannot be read.
    fn unsent(&self) -> Result<Push, Self::Error>;

    /// Notes the answers to `sent`: verdicts, the acknowledged mark, carts that arrived.
    ///
    /// # Errors
    /// If the answers cannot be kept.
    fn settle(&self, sent: &Push, answer: &Pushed) -> Result<(), Self::Error>;

    /// The server stands at `acked`: looks it up in the journal and takes it as the acknowledged
    /// mark. False if the journal has no such entry: this device was rolled back to an old image,
    /// which it notes, and stops selling from allotments.
    ///
    /// # Errors
    /// If the journal cannot be read or the note not kept.
    fn stand_at(&self, acked: Mark) -> Result<bool, Self::Error>;

    /// The next page of the report that is owed to the server since its database began another life;
    /// none if nothing is owed, or if this device was set back and does not know what it was granted.
    ///
    /// # Errors
    /// If the totals cannot be read.
    fn report(&self) -> Result<Option<Report>, Self::Error>;

    /// Notes that a page of the report was taken.
    ///
    /// # Errors
    /// If the note cannot be kept.
    fn reported(&self, sent: &Report) -> Result<(), Self::Error>;

    /// The server froze this journal; noted, and from now on ops are recorded unsent.
    ///
    /// # Errors
    /// If the note cannot be kept.
    fn freeze(&self) -> Result<(), Self::Error>;

    /// Where the feed goes on; none from the start.
    ///
    /// # Errors
    /// If the position cannot be read.
    fn cursor(&self) -> Result<Option<String>, Self::Error>;

    /// Applies a page with its cursor in one transaction, if `asked` is still the stored cursor;
    /// otherwise it does nothing, for somebody else was faster.
    ///
    /// # Errors
    /// If the page cannot be kept.
    fn apply(&self, asked: Option<&str>, page: &Page) -> Result<(), Self::Error>;

    /// The feed is read anew from the start, while what was fed before still serves. In another life of the
    /// server's database a report is owed to it.
    ///
    /// # Errors
    /// If the position cannot be kept.
    fn start_anew(&self, why: &Anew) -> Result<(), Self::Error>;

    /// What another life is asked for with, if this one is over: the same until [`Local::begin_life`].
    ///
    /// # Errors
    /// If the journal cannot be read or the wish not kept.
    fn life_wanted(&self) -> Result<Option<LifeWanted>, Self::Error>;

    /// Begins the life that was wanted: what the server lacks of the old one is carried over.
    ///
    /// # Errors
    /// If it cannot be kept.
    fn begin_life(&self, born: &Born) -> Result<(), Self::Error>;

    /// The life that was asked for is another's, or is lived already: the next call of [`Local::life_wanted`]
    /// names another. A node that names a fresh one each time has nothing to do.
    ///
    /// # Errors
    /// If that cannot be noted.
    fn life_is_taken(&self, _life: IncarnationId) -> Result<(), Self::Error> {
        Ok(())
    }

    /// What this node has to say by itself is written down, before the round pushes what waits: what it gives back
    /// because it was asked to, say.
    ///
    /// # Errors
    /// If it cannot be written.
    fn prepare(&self) -> Result<(), Self::Error> {
        Ok(())
    }

    /// Whether this node is to be filled before it pulls. A node that cannot be always goes on from
    /// its cursor.
    ///
    /// # Errors
    /// If that cannot be read.
    fn filling(&self) -> Result<Filling, Self::Error> {
        Ok(Filling::Not)
    }

    /// Keeps a part of the file, beside everything that is in use.
    ///
    /// # Errors
    /// If it cannot be kept; what was kept before stays.
    fn take_file(&self, _part: FilePart<'_>) -> Result<(), Self::Error> {
        Ok(())
    }

    /// The file is whole, or a former call was stopped midway: checks it and takes it over.
    ///
    /// # Errors
    /// If it is not what it should be, or cannot be taken over; what is in use is then as it was.
    fn fill(&self) -> Result<(), Self::Error> {
        Ok(())
    }

    /// What there is of a file is worth nothing: the next one is asked for from its first byte.
    ///
    /// # Errors
    /// If that cannot be noted.
    fn drop_file(&self) -> Result<(), Self::Error> {
        Ok(())
    }

    /// There is no file: this node is filled by reading the feed from its start.
    ///
    /// # Errors
    /// If that cannot be noted.
    fn do_without_file(&self) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// Why the feed is read anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anew {
    /// The server's database began another life, this one.
    OtherEpoch(EpochId),
    /// Notes of what is gone were dropped since the node last asked.
    TooLongAway,
}

/// The server's end, over whatever carries the bytes.
pub trait Remote {
    /// Sends a push.
    fn push(&self, standing: Standing, push: &Push) -> impl Future<Output = Result<Pushed, Trouble>> + Send;

    /// Sends a page of a report. A server of before protocol 2 takes none.
    fn report(&self, _standing: Standing, _report: &Report) -> impl Future<Output = Result<Reported, Trouble>> + Send {
        async { Err(Trouble::Told(not_spoken())) }
    }

    /// Asks for a page after `cursor`; waits up to `wait_seconds` for news if there is none.
    fn pull(
        &self,
        standing: Standing,
        cursor: Option<&str>,
        wait_seconds: u64,
    ) -> impl Future<Output = Result<Pulled, Trouble>> + Send;

    /// Asks for the file that a node is filled from, or the rest of one. A line that carries none says
    /// so, and the node reads the feed instead.
    fn file(&self, _standing: Standing, _wanted: &FileWanted) -> impl Future<Output = Result<File, Trouble>> + Send {
        let sentence = "this line carries no files; the feed is read from its start";
        async move { Err(Trouble::Told(Problem::new(NO_FILE, sentence))) }
    }

    /// Asks for another life of a journal that cannot go on. A server of before protocol 2 gives none.
    fn begin_life(
        &self,
        _standing: Standing,
        _wanted: &LifeWanted,
    ) -> impl Future<Output = Result<Born, Trouble>> + Send {
        async { Err(Trouble::Told(not_spoken())) }
    }
}

/// What a server says of a call that it does not know.
pub fn not_spoken() -> Problem {
    Problem::new("not_spoken", "head office runs an older program, which cannot do this yet; update it")
}

/// Whether a server says that it does not know the call.
pub(super) fn is_not_spoken(problem: &Problem) -> bool {
    ["not_spoken", "unknown_path"].contains(&problem.code.as_str())
}

/// Why the other end gave no answer that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// Nobody answered, or the line was cut midway. Whether a push arrived is unknown.
    #[error("the line is cut: {0}")]
    Cut(String),
    /// The server said what is wrong.
    #[error("the server says: {0}")]
    Told(Problem),
    /// The server has no room for this now, and said after how many seconds to ask again.
    #[error("the server says: {0}")]
    Busy(Problem, u64),
    /// The answer could not be read.
    #[error("the server's answer cannot be read: {0}")]
    Garbled(Problem),
}
