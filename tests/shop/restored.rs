//! A server that was restored from a backup, and tills that went on.

mod rows;

use std::collections::BTreeSet;

use outpost_schema::{
    device::Card,
    order::Order,
    verdict::{Refusal, Verdict},
};
use outpost_server::{
    epoch::{self, Recovery},
    give_up,
    nodes::{self, Readmitted},
    testing::TestDatabase,
};

use crate::support::{Rule, Shop, amount, chance::seeds, copy_folder, line, money, told::Told};

/// Puts the database back, as `outpost-server restore` does.
async fn restore(shop: &Shop, backup: &TestDatabase) {
    shop.database.become_like(backup).await;
    let (server, reason) = (&shop.server, epoch::Reason::Restored { from: "yesterday".to_owned() });
    let reason = &reason;
    let begun = server.db.transaction(|tx| async move { epoch::begin(&tx, &*server.world, reason).await }).await;
    begun.expect("an epoch begins");
}

async fn recovery(shop: &Shop) -> Recovery {
    epoch::recovery(&shop.server).await.expect("readable")
}

async fn awaited(shop: &Shop) -> Vec<String> {
    recovery(shop).await.awaited.into_iter().map(|awaited| awaited.node).collect()
}

/// Every receipt that was handed out is an order at head office, once, and the book agrees with the tills.
async fn has_every_sale(shop: &Shop, sold: &[Order]) {
    let receipts: Vec<String> = sold.iter().map(|order| order.receipt.to_string()).collect();
    assert_eq!(shop.server_receipts().await, receipts.into_iter().collect());
    assert_eq!(shop.number("select count(*) from orders").await, sold.len() as i64, "each once");
    shop.agree().await;
}

#[tokio::test]
async fn row_hub_restored_from_backup_every_sale_of_the_lost_hours_comes_back_once() {
    let shop = Shop::open(2).await;
    let tea = shop.product("TEA", "2.50", 30).await;
    shop.allot(0, tea, 6).await;
    shop.allot(1, tea, 6).await;
    let mut sold = vec![shop.tills[0].sell(tea, 1).expect("allotted")];
    shop.all_level().await;
    let backup = shop.database.copy().await;

    // The hours that will be lost: sales, a grant that is sold from, a cart, a sale of nobody's knowing.
    sold.push(shop.tills[0].sell(tea, 2).expect("allotted"));
    shop.allot(1, tea, 9).await;
    sold.push(shop.tills[1].sell(tea, 8).expect("allotted in the hours that are lost"));
    let cart = shop.tills[0].carts.begin(None).expect("a cart");
    shop.tills[0].carts.add(cart.cart_id(), tea, amount(2), None).expect("an add");
    shop.all_level().await;
    sold.push(shop.tills[0].sell(tea, 1).expect("allotted"));

    restore(&shop, &backup).await;
    assert_eq!(shop.number("select count(*) from orders").await, 1, "head office has forgotten them");
    sold.push(shop.tills[1].sell(tea, 1).expect("sales go on"));
    shop.tills[0].until_level().await;
    assert_eq!(awaited(&shop).await, ["Till 2"]);
    assert!(shop.tills[0].node.status().expect("readable").is_recovering, "the till says so");
    shop.all_level().await;
    assert!(!recovery(&shop).await.epoch.is_recovering());
    has_every_sale(&shop, &sold).await;
    assert_eq!(shop.number("select count(*) from cart_states").await, 1, "the cart came again");
    assert_eq!(shop.tills[1].open(tea), 6, "fifteen were granted and nine sold: the grant of the lost hours stands");
    assert!(!shop.tills[0].node.status().expect("readable").is_recovering);
    let kinds: Vec<String> = shop.concerns().await.into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["server_restored"]);
    shop.allot(0, tea, 3).await;
}

