//! Devices that were copied, and devices that were set back.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use outpost_node::{
    Node, State,
    sell::{SaleWanted, Tendered, Terms, WantedLine},
    witness::FILE as WITNESS,
};
use outpost_schema::{
    device::LifeReason,
    id::{IncarnationId, ProductId},
    journal::Hash,
    world::Seeded,
};
use outpost_sync::{
    round::{Local as _, Remote as _, Trouble},
    wire::{Born, LifeWanted, Standing, UNSETTLED_MAX},
};
use uuid::Uuid;

use crate::support::{Rule, Shop, amount, copy_folder, wire::Fate};

#[tokio::test]
async fn of_a_copied_device_both_go_on_and_nothing_of_either_is_lost() {
    let (mut shop, tea) = a_till_with_ten().await;
    let copy = image(&shop);
    shop.restart(0, 50);
    let twin = shop.start(shop.tills[0].card.clone(), copy, 60);
    let first = &shop.tills[0];

    let told = first.sell(tea, 1).expect("allotted");
    let other = twin.sell(tea, 2).expect("allotted, it thinks");
    first.until_level().await;
    twin.until_level().await;
    assert_eq!(shop.number("select count(*) from evidence").await, 1, "what the twin said first is kept as it was");
    let lives = [first.card.incarnation_id, twin.life()];
    assert_ne!(lives[0], lives[1]);
    assert_eq!(twin.open(tea), 0, "the new life inherits nothing");
    assert_eq!(told.receipt, other.receipt, "with no line, neither could know of the other's number");
    assert_eq!(shop.number("select count(*) from orders").await, 2, "the twin's sale was carried over");

    // The first device finds its journal frozen, and begins another life of its own.
    let later = first.sell(tea, 1).expect("the customer is served");
    first.until_level().await;
    assert!(shop.server_receipts().await.contains(&later.receipt.to_string()));
    assert_eq!(shop.number("select count(*) from incarnations where state = 'active'").await, 2);
    twin.until_level().await;
    let begun = ("life_begun".to_owned(), first.card.incarnation_id.to_string());
    assert_eq!(shop.concerns().await, [begun], "one surprise, one concern");
    assert_eq!(shop.number(IN_DOUBT).await, 10 - 4, "what is open of the old life stays promised");
    for till in [first, &twin] {
        till.node.examine().expect("its journal is whole");
        assert_eq!((till.waiting(), till.shown(tea).balance), (0, 30 - 4));
    }
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn a_device_that_was_set_back_begins_another_life_that_inherits_nothing() {
    let (mut shop, tea) = a_till_with_ten().await;
    let backup = image(&shop);
    shop.restart(0, 50);
    shop.tills[0].sell(tea, 4).expect("allotted");
    shop.tills[0].until_level().await;

    let restored = shop.start(shop.tills[0].card.clone(), backup, 60);
    assert_eq!(restored.open(tea), 10, "it does not remember the four");
    let told = restored.sell(tea, 1).expect("offline it cannot know");
    restored.until_level().await;
    let status = restored.node.status().expect("readable");
    assert_eq!((status.state, status.waiting), (State::Active, 0));
    assert_ne!(restored.life(), restored.card.incarnation_id);
    assert_eq!(restored.open(tea), 0, "nothing is inherited");
    assert_eq!(shop.number(IN_DOUBT).await, 10 - 4 - 1, "its units count against the life that sold them");
    assert_eq!((restored.shown(tea).balance, shop.number("select count(*) from orders").await), (30 - 5, 2));
    assert!(shop.server_receipts().await.contains(&told.receipt.to_string()));

    let refused = restored.sell(tea, 1).expect_err("nothing is allotted");
    assert_eq!(refused.code(), "allotment_spent");
    shop.allot_to(&restored, tea, 3).await;
    let next = restored.sell(tea, 3).expect("allotted to the new life");
    restored.until_level().await;
    let prefix = |receipt: &str| receipt.split('-').next().map(str::to_owned);
    assert_ne!(prefix(&next.receipt.to_string()), prefix(&told.receipt.to_string()), "no receipt number comes twice");
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn a_device_whose_double_began_another_life_begins_one_too_and_is_granted_again() {
    let (mut shop, tea) = a_till_with_ten().await;
    let backup = image(&shop);
    shop.restart(0, 50);
    shop.tills[0].sell(tea, 4).expect("allotted");
    shop.tills[0].until_level().await;
    // Somebody starts an old copy beside the till in use: to head office that is the till, put back.
    let double = shop.start(shop.tills[0].card.clone(), backup, 60);
    double.until_level().await;

    let till = &shop.tills[0];
    let told = till.sell(tea, 1).expect("nobody has told it yet");
    till.until_level().await;
    let lives = [till.card.incarnation_id, double.life(), till.life()];
    assert_eq!(BTreeSet::from(lives).len(), 3, "{lives:?}");
    assert_eq!((till.node.status().expect("readable").state, till.open(tea)), (State::Active, 0));
    assert!(shop.server_receipts().await.contains(&told.receipt.to_string()));
    shop.allot_to(till, tea, 3).await;
    assert_eq!((till.open(tea), double.open(tea)), (3, 0), "it is granted again");
    let begun = ("life_begun".to_owned(), till.card.incarnation_id.to_string());
    assert_eq!(shop.concerns().await, [begun], "one surprise, one concern");
    // The other one goes on in the life that it began.
    double.until_level().await;
    assert_eq!((double.life(), double.waiting()), (lives[1], 0));
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn a_life_that_is_asked_for_twice_is_one_life() {
    let (mut shop, tea) = a_till_with_ten().await;
    let backup = image(&shop);
    shop.restart(0, 50);
    shop.tills[0].sell(tea, 4).expect("allotted");
    shop.tills[0].until_level().await;

    let restored = shop.start(shop.tills[0].card.clone(), backup, 60);
    restored.sell(tea, 2).expect("offline it cannot know");
    // The push passes, and is told that the journal goes on elsewhere; then answers are lost on the way.
    restored.line.next([Fate::Passes, Fate::AnswerLost, Fate::AnswerLost, Fate::Twice]);
    restored.until_level().await;
    assert_eq!(shop.number("select count(*) from incarnations").await, 2);
    assert_eq!((shop.number("select count(*) from orders").await, restored.waiting()), (2, 0));
    assert_eq!(shop.number("select count(*) from carried").await, 1);
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn a_copy_made_while_it_waited_for_a_life_does_not_live_that_one_again() {
    let (mut shop, tea) = a_till_with_ten().await;
    let backup = image(&shop);
    shop.restart(0, 50);
    shop.tills[0].sell(tea, 4).expect("allotted");
    shop.tills[0].until_level().await;
    let restored = shop.start(shop.tills[0].card.clone(), backup, 60);
    restored.sell(tea, 2).expect("offline it cannot know");
    restored.line.next([Fate::Passes, Fate::AnswerLost]);
    restored.round().await.expect_err("the answer was lost");
    let copy = shop.spare_folder("copy");
    copy_folder(&restored.folder, &copy);
    restored.until_level().await;
    shop.allot_to(&restored, tea, 1).await;
    let told = restored.sell(tea, 1).expect("allotted");
    restored.until_level().await;

    let again = shop.start(shop.tills[0].card.clone(), copy, 70);
    again.line.next([Fate::Passes, Fate::Passes, Fate::Lost]);
    again.round().await.expect_err("the line broke when it had asked");
    assert_eq!(BTreeSet::from([shop.tills[0].life(), restored.life(), again.life()]).len(), 3);
    again.until_level().await;
    shop.allot_to(&again, tea, 1).await;
    let next = again.sell(tea, 1).expect("allotted");
    assert_ne!(next.receipt, told.receipt, "a life that is lived gives its numbers once");
    again.until_level().await;
    assert_eq!(again.waiting(), 0);
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn what_the_image_had_not_sent_counts_once_whichever_life_tells_it() {
    let (mut shop, tea) = a_till_with_ten().await;
    shop.restart(0, 45);
    shop.tills[0].sell(tea, 1).expect("allotted");
    shop.restart(0, 46);
    let backup = image(&shop);
    shop.tills[0].sell(tea, 2).expect("allotted");
    shop.tills[0].until_level().await;

    let restored = shop.start(shop.tills[0].card.clone(), backup, 60);
    restored.sell(tea, 3).expect("offline it cannot know");
    restored.until_level().await;
    assert_eq!(shop.number("select count(*) from orders").await, 3, "the first one stands in both images");
    assert_eq!(shop.number("select count(*) from carried").await, 1, "the server says which it has");
    assert_eq!((restored.shown(tea).balance, restored.waiting()), (30 - 6, 0));
    assert_eq!(shop.number(IN_DOUBT).await, 10 - 6);
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn at_a_home_the_next_life_gets_what_the_old_one_had_once_all_of_it_is_told() {
    let (mut shop, tea) = a_home_with_twenty().await;
    let backup = image(&shop);
    shop.restart(0, 50);
    shop.tills[0].sell(tea, 4).expect("its own");
    shop.tills[0].until_level().await;

    let restored = shop.start(shop.tills[0].card.clone(), backup, 60);
    restored.sell(tea, 3).expect("its own");
    restored.until_level().await;
    assert_eq!((restored.open(tea), restored.shown(tea).balance), (20 - 7, 20 - 7));
    assert_eq!(shop.number(IN_DOUBT).await, 0);
    let begun = ("life_begun".to_owned(), shop.tills[0].card.incarnation_id.to_string());
    assert_eq!(shop.concerns().await, [begun], "somebody must look whether there are two of it");
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn at_a_home_that_sold_nothing_since_the_image_nobody_has_to_do_anything() {
    let (mut shop, tea) = a_home_with_twenty().await;
    let backup = image(&shop);
    shop.restart(0, 50);
    shop.tills[0].sell(tea, 4).expect("its own");
    shop.tills[0].until_level().await;

    let restored = shop.start(shop.tills[0].card.clone(), backup, 60);
    restored.until_level().await;
    assert_eq!((restored.open(tea), restored.shown(tea).balance), (16, 16));
    assert_eq!((shop.concerns().await, shop.number(IN_DOUBT).await), (vec![], 0));
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn an_old_database_beside_a_younger_witness_is_noticed_before_anybody_was_heard() {
    let (mut shop, tea) = a_till_with_ten().await;
    let old = image(&shop);
    shop.restart(0, 50);
    shop.tills[0].sell(tea, 4).expect("allotted");
    // Only the database was put back; its folder remembers what was sold since.
    let folder = shop.tills[0].folder.clone();
    std::fs::copy(folder.join(WITNESS), old.join(WITNESS)).expect("a file");
    shop.restart(0, 51);

    let restored = shop.start(shop.tills[0].card.clone(), old, 60);
    assert_eq!(restored.node.status().expect("readable").state, State::RolledBack);
    assert_eq!(restored.sell(tea, 1).expect_err("it knows that it does not know").code(), "rolled_back");
    restored.until_level().await;
    assert_eq!(restored.node.status().expect("readable").state, State::Active);
    assert_eq!(shop.number("select count(*) from orders").await, 0, "what is lost is lost, and nothing twice");
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn a_witness_on_another_disk_tells_an_old_copy_of_the_whole_folder() {
    let (mut shop, tea) = a_till_with_ten().await;
    let (backup, second) = (shop.spare_folder("backup"), shop.spare_folder("stick"));
    let card = shop.tills[0].card.clone();
    let open = |folder: &Path| Node::open_with(folder, Some(&second), Arc::new(Seeded::new(70))).expect("it opens");
    let sells = |node: &Node| {
        let line = WantedLine { product_id: tea, quantity: amount(1), unit_price: None };
        let terms = Terms::carried_out(vec![Tendered::card("terminal 1")]);
        node.sell(&SaleWanted { lines: vec![line], terms })
    };
    let folder = shop.tills.remove(0).folder;
    drop(open(&folder));
    copy_folder(&folder, &backup);
    sells(&open(&folder)).expect("allotted");

    let restored = open(&backup);
    assert_eq!(restored.identity().expect("readable").expect("joined").card.node_id, card.node_id);
    assert_eq!(restored.status().expect("readable").state, State::RolledBack);
    assert_eq!(sells(&restored).expect_err("it knows that it does not know").code(), "rolled_back");
    drop(restored);
    assert_eq!(open(&folder).status().expect("readable").state, State::Active, "the younger one is what it was");
}

#[tokio::test]
async fn a_log_that_was_deleted_is_noticed_before_anybody_was_heard() {
    let (mut shop, tea) = a_till_with_ten().await;
    shop.restart(0, 50);
    let copy = shop.spare_folder("copy");
    shop.tills[0].sell(tea, 4).expect("allotted");
    // As a power cut leaves it, with the sale in the log; and then somebody tidied up.
    copy_folder(&shop.tills[0].folder, &copy);
    std::fs::remove_file(copy.join(format!("{}-wal", outpost_node::db::FILE))).expect("a log");
    let tidied = shop.start(shop.tills[0].card.clone(), copy, 60);
    assert_eq!(tidied.node.status().expect("readable").state, State::RolledBack);
    assert_eq!(tidied.sell(tea, 1).expect_err("it knows that it does not know").code(), "rolled_back");
}

#[tokio::test]
async fn nobody_begins_a_life_that_is_not_his() {
    let (shop, _) = a_till_with_ten().await;
    let till = &shop.tills[0];
    let standing = till.node.standing().expect("readable");
    let wanted = |life, hashes| LifeWanted {
        incarnation_id: life,
        reason: LifeReason::RolledBack,
        unsettled: vec![Hash::START; hashes],
        stands: None,
    };
    let code = |told: Result<Born, Trouble>| match told.expect_err("refused") {
        Trouble::Told(problem) => problem.code,
        other @ (Trouble::Cut(_) | Trouble::Busy(..) | Trouble::Garbled(_)) => panic!("{other}"),
    };
    let taken = till.line.begin_life(standing, &wanted(till.life(), 0)).await;
    assert_eq!(code(taken), "life_taken", "its own present life");
    let fresh = IncarnationId(Uuid::from_u128(7));
    let many = till.line.begin_life(standing, &wanted(fresh, UNSETTLED_MAX + 1)).await;
    assert_eq!(code(many), "too_much");
    let stranger = Standing { incarnation_id: fresh, ..standing };
    assert_eq!(code(till.line.begin_life(stranger, &wanted(fresh, 0)).await), "unknown_node");
    assert_eq!(shop.number("select count(*) from incarnations").await, 1);
}

#[tokio::test]
async fn a_home_that_knows_it_was_put_back_sells_on_and_gives_no_receipt_number_twice() {
    let (shop, tea) = a_home_with_twenty().await;
    let old = image(&shop);
    let told = shop.tills[0].sell(tea, 4).expect("its own");
    shop.tills[0].until_level().await;
    std::fs::copy(shop.tills[0].folder.join(WITNESS), old.join(WITNESS)).expect("a file");

    let restored = shop.start(shop.tills[0].card.clone(), old, 60);
    restored.line.cut();
    let offline = restored.sell(tea, 3).expect("the goods are in the customer's hand");
    assert_ne!(offline.receipt, told.receipt);
    restored.line.mend();
    restored.until_level().await;
    let later = restored.sell(tea, 1).expect("its own");
    restored.until_level().await;
    let receipts: BTreeSet<_> = [told, offline, later].iter().map(|order| order.receipt.to_string()).collect();
    assert_eq!((shop.server_receipts().await, receipts.len()), (receipts.clone(), 3));
    assert_eq!((restored.open(tea), restored.shown(tea).balance), (12, 12));
    shop.keeps_its_laws().await;
}

/// What lives that are over may still sell.
const IN_DOUBT: &str =
    "select coalesce(sum(greatest(0, granted + received - consumed - returned - reclaimed)), 0)::bigint
    from allotments join incarnations using (incarnation_id) where state <> 'active'";

/// A home and all its stock.
async fn a_home_with_twenty() -> (Shop, ProductId) {
    let mut shop = Shop::open(0).await;
    let kiosk = shop.add_place("Kiosk").await;
    shop.add_till(kiosk, Rule::Home).await;
    let tea = shop.product_at("Kiosk", "TEA", "2.50", 20).await;
    shop.tills[0].until_level().await;
    shop.restart(0, 40);
    (shop, tea)
}

/// A copy of the first till's folder, as a backup program or a virtual machine makes one.
fn image(shop: &Shop) -> PathBuf {
    let folder = shop.spare_folder("image");
    copy_folder(&shop.tills[0].folder, &folder);
    folder
}

/// A till that may sell ten of tea and is switched off.
async fn a_till_with_ten() -> (Shop, ProductId) {
    let mut shop = Shop::open(1).await;
    let tea = shop.product("TEA", "2.50", 30).await;
    shop.allot(0, tea, 10).await;
    shop.restart(0, 40);
    (shop, tea)
}
