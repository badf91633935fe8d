//! How the node stands with its server: what waits, since when, and what people must look at.

use outpost_schema::{clock::Timestamp, journal::Mark, money::Money, verdict::Concern};

pub use crate::db::verdicts::Answered;
use crate::{
    db::{
        allotments, carts, concerns, epochs,
        identity::{self, State},
        inbox, journal, verdicts,
    },
    error::Error,
    node::Node,
};

/// Concerns or answers in one list.
pub const LIST_MAX: usize = 200;

/// How the node stands with its server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// What has become of its journal.
    pub state: State,
    /// The journal's last entry.
    pub head: Mark,
    /// The last entry that the server is known to have.
    pub acked: Mark,
    /// Entries that wait, or are kept unsent.
    pub waiting: i64,
    /// Carts that wait.
    pub carts_waiting: i64,
    /// When the first entry that waits was written.
    pub waiting_since: Option<Timestamp>,
    /// What the waiting sales come to.
    pub worth: Money,
    /// When the server last answered.
    pub contact_at: Option<Timestamp>,
    /// When the node last equalled the server at one moment.
    pub level_at: Option<Timestamp>,
    /// What the last round failed with, if it did.
    pub problem: Option<String>,
    /// Whether head office was restored and is still hearing from its devices: it grants nothing.
    pub is_recovering: bool,
    /// Whether head office has suspended this device: it sells nothing.
    pub is_suspended: bool,
    /// Ops that the server could not book yet.
    pub set_aside: i64,
    /// Asks that were refused.
    pub refused: i64,
    /// Concerns that are open.
    pub concerns: i64,
    /// Units it may sell without asking: what is lost, or sold twice, with this device at most.
    pub open_units: i64,
    /// Products of which little may be sold here without asking.
    pub scarce: i64,
}

impl Node {
    /// How the node stands with its server.
    ///
    /// # Errors
    /// `not_joined`, or if the database cannot be read.
    pub fn status(&self) -> Result<Status, Error> {
        self.db().read(|conn| {
            let identity = identity::load(conn)?;
            let incarnation = identity.incarnation_id();
            let (head, acked) = (journal::head(conn, incarnation)?, journal::acked(conn, incarnation)?);
            let (waiting_since, worth) = journal::waiting(conn, incarnation, acked)?;
            let position = inbox::position(conn)?;
            Ok(Status {
                state: identity.state,
                head,
                acked,
                waiting: head.seq - acked.seq,
                carts_waiting: carts::count_unsent(conn)?,
                waiting_since,
                worth,
                contact_at: position.contact_at,
                level_at: position.level_at,
                problem: position.problem,
                is_recovering: epochs::known(conn)?.is_recovering,
                is_suspended: concerns::is_suspended(conn, identity.node_id())?,
                set_aside: verdicts::count(conn, "set_aside")?,
                refused: verdicts::count(conn, "refused")?,
                concerns: concerns::count_open(conn)?,
                open_units: allotments::open_units(conn, incarnation)?,
                scarce: allotments::count_scarce(conn, incarnation)?,
            })
        })
    }

    /// What people must look at: open concerns first, then newest first.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn concerns(&self, limit: usize) -> Result<Vec<Concern>, Error> {
        self.db().read(|conn| concerns::list(conn, limit.min(LIST_MAX) as i64))
    }

    /// This node's ops that were refused or set aside, newest first.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn not_booked(&self, limit: usize) -> Result<Vec<Answered>, Error> {
        self.db().read(|conn| verdicts::not_booked(conn, limit.min(LIST_MAX) as i64))
    }

    /// Looks at every entry of the journal and at every page of the database; slow.
    ///
    /// # Errors
    /// `damaged` with what was found.
    pub fn examine(&self) -> Result<(), Error> {
        self.db().examine()?;
        self.db().read(|conn| match identity::find(conn)? {
            Some(identity) => journal::check_chain(conn, identity.incarnation_id(), 0),
            None => Ok(()),
        })
    }
}
