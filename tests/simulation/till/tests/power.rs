//! The power goes at any call.

use outpost_schema::journal::Hash;
use sha2::{Digest as _, Sha256};

use super::{Image, Scene, Seen, seen, sell, two_packets};
use crate::{
    device::{Again, Device as _, Yard as _},
    step::Undone,
};

/// So often the power goes at each call: what nobody had waited for is there or not, as chance will have it.
const SEEDS: u64 = 6;

/// The power goes at the first changing call of a sale, then at the second, until a sale gets through.
#[test]
fn a_sale_whose_power_goes_is_there_whole_or_not_at_all() {
    let mut scene = Scene::new();
    let till = scene.till();
    let image = scene.yard.copy(&till);
    let (mut whole, mut nothing) = (0, 0);
    let mut calls = 0;
    while (0..SEEDS).all(|seed| {
        let found = sale_cut_off(&mut scene, &image, calls, seed);
        whole += u64::from(found == Some(true));
        nothing += u64::from(found == Some(false));
        found.is_some()
    }) {
        calls += 1;
    }
    assert!(calls > 10 && nothing > 0 && whole > 0, "{calls} calls: {whole} whole, {nothing} not at all");
    assert_eq!(whole + nothing, calls * SEEDS);
}

/// Whether a sale is there whose power went at its `call`th call; none if it has no such call.
fn sale_cut_off(scene: &mut Scene, image: &Image, call: u64, seed: u64) -> Option<bool> {
    let till = scene.clone_of(image);
    let before = seen(&till);
    till.home.fail_after(call);
    if till.act(&two_packets()).is_ok() {
        return None;
    }
    assert_eq!((till.act(&two_packets()).map(drop), till.is_dark()), (Err(Undone::Dark), true));
    let till = scene.restart(till, Again::AfterCut, seed);
    let after = seen(&till);
    let is_there = after != before;
    if is_there {
        is_one_sale(&before, &after);
    }
    sell(&till);
    Some(is_there)
}

fn is_one_sale(before: &Seen, after: &Seen) {
    assert_eq!(after.head.seq, before.head.seq + 1);
    assert_eq!(after.level.balance, before.level.balance - 2);
    assert_eq!(after.allotment, before.allotment.consume(2));
    assert_eq!((after.waiting, after.receipts.len()), (before.waiting + 1, before.receipts.len() + 1));
}

#[test]
fn one_seed_is_one_history() {
    let told = || {
        let mut scene = Scene::new();
        let mut till = scene.till();
        let mut told = Vec::new();
        for seed in 0..6 {
            sell(&till);
            till.home.fail_after(seed * 3);
            while !till.is_dark() {
                drop(till.act(&two_packets()));
            }
            till = scene.restart(till, Again::AfterCut, seed);
            told.push(seen(&till));
        }
        let database = till.home.files().remove(outpost_node::db::FILE);
        (told, Hash(Sha256::digest(database.expect("there")).into()))
    };
    assert_eq!(told(), told());
}
