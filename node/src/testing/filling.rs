//! Filled anew beside its own tables: what is the node's own stays, and what the server does not know goes.

use std::process::Command;

use outpost_schema::{
    feed::Ruling,
    id::OrderId,
    order::{Fulfilment, OrderStatus},
    verdict::Verdict,
};
use outpost_sync::{round::Anew, verify::Holder as _, wire::Born};

use super::*;
use crate::{
    db::{aside, lives},
    people::NewCustomer,
    stage::{
        self,
        Moment::{AfterCommit, BeforeCommit},
        Work,
    },
    stockroom::Seen,
};

/// Names the folder that the killed process works on.
const FOLDER: &str = "OUTPOST_TEST_FOLDER_TO_FILL";

/// The server's database began another life, or this device was away too long; the feed is read aside
/// to its end, which contains this node's entries up to `seq` but those in `set_aside`.
fn fill(shop: &Shop, why: &Anew, seq: i64, set_aside: &[i64], told: Vec<Aggregate>) {
    shop.node.start_anew(why).expect("notes");
    shop.node.do_without_file().expect("notes");
    assert_eq!(shop.node.cursor().expect("cursor"), None);
    let mark = if seq == 0 { Mark::START } else { shop.mark(seq) };
    let acked = vec![Acked { incarnation_id: LIFE, mark, set_aside: set_aside.to_vec(), archived: 0, over: false }];
    let page = Page { epoch: epoch_of(shop), ..shop.page(acked, told) };
    shop.node.apply(None, &page).expect("applies and takes over");
    assert_eq!(shop.node.cursor().expect("cursor"), Some(page.cursor), "it goes on from there");
    assert_eq!(shop.node.filled(), None, "and nothing is being filled any more");
}

/// The life of the server that the node knows.
fn epoch_of(shop: &Shop) -> EpochId {
    let known = shop.node.db().read(crate::db::epochs::known).expect("reads").epoch;
    known.unwrap_or(EpochId(Uuid::from_u128(40)))
}

fn other_epoch() -> Anew {
    Anew::OtherEpoch(EpochId(Uuid::from_u128(41)))
}

#[test]
fn rows_that_the_server_does_not_know_go_and_own_ones_stay() {
    let shop = Shop::new(&physical());
    shop.stock(TEA, 10, 0);
    shop.stock(CAKE, 7, 0);
    let bob = UserId(Uuid::from_u128(21));
    shop.tell(vec![Aggregate::User(Box::new(user(bob, None)))]);
    let own = shop.sell(&[(TEA, 2)]).expect("sells").order;
    let new = NewCustomer { first_name: Some("Grace".to_owned()), ..NewCustomer::default() };
    let grace = shop.node.add_customer(&new).expect("written down").user_id;
    let mut others = own.clone();
    others.order_id = OrderId(Uuid::from_u128(60));
    others.node_id = NodeId(Uuid::from_u128(32));
    let mut forgotten = own.clone();
    forgotten.order_id = OrderId(Uuid::from_u128(61));
    shop.tell([&others, &forgotten].map(|order| Aggregate::Order(Box::new(order.clone()))).to_vec());

    fill(&shop, &Anew::TooLongAway, 0, &[], vec![product(TEA, "Tea", Some("2.60")), image(TEA, 9, 0)]);
    assert_eq!(shop.node.product(TEA).expect("reads").expect("known").product.name, "Tea", "replaced");
    assert!(shop.node.product(CAKE).expect("reads").is_none(), "a ghost");
    assert_eq!((shop.count("stock"), shop.level(TEA).balance), (1, 9 - 2), "an own sale is laid over the new image");
    assert!(shop.node.customer(bob).expect("reads").is_none(), "a ghost");
    assert!(shop.node.customer(grace).expect("reads").is_some(), "its op is in no image yet");
    assert!(shop.node.order(own.order_id).expect("reads").is_some(), "own orders stay");
    assert!(shop.node.order(others.order_id).expect("reads").is_none(), "a ghost");
    assert!(shop.node.order(forgotten.order_id).expect("reads").is_none(), "made here, and in no journal any more");
    assert_eq!((shop.count("journal"), shop.count("order_items"), shop.count("payments")), (2, 1, 1));
}

