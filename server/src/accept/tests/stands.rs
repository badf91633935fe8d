//! A server that was restored to before a device was moved or closed learns from it where it stands.

use outpost_schema::{
    device::{Card, LifeReason},
    id::{EpochId, IncarnationId, WarehouseId},
    journal::Mark,
    verdict::{SetAside, Verdict},
    world::World as _,
};
use outpost_sync::wire::{LifeWanted, Report, Reported, Stands};

use super::{recovery::Two, *};
use crate::{
    db::{devices as rows, warehouses},
    devices::{self, Signed},
    epoch::report,
};

impl Two {
    /// All of it, with where its card says that it stands.
    async fn report_from(&self, till: &Till, epoch: EpochId, former: &[WarehouseId]) {
        let (warehouse_id, is_home, former) = (till.card.warehouse_id, till.card.is_home, former.to_vec());
        let stands = Some(Stands { warehouse_id, is_home, former });
        let report = Report { epoch, granted: vec![], last: true, stands };
        let answer = report::take(&self.shop.server, till.caller(), till.standing(), &report).await.unwrap();
        assert_eq!(answer, Reported::Taken { acked: till.acked });
    }

    /// Where the book has a device, and which home.
    async fn stands(&self, till: &Till) -> (WarehouseId, Vec<WarehouseId>) {
        let node = till.card.node_id;
        let work = |tx: crate::db::Tx| async move {
            Ok((rows::scope(&tx, node).await?.unwrap()[0], warehouses::homes(&tx, node).await?))
        };
        self.shop.server.db.transaction(work).await.unwrap()
    }
}

#[tokio::test]
async fn a_device_that_was_moved_in_the_time_that_was_forgotten_stands_where_its_card_says() {
    let mut two = Two::open(98).await;
    let asked = [two.one.ask(&[(two.tea, 4)])];
    two.one.push(&two.shop, &asked).await;
    let pier = two.shop.warehouse("Pier").await;
    let resident = two.shop.till("Resident", pier, true).await;
    // It gave the four back, moved to the pier, which the resident had left, and sold there. Nobody knows any more.
    two.one.card = Card { warehouse_id: pier, is_home: true, ..two.one.card.clone() };
    let epoch = two.restore().await;
    let sold = [two.one.sell(&[(two.tea, 1)])];
    let aside = Verdict::SetAside(SetAside::NoRight);
    assert_eq!(two.one.push(&two.shop, &sold).await, [aside], "the book has it elsewhere");
    assert_eq!(two.stands(&two.one).await, (two.place, vec![]));

    two.report_from(&two.one, epoch, &[]).await;
    assert_eq!(two.stands(&two.one).await, (pier, vec![pier]));
    assert_eq!(two.stands(&resident).await.1, [], "whoever lived there had moved out");
    assert_eq!(two.shop.level(two.tea, pier).await.0, -1, "what it sold there is booked");
    assert_eq!(two.level().await, (10, 0), "and what it has no more where it stood is free");
    two.shop.keeps_its_laws().await;

    // A report that the line repeats late moves it nowhere.
    let late =
        Till { card: Card { warehouse_id: two.place, is_home: false, ..two.one.card.clone() }, ..two.one.clone() };
    two.report_from(&late, epoch, &[]).await;
    assert_eq!(two.stands(&two.one).await, (pier, vec![pier]));
}

#[tokio::test]
async fn what_a_device_left_is_free_only_once_all_that_it_did_is_told() {
    let mut two = Two::open(99).await;
    let asked = [two.one.ask(&[(two.tea, 4)])];
    two.one.push(&two.shop, &asked).await;
    let pier = two.shop.warehouse("Pier").await;
    let epoch = two.restore().await;
    let sold = [two.one.sell(&[(two.tea, 3)])];
    two.one.card = Card { warehouse_id: pier, ..two.one.card.clone() };
    two.report_from(&two.one, epoch, &[]).await;
    assert_eq!((two.stands(&two.one).await.0, two.level().await), (pier, (10, 4)), "it has more to tell");
    two.one.push(&two.shop, &sold).await;
    assert_eq!(two.level().await, (7, 0), "three were sold of the four, and one is free");
    two.shop.keeps_its_laws().await;
}

