//! The server's end of a comparison: what a node should hold in ranges of keys, as sums of digests, and
//! the images of a range that differs.
//!
//! A node that asks stands at a snapshot, and so do its rows. What changed since is known from the
//! feed's marks, so each range is answered either with what it is now, which is then what it was there,
//! or with the word that it has moved. Nothing of a node's own is asked for: it names it, and both leave
//! it out.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use outpost_schema::{
    digest::{FORM, Ids, KeyRange, Print, Sum, counts},
    fault::Fault,
    feed::Key,
    settle::Raised,
    verdict::ConcernKind,
};
use outpost_sync::wire::{
    Caller, DIGEST_EXCEPT_MAX, DIGEST_RANGES_MAX, DIGEST_ROWS_MAX, DigestAsked, Digested, FINDINGS_MAX, Findings,
    Imaged, ImagesAsked, PAGE_MAX, PROTOCOL, Page, RangeAsked, RangeTold, Standing,
};
use serde_json::json;

use crate::{
    db::{
        Tx, checks, concerns,
        digest::{self as rows, Marked},
        feed::{self as marks, Opening, Scopes},
        images,
    },
    error::Error,
    feed::{self, LOT, PAGE_BYTES_MAX, Unserved, cursor::Cursor},
    server::Server,
};

/// Aggregates that are read for one comparison. A node asks for what it holds; if there is so much more
/// here, it differs, and need not be added up.
const READ_MAX: usize = 2 * DIGEST_ROWS_MAX;

/// Answers a comparison, after its report is kept.
///
/// # Errors
/// [`Unserved`].
pub async fn digest(
    server: &Server,
    caller: Caller,
    standing: Standing,
    asked: &DigestAsked,
) -> Result<Digested, Unserved> {
    check(asked)?;
    let cursor: Cursor = asked.cursor.parse()?;
    if let Some(report) = &asked.report {
        keep(server, caller, report).await?;
    }
    if asked.form != FORM {
        return Ok(Digested::OtherForm { form: FORM });
    }
    let cursor = &cursor;
    server
        .db
        .snapshot(|tx| async move {
            let opening = marks::opening(&tx, caller).await?.ok_or(Error::UnknownNode)?;
            match feed::is_agreed(&opening, standing, cursor) {
                Ok(true) => Ok(Ok(Digested::Ranges(told(&tx, &opening, cursor, &asked.ranges).await?))),
                Ok(false) => Ok(Ok(Digested::PullFirst)),
                Err(unserved) => Ok(Err(unserved)),
            }
        })
        .await?
}

/// Answers with the images of a range as they are now, and of each key that the caller holds there with
/// what it is, or that it is gone.
///
/// # Errors
/// [`Unserved`].
pub async fn images(
    server: &Server,
    caller: Caller,
    standing: Standing,
    asked: &ImagesAsked,
) -> Result<Imaged, Unserved> {
    at_most("keys", asked.keys.len(), DIGEST_ROWS_MAX)?;
    check_range(&asked.range, &asked.keys)?;
    let cursor: Cursor = asked.cursor.parse()?;
    let (cursor, now) = (&cursor, server.now());
    server
        .db
        .snapshot(|tx| async move {
            let opening = marks::opening(&tx, caller).await?.ok_or(Error::UnknownNode)?;
            match feed::is_agreed(&opening, standing, cursor) {
                Ok(true) => {}
                Ok(false) => return Ok(Ok(Imaged::PullFirst)),
                Err(unserved) => return Ok(Err(unserved)),
            }
            let (keys, mut upto) = keys(&tx, &opening, cursor, asked).await?;
            let content = feed::content(&tx, &opening.scopes, &keys, PAGE_BYTES_MAX).await?;
            if content.told < keys.len() {
                upto = keys[..content.told].last().map(|key| key.ids.clone());
            }
            let page = Page {
                epoch: opening.epoch,
                cursor: asked.cursor.clone(),
                level: false,
                seen: cursor.since.to_string(),
                aggregates: content.aggregates,
                acked: marks::journals(&tx, opening.scopes.node_id).await?,
                others: Vec::new(),
                server_time: now,
                protocol: PROTOCOL,
                recovering: opening.is_recovering,
            };
            Ok(Ok(Imaged::Images { page: Box::new(page), upto }))
        })
        .await?
}

fn check(asked: &DigestAsked) -> Result<(), Error> {
    at_most("ranges", asked.ranges.len(), DIGEST_RANGES_MAX)?;
    at_most("keys", asked.ranges.iter().map(|asked| asked.except.len()).sum(), DIGEST_EXCEPT_MAX)?;
    let fresh = asked.report.as_ref().map_or(0, |report| report.fresh.len());
    at_most("mended rows", fresh, FINDINGS_MAX)?;
    asked.ranges.iter().try_for_each(|asked| check_range(&asked.range, &asked.except))
}

fn check_range(range: &KeyRange, keys: &[Ids]) -> Result<(), Error> {
    range.check()?;
    let are_keys = keys.iter().all(|ids| ids.len() == range.kind.width());
    if are_keys { Ok(()) } else { Err(Fault::Unreadable { what: "a key" }.into()) }
}

