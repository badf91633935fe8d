//! Marks that head office lost: what no device hears of is found by head office, and what a device holds
//! wrongly because of it by the device.

use std::collections::BTreeMap;

use outpost_server::{db::marks::Wrong, digest};
use outpost_sync::wire::{DIGEST_ROWS_MAX, Damage};

use super::{full_shop, hear, walk};

#[tokio::test]
async fn a_mark_that_was_lost_is_found_and_set_anew() {
    let (shop, goods) = full_shop().await;
    let till = &shop.tills[0];
    hear(till).await;
    let found = digest::verify(&shop.server).await.expect("readable");
    assert!(found.broken.is_empty() && found.marks.is_empty(), "{found:?}");
    assert_eq!(found.nodes.len(), 2);
    assert!(found.nodes.iter().all(|node| node.compared_at.is_none()), "none has compared itself yet");

    let client = shop.client().await;
    client.batch_execute("set session_replication_role = replica").await.expect("quietly");
    // One changes unheard, one was never told of, one is told to be gone, one names nothing.
    client.execute("update products set price = 9 where product_id = $1", &[&goods[0]]).await.expect("changed");
    client.execute("delete from feed where kind = 3 and key = uuid_send($1)", &[&goods[1].0]).await.expect("lost");
    client.execute("update feed set gone = true where kind = 9", &[]).await.expect("lied");
    let nothing = "insert into feed select 3, uuid_send(gen_random_uuid()), '00000000-0000-0000-0000-000000000000', pg_current_xact_id()";
    client.execute(nothing, &[]).await.expect("made up");
    let found = digest::verify(&shop.server).await.expect("readable");
    let counts: BTreeMap<Wrong, i64> = found.marks.iter().map(|(wrong, (count, _))| (*wrong, *count)).collect();
    let each = [(Wrong::Missing, 1), (Wrong::SaysGone, 1), (Wrong::Behind, 1), (Wrong::NamesNothing, 1)];
    assert_eq!(counts, BTreeMap::from(each), "{found:?}");

    // The price that changed unheard is found by the device as well. Of what has no mark it holds a copy
    // that is right, which cannot be explained here.
    let before = till.node.product(goods[1]).expect("readable");
    let compared = walk(till, 1).await;
    let altered: Vec<_> =
        compared.mended.iter().filter(|row| row.key.ids == [goods[0].0]).map(|row| &row.damage).collect();
    assert_eq!(altered, [&Damage::Altered { fields: vec!["price".to_owned()] }], "{compared:?}");
    assert!(compared.unexplained > 0);
    assert_eq!(till.node.product(goods[1]).expect("readable"), before, "what is right is not taken away");
    let told = digest::verify(&shop.server).await.expect("readable");
    assert!(told.nodes.iter().any(|node| node.unexplained > 0 && node.walked_at.is_some()));

    assert_eq!(digest::mark_anew(&shop.server).await.expect("marked"), 4);
    assert!(digest::verify(&shop.server).await.expect("readable").marks.is_empty());
    shop.all_level().await;
    shop.agree().await;
    for till in &shop.tills {
        let compared = walk(till, DIGEST_ROWS_MAX).await;
        assert_eq!((compared.mended.len(), compared.unexplained), (0, 0), "{compared:?}");
    }
}
