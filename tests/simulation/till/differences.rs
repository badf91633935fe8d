//! Where a real till that is level differs from the model of head office.

use std::collections::{BTreeMap, BTreeSet};

use outpost_schema::{
    digest::{COMPARED, KeyRange, Print, counts},
    feed::{Aggregate, Key},
    journal::Mark,
    stock::{Allotment, StockKey},
};
use outpost_sync::{model::Model, verify::Holder as _};

use super::{RealTill, rows};
use crate::device::Device as _;

/// So much is shown of each side of a row.
const SHOWN_MAX: usize = 400;

/// In words: what was fed, by digest; then what the till makes of it with its own, row by row.
pub fn between(model: &Model, till: &RealTill) -> Vec<String> {
    [fed(model, till), levels(model, till), allotments(model, till), answers(model, till)].concat()
}

fn fed(model: &Model, till: &RealTill) -> Vec<String> {
    let told = model.read(|ledger| {
        let fed = ledger.fed(till.card().node_id).filter(|told| counts(told));
        fed.map(|told| (told.key(), told.clone())).collect::<BTreeMap<Key, Aggregate>>()
    });
    let (held, own) = held(till);
    let keys: BTreeSet<&Key> = told.keys().chain(held.keys()).filter(|key| !own.contains(*key)).collect();
    let differs = |key: &&&Key| told.get(*key).cloned().map(Print::of) != held.get(*key).copied();
    let say = |key: &Key| {
        let theirs = told.get(key).map_or_else(|| "nothing".to_owned(), |told| format!("{told:?}"));
        let ours = till.look(|conn| rows::shown(conn, key)).unwrap_or_else(|| "nothing".to_owned());
        format!("{key:?}: head office has {}, the till {}", cut(&theirs), cut(&ours))
    };
    keys.iter().filter(differs).map(|key| say(key)).collect()
}

/// The prints of what a till was fed, and the keys that something of its own is laid over.
fn held(till: &RealTill) -> (BTreeMap<Key, Print>, BTreeSet<Key>) {
    let pieces =
        till.held_in(&COMPARED.map(KeyRange::all)).unwrap_or_else(|error| panic!("a till cannot be read: {error}"));
    let (mut held, mut own) = (BTreeMap::new(), BTreeSet::new());
    for piece in pieces {
        let key = |ids| Key { kind: piece.range.kind, ids };
        held.extend(piece.rows.into_iter().map(|(ids, print)| (key(ids), print)));
        own.extend(piece.own.into_iter().map(key));
    }
    (held, own)
}

fn levels(model: &Model, till: &RealTill) -> Vec<String> {
    let here = till.card().warehouse_id;
    let levels = model.read(|ledger| ledger.levels().clone());
    let here = levels.into_iter().filter(|(key, _)| key.warehouse_id == here);
    let said = here.filter_map(|(key, level)| {
        let shown = till.level(key);
        (shown != level && !till.look(|conn| rows::is_overlaid(conn, key)))
            .then(|| format!("{key:?}: head office has {level:?}, the till shows {shown:?}"))
    });
    said.collect()
}

fn allotments(model: &Model, till: &RealTill) -> Vec<String> {
    let life = till.life();
    let theirs: BTreeMap<StockKey, Allotment> = model.read(|ledger| {
        let own = ledger.allotments().filter(|(of, ..)| *of == life);
        own.map(|(_, key, allotment)| (key, allotment)).collect()
    });
    let said = theirs.into_iter().filter_map(|(key, allotment)| {
        let ours = till.allotment(key);
        (ours != allotment).then(|| format!("{key:?}: head office allotted {allotment:?}, the till has {ours:?}"))
    });
    said.collect()
}

/// Every entry of its present life is there, with the same answer. Of one number there may be another there too,
/// which a later life carried.
fn answers(model: &Model, till: &RealTill) -> Vec<String> {
    let life = till.life();
    let ours = till.look(|conn| rows::answered(conn, life));
    let theirs: BTreeMap<Mark, &'static str> = model.read(|ledger| {
        let own = ledger.ops().filter(|(of, ..)| *of == life);
        own.map(|(_, mark, word)| (mark, word)).collect()
    });
    let first = ours.keys().next().copied().unwrap_or(1);
    let wrong =
        ours.iter().filter(|(seq, (hash, word))| theirs.get(&Mark { seq: **seq, hash: *hash }) != Some(&word.as_str()));
    let missing = theirs.keys().filter(|mark| mark.seq >= first && !ours.contains_key(&mark.seq));
    let wrong = wrong.map(|(seq, ours)| format!("entry {seq}: the till has {ours:?}, and head office something else"));
    wrong.chain(missing.map(|mark| format!("entry {} is only at head office", mark.seq))).collect()
}

fn cut(text: &str) -> String {
    text.chars().take(SHOWN_MAX).collect()
}