#[tokio::test]
async fn row_node_ahead_of_hub_a_database_set_back_behind_everybodys_back_is_noticed() {
    let shop = Shop::open(2).await;
    let tea = shop.product("TEA", "2.50", 30).await;
    shop.allot(0, tea, 6).await;
    shop.allot(1, tea, 6).await;
    let backup = shop.database.copy().await;
    let mut sold = vec![shop.tills[0].sell(tea, 2).expect("allotted")];
    shop.tills[0].until_level().await;

    // Nobody says that it was restored, and the first to call is a device that lost nothing.
    shop.database.become_like(&backup).await;
    shop.tills[1].until_level().await;
    assert_eq!(recovery(&shop).await.epoch.number, 1);
    sold.push(shop.tills[0].sell(tea, 1).expect("allotted"));
    shop.tills[0].until_level().await;
    assert_eq!(recovery(&shop).await.epoch.reason, "node_ahead", "by a push");
    shop.all_level().await;
    has_every_sale(&shop, &sold).await;

    // The same, noticed by a pull.
    let backup = shop.database.copy().await;
    sold.push(shop.tills[1].sell(tea, 1).expect("allotted"));
    shop.tills[1].until_level().await;
    shop.database.become_like(&backup).await;
    shop.tills[1].until_level().await;
    assert_eq!(recovery(&shop).await.epoch.number, 3);
    shop.all_level().await;
    assert!(!recovery(&shop).await.epoch.is_recovering());
    has_every_sale(&shop, &sold).await;
}

#[tokio::test]
async fn a_server_that_is_restored_twice_in_a_row_hears_everybody_again() {
    let shop = Shop::open(2).await;
    let tea = shop.product("TEA", "2.50", 30).await;
    shop.allot(0, tea, 6).await;
    shop.allot(1, tea, 6).await;
    let backup = shop.database.copy().await;
    let mut sold = Vec::new();
    for _ in 0..2 {
        sold.push(shop.tills[0].sell(tea, 1).expect("allotted"));
        sold.push(shop.tills[1].sell(tea, 1).expect("allotted"));
        shop.tills[0].until_level().await;
        restore(&shop, &backup).await;
        shop.tills[0].until_level().await;
        assert_eq!(awaited(&shop).await, ["Till 2"]);
    }
    restore(&shop, &backup).await;
    assert_eq!(awaited(&shop).await.len(), 2);
    shop.all_level().await;
    assert!(!recovery(&shop).await.epoch.is_recovering());
    has_every_sale(&shop, &sold).await;
}

#[tokio::test]
async fn a_device_that_never_comes_back_is_given_up_and_nobody_sells_what_it_had() {
    let shop = Shop::open(2).await;
    let tea = shop.product("TEA", "2.50", 10).await;
    shop.allot(1, tea, 4).await;
    let backup = shop.database.copy().await;
    restore(&shop, &backup).await;
    let till = &shop.tills[0];
    till.until_level().await;
    till.node.ask(&[line(tea, 10)]).expect("written down");
    till.until_level().await;
    let refused = &till.node.not_booked(1).expect("readable")[0];
    assert_eq!(refused.verdict, Verdict::Refused(Refusal::Recovering));

    let life = give_up::life(&shop.server, "Till 2", None).await.expect("a device");
    assert_eq!(life.open_units, 4);
    give_up::give_up(&shop.server, &life).await.expect("given up");
    till.until_level().await;
    till.node.ask(&[line(tea, 10)]).expect("written down");
    till.until_level().await;
    assert_eq!(till.open(tea), 6, "four stay in doubt");

    // It was only in a drawer.
    let sold = [shop.tills[1].sell(tea, 4).expect("allotted"), till.sell(tea, 6).expect("allotted")];
    shop.all_level().await;
    has_every_sale(&shop, &sold).await;
}

#[tokio::test]
async fn a_device_that_was_added_in_the_lost_hours_is_taken_back_with_its_card() {
    let mut shop = Shop::open(1).await;
    let tea = shop.product("TEA", "2.50", 30).await;
    shop.allot(0, tea, 6).await;
    shop.all_level().await;
    let backup = shop.database.copy().await;
    let added = shop.add_till(shop.high_street, Rule::Shared).await;
    shop.all_level().await;
    shop.allot(added, tea, 9).await;
    let mut sold = vec![shop.tills[added].sell(tea, 4).expect("allotted")];
    shop.all_level().await;

    restore(&shop, &backup).await;
    let till = &shop.tills[added];
    sold.push(till.sell(tea, 2).expect("sales go on"));
    till.round().await.expect_err("head office does not know it");
    shop.tills[0].until_level().await;
    assert!(!recovery(&shop).await.epoch.is_recovering(), "nobody else is waited for");

    let foreign = Card { incarnation_id: shop.tills[0].life(), ..till.card.clone() };
    assert_eq!(nodes::readmit(&shop.server, &foreign).await.expect_err("another device's").code(), "life_taken");
    let prefix = Card { prefix: shop.tills[0].card.prefix.clone(), ..till.card.clone() };
    assert_eq!(nodes::readmit(&shop.server, &prefix).await.expect_err("taken").code(), "name_taken");
    for outcome in [Readmitted::Taken, Readmitted::Known] {
        assert_eq!(nodes::readmit(&shop.server, &till.card).await.expect("its own"), outcome);
    }
    assert_eq!(awaited(&shop).await, std::slice::from_ref(&till.card.name));
    shop.all_level().await;
    has_every_sale(&shop, &sold).await;
    assert_eq!((till.open(tea), awaited(&shop).await.len()), (3, 0), "what it was granted stands");
}

