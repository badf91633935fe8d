//! Facts about single pages.

use outpost_schema::{
    feed::{Aggregate, Kind},
    id::EpochId,
    journal::{Hash, Mark},
};
use outpost_sync::wire::{Caller, Page, Pulled, Standing};
use uuid::Uuid;

use super::shop;
use crate::{
    db::fixture::{AT_START, Network, SHOP, TILL, product},
    error::Error,
    feed::{
        Limits, Served, Unserved,
        cursor::{Cursor, Run, Snapshot},
        page,
    },
};

async fn pull(network: &Network, cursor: Option<&str>, limits: Limits) -> Page {
    let cursor = cursor.map(|text| text.parse().unwrap());
    let served = page(&network.server, TILL, AT_START, cursor.as_ref(), limits).await.unwrap();
    let Pulled::Page(page) = served.pulled else { panic!("a page was expected: {:?}", served.pulled) };
    *page
}

/// Reads from the start until level.
async fn all(network: &Network, limits: Limits) -> Vec<Page> {
    let mut pages = vec![pull(network, None, limits).await];
    while !pages[pages.len() - 1].level {
        let cursor = pages[pages.len() - 1].cursor.clone();
        pages.push(pull(network, Some(&cursor), limits).await);
    }
    pages
}

async fn refused(network: &Network, caller: Caller, standing: Standing, cursor: Option<Cursor>) -> Unserved {
    let served: Result<Served, Unserved> =
        page(&network.server, caller, standing, cursor.as_ref(), Limits::default()).await;
    served.unwrap_err()
}

#[tokio::test]
async fn no_page_ever_carries_a_password_hash() {
    let network = Network::open(1).await;
    shop::open(&network).await;
    let pages = all(&network, Limits::default()).await;
    let users = pages.iter().flat_map(|page| &page.aggregates).filter(|it| matches!(it, Aggregate::User(_)));
    assert_eq!(users.count(), 1, "the user with the canary is there");
    for page in &pages {
        let bytes = rmp_serde::to_vec_named(page).unwrap();
        assert!(!bytes.windows(6).any(|window| window == b"canary"));
    }
}

#[tokio::test]
async fn a_page_is_cut_where_its_bytes_are_used_up() {
    let network = Network::open(1).await;
    network.stock(0..50, 5).await;
    let whole = all(&network, Limits::default()).await;
    assert_eq!(whole.len(), 1, "level at once");
    let limits = Limits { bytes: 1_000, ..Limits::default() };
    let pages = all(&network, limits).await;
    let keys = |pages: &[Page]| -> Vec<String> {
        pages.iter().flat_map(|page| &page.aggregates).map(|it| format!("{it:?}")).collect()
    };
    assert_eq!(keys(&pages), keys(&whole), "the same in the same order");
    let len = |page: &Page| rmp_serde::to_vec_named(&page.aggregates).unwrap().len();
    assert!(pages.len() > 5 && pages.iter().all(|page| len(page) <= 1_000 + 5));
    let tiny = all(&network, Limits { bytes: 1, ..Limits::default() }).await;
    assert!(tiny.iter().all(|page| page.aggregates.len() <= 1), "one is told however long it is");
    assert_eq!(keys(&tiny), keys(&whole));
}

#[tokio::test]
async fn nothing_is_served_before_the_two_agree_on_the_journal() {
    let network = Network::open(1).await;
    let further = Mark { seq: 3, hash: Hash([7; 32]) };
    network
        .client
        .execute(
            "update incarnations set acked_seq = 3, acked_hash = $1 where node_id = $2",
            &[&further.hash, &TILL.node_id],
        )
        .await
        .unwrap();
    let other_hash = Mark { seq: 3, hash: Hash([8; 32]) };
    for acked in [Mark::START, other_hash, Mark { seq: 4, ..further }] {
        let standing = Standing { head: acked, acked, ..AT_START };
        let served = page(&network.server, TILL, standing, None, Limits::default()).await.unwrap();
        assert_eq!(served.pulled, Pulled::Elsewhere { acked: further }, "{acked:?}");
    }
    let standing = Standing { head: further, acked: further, ..AT_START };
    let served = page(&network.server, TILL, standing, None, Limits::default()).await.unwrap();
    let Pulled::Page(page) = served.pulled else { panic!("they agree") };
    assert_eq!(page.acked[0].mark, further);
}

