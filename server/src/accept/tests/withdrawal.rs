//! What is withdrawn when more is promised of a row than is there, and when.

use outpost_schema::{
    device::LifeReason,
    feed::{Aggregate, Granted},
    id::{CartId, HoldId, IncarnationId, ProductId, WarehouseId},
    journal::Mark,
    movement::{Adjusted, Cause, Change, Lot, Remark},
    op::{LifeEnded, Op, Sale},
    quantity::Amount,
};
use outpost_sync::wire::{Buyer, HoldLine, HoldWanted, LifeWanted, Page, Pulled};
use uuid::Uuid;

use super::shop::{Shop, Till};
use crate::{
    confirm::confirm,
    db::office,
    devices::{self, Signed},
    feed::{self, Limits, cursor::Cursor},
    give_up,
    hold::{Desk, Unheld, allot, extend, standing::By},
    lives,
    withdraw::look_again,
};

/// A depot with ten, of which a till may sell four, and a handheld that looks after the shelves.
struct Depot {
    shop: Shop,
    desk: Desk,
    till: Till,
    handheld: Till,
    tea: ProductId,
    place: WarehouseId,
}

impl Depot {
    async fn open(seed: u64) -> Self {
        let shop = Shop::open(seed).await;
        let (place, tea) = (shop.warehouse("Depot").await, shop.product().await);
        let mut handheld = shop.till("Handheld", place, false).await;
        let received = [handheld.receive(&[(tea, 10)])];
        handheld.push(&shop, &received).await;
        let mut till = shop.till("Till", place, false).await;
        let asked = [till.ask(&[(tea, 4)])];
        till.push(&shop, &asked).await;
        let desk = Desk::open(&shop.server);
        Self { shop, desk, till, handheld, tea, place }
    }

    async fn hold(&self, units: i64) -> HoldId {
        self.hold_both(&[(self.tea, units)]).await.hold_id
    }

    /// A hold of these, and how it was asked for.
    async fn hold_both(&self, of: &[(ProductId, i64)]) -> HoldWanted {
        self.shop.world.pass(1);
        let hold_id = HoldId::new(self.shop.server.now(), self.till.chance());
        let line = |(product_id, units): &(ProductId, i64)| HoldLine {
            product_id: *product_id,
            warehouse_id: self.place,
            amount: Amount::new(*units).unwrap(),
        };
        // Each for a cart of its own: a newer hold of one cart would take the place of the older one.
        let buyer = Some(Buyer::Cart(CartId(hold_id.0)));
        let wanted = HoldWanted { hold_id, lines: of.iter().map(line).collect(), buyer, seconds: 3_600 };
        self.desk.place(self.till.caller(), wanted.clone()).await.unwrap();
        wanted
    }

    /// So many break.
    async fn break_some(&mut self, units: i64) {
        let change = Change { product_id: self.tea, delta: -units, lot: Lot::default() };
        let remark = Remark::default();
        let broken = Adjusted { warehouse_id: self.place, cause: Cause::Damaged, lines: vec![change], remark };
        let broken = [self.handheld.write(&Op::Adjusted(broken))];
        self.handheld.push(&self.shop, &broken).await;
    }

    async fn level(&self) -> (i64, i64) {
        self.shop.level(self.tea, self.place).await
    }

    async fn are_open(&self, holds: &[HoldId]) -> Vec<bool> {
        let mut open = Vec::new();
        for hold in holds {
            open.push(self.shop.count(&format!("holds where hold_id = '{hold}' and closed_at is null")).await == 1);
        }
        open
    }

    /// The till asks for news behind a page.
    async fn pull(&self, behind: Option<&Page>) -> Page {
        let cursor: Option<Cursor> = behind.map(|page| page.cursor.parse().unwrap());
        let (caller, standing) = (self.till.caller(), self.till.standing());
        let pulled = feed::page(&self.shop.server, caller, standing, cursor.as_ref(), Limits::default()).await;
        let Pulled::Page(page) = pulled.unwrap().pulled else { panic!("both know the same of the journal") };
        *page
    }

    /// What the till was last told of its allotment.
    async fn told(&self) -> Granted {
        let own = |told: &Aggregate| if let Aggregate::Allotment(granted) = told { Some(*granted) } else { None };
        self.pull(None).await.aggregates.iter().find_map(own).unwrap()
    }
}