#[test]
fn an_own_op_counts_once_whether_the_new_images_contain_it_or_not() {
    for (contained, set_aside, balance) in
        [(0, &[][..], 20 - 1 - 2 - 4), (1, &[][..], 20 - 2 - 4), (2, &[1][..], 20 - 1 - 4), (3, &[][..], 20)]
    {
        for told_before in [false, true] {
            let shop = Shop::new(&physical());
            shop.stock(TEA, 50, 0);
            for units in [1, 2, 4] {
                shop.sell(&[(TEA, units)]).expect("sells");
            }
            if told_before {
                // In its former life the server had told that it has all three.
                shop.tell_as_of(3, &[], vec![image(TEA, 43, 0)]);
            }
            let told = vec![product(TEA, "Tea", Some("2.50")), image(TEA, 20, 0)];
            fill(&shop, &other_epoch(), contained, set_aside, told);
            assert_eq!(shop.level(TEA).balance, balance, "{contained} {set_aside:?} {told_before}");
            let all = Acked { incarnation_id: LIFE, mark: shop.mark(3), set_aside: vec![], archived: 0, over: false };
            let page = Page { epoch: epoch_of(&shop), ..shop.page(vec![all], vec![image(TEA, 13, 0)]) };
            shop.node.apply(shop.node.cursor().expect("cursor").as_deref(), &page).expect("applies");
            assert_eq!(shop.level(TEA).balance, 13, "and once it has all of them, not a second time");
        }
    }
}

#[test]
fn what_own_ops_did_and_promised_is_laid_over_an_older_image_to_the_unit() {
    for card in [card(), home(), physical()] {
        let shop = Shop::new(&card);
        shop.stock(TEA, 20, 15);
        let ship = Terms { fulfilment: Fulfilment::Ship, ..Terms::carried_out(vec![Tendered::card("terminal 1")]) };
        let order = shop.node.sell(&SaleWanted { lines: vec![wanted(TEA, 3)], terms: ship.clone() });
        let order = order.expect("to be handed over").order.order_id;
        shop.node.sell(&SaleWanted { lines: vec![wanted(TEA, 2)], terms: ship }).expect("it stays to be");
        shop.sell(&[(TEA, 4)]).expect("sells");
        shop.node.receive(&[line(TEA, 8)]).expect("a crate came");
        shop.node.give_back(&[line(TEA, 1)]).expect("given back");
        shop.node.advance(order, OrderStatus::Shipped).expect("handed over");
        if card.is_home {
            shop.node.count(&[Seen { product_id: TEA, counted: 12 }]).expect("somebody looked");
        }
        let level = shop.level(TEA);
        let all = shop.count("journal");
        shop.tell_as_of(all, &[], vec![image(TEA, level.balance, level.promised)]);
        assert_eq!((shop.level(TEA), shop.count("pending")), (level, 0), "head office has all of it");
        fill(
            &shop,
            &other_epoch(),
            0,
            &[],
            vec![product(TEA, "Tea", Some("2.50")), image(TEA, 20, 15), grant(TEA, 15)],
        );
        assert_eq!(shop.level(TEA), level, "and has forgotten it again: {card:?}");
    }
}