#[tokio::test]
async fn what_a_device_did_at_a_place_between_is_booked_when_both_moves_are_forgotten() {
    let mut two = Two::open(101).await;
    let (fair, attic) = (two.shop.warehouse("Fair").await, two.shop.warehouse("Attic").await);
    let (market, nowhere) = (two.place, WarehouseId::new(two.shop.world.now(), two.shop.world.id_chance()));
    let epoch = two.restore().await;
    two.one.card.warehouse_id = fair;
    let sold = [two.one.sell(&[(two.tea, 1)])];
    two.one.push(&two.shop, &sold).await;
    // It went to the fair and back, so the book has it where it stands.
    two.one.card.warehouse_id = market;
    two.report_from(&two.one, epoch, &[fair, nowhere]).await;
    assert_eq!(two.stands(&two.one).await.0, market);
    assert_eq!(two.shop.level(two.tea, fair).await.0, -1, "what it sold at the fair is booked");
    two.one.card.warehouse_id = attic;
    let foreign = [two.one.sell(&[(two.tea, 1)])];
    let aside = Verdict::SetAside(SetAside::NoRight);
    assert_eq!(two.one.push(&two.shop, &foreign).await, [aside], "and it has no right where it never stood");
    assert_eq!(two.shop.count("nodes where cardinality(former) = 1").await, 1, "of places that are known");
    two.shop.keeps_its_laws().await;
}

#[tokio::test]
async fn a_device_that_was_set_back_says_where_it_stands_with_its_next_life() {
    let mut two = Two::open(103).await;
    let pier = two.shop.warehouse("Pier").await;
    two.one.card.warehouse_id = pier;
    let stands = Some(Stands { warehouse_id: pier, is_home: false, former: vec![two.place] });
    let life = IncarnationId::new(two.shop.world.now(), two.shop.world.id_chance());
    let wanted = LifeWanted { incarnation_id: life, reason: LifeReason::RolledBack, unsettled: vec![], stands };
    let begin = || crate::lives::begin(&two.shop.server, two.one.caller(), two.one.standing(), &wanted);
    let elsewhere = LifeWanted { incarnation_id: IncarnationId(uuid::Uuid::from_u128(7)), ..wanted.clone() };
    let other = (two.other.caller(), two.other.standing());
    crate::lives::begin(&two.shop.server, other.0, other.1, &elsewhere).await.unwrap();
    assert_eq!(two.stands(&two.other).await.0, two.place, "nobody asks where nothing was forgotten");

    two.restore().await;
    begin().await.unwrap();
    assert_eq!(two.stands(&two.one).await.0, pier);
    begin().await.unwrap();
    two.one.card.incarnation_id = life;
    two.one.head = Mark::START;
    let sold = [two.one.sell(&[(two.tea, 1)])];
    assert_eq!(two.one.push(&two.shop, &sold).await, [Verdict::Accepted]);
    two.shop.keeps_its_laws().await;
}

#[tokio::test]
async fn a_device_that_became_a_home_where_it_stood_keeps_what_else_it_hears_of() {
    let two = Two::open(102).await;
    let also = two.shop.warehouse("Also").await;
    let widen = "update nodes set scope = scope || $1::uuid where node_id = $2";
    two.shop.client.execute(widen, &[&also, &two.one.card.node_id]).await.unwrap();
    let epoch = two.restore().await;
    let home = Till { card: Card { is_home: true, ..two.one.card.clone() }, ..two.one.clone() };
    two.report_from(&home, epoch, &[]).await;
    assert_eq!(two.stands(&home).await, (two.place, vec![two.place]));
    assert_eq!(two.shop.count("nodes where cardinality(scope) = 2").await, 1);
}

#[tokio::test]
async fn at_a_place_that_the_book_does_not_know_a_device_does_not_stand() {
    let two = Two::open(100).await;
    let epoch = two.restore().await;
    let lost = Till {
        card: Card {
            warehouse_id: WarehouseId::new(two.shop.world.now(), two.shop.world.id_chance()),
            ..two.one.card.clone()
        },
        ..two.one.clone()
    };
    two.report_from(&lost, epoch, &[]).await;
    assert_eq!(two.stands(&two.one).await, (two.place, vec![]));
}

#[tokio::test]
async fn a_device_that_was_closed_before_takes_nobody_s_home() {
    let two = Two::open(104).await;
    let pier = two.shop.warehouse("Pier").await;
    let lost = two.shop.till("Lost", pier, true).await;
    let epoch = two.restore().await;
    let signed = Signed { act_id: uuid::Uuid::from_u128(1), by: "Ada".to_owned(), note: None };
    devices::retire(&two.shop.server, lost.card.node_id, true, &signed).await.unwrap();
    let next = two.shop.till("Next", pier, true).await;
    two.report_from(&lost, epoch, &[two.place]).await;
    assert_eq!(two.stands(&next).await, (pier, vec![pier]), "it had not been heard when it was closed");
    assert_eq!(two.shop.count("nodes where cardinality(former) = 1").await, 1, "where it stood before is known");
}
