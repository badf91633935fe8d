//! A push: what a node says has happened or is wanted, taken into the book.
//!
//! One transaction: the journal's row is locked, what is known already is answered with the verdict
//! it got the first time, the rest is loaded, decided by [`settle`] and written, and only after the
//! commit is anything told. A journal that goes on in two ways is frozen; what comes of it from then
//! on is evidence.

mod again;
mod hole;
mod planted;

use std::collections::{BTreeMap, BTreeSet};

use outpost_schema::{
    clock::Timestamp,
    count::Skew,
    device::IncarnationState,
    id::{EpochId, IncarnationId},
    journal::{Entry, Hash, Mark, SEQ_MAX},
    planted::{Bug, is_planted},
    settle::{Author, Known, Raised, Settled, Touched, decode, settle},
    sizing::{self, Holding, Waits},
    stock::StockKey,
    text,
    verdict::{ConcernKind, Verdict},
};
use outpost_sync::wire::{Caller, PUSH_BYTES_MAX, PUSH_CARTS_MAX, PUSH_ENTRIES_MAX, Push, Pushed, Standing};
use serde_json::json;
use uuid::Uuid;

use self::again::retry_if_awaited;
pub use self::again::{retry_after_change, retry_set_aside};
use crate::{
    carts,
    db::{Tx, concerns, effects, ground, journals, ops, warehouses},
    devices,
    epoch::{self, Claim},
    error::Error,
    grants, lives,
    server::Server,
    stage::{self, Moment, Work},
    withdraw,
};

/// Times that a batch may be overtaken by a row that comes or goes while it is decided.
const TRIES_MAX: u32 = 8;

/// A kind that no program writes is at most this long.
const KIND_MAX: usize = 100;

/// Takes a push.
///
/// # Errors
/// [`Error::UnknownNode`], [`Error::BrokenChain`], [`Error::TooMuch`], [`Error::NoHole`],
/// [`Error::HoleMisfit`], [`Error::Fault`] for an entry that cannot be kept, or the database's.
pub async fn push(server: &Server, caller: Caller, standing: Standing, push: &Push) -> Result<Pushed, Error> {
    check_limits(push)?;
    check_chain(caller.incarnation_id, &push.entries)?;
    let mut taken = taken(server, caller, standing, push).await?;
    stage::reach(Work::Push, Moment::AfterCommit);
    if let Some(said) = taken.is_ahead {
        let claim = Claim::Acknowledged(standing.acked.seq);
        if let Some(epoch) = epoch::hear_claim(server, caller, said, claim).await? {
            taken.answer = Pushed::OtherEpoch { epoch: epoch.epoch_id };
        }
    }
    if taken.has_news {
        server.ring();
    }
    retry_if_awaited(server, &taken.ids).await;
    Ok(taken.answer)
}

/// What became of a push.
struct Taken {
    answer: Pushed,
    /// Whether something was written that travels.
    has_news: bool,
    /// Ids that it made or lacks: set-aside ops may wait for them.
    ids: Vec<Uuid>,
    /// The epoch in which the node says that it was acknowledged further than the server knows.
    is_ahead: Option<EpochId>,
}

impl Taken {
    fn told(answer: Pushed) -> Self {
        Self { answer, has_news: false, ids: Vec::new(), is_ahead: None }
    }
}

async fn taken(server: &Server, caller: Caller, standing: Standing, push: &Push) -> Result<Taken, Error> {
    if is_planted(Bug::AnsweredBeforeCommit) && server.world.chance()[0] < 16 {
        return planted::answered_before_commit(server, caller, standing, push).await;
    }
    let mut tries = 0;
    loop {
        tries += 1;
        let taken = server.db.transaction(|tx| async move { take(server, &tx, caller, standing, push).await }).await;
        match taken {
            Err(error) if error.is_overtaken() && tries < TRIES_MAX => {
                tracing::debug!(tries, "a push was overtaken and is decided anew: {error}");
            }
            answer => return answer,
        }
    }
}

fn check_limits(push: &Push) -> Result<(), Error> {
    let bytes = push.entries.iter().map(|entry| entry.body.0.len()).sum();
    at_most("entries", push.entries.len(), PUSH_ENTRIES_MAX)?;
    at_most("carts", push.carts.len(), PUSH_CARTS_MAX)?;
    at_most("bytes of entries", bytes, PUSH_BYTES_MAX)?;
    for entry in &push.entries {
        text::check("seen", &entry.seen, text::LINE_MAX)?;
        text::check("kind", &entry.kind, KIND_MAX)?;
    }
    Ok(())
}

