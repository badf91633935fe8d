//! A server that was restored hears from its devices before it promises anything.

use std::sync::Arc;

use outpost_schema::{
    feed::Granted,
    id::{EpochId, HoldId, ProductId, WarehouseId},
    journal::Mark,
    quantity::Amount,
    stock::StockKey,
    verdict::{ConcernKind, Refusal, Verdict},
    world::World as _,
};
use outpost_sync::wire::{HoldWanted, Push, Pushed, Report, Reported, Standing};

use super::*;
use crate::{
    epoch::{self, Reason, report},
    give_up, grants,
    hold::{Desk, Unheld},
};

const RECOVERING: Verdict = Verdict::Refused(Refusal::Recovering);

/// Two tills at a shared place with ten of tea.
pub(super) struct Two {
    pub(super) shop: Shop,
    pub(super) one: Till,
    pub(super) other: Till,
    pub(super) tea: ProductId,
    pub(super) place: WarehouseId,
}

impl Two {
    pub(super) async fn open(seed: u64) -> Self {
        let shop = Shop::open(seed).await;
        let (place, tea) = (shop.warehouse("Market").await, shop.product().await);
        let (one, other) = (shop.till("One", place, false).await, shop.till("Other", place, false).await);
        let two = Self { shop, one, other, tea, place };
        two.put(10).await;
        two
    }

    /// Head office puts units into the book.
    async fn put(&self, units: i64) {
        let sql = "with put as (
                insert into stock (product_id, warehouse_id, balance, updated_at) values ($1, $2, $3, now())
                on conflict (product_id, warehouse_id) do update set balance = stock.balance + excluded.balance
            ) insert into stock_movements (product_id, warehouse_id, delta, reason, act_id, line, moved_at)
              values ($1, $2, $3, 'corrected', gen_random_uuid(), 0, now())";
        let (server, key) = (&self.shop.server, StockKey { product_id: self.tea, warehouse_id: self.place });
        let work = |tx: crate::db::Tx| async move {
            tx.execute(sql, &[&key.product_id, &key.warehouse_id, &units]).await?;
            grants::after_change(server, &tx, &[key].into()).await
        };
        server.db.transaction(work).await.unwrap();
    }

    pub(super) async fn restore(&self) -> EpochId {
        let (server, reason) = (&self.shop.server, Reason::Restored { from: "a test".to_owned() });
        let reason = &reason;
        let begun = server.db.transaction(|tx| async move { epoch::begin(&tx, &*server.world, reason).await }).await;
        begun.unwrap().epoch_id
    }

    async fn report(&self, till: &Till, epoch: EpochId, granted: &[i64], last: bool) -> Reported {
        let told = |granted: &i64| Granted {
            incarnation_id: till.card.incarnation_id,
            product_id: self.tea,
            warehouse_id: self.place,
            granted: *granted,
            reclaimed: 0,
            full: 0,
            keep: None,
        };
        let report = Report { epoch, granted: granted.iter().map(told).collect(), last, stands: None };
        report::take(&self.shop.server, till.caller(), till.standing(), &report).await.unwrap()
    }

    async fn is_recovering(&self) -> bool {
        self.shop.server.epoch().await.unwrap().is_recovering()
    }

    pub(super) async fn level(&self) -> (i64, i64) {
        self.shop.level(self.tea, self.place).await
    }

    async fn hold(&self, desk: &Desk) -> Result<(), Unheld> {
        let hold_id = HoldId::new(self.shop.world.now(), self.shop.world.id_chance());
        let amount = Amount::new(1).unwrap();
        let key = StockKey { product_id: self.tea, warehouse_id: self.place };
        let wanted = HoldWanted::of_one(hold_id, key, amount, 60);
        desk.place(self.one.caller(), wanted).await.map(drop)
    }
}

