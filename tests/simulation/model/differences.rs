//! Where a till that is level differs from head office in anything that is fed to it.

use std::collections::{BTreeMap, BTreeSet};

use outpost_schema::{
    digest::differing,
    feed::{Aggregate, Granted, Key, Stock},
    stock::StockKey,
};

use super::{
    office::ModelOffice,
    till::{ModelTill, Tables},
};

/// In words, row by row.
pub(super) fn between(office: &ModelOffice, device: &ModelTill) -> Vec<String> {
    let tables = device.tables();
    let told = office.model.read(|ledger| {
        let counts = |told: &&Aggregate| is_compared(told, &tables);
        let told = ledger.fed(device.node_id()).filter(counts).map(|told| (told.key(), told.clone()));
        told.collect::<BTreeMap<Key, Aggregate>>()
    });
    let held = held(&tables);
    let keys: BTreeSet<&Key> = told.keys().chain(held.keys()).collect();
    keys.into_iter().filter_map(|key| difference(key, told.get(key), held.get(key))).collect()
}

fn difference(key: &Key, told: Option<&Aggregate>, held: Option<&Aggregate>) -> Option<String> {
    match (told, held) {
        (Some(told), Some(held)) if told == held => None,
        (Some(told), Some(held)) => {
            Some(format!("{key:?} differs in {:?}: {held:?} for {told:?}", differing(told, held)))
        }
        (Some(_), None) => Some(format!("{key:?} is missing")),
        (None, Some(_)) => Some(format!("{key:?} is nowhere else")),
        (None, None) => None,
    }
}

/// A verdict is part of the journal, and what earlier lives were granted is theirs.
fn is_compared(told: &Aggregate, tables: &Tables) -> bool {
    match told {
        Aggregate::Allotment(told) => told.incarnation_id == tables.life() && (told.granted > 0 || told.reclaimed > 0),
        Aggregate::Verdict(_) | Aggregate::Gone(_) => false,
        Aggregate::Warehouse(_)
        | Aggregate::Category(_)
        | Aggregate::Product(_)
        | Aggregate::Stock(_)
        | Aggregate::User(_)
        | Aggregate::Address(_)
        | Aggregate::Order(_)
        | Aggregate::Review(_)
        | Aggregate::Cart(_)
        | Aggregate::Concern(_)
        | Aggregate::Transfer(_)
        | Aggregate::Delivery(_)
        | Aggregate::Return(_)
        | Aggregate::Rule(_)
        | Aggregate::Confirmation(_)
        | Aggregate::Synonyms(_) => true,
    }
}

/// What a till holds of what was fed to it.
fn held(tables: &Tables) -> BTreeMap<Key, Aggregate> {
    let images = tables.images.values().cloned();
    let stock = tables.stock.iter().filter_map(|(StockKey { product_id, warehouse_id }, row)| {
        let (level, updated_at) = row.fed?;
        Some(Aggregate::Stock(Stock {
            product_id: *product_id,
            warehouse_id: *warehouse_id,
            balance: level.balance,
            promised: level.promised,
            updated_at,
        }))
    });
    let allotments = tables.allotments.iter().map(|((incarnation_id, key), own)| {
        let (full, keep) = tables.beside.get(&(*incarnation_id, *key)).copied().unwrap_or_default();
        Aggregate::Allotment(Granted {
            incarnation_id: *incarnation_id,
            product_id: key.product_id,
            warehouse_id: key.warehouse_id,
            granted: own.granted,
            reclaimed: own.reclaimed,
            full,
            keep,
        })
    });
    let orders = tables.orders.values().map(|order| Aggregate::Order(Box::new(order.clone())));
    let carts = tables.carts.values().map(|kept| Aggregate::Cart(Box::new(kept.cart.clone())));
    let all = images.chain(stock).chain(allotments).chain(orders).chain(carts);
    all.filter(|held| is_compared(held, tables)).map(|held| (held.key(), held)).collect()
}
