//! Concerns that people settle: what they chose is written down with who and why, and head office books what it can
//! book itself. Which settlements a kind of concern has is decided by [`outpost_schema::settlement`].

use std::collections::BTreeSet;

use outpost_schema::{
    fault::Fault,
    id::{ConcernId, IncarnationId, TransferId, UserId},
    planted::{Bug, is_planted},
    settlement::{Asked, Decided, Settlement, decide, loss, possible},
    stock::StockKey,
    text,
    verdict::ConcernKind,
    word::Word as _,
};
use outpost_sync::wire::Problem;
use serde::de::DeserializeOwned;
use thiserror::Error as ThisError;
use uuid::Uuid;

pub use crate::db::settlements::Settled;
use crate::{
    db::{
        Tx, concerns, ground, lives,
        settlements::{self as rows, Locked},
        written_off::{self, Act},
    },
    error::Error,
    grants,
    server::Server,
    transfers,
};

/// What somebody wants to do about a concern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Made by whoever asks: asked for again, it is done once.
    pub settlement_id: Uuid,
    /// What.
    pub settlement: Settlement,
    /// Who.
    pub by: String,
    /// What they say of it.
    pub note: Option<String>,
    /// What put it right, where that was done elsewhere: a receipt, a transfer, a refund.
    pub act: Option<String>,
}

/// Why a concern was not settled.
#[derive(Debug, ThisError)]
pub enum Unsettled {
    /// Concerns of its kind are settled otherwise.
    #[error("a concern {kind} is not settled so; use one of: {}", words(*.kind))]
    NotPossible {
        /// Its kind.
        kind: ConcernKind,
    },
    /// It is over.
    #[error("this concern is over; there is nothing left to settle")]
    Over,
    /// Another settlement has this id.
    #[error("another settlement has this id; ask again with a fresh one")]
    IdTaken,
    /// Units of the old life are still promised to it.
    #[error(
        "{0} units are still in doubt; make sure that there is one such device, then: outpost-server nodes reclaim, or \
         write-off if there is another one that sold them"
    )]
    InDoubt(i64),
    /// The machine failed, or something named is not there.
    #[error("{0}")]
    Server(#[from] Error),
}

fn words(kind: ConcernKind) -> String {
    possible(kind).into_iter().map(Settlement::word).collect::<Vec<_>>().join(", ")
}

impl Unsettled {
    /// The stable code that programs match on.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotPossible { .. } => "not_possible",
            Self::Over => "concern_over",
            Self::IdTaken => "settlement_taken",
            Self::InDoubt(_) => "in_doubt",
            Self::Server(error) => error.code(),
        }
    }
}

impl From<Unsettled> for Problem {
    fn from(unsettled: Unsettled) -> Self {
        Self::new(unsettled.code(), unsettled.to_string())
    }
}

impl From<Fault> for Unsettled {
    fn from(fault: Fault) -> Self {
        Self::Server(fault.into())
    }
}

/// Settles a concern, or writes down what will be done about it. A repeat is answered as the first time.
///
/// # Errors
/// [`Unsettled`].
pub async fn settle(server: &Server, concern_id: ConcernId, wanted: &Wanted) -> Result<Settled, Unsettled> {
    text::require("by", &wanted.by, text::LINE_MAX)?;
    for (field, said) in [("note", &wanted.note), ("act", &wanted.act)] {
        said.as_deref().map_or(Ok(()), |said| text::check(field, said, text::LINE_MAX))?;
    }
    let work = |tx: Tx| async move { settle_within(server, &tx, concern_id, wanted).await };
    let settled = server.db.transaction(work).await??;
    server.ring();
    Ok(settled)
}

