//! Goods that go from one place to another while neither has a line, and a delivery that two devices take in.

use outpost_node::transfers::{Coming, Sending};
use outpost_schema::{
    delivery::DeliveryState,
    id::ProductId,
    movement::Remark,
    transfer::{CameLine, Transfer, TransferCode},
};
use outpost_server::deliveries::{self, Expected, ExpectedLine};
use outpost_sync::wire::PROTOCOL;

use crate::support::{Rule, Shop, Till, amount, line};

fn sends(shop: &Shop, till: usize, to: usize, product: ProductId, units: i64) -> TransferCode {
    let to_id = shop.tills[to].card.warehouse_id;
    let sending = Sending { to_id, lines: vec![line(product, units)], remark: Remark::default(), anyway: false };
    shop.tills[till].node.send(&sending).expect("they are there").code
}

fn takes_in(till: &Till, code: &TransferCode, product_id: ProductId, (units, damaged): (i64, i64), complete: bool) {
    let lines = vec![CameLine { product_id, came: amount(units), damaged }];
    let coming = Coming { code: code.clone(), lines, complete, remark: Remark::default() };
    till.node.arrive(&coming).expect("it is a fact");
}

fn known(till: &Till, code: &TransferCode) -> Transfer {
    till.node.transfer(code.transfer_id()).expect("readable").expect("it is known")
}

/// A depot that is one device's home, and a market stall that is another's; twenty of jam at the depot.
async fn depot_and_market(mut shop: Shop) -> (Shop, ProductId) {
    let (depot, market) = (shop.add_place("Depot").await, shop.add_place("Market").await);
    shop.add_till(depot, Rule::Home).await;
    shop.add_till(market, Rule::Home).await;
    let jam = shop.product_at("Depot", "JAM", "3.20", 20).await;
    shop.all_level().await;
    (shop, jam)
}

#[tokio::test]
async fn goods_go_from_one_place_to_another_though_neither_has_a_line() {
    let (mut shop, jam) = depot_and_market(Shop::open_with_files().await).await;
    shop.tills.iter().for_each(|till| till.line.cut());
    let code = sends(&shop, 0, 1, jam, 8);
    takes_in(&shop.tills[1], &code, jam, (5, 1), false);
    assert_eq!((shop.tills[0].shown(jam).quantity(), shop.tills[1].shown(jam).quantity()), (12, 4));
    shop.tills[1].sell(jam, 4).expect("what came is there to be sold, with no line");

    // The stall is heard first: nobody says to have sent what it took in.
    shop.tills[1].line.mend();
    shop.tills[1].until_level().await;
    assert_eq!(shop.concerns().await, [("transfer_excess".to_owned(), code.transfer_id().to_string())]);
    shop.tills[0].line.mend();
    shop.all_level().await;
    assert_eq!(shop.concerns().await, [], "it goes by itself");
    let both = [0, 1].map(|till| known(&shop.tills[till], &code));
    assert_eq!(both[0], both[1]);
    assert_eq!(both[0].totals()[&jam].on_road(), 3);
    shop.agree().await;

    // A third device is filled from a file, and knows what is on the road.
    let depot = shop.tills[0].card.warehouse_id;
    let third = shop.add_till(depot, Rule::Shared).await;
    shop.all_level().await;
    assert_eq!(known(&shop.tills[third], &code), both[0]);
    takes_in(&shop.tills[1], &code, jam, (1, 0), true);
    shop.all_level().await;
    assert_eq!(shop.concerns().await, [("transfer_short".to_owned(), code.transfer_id().to_string())]);
    shop.agree().await;
}

#[tokio::test]
async fn a_device_of_version_2_hears_of_transfers_once_it_is_updated() {
    let (shop, jam) = depot_and_market(Shop::open(0).await).await;
    shop.tills[1].line.speak(2);
    shop.tills[1].until_level().await;
    let code = sends(&shop, 0, 1, jam, 8);
    shop.all_level().await;
    assert_eq!(shop.tills[1].node.transfer(code.transfer_id()).expect("readable"), None, "it has no word for it");
    shop.tills[1].line.speak(PROTOCOL);
    shop.all_level().await;
    assert_eq!(known(&shop.tills[1], &code).totals()[&jam].on_road(), 8);
    shop.agree().await;
}

#[tokio::test]
async fn two_devices_take_one_delivery_in_at_once_with_no_line() {
    let shop = Shop::open(2).await;
    let jam = shop.product("JAM", "3.20", 0).await;
    let lines = vec![ExpectedLine { product_id: jam, expected: 10 }];
    let (warehouse, supplier, reference) = ("High Street".to_owned(), "Ahmad".to_owned(), "PO-17".to_owned());
    let said = Expected { warehouse, supplier, reference, due_at: None, lines };
    let delivery = deliveries::expect(&shop.server, &said).await.expect("expected").delivery_id;
    shop.all_level().await;
    shop.tills.iter().for_each(|till| till.line.cut());
    for (till, units) in shop.tills.iter().zip([4, 7]) {
        let expected = till.node.delivery_named("PO-17").expect("it is expected here");
        till.node
            .take_in_of(expected.delivery_id, &[line(jam, units).into()], &Remark::default())
            .expect("it is a fact");
    }
    let stands = |till: &Till| till.node.delivery(delivery).expect("readable").expect("known");
    assert_eq!([0, 1].map(|till| stands(&shop.tills[till]).lines[0].open()), [6, 3], "each knows its own");
    shop.tills.iter().for_each(|till| till.line.mend());
    shop.all_level().await;
    for till in &shop.tills {
        let line = stands(till).lines[0];
        assert_eq!((stands(till).state(), line.received, line.over()), (DeliveryState::Complete, 11, 1));
    }
    shop.agree().await;
}