#[tokio::test]
async fn nothing_is_promised_before_everybody_was_heard() {
    let mut two = Two::open(90).await;
    let desk = Desk::open(&two.shop.server);
    let epoch = two.restore().await;
    let (asked, sold) = (two.one.ask(&[(two.tea, 1)]), two.one.sell(&[(two.tea, 1)]));
    let verdicts = two.one.push(&two.shop, &[asked, sold]).await;
    assert_eq!(verdicts, [RECOVERING, Verdict::Accepted], "facts are taken all the while");
    let refused = two.hold(&desk).await.unwrap_err();
    assert_eq!(refused.code(), "recovering");
    assert!(refused.to_string().contains("One, Other"), "{refused}");

    let acked = two.one.acked;
    assert_eq!(two.report(&two.one, epoch, &[], true).await, Reported::Taken { acked });
    assert!(two.is_recovering().await);
    assert!(two.hold(&desk).await.unwrap_err().to_string().contains("waits for Other:"));
    let asked = [two.one.ask(&[(two.tea, 1)])];
    assert_eq!(two.one.push(&two.shop, &asked).await, [RECOVERING]);

    two.report(&two.other, epoch, &[], true).await;
    assert!(!two.is_recovering().await);
    let asked = [two.one.ask(&[(two.tea, 1)])];
    assert!(matches!(two.one.push(&two.shop, &asked).await[..], [Verdict::Granted(_)]));
    two.hold(&desk).await.unwrap();
    two.shop.keeps_its_laws().await;
}

#[tokio::test]
async fn repeated_late_and_reordered_reports_change_nothing() {
    let mut two = Two::open(91).await;
    let asked = [two.one.ask(&[(two.tea, 4)])];
    two.one.push(&two.shop, &asked).await;
    let epoch = two.restore().await;
    for granted in [&[7][..], &[7], &[3], &[], &[7]] {
        two.report(&two.one, epoch, granted, true).await;
        assert_eq!(two.level().await, (10, 7), "the larger total wins, whatever comes after");
        two.shop.keeps_its_laws().await;
    }
    // Told in pages, the last one again and again.
    two.report(&two.other, epoch, &[2], false).await;
    assert!(two.is_recovering().await, "it has more to tell");
    two.report(&two.other, epoch, &[], true).await;
    two.report(&two.other, epoch, &[2], false).await;
    two.report(&two.other, epoch, &[], true).await;
    assert_eq!((two.level().await, two.is_recovering().await), ((10, 9), false));
    let more = [two.one.ask(&[(two.tea, 5)])];
    let granted = two.one.push(&two.shop, &more).await;
    assert!(matches!(&granted[..], [Verdict::Granted(grants)] if grants[0].amount.units() == 1), "{granted:?}");
    two.shop.keeps_its_laws().await;
}

#[tokio::test]
async fn a_report_of_another_epoch_is_not_taken() {
    let two = Two::open(92).await;
    let (first, second) = (two.restore().await, two.restore().await);
    assert_eq!(two.report(&two.one, first, &[9], true).await, Reported::OtherEpoch { epoch: second });
    assert_eq!((two.level().await, two.is_recovering().await), ((10, 0), true));
    let mut older = two.one.clone();
    let sold = older.sell(&[(two.tea, 1)]);
    let push = Push { entries: vec![sold], epoch: Some(first), ..Push::default() };
    let answer = super::super::push(&two.shop.server, older.caller(), older.standing(), &push).await.unwrap();
    assert_eq!(answer, Pushed::OtherEpoch { epoch: second }, "an older epoch's push is late");
    assert_eq!(two.shop.count("ops").await, 0);
}

#[tokio::test]
async fn a_device_reports_only_for_itself() {
    let two = Two::open(93).await;
    let epoch = two.restore().await;
    let told = Granted {
        incarnation_id: two.other.card.incarnation_id,
        product_id: two.tea,
        warehouse_id: two.place,
        granted: 5,
        reclaimed: 0,
        full: 0,
        keep: None,
    };
    let report = Report { epoch, granted: vec![told], last: true, stands: None };
    let answer = report::take(&two.shop.server, two.one.caller(), two.one.standing(), &report).await;
    assert_eq!(answer.unwrap_err().code(), "not_yours");
    let report = Report { granted: vec![told; outpost_sync::wire::REPORT_MAX + 1], ..report };
    let answer = report::take(&two.shop.server, two.one.caller(), two.one.standing(), &report).await;
    assert_eq!(answer.unwrap_err().code(), "too_much");
}

