//! Devices that were copied, and devices that were set back.

use outpost_node::State;
use outpost_schema::id::ProductId;
use outpost_sync::round::Failure;

use crate::support::{Shop, copy_folder};

#[tokio::test]
async fn a_copied_device_is_noticed_and_nothing_of_either_is_lost() {
    let (mut shop, tea) = a_till_with_ten().await;
    let copy = shop.spare_folder("copy");
    copy_folder(&shop.tills[0].folder, &copy);
    shop.restart(0, 50);
    let twin = shop.start(shop.tills[0].card.clone(), copy, 60);
    let first = &shop.tills[0];

    let told = first.sell(tea, 1).expect("allotted");
    let other = twin.sell(tea, 2).expect("allotted, it thinks");
    first.until_level().await;
    assert!(matches!(twin.round().await, Err(Failure::Frozen)));
    assert_eq!(shop.server_receipts().await, [told.receipt.to_string()].into());
    assert_eq!(shop.concerns().await, [("fork".to_owned(), first.card.incarnation_id.to_string())]);
    assert_eq!(shop.number("select count(*) from evidence").await, 1, "what the twin said is kept");
    assert_eq!(twin.node.status().expect("readable").state, State::Frozen);

    // Both go on recording, unsent; what comes of either from now on is evidence.
    twin.sell(tea, 1).expect("the customer is served");
    first.sell(tea, 1).expect("the customer is served");
    assert!(matches!(first.round().await, Err(Failure::Frozen)));
    assert_eq!((first.waiting(), twin.waiting()), (1, 2));
    assert_eq!(twin.node.order(other.order_id).expect("readable").map(|order| order.order_id), Some(other.order_id));
    assert_eq!(shop.number("select count(*) from evidence").await, 2);
    assert_eq!(shop.concerns().await.len(), 1, "one concern for one fork");
    twin.node.examine().expect("its journal is whole");
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn a_frozen_device_still_hears_the_news_and_shows_its_own_sales() {
    let (mut shop, tea) = a_till_with_ten().await;
    let copy = shop.spare_folder("copy");
    copy_folder(&shop.tills[0].folder, &copy);
    shop.restart(0, 50);
    let twin = shop.start(shop.tills[0].card.clone(), copy, 60);
    shop.tills[0].sell(tea, 1).expect("allotted");
    shop.tills[0].until_level().await;
    twin.sell(tea, 2).expect("allotted, it thinks");
    assert!(matches!(twin.round().await, Err(Failure::Frozen)));
    assert_eq!(twin.shown(tea).balance, 27, "the other's one, and its own two");

    let oil = shop.product("OIL", "7.10", 3).await;
    twin.until_level().await;
    assert!(twin.node.product(oil).expect("readable").is_some());
    assert_eq!(twin.node.status().expect("readable").state, State::Frozen, "it is not set back");
}

#[tokio::test]
async fn a_device_that_was_set_back_says_so_and_sells_nothing_from_its_allotment() {
    let (mut shop, tea) = a_till_with_ten().await;
    let backup = shop.spare_folder("backup");
    copy_folder(&shop.tills[0].folder, &backup);
    shop.restart(0, 50);
    shop.tills[0].sell(tea, 4).expect("allotted");
    shop.tills[0].until_level().await;

    let restored = shop.start(shop.tills[0].card.clone(), backup, 60);
    assert_eq!(restored.open(tea), 10, "it does not remember the four");
    assert!(matches!(restored.round().await, Err(Failure::RolledBack)));
    assert_eq!(restored.node.status().expect("readable").state, State::RolledBack);
    let refused = restored.sell(tea, 1).expect_err("it knows that it does not know");
    assert_eq!(refused.code(), "rolled_back");
    assert!(matches!(restored.round().await, Err(Failure::RolledBack)), "it goes on saying so");
    assert_eq!(shop.number("select count(*) from orders").await, 1);
    shop.keeps_its_laws().await;
}

/// A till that may sell ten of tea and is switched off.
async fn a_till_with_ten() -> (Shop, ProductId) {
    let mut shop = Shop::open(1).await;
    let tea = shop.product("TEA", "2.50", 30).await;
    shop.allot(0, tea, 10).await;
    shop.restart(0, 40);
    (shop, tea)
}