#[tokio::test]
async fn a_page_tells_what_is_set_aside() {
    let network = Network::open(1).await;
    for (seq, verdict) in [(1i64, "accepted"), (2, "set_aside"), (3, "set_aside")] {
        network
            .client
            .execute(
                "insert into ops (incarnation_id, seq, hlc_at, hlc_tick, seen, kind, version, body, hash, verdict,
                    verdict_detail, accepted_at)
                values ($1, $2, now(), 0, '', 'sale', 1, '', '', $3, '\"accepted\"', now())",
                &[&TILL.incarnation_id, &seq, &verdict],
            )
            .await
            .unwrap();
    }
    assert_eq!(all(&network, Limits::default()).await[0].acked[0].set_aside, [2, 3]);
    let cursor = all(&network, Limits::default()).await.remove(0).cursor;
    network.client.execute("update ops set verdict = 'accepted' where seq = 3", &[]).await.unwrap();
    let page = pull(&network, Some(&cursor), Limits::default()).await;
    assert_eq!(page.acked[0].set_aside, [2]);
    assert!(
        matches!(&page.aggregates[..], [Aggregate::Verdict(ruling)] if ruling.seq == 3),
        "the later verdict is told: {:?}",
        page.aggregates
    );
}

#[tokio::test]
async fn cursors_of_another_life_or_another_moment_are_told_apart() {
    let network = Network::open(1).await;
    let epoch = network.server.epoch().await.unwrap().epoch_id;
    let cursor = |epoch, since: &str| Cursor { epoch, places: None, since: since.parse().unwrap(), run: None };
    let other = cursor(EpochId(Uuid::from_u128(1)), "1:1:");
    let served = page(&network.server, TILL, AT_START, Some(&other), Limits::default()).await.unwrap();
    assert_eq!(served.pulled, Pulled::OtherEpoch { epoch });

    let ahead = cursor(epoch, "9000000000:9000000000:");
    let served = page(&network.server, TILL, AT_START, Some(&ahead), Limits::default()).await.unwrap();
    let next = network.server.epoch().await.unwrap();
    assert_eq!((served.pulled, next.number), (Pulled::OtherEpoch { epoch: next.epoch_id }, 2), "it was restored, then");
    let again = Cursor { epoch: next.epoch_id, ..ahead };
    let answer = refused(&network, TILL, AT_START, Some(again)).await;
    assert!(matches!(answer, Unserved::CursorAhead), "a device is believed once: {answer:?}");
    assert_eq!(network.server.epoch().await.unwrap(), next);

    let stranger = Caller { node_id: TILL.node_id, incarnation_id: crate::db::fixture::OFFICE.incarnation_id };
    let answer = refused(&network, stranger, AT_START, None).await;
    assert!(matches!(answer, Unserved::Server(Error::UnknownNode)), "{answer:?}");
}

#[tokio::test]
async fn a_cursor_of_other_places_is_told_apart() {
    let network = Network::open(1).await;
    let cursor: Cursor = pull(&network, None, Limits::default()).await.cursor.parse().unwrap();
    let also = "with also as (insert into warehouses (warehouse_id, name, created_at)
                              values (gen_random_uuid(), 'Another place', now()) returning warehouse_id)
                update nodes set scope = scope || (select warehouse_id from also) where node_id = $1";
    network.client.execute(also, &[&TILL.node_id]).await.unwrap();
    let answer = refused(&network, TILL, AT_START, Some(cursor.clone())).await;
    assert!(matches!(answer, Unserved::OtherPlaces), "{answer:?}");
    let of_before = Cursor { places: None, ..cursor };
    pull(&network, Some(&of_before.to_string()), Limits::default()).await;
}

#[tokio::test]
async fn who_was_away_beyond_the_tombstones_is_told_so() {
    let network = Network::open(1).await;
    let page = pull(&network, None, Limits::default()).await;
    let old: Cursor = page.cursor.parse().unwrap();
    network.client.execute("update feed_horizon set dropped = pg_current_xact_id()", &[]).await.unwrap();
    let answer = refused(&network, TILL, AT_START, Some(old.clone())).await;
    assert!(matches!(answer, Unserved::TooLongAway), "{answer:?}");
    let begun = Cursor {
        since: Snapshot::nothing(),
        run: Some(Run { upto: old.since.clone(), after: crate::feed::cursor::Position::start(&old.since) }),
        ..old
    };
    let answer = refused(&network, TILL, AT_START, Some(begun)).await;
    assert!(matches!(answer, Unserved::TooLongAway), "in a run begun before: {answer:?}");
    let fresh = pull(&network, None, Limits::default()).await;
    assert!(fresh.level, "who knows nothing yet misses nothing");
}