fn at_most(what: &'static str, count: usize, max: usize) -> Result<(), Error> {
    if count > max { Err(Error::TooMuch { what, count, max }) } else { Ok(()) }
}

/// Each entry's hash covers what it says, and each follows the one before it in the push.
fn check_chain(incarnation_id: IncarnationId, entries: &[Entry]) -> Result<(), Error> {
    let Some(first) = entries.first() else {
        return Ok(());
    };
    if first.seq < 1 {
        return Err(Error::BrokenChain { seq: first.seq });
    }
    let mut before = Mark { seq: first.seq - 1, hash: first.prev_hash };
    for entry in entries {
        if before.seq >= SEQ_MAX || !entry.follows(incarnation_id, before) {
            return Err(Error::BrokenChain { seq: entry.seq });
        }
        before = entry.mark();
    }
    Ok(())
}

async fn take(server: &Server, tx: &Tx, caller: Caller, standing: Standing, push: &Push) -> Result<Taken, Error> {
    let journal = journals::lock(tx, caller.incarnation_id).await?;
    let mut journal = journal.filter(|journal| journal.author.node_id == caller.node_id).ok_or(Error::UnknownNode)?;
    let now = server.now();
    // What a push without a time tells has none: it was carried by hand, or its device is older.
    journal.author.skew = push.clock.map(|theirs| Skew::measured(journal.author.skew, theirs, now));
    if push.epoch.is_some_and(|said| said != journal.epoch) {
        return Ok(Taken::told(Pushed::OtherEpoch { epoch: journal.epoch }));
    }
    match journal.state {
        IncarnationState::Active
        | IncarnationState::Superseded
        | IncarnationState::Suspended
        | IncarnationState::Retired => {}
        IncarnationState::Frozen => return keep_evidence(tx, &journal.author, &push.entries, now).await,
    }
    let hole = hole::claimed(tx, &journal, push).await?;
    let acked = journal.acked;
    if let Some(hole) = &hole {
        journal.acked = hole.upto;
    }
    let known = known(tx, &journal, &push.entries).await?;
    match compare(journal.acked, standing, &push.entries, &known) {
        Stand::Forked { seq } => freeze(server, tx, &journal.author, seq, &push.entries, now).await,
        Stand::Elsewhere => {
            let is_ahead = push.epoch.filter(|_| standing.acked.seq > acked.seq);
            Ok(Taken { is_ahead, ..Taken::told(Pushed::Elsewhere { acked }) })
        }
        Stand::Here { new } => {
            if let Some(hole) = hole {
                hole::pass(server, tx, &journal.author, &hole, now).await?;
            }
            let first = |verdict| if is_planted(Bug::VerdictForgotten) { Verdict::Accepted } else { verdict };
            let verdicts = known.into_iter().map(|(seq, (_, verdict))| (seq, first(verdict))).collect();
            book(server, tx, &journal, verdicts, new, push, now).await
        }
    }
}

type KnownOps = BTreeMap<i64, (Hash, Verdict)>;

async fn known(tx: &Tx, journal: &journals::Journal, entries: &[Entry]) -> Result<KnownOps, Error> {
    match (entries.first(), entries.last()) {
        (Some(first), Some(last)) if first.seq <= journal.acked.seq => {
            let to = last.seq.min(journal.acked.seq);
            ops::known(tx, journal.author.incarnation_id, first.seq, to).await
        }
        (Some(_) | None, Some(_) | None) => Ok(KnownOps::new()),
    }
}

/// How a push stands to the journal that the server has.
#[derive(Debug, PartialEq, Eq)]
enum Stand<'a> {
    /// It goes on from there, perhaps after entries that are known.
    Here {
        /// What is new.
        new: &'a [Entry],
    },
    /// It does not: there is a gap, or the two ends do not agree on what was acknowledged.
    Elsewhere,
    /// An entry contradicts one that is known.
    Forked {
        /// Which.
        seq: i64,
    },
}