fn at_most(what: &'static str, count: usize, max: usize) -> Result<(), Error> {
    if count > max { Err(Error::TooMuch { what, count, max }) } else { Ok(()) }
}

/// Keeps what a node said of itself; what it mended is looked at by people.
async fn keep(server: &Server, caller: Caller, report: &Findings) -> Result<(), Error> {
    let now = server.now();
    let world = &*server.world;
    server
        .db
        .transaction(|tx| async move {
            checks::keep(&tx, caller, report, now).await?;
            concerns::open(&tx, world, None, &raised(caller, report), now).await
        })
        .await?;
    if !report.fresh.is_empty() {
        server.ring();
    }
    Ok(())
}

fn raised(caller: Caller, report: &Findings) -> Vec<Raised> {
    let concern = Raised {
        kind: ConcernKind::ImageMended,
        subject: caller.node_id.to_string(),
        detail: json!({ "node": caller.node_id, "mended": report.mended, "rows": report.fresh }),
        scope: caller.node_id.0,
        seq: None,
    };
    if report.fresh.is_empty() { Vec::new() } else { vec![concern] }
}

async fn told(tx: &Tx, opening: &Opening, cursor: &Cursor, asked: &[RangeAsked]) -> Result<Vec<RangeTold>, Error> {
    let scopes = opening.scopes.all();
    let (mut told, mut left) = (Vec::with_capacity(asked.len()), READ_MAX);
    for RangeAsked { range, except } in asked {
        let aside = rows::kept_aside(tx, opening.scopes.node_id, range).await?;
        let mut marked = rows::marked(tx, &scopes, range, &cursor.since, left + 1).await?;
        if marked.len() > left {
            told.push(RangeTold::TooMany);
            continue;
        }
        left -= marked.len();
        let except: HashSet<&Ids> = except.iter().collect();
        marked.retain(|mark| !except.contains(&mark.ids));
        if marked.iter().any(|mark| mark.is_moved) || aside.iter().any(|ids| !except.contains(ids)) {
            told.push(RangeTold::Moved);
        } else {
            told.push(RangeTold::Sum(sum(tx, &opening.scopes, range, &marked).await?));
        }
    }
    Ok(told)
}

async fn sum(tx: &Tx, scopes: &Scopes, range: &KeyRange, marked: &[Marked]) -> Result<Sum, Error> {
    let keys = marked.iter().filter(|mark| !mark.is_gone);
    let keys: Vec<Key> = keys.map(|mark| Key { kind: range.kind, ids: mark.ids.clone() }).collect();
    let mut prints = Vec::with_capacity(keys.len());
    for lot in keys.chunks(LOT) {
        let images = images::load(tx, scopes, lot).await?;
        prints.extend(images.into_values().filter(counts).map(Print::of));
    }
    Ok(prints.into_iter().collect())
}

/// The keys to be told, in order, and the last of them if there are more than a page holds.
async fn keys(
    tx: &Tx,
    opening: &Opening,
    cursor: &Cursor,
    asked: &ImagesAsked,
) -> Result<(Vec<Key>, Option<Ids>), Error> {
    let range = &asked.range;
    let aside = rows::kept_aside(tx, opening.scopes.node_id, range).await?;
    let mut marked = rows::marked(tx, &opening.scopes.all(), range, &cursor.since, PAGE_MAX + 1).await?;
    let is_longer = marked.len() > PAGE_MAX;
    marked.truncate(PAGE_MAX);
    let upto = marked.last().filter(|_| is_longer).map(|mark| mark.ids.clone());
    let covered = KeyRange { upto: upto.clone().or_else(|| range.upto.clone()), ..range.clone() };
    let named = asked.keys.iter().filter(|ids| covered.has(ids)).cloned();
    let all: BTreeSet<Ids> = marked.into_iter().map(|mark| mark.ids).chain(named).collect();
    let told = all.into_iter().filter(|ids| !aside.contains(ids));
    Ok((told.map(|ids| Key { kind: range.kind, ids }).collect(), upto))
}

/// What `outpost-server verify` looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Laws of the book that are broken, as sentences.
    pub broken: Vec<String>,
    /// Marks of the feed that are wrong, by what is wrong with them: how many, and a few of them.
    pub marks: BTreeMap<crate::db::marks::Wrong, (i64, Vec<String>)>,
    /// What each node said of its own comparing.
    pub nodes: Vec<checks::CheckSeen>,
}

/// Looks whether the book keeps its laws, whether every aggregate is marked in the feed as it must be,
/// and when each node last compared itself. Reads everything.
///
/// # Errors
/// If Postgres fails.
pub async fn verify(server: &Server) -> Result<Verified, Error> {
    let broken = server.laws().await?;
    server
        .db
        .snapshot(|tx| {
            let broken = broken.clone();
            async move {
                Ok(Verified { broken, marks: crate::db::marks::wrong(&tx).await?, nodes: checks::all(&tx).await? })
            }
        })
        .await
}

/// Marks anew what is wrongly marked, so that every node hears of it, and says how many there were.
///
/// # Errors
/// If Postgres fails.
pub async fn mark_anew(server: &Server) -> Result<i64, Error> {
    let marked = server.db.transaction(|tx| async move { crate::db::marks::mark_anew(&tx).await }).await?;
    server.ring();
    Ok(marked)
}
