//! Ops that wait for what they lack, and are decided again when it arrives.

use outpost_schema::{
    id::{IncarnationId, UserId},
    op::{Cancel, Carried, Customer, Op, StatusTold},
    order::OrderStatus,
    verdict::{SetAside, Verdict},
};
use uuid::Uuid;

use super::*;
use crate::accept::retry_after_change;

fn lacks(ids: &[Uuid]) -> Verdict {
    Verdict::SetAside(SetAside::Lacks { ids: ids.to_vec() })
}

async fn verdict(shop: &Shop, till: &Till, seq: i64) -> String {
    let sql = "select verdict from ops where incarnation_id = $1 and seq = $2";
    shop.client.query_one(sql, &[&till.card.incarnation_id, &seq]).await.unwrap().get(0)
}

#[tokio::test]
async fn a_sale_of_an_unknown_product_waits_for_it() {
    let shop = Shop::open(30).await;
    let warehouse = shop.warehouse("Market").await;
    let mut till = shop.till("Kiosk", warehouse, true).await;
    let (tea, jam) = (shop.product().await, shop.product_id());
    let order = till.order(&[(tea, 1), (jam, 2)]);
    let told =
        StatusTold { order_id: order.order_id, status: OrderStatus::Delivered, at: till.now(), called_off: false };
    let entries = [till.write(&sale(order.clone())), till.write(&Op::StatusTold(told)), till.sell(&[(tea, 1)])];
    let verdicts = till.push(&shop, &entries).await;
    assert_eq!(verdicts, [lacks(&[jam.0]), lacks(&[order.order_id.0]), Verdict::Accepted]);
    assert_eq!(shop.concern_kinds().await, ["owed", "set_aside", "set_aside"]);
    assert_eq!(shop.count("orders").await, 1);
    shop.keeps_its_laws().await;

    shop.add_product(jam).await;
    assert_eq!(verdict(&shop, &till, 1).await, "accepted");
    assert_eq!(verdict(&shop, &till, 2).await, "accepted", "and what names what the first one made");
    assert_eq!(shop.count("orders").await, 2);
    assert_eq!(shop.count("op_lacks").await, 0);
    assert_eq!(shop.concern_kinds().await, ["owed", "owed"]);
    shop.keeps_its_laws().await;
    // A repeat now hears what became of it.
    till.acked = outpost_schema::journal::Mark::START;
    assert_eq!(till.push(&shop, &entries).await, [Verdict::Accepted, Verdict::Accepted, Verdict::Accepted]);
}