fn compare<'a>(acked: Mark, standing: Standing, entries: &'a [Entry], known: &KnownOps) -> Stand<'a> {
    if is_planted(Bug::NoBaseHash) {
        return Stand::Here { new: &entries[known.len()..] };
    }
    let contradicts = |entry: &&Entry| known.get(&entry.seq).is_some_and(|(hash, _)| *hash != entry.hash);
    if let Some(entry) = entries.iter().find(contradicts) {
        return Stand::Forked { seq: entry.seq };
    }
    // A node that was acknowledged further than the server knows pushes again what the server lost, in
    // another epoch if that was in this one; one whose journal ends before what the server has was rolled back.
    if standing.acked.seq > acked.seq || standing.head.seq < acked.seq {
        return Stand::Elsewhere;
    }
    let new = &entries[known.len()..];
    match (entries, new) {
        ([], _) if standing.acked != acked => Stand::Elsewhere,
        (_, [first, ..]) if first.seq != acked.seq + 1 || first.prev_hash != acked.hash => Stand::Elsewhere,
        (_, new) => Stand::Here { new },
    }
}

async fn keep_evidence(tx: &Tx, author: &Author, entries: &[Entry], now: Timestamp) -> Result<Taken, Error> {
    if !entries.is_empty() {
        let encode = |entry| rmp_serde::to_vec_named(entry).expect("our own types always encode into memory");
        let encoded: Vec<Vec<u8>> = entries.iter().map(encode).collect();
        ops::insert_evidence(tx, author.incarnation_id, entries, &encoded, now).await?;
    }
    Ok(Taken::told(Pushed::Frozen))
}

async fn freeze(
    server: &Server,
    tx: &Tx,
    author: &Author,
    seq: i64,
    entries: &[Entry],
    now: Timestamp,
) -> Result<Taken, Error> {
    journals::freeze(tx, author.incarnation_id).await?;
    let fork = Raised {
        kind: ConcernKind::Fork,
        subject: author.incarnation_id.to_string(),
        detail: json!({ "node": author.node_id, "incarnation": author.incarnation_id, "seq": seq }),
        scope: author.node_id.0,
        seq: Some(seq),
    };
    concerns::open(tx, &*server.world, Some(author.incarnation_id), &[fork], now).await?;
    let taken = keep_evidence(tx, author, entries, now).await?;
    Ok(Taken { has_news: true, ..taken })
}

/// Loads, decides and writes what is new, and answers for all that was sent.
async fn book(
    server: &Server,
    tx: &Tx,
    journal: &journals::Journal,
    mut verdicts: Vec<(i64, Verdict)>,
    new: &[Entry],
    push: &Push,
    now: Timestamp,
) -> Result<Taken, Error> {
    let author = &journal.author;
    let (mut settled, moved) = decide(server, tx, journal, new, now, Book::First).await?;
    settled.opened.extend(carts::take(tx, author, &push.carts, now).await?);
    concerns::open(tx, &*server.world, Some(author.incarnation_id), &settled.opened, now).await?;
    concerns::close(tx, &settled.closed, now).await?;
    concerns::look_at_stock(tx, &*server.world, &moved, now).await?;
    let acked = new.last().map_or(journal.acked, Entry::mark);
    journals::acknowledge(tx, author, acked, waits(journal, new, now), now).await?;
    if journal.report_owed && journal.report_head.is_some_and(|head| head <= acked.seq) {
        epoch::report::finish(server, tx, author).await?;
    }
    stage::reach(Work::Push, Moment::BeforeCommit);

    let ids = ids_made(&settled).chain(ops::lacked(&settled.verdicts).map(|(_, id)| id)).collect();
    verdicts.extend(settled.verdicts);
    let carts = push.carts.iter().map(outpost_schema::cart::Cart::cart_id).collect();
    let has_news = !new.is_empty() || !push.carts.is_empty();
    Ok(Taken { answer: Pushed::Settled { acked, verdicts, carts }, has_news, ids, is_ahead: None })
}

/// Whether ops are decided for the first time, or once more after they were set aside.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Book {
    First,
    Again,
}