#[tokio::test]
async fn a_hold_goes_only_when_whoever_could_explain_the_row_has_told_and_the_newest_goes_first() {
    let mut depot = Depot::open(190).await;
    let before = depot.pull(None).await;
    let holds = [depot.hold(3).await, depot.hold(3).await];
    depot.break_some(3).await;
    assert_eq!((depot.level().await, depot.are_open(&holds).await), ((7, 10), vec![true, true]));
    assert_eq!(depot.shop.concern_kinds().await, ["unbacked"]);

    // It does not know yet that the row is short, so it may have done anything.
    let after = depot.pull(Some(&before)).await;
    // It knows, and has something to tell.
    let received = [depot.till.receive(&[(depot.tea, 1)])];
    depot.pull(Some(&after)).await;
    assert_eq!(depot.are_open(&holds).await, [true, true]);
    // It told, and may have done more meanwhile.
    depot.till.push(&depot.shop, &received).await;
    assert_eq!((depot.level().await, depot.are_open(&holds).await), ((8, 10), vec![true, true]));
    depot.pull(Some(&after)).await;
    assert_eq!((depot.level().await, depot.are_open(&holds).await), ((8, 7), vec![true, false]));
    assert_eq!(depot.shop.concern_kinds().await, ["hold_withdrawn"]);
    depot.shop.keeps_its_laws().await;

    let until = depot.shop.server.now().plus_seconds(7_200);
    let again = extend(&depot.shop.server, By::Office, holds[1], until).await;
    assert!(matches!(again, Err(Unheld::Closed)), "what is withdrawn is not placed again behind everybody's back");
    assert_eq!(extend(&depot.shop.server, By::Office, holds[0], until).await.unwrap().expires_at, until);
}

#[tokio::test]
async fn whoever_counted_on_a_withdrawn_hold_is_named_by_its_concern() {
    let mut depot = Depot::open(191).await;
    let hold = depot.hold(6).await;
    let sold = [depot.till.sell(&[(depot.tea, 4)])];
    depot.till.push(&depot.shop, &sold).await;
    depot.break_some(1).await;
    assert_eq!(
        (depot.level().await, depot.are_open(&[hold]).await),
        ((5, 5), vec![false]),
        "the till sells what it leaves"
    );
    let concerns = depot.shop.concerns().await;
    let [told] = concerns.as_slice() else { panic!("one concern: {concerns:?}") };
    assert_eq!((told.detail["hold"].as_str(), &told.detail["units"]), (Some(&*hold.to_string()), &6.into()));
    assert_eq!(told.detail["cart"].as_str(), Some(&*hold.0.to_string()), "whose it was");
    let shown = |tx| async move { office::show_concern(&tx, told.concern_id).await };
    let shown = depot.shop.server.db.snapshot(shown).await.unwrap().unwrap();
    let touched: Vec<_> = shown.touches.iter().map(|touched| touched.what.as_str()).collect();
    assert_eq!((touched, shown.concern.about.as_deref()), (vec!["hold", "product", "warehouse"], Some("Tea")));
    depot.shop.keeps_its_laws().await;
}

#[tokio::test]
async fn what_holds_do_not_cover_is_asked_back_from_whoever_is_in_reach_and_the_rest_stays_visible() {
    let mut depot = Depot::open(192).await;
    depot.break_some(8).await;
    assert_eq!((depot.level().await, depot.told().await.keep), ((2, 4), None), "it was not heard yet");
    let page = depot.pull(None).await;
    depot.pull(Some(&page)).await;
    assert_eq!((depot.level().await, depot.told().await.keep), ((2, 4), Some(2)));
    assert_eq!(depot.shop.concern_kinds().await, ["unbacked"], "it is asked, and has not said yet that it has them");

    let back = Op::GaveBack(depot.till.goods(&[(depot.tea, 2)]));
    let back = [depot.till.write(&back)];
    depot.till.push(&depot.shop, &back).await;
    assert_eq!((depot.level().await, depot.shop.concern_kinds().await), ((2, 2), Vec::<String>::new()));
    depot.shop.keeps_its_laws().await;
}

#[tokio::test]
async fn who_was_out_of_reach_when_the_last_one_told_is_asked_once_it_is_heard() {
    let mut depot = Depot::open(204).await;
    let mut other = depot.shop.till("Other", depot.place, false).await;
    let asked = [other.ask(&[(depot.tea, 4)])];
    other.push(&depot.shop, &asked).await;
    depot.break_some(9).await;
    std::mem::swap(&mut depot.till, &mut other);
    let page = depot.pull(None).await;
    depot.pull(Some(&page)).await;
    depot.shop.world.pass(3_600);
    std::mem::swap(&mut depot.till, &mut other);
    depot.till.push(&depot.shop, &[]).await;
    let page = depot.pull(None).await;
    depot.pull(Some(&page)).await;
    assert_eq!((depot.level().await, depot.told().await.keep), ((1, 8), Some(0)), "all that is in reach");
    look_again(&depot.shop.server).await.unwrap();
    std::mem::swap(&mut depot.till, &mut other);
    assert_eq!(depot.told().await.keep, None, "it would not hear");

    depot.till.push(&depot.shop, &[]).await;
    look_again(&depot.shop.server).await.unwrap();
    let keep = depot.told().await.keep;
    assert!(keep.is_some_and(|keep| keep < 4), "{keep:?}");
    look_again(&depot.shop.server).await.unwrap();
    assert_eq!((depot.told().await.keep, depot.level().await), (keep, (1, 8)), "once");
    depot.shop.keeps_its_laws().await;
}