#[test]
fn what_an_earlier_life_did_is_laid_over_an_older_image_too_while_its_entries_are_carried() {
    for card in [card(), home(), physical()] {
        let shop = Shop::new(&card);
        shop.stock(TEA, 20, 15);
        shop.sell(&[(TEA, 4)]).expect("sells");
        shop.node.receive(&[line(TEA, 8)]).expect("a crate came");
        shop.node.give_back(&[line(TEA, 1)]).expect("given back");
        let level = shop.level(TEA);
        shop.node.freeze().expect("notes");
        let wanted = shop.node.life_wanted().expect("reads").expect("this one is over");
        let (life, prefix) = (wanted.incarnation_id, "R2".to_owned());
        shop.node.begin_life(&Born { incarnation_id: life, prefix, known: 0 }).expect("begins");
        assert_eq!(shop.level(TEA), level);
        let acked = |of: [(IncarnationId, Mark); 2]| {
            let of = of.into_iter().map(|(incarnation_id, mark)| Acked {
                incarnation_id,
                mark,
                set_aside: vec![],
                archived: 0,
                over: false,
            });
            of.collect::<Vec<_>>()
        };
        let all = acked([(LIFE, Mark::START), (life, shop.node.standing().expect("reads").head)]);
        let late = Ruling { incarnation_id: LIFE, seq: 1, verdict: Verdict::Accepted };
        let all = shop.page(all, vec![image(TEA, 24, 5), Aggregate::Verdict(Box::new(late))]);
        shop.node.apply(shop.node.cursor().expect("cursor").as_deref(), &all).expect("applies");
        assert_eq!(shop.count("pending"), 0, "head office has all of it");
        let is_told_again = shop.node.db().read(lives::has_to_tell_again).expect("reads");
        assert!(!is_told_again, "what is carried is answered where it is carried");

        // And it forgets it again; at first but for what the earlier life had told itself.
        for (epoch, told_before, row) in [(41, shop.mark(1), (16, 11)), (42, Mark::START, (20, 15))] {
            shop.node.start_anew(&Anew::OtherEpoch(EpochId(Uuid::from_u128(epoch)))).expect("notes");
            shop.node.do_without_file().expect("notes");
            let told = vec![product(TEA, "Tea", Some("2.50")), image(TEA, row.0, row.1), grant(TEA, 15)];
            let page =
                Page { epoch: epoch_of(&shop), ..shop.page(acked([(LIFE, told_before), (life, Mark::START)]), told) };
            shop.node.apply(None, &page).expect("applies and takes over");
            assert_eq!(shop.level(TEA), level, "{card:?} {epoch}");
        }
    }
}

#[test]
fn a_node_that_stopped_right_before_taking_over_goes_on_with_what_is_aside() {
    let shop = Shop::new(&physical());
    shop.node.start_anew(&Anew::TooLongAway).expect("notes");
    shop.node.do_without_file().expect("notes");
    let last = shop.page(vec![], vec![product(TEA, "Tea", Some("2.60")), image(TEA, 9, 0)]);
    let card = shop.node.identity().expect("reads").expect("joined").card;
    let mut aside = aside::open(shop.folder.path(), &card).expect("opens");
    aside::apply(&mut aside, None, &last, Timestamp::from_micros(0)).expect("applies");
    aside::complete(&mut aside, &last, &card).expect("complete");
    drop(aside);

    let shop = shop.reopened();
    assert_eq!(shop.node.cursor().expect("cursor"), Some(last.cursor.clone()), "what is aside is not read again");
    let next = shop.page(vec![], vec![image(TEA, 8, 0)]);
    shop.node.apply(Some(&last.cursor), &next).expect("takes over");
    assert_eq!((shop.level(TEA).balance, shop.count("products")), (8, 1));
    assert_eq!(shop.node.filled(), None);
    assert_eq!(shop.node.cursor().expect("cursor"), Some(next.cursor));
}

#[test]
fn what_it_may_sell_is_never_lowered() {
    let shop = Shop::new(&card());
    shop.stock(TEA, 30, 10);
    shop.sell(&[(TEA, 4)]).expect("allotted");
    let catalogue = || product(TEA, "Tea", Some("2.50"));
    fill(&shop, &other_epoch(), 0, &[], vec![catalogue(), image(TEA, 30, 6), grant(TEA, 6)]);
    assert_eq!(shop.open(TEA), 10 - 4, "the larger total wins");
    fill(&shop, &other_epoch(), 0, &[], vec![catalogue(), image(TEA, 30, 12), told_totals(TEA, 12, 3)]);
    assert_eq!(shop.open(TEA), 12 - 4 - 3);
    fill(&shop, &other_epoch(), 0, &[], vec![catalogue()]);
    assert_eq!(shop.open(TEA), 12 - 4 - 3, "a total that is not told is not taken away");
}

