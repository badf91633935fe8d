//! A till killed while it compares itself with head office.

use outpost_node::{db::FILE, stage::Work};
use rusqlite::Connection;

use super::{dies_at, on, run, shop_with_tea, stages, switch_off, switch_on};
use crate::support::Serving;

/// What dies here.
pub const WORKS: [Work; 5] = [Work::PutOff, Work::Walk, Work::MoveOn, Work::Mend, Work::FindingsHeard];

#[tokio::test]
async fn a_till_killed_while_it_compares_itself_is_compared_and_mended_after_all() {
    let (mut shop, tea) = shop_with_tea().await;
    let serving = Serving::begin(&shop).await;
    let (card, folder) = switch_off(&mut shop);
    let server = ["--server".to_owned(), format!("http://{}", serving.address)];
    let verify = [&on(&folder)[..], &server, &["verify".to_owned()]].concat();
    let serve = [&on(&folder)[..], &server, &["--listen", "127.0.0.1:0", "serve"].map(str::to_owned)].concat();
    for stage in stages(&WORKS) {
        let damage = "delete from stock; update checks set rounds = 1000";
        Connection::open(folder.join(FILE)).and_then(|till| till.execute_batch(damage)).expect("damaged");
        dies_at(stage, if stage.work() == Work::PutOff { &serve } else { &verify }).await;
        let compared = run("outpost-node", &verify, None).await;
        assert!(compared.status.success(), "after {stage}: {}", String::from_utf8_lossy(&compared.stderr));
        switch_on(&mut shop, &card, &folder);
        assert_eq!(shop.tills[0].shown(tea).balance, super::ON_HAND, "{stage}: the row is back");
        shop.all_level().await;
        shop.agree().await;
        switch_off(&mut shop);
    }
}