#[tokio::test]
async fn a_device_that_was_set_back_is_no_witness() {
    let mut two = Two::open(94).await;
    let image = two.one.clone();
    let sold = [two.one.sell(&[(two.tea, 1)])];
    two.one.push(&two.shop, &sold).await;
    let epoch = two.restore().await;
    let acked = two.one.acked;
    assert_eq!(two.report(&image, epoch, &[5], true).await, Reported::Elsewhere { acked });
    assert!(two.is_recovering().await);
    assert_eq!(two.level().await, (9, 1), "what it says it was granted is not taken, beyond what its sale brought it");
}

#[tokio::test]
async fn a_journal_has_reported_when_what_the_server_lost_has_come_too() {
    let mut two = Two::open(95).await;
    let epoch = two.restore().await;
    let lost = [two.one.ask(&[(two.tea, 2)]), two.one.sell(&[(two.tea, 2)])];
    two.report(&two.other, epoch, &[], true).await;
    two.report(&two.one, epoch, &[2], true).await;
    assert!(two.is_recovering().await, "its two entries are still to come");
    let waits = epoch::recovery(&two.shop.server).await.unwrap().awaited;
    assert_eq!(waits.iter().map(|one| (one.acked_seq, one.head)).collect::<Vec<_>>(), [(0, Some(2))]);
    let verdicts = two.one.push(&two.shop, &lost).await;
    assert_eq!(verdicts, [RECOVERING, Verdict::Accepted], "the ask of then is over; what it brought was reported");
    assert_eq!((two.is_recovering().await, two.level().await), (false, (8, 0)));
    two.shop.keeps_its_laws().await;
}

#[tokio::test]
async fn homes_get_what_became_free_when_the_recovery_ends() {
    let shop = Shop::open(96).await;
    let (place, tea) = (shop.warehouse("Market").await, shop.product().await);
    let (one, other) = (shop.till("One", place, true).await, shop.till("Other", place, false).await);
    let two = Two { shop, one, other, tea, place };
    two.put(3).await;
    let epoch = two.restore().await;
    two.put(4).await;
    assert_eq!(two.level().await, (7, 3), "what comes meanwhile waits");
    two.report(&two.one, epoch, &[5], true).await;
    assert_eq!(two.level().await, (7, 5));
    two.report(&two.other, epoch, &[], true).await;
    assert_eq!(two.level().await, (7, 7));
    two.shop.keeps_its_laws().await;
}

#[tokio::test]
async fn a_node_that_knows_more_than_the_server_begins_an_epoch_and_is_believed_once() {
    let mut two = Two::open(97).await;
    let first = two.shop.server.epoch().await.unwrap().epoch_id;
    let entries = [two.one.sell(&[(two.tea, 1)]), two.one.sell(&[(two.tea, 1)]), two.one.sell(&[(two.tea, 1)])];
    two.one.push(&two.shop, &entries[..1]).await;
    // The database was set back while it ran, and nobody said so.
    let ahead = Standing { head: entries[2].mark(), acked: entries[1].mark(), ..two.one.standing() };
    let say = async |epoch, entries: &[_], standing| {
        let push = Push { entries: entries.to_vec(), epoch: Some(epoch), ..Push::default() };
        super::super::push(&two.shop.server, two.one.caller(), standing, &push).await.unwrap()
    };
    let Pushed::OtherEpoch { epoch } = say(first, &entries[2..], ahead).await else { panic!("an epoch begins") };
    assert_ne!(epoch, first);
    assert!(two.is_recovering().await);
    assert_eq!(two.shop.concerns().await.iter().filter(|one| one.kind == ConcernKind::ServerRestored).count(), 1);

    // It goes on claiming without having reported, then without having made its claim good.
    let elsewhere = Pushed::Elsewhere { acked: entries[0].mark() };
    assert_eq!(say(epoch, &entries[2..], ahead).await, elsewhere);
    let at_first = Standing { acked: entries[0].mark(), ..ahead };
    let report = Report { epoch, granted: vec![], last: true, stands: None };
    report::take(&two.shop.server, two.one.caller(), Standing { head: entries[0].mark(), ..at_first }, &report)
        .await
        .unwrap();
    assert_eq!(say(epoch, &entries[2..], ahead).await, elsewhere, "not before the server has what it claimed");
    assert!(matches!(say(epoch, &entries[1..], at_first).await, Pushed::Settled { .. }));
    let beyond = Mark { seq: 9, ..entries[2].mark() };
    let far = Standing { head: beyond, acked: beyond, ..ahead };
    assert!(matches!(say(epoch, &[], far).await, Pushed::OtherEpoch { .. }), "it kept its word; it is heard again");
    assert_eq!(two.shop.server.epoch().await.unwrap().number, 3);
}