#[test]
fn to_a_life_that_is_over_nothing_more_is_given() {
    let shop = Shop::new(&card());
    shop.stock(TEA, 30, 4);
    shop.node.freeze().expect("noted");
    shop.tell(vec![grant(TEA, 10)]);
    assert_eq!(shop.open(TEA), 4, "it may have forgotten what it sold of that");
    fill(&shop, &Anew::TooLongAway, 0, &[], vec![product(TEA, "Tea", Some("2.50")), told_totals(TEA, 10, 1)]);
    assert_eq!(shop.open(TEA), 4 - 1, "what is taken back it hears");
    assert_eq!(shop.node.held(true, 10).expect("reads"), None, "so there is nothing to compare");
}

#[test]
fn statuses_of_own_orders_rise_and_never_fall() {
    let shop = Shop::new(&physical());
    let order = shop.sell(&[(NO_PRICE, 1)]);
    assert!(order.is_err(), "without a price nothing is sold");
    let mut order = shop.sell(&[(TEA, 1)]).expect("sells").order;
    assert_eq!(order.status, OrderStatus::Delivered);
    order.status = OrderStatus::Pending;
    fill(&shop, &other_epoch(), 1, &[], vec![Aggregate::Order(Box::new(order.clone()))]);
    let status = || shop.node.order(order.order_id).expect("reads").expect("there").status;
    assert_eq!(status(), OrderStatus::Delivered);
}

#[test]
fn carts_are_pushed_again_in_another_life_of_the_server_and_forgotten_after_a_long_absence() {
    for (why, kept) in [(other_epoch(), true), (Anew::TooLongAway, false)] {
        let shop = Shop::new(&physical());
        let old = a_cart(&shop, 70, &[(TEA, 2)]);
        shop.tell(vec![Aggregate::Cart(Box::new(old.clone()))]);
        let mine = a_cart(&shop, 71, &[(TEA, 1)]);
        keep_cart(&shop, &mine);
        let news = a_cart(&shop, 72, &[(CAKE, 3)]);
        fill(&shop, &why, 0, &[], vec![Aggregate::Cart(Box::new(news.clone()))]);
        let waiting: Vec<CartId> =
            shop.node.unsent().expect("waits").carts.iter().map(outpost_schema::cart::Cart::cart_id).collect();
        assert!(waiting.contains(&mine.cart_id()), "{why:?}");
        assert_eq!(waiting.contains(&old.cart_id()), kept, "{why:?}");
        assert_eq!(waiting.contains(&news.cart_id()), kept, "{why:?}");
        assert_eq!(shop.count("cart_states"), if kept { 3 } else { 2 }, "{why:?}");
    }
}

/// Many products, of which the server then knows others.
fn many(numbers: std::ops::Range<u128>, price: &str) -> Vec<Aggregate> {
    let told = |number| {
        let id = ProductId(Uuid::from_u128(0x1000 + number));
        [product(id, &format!("Product {number}"), Some(price)), image(id, 5, 0)]
    };
    numbers.flat_map(told).collect()
}

/// What the killed process does; without a folder it has nothing to do.
#[test]
fn the_one_who_is_killed_while_it_is_filled() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let node = Node::open(&std::path::PathBuf::from(folder), Arc::new(Seeded::new(9))).expect("opens");
    node.start_anew(&Anew::TooLongAway).expect("notes");
    node.do_without_file().expect("notes");
    let mut page = Page {
        epoch: EpochId(Uuid::from_u128(40)),
        cursor: "one page".to_owned(),
        level: false,
        seen: "level".to_owned(),
        aggregates: many(500..2_500, "2.00"),
        acked: vec![],
        server_time: Timestamp::from_micros(0),
        protocol: outpost_sync::wire::PROTOCOL,
        recovering: false,
        others: vec![],
    };
    node.apply(None, &page).expect("applies");
    (page.level, page.cursor) = (true, "level".to_owned());
    page.aggregates = vec![product(TEA, "Tea", Some("2.50")), image(TEA, 9, 0)];
    node.apply(Some("one page"), &page).expect("takes over");
}