#[tokio::test]
async fn a_device_that_was_suspended_meanwhile_is_asked_back_for_what_is_short_once_it_goes_on() {
    let mut depot = Depot::open(203).await;
    let before = depot.pull(None).await;
    let signed = |act| Signed { act_id: Uuid::from_u128(act), by: "Ada".to_owned(), note: None };
    let node = depot.till.card.node_id;
    devices::suspend(&depot.shop.server, node, &signed(1)).await.unwrap();
    depot.break_some(8).await;
    let after = depot.pull(Some(&before)).await;
    depot.pull(Some(&after)).await;
    assert_eq!((depot.level().await, depot.told().await.keep), ((2, 4), None));
    devices::resume(&depot.shop.server, node, &signed(2)).await.unwrap();
    assert_eq!(depot.told().await.keep, Some(2));
}

#[tokio::test]
async fn who_is_out_of_reach_is_waited_for_until_it_is_given_up() {
    let mut depot = Depot::open(193).await;
    let hold = depot.hold(6).await;
    depot.break_some(2).await;
    assert_eq!(depot.are_open(&[hold]).await, [true]);
    let life = give_up::life(&depot.shop.server, "Till", None).await.unwrap();
    give_up::give_up(&depot.shop.server, &life).await.unwrap();
    assert_eq!(
        (depot.level().await, depot.are_open(&[hold]).await),
        ((8, 4), vec![false]),
        "its own stays promised to it"
    );
    depot.shop.keeps_its_laws().await;
}

#[tokio::test]
async fn of_two_devices_with_one_journal_neither_tells_all() {
    let mut depot = Depot::open(202).await;
    let hold = depot.hold(6).await;
    let life = depot.till.card.incarnation_id;
    let freeze = format!("update incarnations set state = 'frozen' where incarnation_id = '{life}'");
    depot.shop.client.batch_execute(&freeze).await.unwrap();
    depot.break_some(2).await;
    let page = depot.pull(None).await;
    depot.pull(Some(&page)).await;
    assert_eq!(depot.are_open(&[hold]).await, [true], "the other device may have received what is missing");
}

#[tokio::test]
async fn an_order_is_never_withdrawn() {
    let mut depot = Depot::open(194).await;
    let order = depot.till.order_to_ship(&[(depot.tea, 4)]);
    let ordered = [depot.till.write(&super::sale(order))];
    depot.till.push(&depot.shop, &ordered).await;
    assert_eq!(depot.level().await, (10, 4 + 5), "the till, which sells, was topped up");
    depot.break_some(8).await;
    let page = depot.pull(None).await;
    depot.pull(Some(&page)).await;
    assert_eq!((depot.level().await, depot.told().await.keep), ((2, 4 + 5), Some(0)));
    let back = Op::GaveBack(depot.till.goods(&[(depot.tea, 5)]));
    let back = [depot.till.write(&back)];
    depot.till.push(&depot.shop, &back).await;
    assert_eq!((depot.level().await, depot.shop.concern_kinds().await), ((2, 4), vec!["unbacked".to_owned()]));
    depot.shop.keeps_its_laws().await;
}

#[tokio::test]
async fn what_is_reclaimed_covers_holds_before_any_is_withdrawn() {
    let mut depot = Depot::open(195).await;
    let holds = [depot.hold(3).await, depot.hold(3).await];
    depot.break_some(3).await;
    let (node, signed) = (depot.till.card.node_id, signed());
    devices::reclaim(&depot.shop.server, node, 4, &signed).await.unwrap();
    assert_eq!((depot.level().await, depot.are_open(&holds).await), ((7, 6), vec![true, true]));
    assert_eq!(depot.shop.concern_kinds().await, Vec::<String>::new());
    depot.shop.keeps_its_laws().await;

    let mut other = Depot::open(196).await;
    let holds = [other.hold(3).await, other.hold(3).await];
    other.break_some(3).await;
    give_up::reclaim(&other.shop.server, other.till.card.incarnation_id).await.unwrap();
    assert_eq!((other.level().await, other.are_open(&holds).await), ((7, 6), vec![true, true]));
}