#[tokio::test]
async fn what_was_told_is_not_told_again_while_a_slow_transaction_is_open() {
    let network = Network::open(1).await;
    network.stock(0..2, 5).await;
    let slow = network.database.connect().await;
    slow.batch_execute("begin; update products set name = 'Slow' where sku is null and name < ''").await.unwrap();
    slow.batch_execute("select pg_current_xact_id()").await.unwrap();
    network.client.execute("update stock set balance = 7 where product_id = $1", &[&product(1)]).await.unwrap();
    let first = pull(&network, None, Limits::default()).await;
    let again = pull(&network, Some(&first.cursor), Limits::default()).await;
    assert_eq!(again.aggregates, [], "though the cursor still waits for the slow one");
    slow.execute("update stock set balance = 8 where product_id = $1", &[&product(0)]).await.unwrap();
    slow.batch_execute("commit").await.unwrap();
    let late = pull(&network, Some(&again.cursor), Limits::default()).await;
    assert!(matches!(&late.aggregates[..], [Aggregate::Stock(row)] if row.balance == 8), "{:?}", late.aggregates);
}

#[tokio::test]
async fn a_product_that_was_deleted_is_gone() {
    let network = Network::open(1).await;
    network
        .client
        .execute(
            "insert into products (product_id, name, created_at, updated_at) values ($1, 'Tea', now(), now())",
            &[&product(1)],
        )
        .await
        .unwrap();
    let cursor = pull(&network, None, Limits::default()).await.cursor;
    network.client.execute("delete from products where product_id = $1", &[&product(1)]).await.unwrap();
    let page = pull(&network, Some(&cursor), Limits::default()).await;
    let [Aggregate::Gone(key)] = &page.aggregates[..] else { panic!("{:?}", page.aggregates) };
    assert_eq!((key.kind, key.ids.as_slice()), (Kind::Product, &[product(1).0][..]));
}

#[tokio::test]
async fn every_kind_is_read_as_it_was_written() {
    let network = Network::open(1).await;
    network.stock(0..1, 5).await;
    shop::one_of_each(&network.client).await;
    let pages = all(&network, Limits::default()).await;
    let told: Vec<&Aggregate> = pages.iter().flat_map(|page| &page.aggregates).collect();
    assert!(!told.iter().any(|it| matches!(it, Aggregate::Gone(_))), "{told:?}");
    for wanted in [
        "Category",
        "Product",
        "Stock",
        "Allotment",
        "User",
        "Address",
        "Order",
        "Review",
        "Cart",
        "Concern",
        "Warehouse",
    ] {
        assert!(told.iter().any(|it| format!("{it:?}").starts_with(wanted)), "{wanted}");
    }
    let stock = told.iter().filter(|it| matches!(it, Aggregate::Stock(row) if row.warehouse_id != SHOP)).count();
    assert_eq!(stock, 0, "another warehouse's stock is not the till's");
}

/// A page's query walks the index in the order of the run, in each scope, and sorts nothing large.
#[tokio::test]
async fn the_query_of_a_page_is_a_range_of_the_index() {
    let network = Network::open(1).await;
    network.stock(0..5_000, 5).await;
    network.client.batch_execute("analyze feed; set enable_seqscan = off").await.unwrap();
    let rows = network
        .client
        .query(
            "explain select f.changed, f.kind, f.key from feed f
            where f.scope = '00000000-0000-0000-0000-000000000051'
                and (f.changed, f.kind, f.key) > ('5'::xid8, 3::smallint, '\\x00'::bytea)
                and not pg_visible_in_snapshot(f.changed, '1:1:'::pg_snapshot)
            order by f.changed, f.kind, f.key limit 2001",
            &[],
        )
        .await
        .unwrap();
    let plan: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let plan = plan.join("\n");
    assert!(
        plan.contains("Index Only Scan using feed_changed") || plan.contains("Index Scan using feed_changed"),
        "{plan}"
    );
    assert!(plan.contains("ROW(changed, kind, key) >") && !plan.contains("Sort"), "{plan}");
}
