//! A short day.

use outpost_schema::money::Money;

use super::*;

fn cents(cents: i64) -> Money {
    Money::from_parts(cents * 100).expect("money")
}

async fn price(till: &Till, product: ProductId) -> Option<Money> {
    till.until_level().await;
    till.node.product(product).expect("readable").expect("known").product.price
}

#[tokio::test]
async fn what_is_sold_is_in_the_book_and_on_the_shelf() {
    let mut network = Network::open(11).await;
    let tea = network.product(0);
    network.tills[0].is_allotted(tea, 4).await;
    let sold = [network.tills[0].sell(tea, 3), network.tills[2].sell(tea, 2)];
    network.all_level().await;

    let book = network.office.book().await;
    let (shop, home) = (network.tills[0].key(tea), network.tills[2].key(tea));
    assert_eq!((book.movements[&shop], book.movements[&home]), (17, 3));
    let life = network.tills[0].caller().incarnation_id;
    // One is left of what it asked for, and who sells is topped up.
    assert_eq!((book.promises[&shop], book.promises[&home]), (4, 3));
    assert_eq!((book.allotments[&(life, shop)].open(), network.tills[0].open(tea)), (4, 4));
    let verdicts: Vec<&str> = book.ops.iter().filter(|((by, _), _)| *by == life).map(|(_, word)| *word).collect();
    assert_eq!(verdicts, ["granted", "accepted"]);
    let shelf = network.office.shelf().await;
    for order in sold {
        assert_eq!(shelf.orders[&order.order_id], order);
    }
    network.keeps_its_laws().await;
}

#[tokio::test]
async fn a_law_that_is_broken_is_told() {
    let mut network = Network::open(12).await;
    let client = network.office.ground.hand();
    client.batch_execute("update stock set balance = balance + 1").await.expect("a forgery");
    let broken = network.office.book().await.broken;
    assert!(broken.iter().any(|law| law.contains("movements")), "{broken:?}");
}

#[tokio::test]
async fn two_tills_that_call_at_once_get_what_there_is_once() {
    let mut network = Network::open(13).await;
    let tea = network.product(0);
    for till in &network.tills[..2] {
        till.node.ask(&[Line { product_id: tea, amount: amount(15) }]).expect("written down");
    }
    tokio::join!(network.tills[0].until_level(), network.tills[1].until_level());
    assert_eq!(network.tills[0].open(tea) + network.tills[1].open(tea), 20);
    network.keeps_its_laws().await;
}

#[tokio::test]
async fn a_slow_transaction_is_told_when_it_ends_and_not_passed_over() {
    let mut network = Network::open(14).await;
    let (tea, oil) = (network.product(0), network.product(1));
    network.does(&Deed::BeginSlow { product: tea }).await;
    // Others come and go meanwhile, and the tills read beyond them.
    network.does(&Deed::Reprice { product: oil, price: cents(777) }).await;
    assert_eq!(price(&network.tills[0], oil).await, Some(cents(777)));
    let described = |till: &Till| till.node.product(tea).expect("readable").expect("known").product.description;
    assert_eq!(described(&network.tills[0]), None);
    network.does(&Deed::EndSlow { commit: true }).await;
    network.all_level().await;
    assert!(network.tills.iter().all(|till| described(till).is_some()), "passed over");

    let before = described(&network.tills[0]);
    network.world.pass(60);
    network.does(&Deed::BeginSlow { product: tea }).await;
    network.does(&Deed::EndSlow { commit: false }).await;
    network.all_level().await;
    assert_eq!(described(&network.tills[0]), before, "it was called off");

    network.does(&Deed::BeginSlow { product: tea }).await;
    network.does(&Deed::Reprice { product: tea, price: cents(1) }).await;
    assert_eq!(price(&network.tills[0], tea).await, Some(cents(1)), "one edit waits for the end of another");
    assert_ne!(described(&network.tills[0]), before);
}

#[tokio::test]
async fn a_hold_ends_when_its_world_says_so() {
    let mut network = Network::open(15).await;
    let tea = network.product(0);
    let ((first, hold), (second, all)) = (network.hold(5), network.hold(20));
    network.does(&hold).await;
    let key = network.tills[0].key(tea);
    assert_eq!(network.office.book().await.holds, [((first, key), 5)].into());
    network.refuses(&all, "nothing_left").await;
    network.does(&Deed::Sweep).await;
    assert_eq!(network.office.book().await.holds.len(), 1, "it lasts");
    network.world.pass(61);
    assert_eq!(network.office.book().await.holds.len(), 1, "nobody looked");
    network.does(&Deed::Sweep).await;
    assert!(network.office.book().await.holds.is_empty());

    network.does(&all).await;
    let by = network.tills[0].caller();
    network.does(&Deed::Allot { by, hold: second }).await;
    network.refuses(&Deed::Release { by, hold: second }, "hold_closed").await;
    network.tills[0].until_level().await;
    assert_eq!(network.tills[0].open(tea), 20);
    network.keeps_its_laws().await;
}

#[tokio::test]
async fn a_line_in_bad_weather_says_what_it_did() {
    let mut network = Network::open(16).await;
    let (tea, till) = (network.product(2), &network.tills[2]);
    let fine = till.line.harm();
    assert_eq!((fine.dropped, fine.truncated, fine.whole > 0), (0, 0, true));
    till.line.weather(5, 60);
    for _ in 0..7 {
        till.sell(tea, 1);
        _ = round::run(&*till.node, &till.line, 0).await;
    }
    let harm = till.line.harm();
    assert!(harm.dropped + harm.truncated + harm.repeated + harm.reordered > 3, "{harm:?}");
    till.line.mend();
    network.all_level().await;
    assert_eq!(network.office.shelf().await.orders.len(), 7);
    network.keeps_its_laws().await;
}