#[tokio::test]
async fn a_life_that_was_begun_in_the_lost_hours_is_taken_back() {
    let mut shop = Shop::open(1).await;
    let tea = shop.product("TEA", "2.50", 30).await;
    shop.allot(0, tea, 6).await;
    shop.all_level().await;
    let backup = shop.database.copy().await;
    let mut sold = vec![shop.tills[0].sell(tea, 1).expect("allotted")];
    shop.all_level().await;
    // It is put back, and begins another life, of which the backup knows nothing.
    let copy = shop.spare_folder("copy");
    copy_folder(&shop.tills[0].folder, &copy);
    shop.restart(0, 50);
    sold.push(shop.tills[0].sell(tea, 2).expect("allotted"));
    shop.all_level().await;
    let put_back = shop.start(shop.tills[0].card.clone(), copy, 60);
    put_back.until_level().await;
    shop.allot_to(&put_back, tea, 5).await;
    sold.push(put_back.sell(tea, 3).expect("allotted"));
    put_back.until_level().await;
    let granted = put_back.open(tea);

    restore(&shop, &backup).await;
    put_back.round().await.expect_err("head office does not know this life");
    let card = put_back.node.identity().expect("readable").expect("joined").card;
    assert_eq!(nodes::readmit(&shop.server, &card).await.expect("its own"), Readmitted::Taken);
    put_back.until_level().await;
    let told = shop.server_receipts().await;
    assert!(told.contains(&sold[2].receipt.to_string()), "{told:?}");
    assert!(told.contains(&sold[0].receipt.to_string()), "what the former life had told is told again: {told:?}");
    assert_eq!(put_back.open(tea), granted, "what this life was granted stands");
    assert_eq!((put_back.waiting(), put_back.shown(tea).balance), (0, 30 - 1 - 3));
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn what_a_life_had_told_that_the_backup_never_knew_is_told_by_the_next() {
    let mut shop = Shop::open(1).await;
    let tea = shop.product("TEA", "2.50", 30).await;
    shop.allot(0, tea, 6).await;
    shop.all_level().await;
    let backup = shop.database.copy().await;
    let images = ["first", "second", "third"].map(|name| shop.spare_folder(name));
    let card = shop.tills[0].card.clone();
    copy_folder(&shop.tills[0].folder, &images[0]);
    shop.restart(0, 50);
    shop.tills[0].sell(tea, 1).expect("allotted");
    shop.tills[0].until_level().await;
    // Twice it is put back: three lives, of which the backup knows the first.
    let second = shop.start(card.clone(), images[0].clone(), 60);
    second.until_level().await;
    shop.allot_to(&second, tea, 5).await;
    let told = second.sell(tea, 3).expect("allotted");
    second.until_level().await;
    images[1..].iter().for_each(|image| copy_folder(&second.folder, image));
    second.sell(tea, 1).expect("allotted");
    second.until_level().await;
    let third = shop.start(card.clone(), images[1].clone(), 70);
    third.until_level().await;

    restore(&shop, &backup).await;
    third.round().await.expect_err("head office does not know this life");
    let shown = third.node.identity().expect("readable").expect("joined").card;
    assert_eq!(nodes::readmit(&shop.server, &shown).await.expect("its own"), Readmitted::Taken);
    third.until_level().await;
    let there = shop.server_receipts().await;
    assert!(there.contains(&told.receipt.to_string()), "{there:?}");
    assert_eq!((shop.number("select count(*) from ops where verdict = 'set_aside'").await, third.waiting()), (0, 0));
    // A life that begins now marks its receipts by no letters that a forgotten one had.
    let fourth = shop.start(card, images[2].clone(), 80);
    fourth.until_level().await;
    // It was filled anew, and hears with the next page that another life has begun after its own.
    fourth.round().await.expect("a good line");
    let prefix = |till: &crate::support::Till| till.node.identity().expect("readable").expect("joined").card.prefix;
    let prefixes = [&second, &third, &fourth].map(prefix);
    assert_eq!(BTreeSet::from(prefixes.clone()).len(), 3, "{prefixes:?}");
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn what_two_of_one_device_both_tell_again_counts_once() {
    let mut shop = Shop::open(1).await;
    let tea = shop.product("TEA", "2.50", 30).await;
    shop.all_level().await;
    let backup = shop.database.copy().await;
    shop.tills[0].node.receive(&[line(tea, 41)]).expect("written down");
    shop.restart(0, 40);
    let copy = shop.spare_folder("copy");
    copy_folder(&shop.tills[0].folder, &copy);
    shop.restart(0, 50);
    shop.tills[0].node.receive(&[line(tea, 5)]).expect("written down");
    shop.tills[0].until_level().await;
    let twin = shop.start(shop.tills[0].card.clone(), copy, 60);
    twin.node.receive(&[line(tea, 7)]).expect("written down");
    twin.until_level().await;
    assert_eq!(twin.shown(tea).balance, 30 + 41 + 5 + 7);

    restore(&shop, &backup).await;
    twin.round().await.expect_err("head office does not know its new life");
    let card = twin.node.identity().expect("readable").expect("joined").card;
    assert_eq!(nodes::readmit(&shop.server, &card).await.expect("its own"), Readmitted::Taken);
    // The twin tells the first delivery in the name of the life that both had, and the other tells it as its own.
    for till in [&twin, &shop.tills[0], &twin] {
        till.until_level().await;
    }
    for till in [&twin, &shop.tills[0]] {
        assert_eq!((till.waiting(), till.shown(tea).balance), (0, 30 + 41 + 5 + 7));
    }
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn nobody_waits_for_a_life_that_is_over_and_told() {
    let mut shop = Shop::open(1).await;
    let tea = shop.product("TEA", "2.50", 30).await;
    shop.allot(0, tea, 6).await;
    shop.all_level().await;
    let backup = shop.database.copy().await;
    let copy = shop.spare_folder("copy");
    copy_folder(&shop.tills[0].folder, &copy);
    shop.restart(0, 50);
    let sold = shop.tills[0].sell(tea, 2).expect("allotted");
    shop.tills[0].until_level().await;
    // It has heard of the sale's place in the book, and is then put back; so is head office.
    let put_back = shop.start(shop.tills[0].card.clone(), copy, 60);
    put_back.until_level().await;
    restore(&shop, &backup).await;
    let card = put_back.node.identity().expect("readable").expect("joined").card;
    assert_eq!(nodes::readmit(&shop.server, &card).await.expect("its own"), Readmitted::Taken);
    assert_eq!(awaited(&shop).await.len(), 2, "both lives: the old one may have been granted anything");
    put_back.until_level().await;
    assert_eq!(awaited(&shop).await, Vec::<String>::new(), "{sold:?}");
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn a_report_is_told_whatever_the_line_does() {
    for seed in seeds(3) {
        let _told = Told(seed);
        let shop = Shop::open(2).await;
        let tea = shop.product("TEA", "2.50", 30).await;
        let backup = shop.database.copy().await;
        shop.allot(0, tea, 5).await;
        shop.allot(1, tea, 7).await;
        let sold = [shop.tills[0].sell(tea, 3).expect("allotted"), shop.tills[1].sell(tea, 2).expect("allotted")];
        shop.tills[0].until_level().await;
        restore(&shop, &backup).await;
        for till in &shop.tills {
            till.line.weather(seed, 50);
            till.until_level().await;
            till.line.mend();
        }
        shop.all_level().await;
        assert!(!recovery(&shop).await.epoch.is_recovering());
        has_every_sale(&shop, &sold).await;
    }
}

#[tokio::test]
async fn prices_of_the_lost_hours_are_told_as_the_backup_has_them() {
    let shop = Shop::open(1).await;
    let tea = shop.product("TEA", "2.50", 30).await;
    shop.all_level().await;
    let backup = shop.database.copy().await;
    let repriced = outpost_server::publish::reprice(&shop.server, &[(tea, Some(money("3.00")))]).await;
    assert_eq!(repriced.expect("a new price"), 1);
    shop.all_level().await;
    restore(&shop, &backup).await;
    shop.all_level().await;
    shop.agree().await;
}