async fn settle_within(
    server: &Server,
    tx: &Tx,
    concern_id: ConcernId,
    wanted: &Wanted,
) -> Result<Result<Settled, Unsettled>, Error> {
    let concern = rows::lock(tx, concern_id).await?;
    let concern = concern.ok_or_else(|| Error::NotFound { what: "concern", name: concern_id.to_string() })?;
    let made = rows::find(tx, wanted.settlement_id).await?;
    let is_this = |made: &Settled| made.concern_id == concern_id && made.settlement == wanted.settlement;
    let asked = Asked {
        kind: concern.kind,
        settlement: wanted.settlement,
        names_act: wanted.act.is_some(),
        is_over: concern.is_over,
        made: made.as_ref().map(is_this),
        in_doubt: in_doubt(tx, &concern).await?,
    };
    let (books, closed) = match (decide(&asked), made) {
        (Decided::Now { books, closes }, _) => (books, closes),
        (Decided::Again, Some(made)) => return Ok(Ok(made)),
        (Decided::Again | Decided::IdTaken, _) => return Ok(Err(Unsettled::IdTaken)),
        (Decided::Over, _) => return Ok(Err(Unsettled::Over)),
        (Decided::NotPossible, _) => return Ok(Err(Unsettled::NotPossible { kind: concern.kind })),
        (Decided::InDoubt(units), _) => return Ok(Err(Unsettled::InDoubt(units))),
    };
    if books {
        book(server, tx, &concern, wanted).await?;
    }
    if closed && !is_planted(Bug::SettledStaysOpen) {
        concerns::close(tx, &[(concern.kind, concern.subject)], server.now()).await?;
    }
    let made = Settled {
        settlement_id: wanted.settlement_id,
        concern_id,
        settlement: wanted.settlement,
        by: wanted.by.trim().to_owned(),
        note: wanted.note.clone(),
        act: wanted.act.clone(),
        closed,
        at: server.now(),
    };
    rows::keep(tx, &made).await?;
    Ok(Ok(made))
}

/// Units that a device's old life still has promised, of which nobody can say whether they are sold.
async fn in_doubt(tx: &Tx, concern: &Locked) -> Result<i64, Error> {
    match concern.kind == ConcernKind::LifeBegun {
        true => lives::open_units(tx, IncarnationId(named(&concern.subject)?)).await,
        false => Ok(0),
    }
}

/// Books what head office can book itself.
async fn book(server: &Server, tx: &Tx, concern: &Locked, wanted: &Wanted) -> Result<(), Error> {
    let act = Act { act_id: wanted.settlement_id, note: wanted.note.as_deref(), at: server.now() };
    match wanted.settlement {
        Settlement::AcceptLoss if concern.kind == ConcernKind::TransferShort => {
            transfers::accept_loss(server, tx, TransferId(named(&concern.subject)?), (&wanted.by, act)).await
        }
        Settlement::AcceptLoss => accept_loss(server, tx, concern, act).await,
        Settlement::MergeCustomers => {
            rows::merge(tx, field::<UserId>(concern, "keeper")?, field(concern, "alias")?).await
        }
        Settlement::KeepApart => {
            rows::keep_apart(tx, field::<UserId>(concern, "keeper")?, field(concern, "alias")?).await
        }
        Settlement::Found => {
            let found = written_off::find(tx, IncarnationId(named(&concern.subject)?), act).await?;
            grants::after_change(server, tx, &found.keys).await
        }
        Settlement::Transfer
        | Settlement::Backorder
        | Settlement::Refund
        | Settlement::Recount
        | Settlement::VoidDuplicate
        | Settlement::Salvage
        | Settlement::Noted => Ok(()),
    }
}

/// What left beyond the book is gone: the book says so, and begins again at nothing.
async fn accept_loss(server: &Server, tx: &Tx, concern: &Locked, act: Act<'_>) -> Result<(), Error> {
    let key = StockKey { product_id: field(concern, "product")?, warehouse_id: field(concern, "warehouse")? };
    let keys = BTreeSet::from([key]);
    let lost = ground::stock(tx, &keys, act.at).await?.get(&key).map_or(0, |level| loss(*level));
    if lost > 0 {
        rows::correct(tx, key, lost, act).await?;
    }
    grants::after_change(server, tx, &keys).await
}

/// An id that the concern's figures name.
fn field<T: DeserializeOwned>(concern: &Locked, name: &str) -> Result<T, Error> {
    let value = concern.detail.get(name).cloned().unwrap_or_default();
    serde_json::from_value(value).map_err(|_| Fault::Unreadable { what: "a concern's figures" }.into())
}

/// The id that is the concern's subject.
fn named(subject: &str) -> Result<Uuid, Error> {
    Uuid::try_parse(subject).map_err(|_| Fault::NotAnId.into())
}
