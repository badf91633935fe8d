//! A till killed while it indexes its catalogue.

use outpost_node::{db::FILE, stage::Work};
use rusqlite::Connection;

use super::{dies_at, on, run, shop_with_tea, stages, switch_off};

/// What dies here.
pub const WORKS: [Work; 2] = [Work::Index, Work::ForgetChanges];

/// More changes than are kept beside an index that reflects them.
const CHANGES: &str = "insert into catalogue_changes (product_id)
    with recursive many (n) as (select 1 union all select n + 1 from many where n < 1500)
    select product_id from products join many";

#[tokio::test]
async fn a_till_killed_while_it_indexes_finds_what_it_sells() {
    let (mut shop, _) = shop_with_tea().await;
    let (_, folder) = switch_off(&mut shop);
    let search = [&on(&folder)[..], &["search", "tea"].map(str::to_owned)].concat();
    for stage in stages(&WORKS) {
        Connection::open(folder.join(FILE)).and_then(|till| till.execute_batch(CHANGES)).expect("changed");
        dies_at(stage, &search).await;
        let found = run("outpost-node", &search, None).await;
        let said = String::from_utf8_lossy(&found.stdout).into_owned();
        assert!(found.status.success() && said.contains("1 found:"), "after {stage}: {said}");
    }
}