#[tokio::test]
async fn who_never_comes_back_is_given_up_and_what_it_had_stays_promised() {
    let mut two = Two::open(98).await;
    let asked = [two.other.ask(&[(two.tea, 6)])];
    two.other.push(&two.shop, &asked).await;
    let epoch = two.restore().await;
    two.report(&two.one, epoch, &[], true).await;
    let life = give_up::life(&two.shop.server, "Other", None).await.unwrap();
    assert_eq!((life.open_units, life.open_rows, life.report_owed), (6, 1, true));
    give_up::give_up(&two.shop.server, &life).await.unwrap();
    assert_eq!((two.is_recovering().await, two.level().await), (false, (10, 6)), "in doubt");
    let seen = crate::nodes::list(&two.shop.server).await.unwrap();
    let words: Vec<_> = seen.iter().map(|node| (node.name.as_str(), node.report.to_string(), node.in_doubt)).collect();
    assert_eq!(words, [("One", "told".to_owned(), 0), ("Other", "given up".to_owned(), 6)]);
    let asked = [two.one.ask(&[(two.tea, 9)])];
    let granted = two.one.push(&two.shop, &asked).await;
    assert!(matches!(&granted[..], [Verdict::Granted(grants)] if grants[0].amount.units() == 4), "{granted:?}");

    // A year later it comes back, and had been granted two more in the hours that were lost.
    let asked = [two.other.ask(&[(two.tea, 1)])];
    assert_eq!(two.other.push(&two.shop, &asked).await, [RECOVERING], "it has not reported");
    two.report(&two.other, epoch, &[8], true).await;
    assert_eq!(two.level().await, (10, 12));
    assert_eq!(two.shop.concern_kinds().await, ["server_restored", "unbacked"], "and that is visible");
    assert_eq!(give_up::life(&two.shop.server, "Other", None).await.unwrap().given_up_at, None, "it is heard again");
    two.shop.keeps_its_laws().await;
    assert_eq!(give_up::life(&two.shop.server, "Nobody", None).await.unwrap_err().code(), "not_found");
    assert_eq!(give_up::life(&two.shop.server, "Other", Some(2)).await.unwrap_err().code(), "not_found");
}

#[tokio::test]
async fn what_is_reclaimed_is_free_and_what_is_sold_all_the_same_is_booked() {
    let mut two = Two::open(99).await;
    let asked = [two.other.ask(&[(two.tea, 6)])];
    two.other.push(&two.shop, &asked).await;
    let life = two.other.card.incarnation_id;
    assert_eq!(give_up::reclaim(&two.shop.server, life).await.unwrap(), 6);
    assert_eq!(two.level().await, (10, 0));
    two.shop.keeps_its_laws().await;
    assert_eq!(give_up::reclaim(&two.shop.server, life).await.unwrap(), 0, "once is enough");
    let asked = [two.one.ask(&[(two.tea, 10)])];
    two.one.push(&two.shop, &asked).await;
    assert_eq!(two.level().await, (10, 10));

    // It had sold four before it heard.
    let sold = [two.other.sell(&[(two.tea, 4)])];
    assert_eq!(two.other.push(&two.shop, &sold).await, [Verdict::Accepted]);
    assert_eq!((two.level().await, two.shop.concern_kinds().await), ((6, 10), vec!["unbacked".to_owned()]));
    two.shop.keeps_its_laws().await;
}

#[tokio::test]
async fn two_who_report_last_at_once_end_the_recovery() {
    let two = Arc::new(Two::open(89).await);
    for _ in 0..5 {
        let epoch = two.restore().await;
        tokio::join!(two.report(&two.one, epoch, &[], true), two.report(&two.other, epoch, &[], true));
        assert!(!two.is_recovering().await);
    }
}
