//! A node that forgot what its server had archived, and a server that was restored from an older backup.

use outpost_schema::{
    journal::{Entry, Mark},
    verdict::ConcernKind,
};
use outpost_sync::wire::{Hole, Push, Pushed};

use super::*;
use crate::error::Error;

/// A till of whose ten entries the server has the first three.
async fn till_of_ten(seed: u64) -> (Shop, Till, Vec<Entry>) {
    let shop = Shop::open(seed).await;
    let warehouse = shop.warehouse("Market").await;
    let (mut till, tea) = (shop.till("Kiosk", warehouse, true).await, shop.product().await);
    let entries: Vec<Entry> = (0..10).map(|_| till.sell(&[(tea, 1)])).collect();
    till.push(&shop, &entries[..3]).await;
    (shop, till, entries)
}

async fn say(shop: &Shop, till: &Till, entries: &[Entry], hole: Hole) -> Result<Pushed, Error> {
    let push = Push { entries: entries.to_vec(), hole: Some(hole), ..Push::default() };
    super::super::push(&shop.server, till.caller(), till.standing(), &push).await
}

#[tokio::test]
async fn a_hole_is_recorded_told_and_passed() {
    let (shop, mut till, entries) = till_of_ten(80).await;
    let hole = Hole { after: entries[2].mark(), before: entries[6].mark() };
    let first = say(&shop, &till, &entries[6..8], hole).await.unwrap();
    assert!(matches!(first, Pushed::Settled { acked, .. } if acked == entries[7].mark()), "{first:?}");
    let concern = &shop.concerns().await[0];
    assert_eq!(
        (concern.kind, &concern.detail["from"], &concern.detail["to"]),
        (ConcernKind::JournalHole, &4.into(), &6.into())
    );
    assert_eq!(shop.count("ops").await, 5);
    shop.keeps_its_laws().await;

    // The answer was lost: the same again, and then on.
    assert_eq!(say(&shop, &till, &entries[6..8], hole).await.unwrap(), first);
    till.acked = entries[7].mark();
    till.push(&shop, &entries[8..]).await;
    assert_eq!((shop.count("holes").await, shop.count("ops").await), (1, 7));
    assert_eq!(shop.concerns().await.len(), 2, "one hole, and the tea that nobody had entered");
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn a_journal_whose_beginning_is_gone_is_taken_from_where_it_begins() {
    let (shop, mut till, entries) = till_of_ten(81).await;
    shop.client.batch_execute("truncate ops, stock_movements, orders, order_items, payments cascade; delete from allotments; delete from stock; delete from concerns; update incarnations set acked_seq = 0, acked_hash = decode(repeat('00', 32), 'hex')").await.unwrap();
    till.acked = Mark::START;
    let hole = Hole { after: Mark::START, before: entries[4].mark() };
    assert!(matches!(say(&shop, &till, &entries[4..], hole).await.unwrap(), Pushed::Settled { .. }));
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn a_hole_that_is_none_is_refused() {
    let (shop, till, entries) = till_of_ten(82).await;
    let mark = |seq: usize| entries[seq - 1].mark();
    let cases = [
        (Hole { after: mark(1), before: mark(7) }, 7, "no_hole", "the server has entry 2"),
        (Hole { after: Mark::START, before: mark(2) }, 2, "no_hole", "the server has entry 1"),
        (Hole { after: mark(3), before: mark(4) }, 4, "hole_misfit", "no room"),
        (Hole { after: mark(3), before: mark(6) }, 7, "hole_misfit", "it ends before the entries begin"),
        (Hole { after: mark(3), before: mark(8) }, 7, "hole_misfit", "it ends behind where they begin"),
        (Hole { after: Mark { seq: -1, ..Mark::START }, before: mark(7) }, 7, "hole_misfit", "before the beginning"),
        (Hole { after: mark(9), before: mark(7) }, 7, "hole_misfit", "turned around"),
    ];
    for (hole, from, code, why) in cases {
        assert_eq!(say(&shop, &till, &entries[from - 1..], hole).await.unwrap_err().code(), code, "{why}");
    }
    let empty = say(&shop, &till, &[], Hole { after: mark(3), before: mark(7) }).await;
    assert_eq!(empty.unwrap_err().code(), "hole_misfit", "no entries");
    let beyond = say(&shop, &till, &entries[7..], Hole { after: mark(5), before: mark(8) }).await.unwrap();
    assert_eq!(beyond, Pushed::Elsewhere { acked: mark(3) }, "it begins behind where the server stands");
    assert_eq!((shop.count("holes").await, shop.count("ops").await), (0, 3));

    // A second hole over the first.
    assert!(matches!(
        say(&shop, &till, &entries[6..7], Hole { after: mark(3), before: mark(7) }).await,
        Ok(Pushed::Settled { .. })
    ));
    let overlapping = say(&shop, &till, &entries[8..], Hole { after: mark(5), before: mark(9) }).await.unwrap_err();
    assert_eq!(overlapping.code(), "no_hole");
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn a_hole_of_a_node_that_claims_more_is_not_passed() {
    let (shop, mut till, entries) = till_of_ten(83).await;
    till.acked = entries[8].mark();
    let hole = Hole { after: entries[2].mark(), before: entries[6].mark() };
    let answer = say(&shop, &till, &entries[6..], hole).await.unwrap();
    assert_eq!(answer, Pushed::Elsewhere { acked: entries[2].mark() });
    assert_eq!(shop.count("holes").await, 0, "nothing is recorded that was not passed");
    shop.keeps_its_laws().await;
}