#[tokio::test]
async fn an_order_that_nobody_confirmed_takes_no_hold_away() {
    let mut depot = Depot::open(197).await;
    let hold = depot.hold(6).await;
    let order = depot.till.order_to_ship(&[(depot.tea, 6)]);
    let sale = Sale { order, sold: None, holds: Vec::new(), to_be_confirmed: true };
    let ordered = [depot.till.write(&Op::Sale(Box::new(sale)))];
    depot.till.push(&depot.shop, &ordered).await;
    assert_eq!((depot.level().await, depot.are_open(&[hold]).await), ((10, 12), vec![true]));
    assert_eq!(confirm(&depot.shop.server).await.unwrap(), 0, "its goods are another's");
    depot.break_some(1).await;
    let page = depot.pull(None).await;
    depot.pull(Some(&page)).await;
    assert_eq!(depot.are_open(&[hold]).await, [true], "of nine, six are held, and the order can wait");
    depot.shop.keeps_its_laws().await;
}

#[tokio::test]
async fn what_is_left_of_a_hold_is_not_told_as_the_whole() {
    let mut depot = Depot::open(198).await;
    let milk = depot.shop.product_id();
    depot.shop.add_product(milk).await;
    let received = [depot.handheld.receive(&[(milk, 5)])];
    depot.handheld.push(&depot.shop, &received).await;
    let wanted = depot.hold_both(&[(depot.tea, 6), (milk, 2)]).await;
    let sold = [depot.till.sell(&[(depot.tea, 4)])];
    depot.till.push(&depot.shop, &sold).await;
    depot.break_some(1).await;
    assert_eq!(depot.are_open(&[wanted.hold_id]).await, [true], "one line of two");
    let (server, until) = (&depot.shop.server, depot.shop.server.now().plus_seconds(7_200));
    let again = depot.desk.place(depot.till.caller(), wanted.clone()).await;
    assert!(matches!(again, Err(Unheld::Closed)), "{again:?}");
    assert!(matches!(extend(server, By::Office, wanted.hold_id, until).await, Err(Unheld::Closed)));
    assert!(matches!(allot(server, depot.till.caller(), wanted.hold_id).await, Err(Unheld::Closed)));
    depot.shop.keeps_its_laws().await;
}

#[tokio::test]
async fn a_life_that_is_over_and_told_is_not_waited_for() {
    let mut depot = Depot::open(199).await;
    let (hold, elder) = (depot.hold(6).await, depot.till.caller());
    let life = IncarnationId::new(depot.till.now(), depot.till.chance());
    let wanted =
        LifeWanted { incarnation_id: life, reason: LifeReason::RolledBack, unsettled: Vec::new(), stands: None };
    lives::begin(&depot.shop.server, elder, depot.till.standing(), &wanted).await.unwrap();
    depot.break_some(2).await;
    assert_eq!(depot.are_open(&[hold]).await, [true]);
    depot.till.card.incarnation_id = life;
    (depot.till.head, depot.till.acked) = (Mark::START, Mark::START);
    let ended = LifeEnded { incarnation_id: elder.incarnation_id };
    let ended = [depot.till.write(&Op::LifeEnded(ended))];
    depot.till.push(&depot.shop, &ended).await;
    assert_eq!((depot.level().await, depot.are_open(&[hold]).await), ((8, 4), vec![false]), "its four stay in doubt");
    depot.shop.keeps_its_laws().await;
}

#[tokio::test]
async fn a_hold_becomes_allotment_only_where_its_device_sells() {
    let depot = Depot::open(200).await;
    let hold = depot.hold(2).await;
    let elsewhere = depot.shop.warehouse("Market").await;
    let other = depot.shop.till("Other", elsewhere, false).await;
    let told = allot(&depot.shop.server, other.caller(), hold).await;
    assert!(matches!(told, Err(Unheld::Elsewhere)), "{told:?}");
    assert_eq!(depot.are_open(&[hold]).await, [true]);
    allot(&depot.shop.server, depot.till.caller(), hold).await.unwrap();
}

#[tokio::test]
async fn nothing_is_confirmed_while_head_office_hears_from_its_devices() {
    let mut depot = Depot::open(201).await;
    let order = depot.till.order_to_ship(&[(depot.tea, 1)]);
    let sale = Sale { order, sold: None, holds: Vec::new(), to_be_confirmed: true };
    let ordered = [depot.till.write(&Op::Sale(Box::new(sale)))];
    depot.till.push(&depot.shop, &ordered).await;
    depot.shop.client.batch_execute("update epochs set recovered_at = null").await.unwrap();
    assert_eq!(confirm(&depot.shop.server).await.unwrap(), 0);
    depot.shop.client.batch_execute("update epochs set recovered_at = now()").await.unwrap();
    assert_eq!(confirm(&depot.shop.server).await.unwrap(), 1);
}

fn signed() -> Signed {
    Signed { act_id: Uuid::from_u128(1), by: "Ada".to_owned(), note: None }
}