/// Loads what entries touch, decides them and writes all of it but the concerns. Names the stock rows that moved
/// by more than the ops say: their concerns are looked at when those of the ops are kept.
async fn decide(
    server: &Server,
    tx: &Tx,
    journal: &journals::Journal,
    entries: &[Entry],
    now: Timestamp,
    book: Book,
) -> Result<(Settled, BTreeSet<StockKey>), Error> {
    if entries.is_empty() {
        return Ok(Default::default());
    }
    let ops: Vec<_> = entries.iter().filter_map(|entry| decode(entry).ok()).collect();
    let mut touched = Touched::by(&ops);
    let author = &lives::with_forgotten(tx, &journal.author, &touched, now).await?;
    let loaded = ground::load(tx, &mut touched, (author, entries), server.currency, now).await?;
    let mut known = loaded.known;
    known.is_recovering = journal.is_recovering;
    known.is_suspended = matches!(journal.state, IncarnationState::Suspended | IncarnationState::Retired);
    let sold_before = known.sold.keys().copied().collect();
    let settled = settle(&mut known, author, entries);
    if is_planted(Bug::GrantToldBeforeCommit) {
        for key in &settled.allotments {
            let open = known.allotments.get(key).map_or(0, |allotment| allotment.open());
            known.levels.entry(*key).and_modify(|level| level.promised -= open.min(level.promised));
        }
    }
    match book {
        Book::First => ops::insert(tx, author.incarnation_id, entries, &settled.verdicts, now).await?,
        Book::Again => {
            ops::rule_again(tx, author.incarnation_id, &settled.verdicts).await?;
            ops::renew_stock(tx, &touched.stock, now).await?;
        }
    }
    effects::write(tx, author.incarnation_id, &known, &sold_before, &settled, now).await?;
    devices::look_at_write_offs(server, tx, &settled.given_back).await?;
    let mut moved = lives::end(server, tx, author, &settled.ended).await?;
    let heard = (book == Book::First).then_some(author);
    // What ops say of a row that was short is looked at again once more or less of it is promised.
    moved.extend(settled.levels.iter().filter(|key| known.levels.get(key).is_some_and(|level| level.unbacked() > 0)));
    let freed = withdraw::from_rows(server, tx, &moved, heard.map(|author| author.incarnation_id)).await?;
    let available = |key: &&StockKey| known.levels.get(key).is_some_and(|level| level.available() > 0);
    let homes = settled.levels.iter().chain(&loaded.released).filter(available).chain(&freed);
    top_up_homes(server, tx, homes.copied().collect()).await?;
    let due = due(&known, &settled, journal.waits.cover(now), now).chain(loaded.released.iter().copied());
    grants::even_out(server, tx, &due.chain(freed).collect(), heard).await?;
    moved.extend(loaded.released);
    Ok((settled, moved))
}

/// How long the journal's device goes unheard, with what these entries waited.
fn waits(journal: &journals::Journal, new: &[Entry], now: Timestamp) -> Waits {
    let heard = |first: &Entry| journal.waits.heard(sizing::waited(first.hlc.at, journal.seen_at, now), now);
    new.first().map_or(journal.waits, heard)
}

/// The stock rows to be evened out: those of which more is available than before, and those of which the author has
/// too little.
fn due<'a>(
    known: &'a Known,
    settled: &'a Settled,
    cover: i64,
    now: Timestamp,
) -> impl Iterator<Item = StockKey> + use<'a> {
    let is_due = move |key: &&StockKey| {
        let (allotment, outlook) = (known.allotments.get(key).copied(), known.outlooks.get(key).copied());
        let (allotment, outlook) = (allotment.unwrap_or_default(), outlook.unwrap_or_default());
        Holding { allotment, outlook, cover, is_near: true }.is_due(now)
    };
    settled.allotments.iter().filter(is_due).chain(&settled.freed).copied()
}

/// Of the stock rows that have something available, those at a home are its node's to sell.
async fn top_up_homes(server: &Server, tx: &Tx, mut keys: BTreeSet<StockKey>) -> Result<(), Error> {
    let warehouses: BTreeSet<_> = keys.iter().map(|key| key.warehouse_id).collect();
    if !warehouses.is_empty() {
        let homes = warehouses::homes_among(tx, &warehouses.into_iter().collect::<Vec<_>>()).await?;
        keys.retain(|key| homes.contains(&key.warehouse_id));
    }
    grants::top_up(server, tx, &keys).await
}

fn ids_made(settled: &Settled) -> impl Iterator<Item = Uuid> + '_ {
    let users = settled.users.iter().map(|user| user.user_id.0);
    let addresses = settled.addresses.iter().map(|address| address.address_id.0);
    let orders = settled.orders.iter().flat_map(|(_, order)| [order.order_id.0, order.receipt.stand_in().0]);
    users.chain(addresses).chain(orders)
}

#[cfg(test)]
mod tests;