#[test]
fn a_node_killed_while_it_takes_over_goes_on_with_it_and_sells_before() {
    let works = [Work::ApplyAside, Work::Fill, Work::Merge];
    for stage in works.into_iter().flat_map(|work| [work.at(BeforeCommit), work.at(AfterCommit)]) {
        let shop = Shop::new(&physical());
        shop.stock(TEA, 10, 0);
        shop.tell(many(0..2_000, "1.00"));
        shop.sell(&[(TEA, 1)]).expect("sells");
        let Shop { node, folder, pages } = shop;
        drop(node);
        let me = std::env::current_exe().expect("this program");
        let killed = Command::new(me)
            .args(["--exact", "testing::filling::the_one_who_is_killed_while_it_is_filled", "--test-threads", "1"])
            .env(FOLDER, folder.path())
            .env(stage::VARIABLE, stage.to_string())
            .output()
            .expect("runs");
        assert!(!killed.status.success(), "it was to die at {stage}");
        let node = Node::open(folder.path(), Arc::new(Seeded::new(10))).expect("opens after the kill");
        let shop = Shop { node: Arc::new(node), folder, pages };
        shop.sell(&[(TEA, 2)]).expect("sells in between");
        let me = std::env::current_exe().expect("this program");
        let is_over = matches!(shop.node.look_at_filling().expect("reads"), outpost_sync::file::Filling::Here);
        if is_over {
            shop.node.take_over().expect("goes on");
        } else {
            drop(shop.node);
            let again = Command::new(me)
                .args(["--exact", "testing::filling::the_one_who_is_killed_while_it_is_filled", "--test-threads", "1"])
                .env(FOLDER, shop.folder.path())
                .output()
                .expect("runs");
            assert!(again.status.success(), "{stage}: {}", String::from_utf8_lossy(&again.stdout));
            let node = Node::open(shop.folder.path(), Arc::new(Seeded::new(11))).expect("opens");
            check_filled(&Shop { node: Arc::new(node), ..shop }, stage);
            continue;
        }
        check_filled(&shop, stage);
    }
}

fn check_filled(shop: &Shop, stage: stage::Stage) {
    assert_eq!(
        (shop.count("products"), shop.count("stock")),
        (2_001, 2_001),
        "{stage}: no ghosts, and all that is new"
    );
    assert_eq!(shop.level(TEA).balance, 9 - 1 - 2, "{stage}");
    assert_eq!(shop.node.cursor().expect("cursor").as_deref(), Some("level"), "{stage}");
    assert!(!crate::db::aside::path(shop.folder.path()).exists(), "{stage}: nothing lies about");
    shop.node.examine().expect("whole");
}

#[test]
fn selling_goes_on_while_tables_are_taken_over() {
    let shop = Shop::new(&physical());
    shop.tell(many(0..3_000, "1.00"));
    let (node, over) = (&shop.node, std::sync::atomic::AtomicBool::new(false));
    std::thread::scope(|scope| {
        let selling = scope.spawn(|| {
            let mut sold = 0;
            while !over.load(Ordering::SeqCst) || sold == 0 {
                shop.sell(&[(TEA, 1)]).expect("sells at any moment");
                sold += 1;
            }
            sold
        });
        node.start_anew(&Anew::TooLongAway).expect("notes");
        node.do_without_file().expect("notes");
        let mut told = many(1_000..4_000, "2.00");
        told.extend([product(TEA, "Tea", Some("2.50")), image(TEA, 1_000, 0)]);
        node.apply(None, &shop.page(vec![], told)).expect("takes over");
        over.store(true, Ordering::SeqCst);
        let sold = selling.join().expect("it sold");
        assert_eq!(shop.level(TEA).balance, 1_000 - sold, "each sale once");
        assert_eq!(shop.count("products"), 3_001);
    });
}