#[tokio::test]
async fn a_later_verdict_is_fed_and_renews_the_stock_it_names() {
    let shop = Shop::open(31).await;
    let warehouse = shop.warehouse("Depot").await;
    let mut till = shop.till("Kiosk", warehouse, false).await;
    let (tea, jam) = (shop.product().await, shop.product_id());
    let asked = [till.sell(&[(tea, 1)]), till.ask(&[(tea, 1), (jam, 2)])];
    assert_eq!(till.push(&shop, &asked).await[1], lacks(&[jam.0]));
    let verdicts = "feed where kind = 12";
    assert_eq!(shop.count(verdicts).await, 0);
    shop.add_product(jam).await;
    assert_eq!(verdict(&shop, &till, 2).await, "refused", "there is none of either");
    assert_eq!(shop.count(verdicts).await, 1);
    let tea_changed = "select count(distinct changed) from feed where kind = 4";
    let renewed: i64 = shop.client.query_one(tea_changed, &[]).await.unwrap().get(0);
    assert_eq!((renewed, shop.count("feed where kind = 4").await), (1, 2), "the tea's row travels with the jam's");
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn what_another_till_makes_is_waited_for_in_either_order() {
    let shop = Shop::open(32).await;
    let (warehouse, tea) = (shop.warehouse("Market").await, shop.product().await);
    let (mut one, mut other) = (shop.till("One", warehouse, false).await, shop.till("Other", warehouse, false).await);
    let user_id = UserId(Uuid::from_u128(77));
    let mut order = other.order_to_ship(&[(tea, 1)]);
    order.user_id = user_id;
    let cancel = Cancel { order_id: order.order_id, at: one.now() };
    let cancelled = [one.write(&Op::CancelAsked(cancel))];
    assert_eq!(one.push(&shop, &cancelled).await, [lacks(&[order.order_id.0])]);
    let ordered = [other.write(&sale(order))];
    assert_eq!(other.push(&shop, &ordered).await, [lacks(&[user_id.0])]);
    assert_eq!(verdict(&shop, &one, 1).await, "set_aside", "its order was set aside too");

    let user = one.user(user_id, "ada@example.com");
    let added = [one.write(&Op::CustomerAdded(Box::new(Customer { user, address: None })))];
    assert_eq!(one.push(&shop, &added).await, [Verdict::Accepted]);
    assert_eq!(verdict(&shop, &other, 1).await, "accepted");
    assert_eq!(verdict(&shop, &one, 1).await, "accepted");
    assert_eq!(shop.count("orders where status = 'cancelled'").await, 1);
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn of_two_lacked_things_the_last_one_decides() {
    let shop = Shop::open(33).await;
    let warehouse = shop.warehouse("Market").await;
    let mut till = shop.till("Kiosk", warehouse, true).await;
    let (tea, jam) = (shop.product_id(), shop.product_id());
    let entries = [till.sell(&[(tea, 1), (jam, 2)])];
    assert_eq!(till.push(&shop, &entries).await, [lacks(&[tea.0, jam.0])]);
    shop.add_product(jam).await;
    assert_eq!((verdict(&shop, &till, 1).await.as_str(), shop.count("op_lacks").await), ("set_aside", 1));
    shop.keeps_its_laws().await;
    shop.add_product(tea).await;
    assert_eq!((verdict(&shop, &till, 1).await.as_str(), shop.count("op_lacks").await), ("accepted", 0));
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn a_poisoned_op_is_set_aside_alone() {
    let shop = Shop::open(34).await;
    let warehouse = shop.warehouse("Market").await;
    let elsewhere = shop.warehouse("Elsewhere").await;
    let tea = shop.product().await;
    let mut till = shop.till("Kiosk", warehouse, true).await;
    let mut foreign = till.order(&[(tea, 1)]);
    foreign.warehouse_id = elsewhere;
    let mut endless = till.order(&[(tea, 1)]);
    endless.receipt.prefix = "x".repeat(501);
    let entries = [till.write(&sale(foreign)), till.sell(&[(tea, 1)]), till.write(&sale(endless))];
    let verdicts = till.push(&shop, &entries).await;
    let malformed = Verdict::SetAside(SetAside::Malformed { code: "too_long".to_owned() });
    assert_eq!(verdicts, [Verdict::SetAside(SetAside::NoRight), Verdict::Accepted, malformed]);
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn an_op_from_a_newer_version_is_kept_as_it_came() {
    let shop = Shop::open(35).await;
    let (warehouse, tea) = (shop.warehouse("Market").await, shop.product().await);
    let mut till = shop.till("Kiosk", warehouse, true).await;
    let newer = newer(&mut till);
    let entries = [newer.clone(), till.sell(&[(tea, 1)])];
    assert_eq!(till.push(&shop, &entries).await, [Verdict::SetAside(SetAside::Newer), Verdict::Accepted]);
    let row = shop.client.query_one("select kind, body, hash from ops where seq = 1", &[]).await.unwrap();
    assert_eq!((row.get(0), row.get(1), row.get(2)), (newer.kind, newer.body.0, newer.hash));
}

#[tokio::test]
async fn what_an_older_server_could_not_read_is_booked_by_one_that_can() {
    let shop = Shop::open(36).await;
    let (warehouse, tea) = (shop.warehouse("Market").await, shop.product().await);
    let mut till = shop.till("Kiosk", warehouse, true).await;
    let later = outpost_schema::op::VERSION + 1;
    let entry = till.receive(&[(tea, 5)]);
    let entries = [rewritten(&mut till, entry, |entry| entry.version = later), newer(&mut till)];
    let aside = Verdict::SetAside(SetAside::Newer);
    assert_eq!(till.push(&shop, &entries).await, [aside.clone(), aside]);
    retry_after_change(&shop.server).await.unwrap();
    assert_eq!(shop.concern_kinds().await, ["set_aside", "set_aside"], "this server is no newer than it was");

    // The version that was too new then is this program's own now.
    shop.client.execute("update ops set version = 1 where seq = 1", &[]).await.unwrap();
    retry_after_change(&shop.server).await.unwrap();
    assert_eq!(
        (verdict(&shop, &till, 1).await, verdict(&shop, &till, 2).await),
        ("accepted".into(), "set_aside".into())
    );
    assert_eq!(shop.level(tea, warehouse).await.0, 5);
    assert_eq!(
        (shop.concern_kinds().await, shop.count("feed where kind = 12").await),
        (vec!["set_aside".to_owned()], 1)
    );
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn what_its_author_had_no_right_to_is_booked_once_it_has() {
    let shop = Shop::open(37).await;
    let (warehouse, elsewhere) = (shop.warehouse("Market").await, shop.warehouse("Elsewhere").await);
    let tea = shop.product().await;
    let mut till = shop.till("Kiosk", warehouse, false).await;
    let mut foreign = till.order(&[(tea, 1)]);
    foreign.warehouse_id = elsewhere;
    let told =
        StatusTold { order_id: foreign.order_id, status: OrderStatus::Delivered, at: till.now(), called_off: false };
    let entries = [till.write(&sale(foreign.clone())), till.write(&Op::StatusTold(told))];
    let verdicts = till.push(&shop, &entries).await;
    assert_eq!(verdicts, [Verdict::SetAside(SetAside::NoRight), lacks(&[foreign.order_id.0])]);
    retry_after_change(&shop.server).await.unwrap();
    assert_eq!(verdict(&shop, &till, 1).await, "set_aside", "it still has none");

    let scope = "update nodes set scope = array_append(scope, $1)";
    shop.client.execute(scope, &[&elsewhere]).await.unwrap();
    retry_after_change(&shop.server).await.unwrap();
    assert_eq!(
        (verdict(&shop, &till, 1).await, verdict(&shop, &till, 2).await),
        ("accepted".into(), "accepted".into())
    );
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn more_than_one_transaction_of_them_are_all_looked_at() {
    let shop = Shop::open(38).await;
    let (warehouse, tea) = (shop.warehouse("Market").await, shop.product().await);
    let mut till = shop.till("Kiosk", warehouse, true).await;
    let later = outpost_schema::op::VERSION + 1;
    for _ in 0..3 {
        let mut write = || {
            let entry = till.receive(&[(tea, 1)]);
            rewritten(&mut till, entry, |entry| entry.version = later)
        };
        let entries: Vec<_> = (0..300).map(|_| write()).collect();
        till.push(&shop, &entries).await;
    }
    // The first five hundred stay what they were, and hold up nobody behind them.
    shop.client.execute("update ops set version = 1 where seq > 500", &[]).await.unwrap();
    let forbidden = r#"update ops set verdict_detail = '{"set_aside":"no_right"}' where seq <= 500"#;
    shop.client.execute(forbidden, &[]).await.unwrap();
    retry_after_change(&shop.server).await.unwrap();
    assert_eq!(shop.count("ops where verdict = 'accepted'").await, 400);
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn what_a_life_told_in_vain_the_next_one_tells_in_vain_too_and_it_is_booked_once() {
    // Whichever of the two is decided first: they are looked at in the order of their ids.
    for (seed, next, state) in
        [(39, 1, "active"), (40, u128::MAX, "active"), (41, 1, "frozen"), (42, u128::MAX, "frozen")]
    {
        let shop = Shop::open(seed).await;
        let warehouse = shop.warehouse("Market").await;
        let mut till = shop.till("Kiosk", warehouse, true).await;
        let jam = shop.product_id();
        let entry = till.sell(&[(jam, 2)]);
        assert_eq!(till.push(&shop, std::slice::from_ref(&entry)).await, [lacks(&[jam.0])]);
        let sql = format!("update incarnations set state = '{state}'");
        shop.client.execute(&sql, &[]).await.unwrap();

        let mut born = till.next_life(&shop, IncarnationId(Uuid::from_u128(next))).await;
        let carried = Carried { incarnation_id: till.card.incarnation_id, entry };
        let entries = [born.write(&Op::Carried(Box::new(carried)))];
        assert_eq!(born.push(&shop, &entries).await, [lacks(&[jam.0])], "no image has it yet");
        shop.keeps_its_laws().await;

        shop.add_product(jam).await;
        assert_eq!(verdict(&shop, &till, 1).await, "accepted");
        assert_eq!(verdict(&shop, &born, 1).await, "accepted");
        assert_eq!((shop.count("orders").await, shop.level(jam, warehouse).await.0), (1, -2));
        assert!(!shop.concern_kinds().await.contains(&"set_aside".to_owned()));
        shop.keeps_its_laws().await;
    }
}

/// An entry of a kind that this version does not know.
fn newer(till: &mut Till) -> outpost_schema::journal::Entry {
    let entry = till.receive(&[(outpost_schema::id::ProductId(Uuid::from_u128(1)), 1)]);
    rewritten(till, entry, |entry| entry.kind = "teleported".to_owned())
}

/// The till's last entry as a newer program would have written it, rightly chained: its hash is what
/// the server computes.
fn rewritten(
    till: &mut Till,
    mut entry: outpost_schema::journal::Entry,
    change: impl FnOnce(&mut outpost_schema::journal::Entry),
) -> outpost_schema::journal::Entry {
    use sha2::{Digest as _, Sha256};
    change(&mut entry);
    let mut hasher = Sha256::new();
    hasher.update(entry.prev_hash.0);
    hasher.update(till.card.incarnation_id.0.as_bytes());
    hasher.update(entry.seq.to_be_bytes());
    hasher.update(entry.hlc.at.micros().to_be_bytes());
    hasher.update(entry.hlc.tick.to_be_bytes());
    for text in [&entry.seen, &entry.kind] {
        hasher.update((text.len() as u64).to_be_bytes());
        hasher.update(text);
    }
    hasher.update(entry.version.to_be_bytes());
    hasher.update(Sha256::digest(&entry.body.0));
    entry.hash = outpost_schema::journal::Hash(hasher.finalize().into());
    till.head = entry.mark();
    entry
}
