//! What people do with goods, by hand at a device and at head office, and what programs do in their place: the command
//! lines and the HTTP of the shipped programs say the same, and do it.

use std::{path::PathBuf, time::Duration};

use outpost_schema::id::ProductId;
use serde_json::{Value, json};

use crate::support::{
    Rule, Shop,
    device::{Device, Office},
};

/// Longer than head office takes to look at what awaits it, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where nobody is.
const NOWHERE: &str = "http://127.0.0.1:9";

/// A till that may not sell beyond its allotment, switched off, and head office with twenty of tea on the high street.
async fn till_and_office() -> (Shop, ProductId, PathBuf, Office) {
    let mut shop = Shop::open(1).await;
    let tea = shop.product("TEA", "2.50", 20).await;
    shop.all_level().await;
    let folder = shop.tills.remove(0).folder.clone();
    let office = Office::open(&shop).await;
    (shop, tea, folder, office)
}

/// The last word of what a command said.
fn last_word(said: &str) -> String {
    said.split_whitespace().last().expect("it says something").to_owned()
}

fn rows(answer: &Value) -> usize {
    answer.as_array().expect("a list").len()
}

#[tokio::test]
async fn goods_are_held_over_the_line_and_sold_without_it_once_they_are_allotted() {
    let (shop, _, folder, office) = till_and_office().await;
    let till = Device { folder: folder.clone(), server: office.url() };
    let offline = Device { folder, server: NOWHERE };
    offline.refuses("hold place TEAx3", "line_cut").await;

    let hold = last_word(&till.does("hold place TEAx3 --minutes 5").await);
    assert!(office.does("holds list").await.contains(&hold));
    let held = office.shows("/v1/holds").await;
    assert_eq!((held[0]["hold_id"].as_str(), &held[0]["amount"]), (Some(&*hold), &json!(3)));
    assert!(till.does(&format!("hold extend {hold} --minutes 600")).await.contains("lasts until"));
    let promises = office.does("stock promises TEA").await;
    assert!(promises.contains("hold") && promises.contains('3'), "{promises}");
    till.refuses("hold place TEAx99", "nothing_left").await;
    till.refuses("hold release 01900000-0000-7000-8000-000000000009", "unknown_hold").await;

    assert!(till.does(&format!("hold allot {hold}")).await.contains("may be sold here now"));
    till.refuses(&format!("hold release {hold}"), "hold_closed").await;
    offline.does("sell TEAx3 --card terminal").await;

    // A customer who has some kept orders them, and one who does not come lets go.
    let order = last_word(&till.does("hold place TEAx2").await);
    let sold = offline.does(&format!("sell TEAx2 --order --hold {order} --card terminal")).await;
    assert!(sold.contains("To be confirmed"), "no till knows whether a hold still stands: {sold}");
    let gone = last_word(&till.does("hold place TEAx4").await);
    till.does(&format!("hold release {gone}")).await;
    till.does("round").await;
    let confirmed = async {
        while till.does("orders").await.contains("unconfirmed") {
            till.does("round").await;
        }
    };
    tokio::time::timeout(PATIENCE, confirmed).await.expect("head office confirms what was held");
    assert!(office.does("holds list").await.contains("nothing is held"));
    assert_eq!(shop.number("select balance from stock").await, 17);
    assert_eq!(
        shop.number("select promised from stock").await,
        shop.number(EXPECTED).await,
        "an order, and an allotment"
    );
    office.closes().await;
}

/// Units that are ordered or allotted.
const EXPECTED: &str = "select (coalesce((select sum(quantity) from order_items i join orders o using (order_id)
        where o.fulfilment = 'ship' and o.status in ('pending', 'processed')), 0)
    + (select sum(greatest(0, granted + received - consumed - returned - reclaimed)) from allotments))::bigint";

#[tokio::test]
async fn an_order_beyond_what_is_there_waits_where_head_office_sees_it_until_it_is_called_off() {
    let (shop, _, folder, office) = till_and_office().await;
    let till = Device { folder, server: office.url() };
    till.refuses("sell TEAx50 --card terminal", "allotment_spent").await;
    let sold = till.does("sell TEAx50 --order --card terminal").await;
    assert!(sold.contains("To be confirmed"), "{sold}");
    till.does("round").await;

    let awaiting = office.does("orders list --awaiting").await;
    assert!(awaiting.contains("unconfirmed"), "{awaiting}");
    let told = office.shows("/v1/orders?awaiting=true").await;
    assert_eq!((rows(&told), &told[0]["confirmation"]), (1, &json!("awaited")));
    let receipt = told[0]["receipt"].as_str().expect("a receipt").to_owned();
    till.does(&format!("orders {receipt} --cancel")).await;
    till.does("round").await;
    assert!(till.does("orders").await.contains("cancelled"));
    assert!(office.does("orders list --awaiting").await.contains("no orders"));
    assert!(office.does("orders list --status cancelled").await.contains(&receipt));

    // One whose goods are there is handed over.
    till.does("ask TEAx4").await;
    till.does("round").await;
    till.does("sell TEAx4 --order --card terminal").await;
    let receipt = till
        .does("orders --limit 1")
        .await
        .lines()
        .nth(1)
        .and_then(|row| row.split_whitespace().next())
        .map(str::to_owned);
    let receipt = receipt.expect("an order");
    for status in ["shipped", "delivered"] {
        assert!(till.does(&format!("orders {receipt} --to {status}")).await.contains(status));
    }
    till.does("round").await;
    assert_eq!(shop.number("select balance from stock").await, 16);
    assert_eq!(shop.number("select count(*) from concerns where closed_at is null").await, 0);
    office.closes().await;
}

#[tokio::test]
async fn what_is_scanned_says_its_lot_and_who_took_it_in() {
    let (_shop, tea, folder, office) = till_and_office().await;
    let till = Device { folder, server: office.url() };
    office.does("product edit TEA --barcode 4006381333931").await;
    till.does("round").await;
    let code = "(01)04006381333931(17)271231(10)LOT7";
    let told = till.does(&format!("receive {code}x3 --by Ann --note morning")).await;
    assert!(told.contains("Received 3 of") && told.contains("lot LOT7, good until 2027-12-31"), "{told}");
    till.does(&format!("adjust damaged {code} --lot LOT8 --by Ben")).await;
    till.does("round").await;

    let moved = office.does("stock movements TEA").await;
    let line = |word: &str| moved.lines().find(|line| line.contains(word)).expect("a line").to_owned();
    let received = line("LOT7");
    assert!(
        ["+3", "received", "Ann", "2027-12-31", "morning"].iter().all(|word| received.contains(word)),
        "{received}"
    );
    assert!(line("LOT8").contains("damaged"), "what somebody says of the lot counts: {moved}");
    let told = office.shows(&format!("/v1/stock/movements?product_id={tea}")).await;
    assert_eq!(
        (&told[1]["person"], &told[1]["lot"], &told[1]["expires"]),
        (&json!("Ann"), &json!("LOT7"), &json!("2027-12-31"))
    );
    office.closes().await;
}

#[tokio::test]
async fn a_concern_is_listed_shown_and_settled_by_hand_and_by_a_program() {
    let mut shop = Shop::open(0).await;
    shop.add_till(shop.high_street, Rule::Physical).await;
    shop.product("TEA", "2.50", 2).await;
    shop.product("JAM", "3.00", 2).await;
    shop.all_level().await;
    let folder = shop.tills.remove(0).folder.clone();
    let office = Office::open(&shop).await;
    let till = Device { folder, server: office.url() };
    till.does("sell TEAx5 JAMx4 --card terminal").await;
    till.does("round").await;

    assert!(office.does("concerns list").await.contains("count the goods"));
    let told = office.shows("/v1/concerns").await;
    assert_eq!(rows(&told), 2);
    let ids: Vec<_> = (0..2).map(|at| told[at]["concern_id"].as_str().expect("an id").to_owned()).collect();
    let shown = office.does(&format!("concerns show {}", ids[0])).await;
    assert!(shown.contains("touches warehouse High Street") && shown.contains("accept_loss"), "{shown}");
    let by_program = office.shows(&format!("/v1/concerns/{}", ids[0])).await;
    assert_eq!((rows(&by_program["touches"]), rows(&by_program["waits_for"])), (2, 0), "{by_program}");
    assert!(till.does("concerns").await.contains(&ids[0]), "the shop that it is about hears of it too");

    office.refuses(&format!("concerns settle {} refund", ids[0]), "not_possible").await;
    let noted = office.does(&format!("concerns settle {} recount --by Ada --note tomorrow", ids[0])).await;
    assert!(noted.contains("stays open until"), "{noted}");
    let over = office.does(&format!("concerns settle {} accept_loss --by Ada", ids[0])).await;
    assert!(over.contains("It is over"), "{over}");
    office.refuses(&format!("concerns settle {} noted", ids[0]), "concern_over").await;
    let settlement =
        json!({ "settlement_id": "01900000-0000-7000-8000-000000000001", "settlement": "accept_loss", "by": "Ada" });
    let path = format!("/v1/concerns/{}/settle", ids[1]);
    for _ in 0..2 {
        let (status, settled) = office.takes(&path, &settlement).await;
        assert_eq!(
            (status, &settled["closed"]),
            (200, &json!(true)),
            "a repeat is answered as the first time: {settled}"
        );
    }
    let other = json!({ "settlement_id": "01900000-0000-7000-8000-000000000002", "settlement": "noted", "by": "Ada" });
    let (status, problem) = office.takes(&path, &other).await;
    assert_eq!((status, &problem["code"]), (409, &json!("concern_over")));
    assert!(office.does("concerns list").await.contains("all is well"));
    assert_eq!(rows(&office.shows("/v1/concerns?all=true").await), 2);
    assert!(office.does("check").await.contains("all is well"));
    office.closes().await;
}

#[tokio::test]
async fn a_device_is_suspended_reclaimed_and_written_off_by_hand_and_by_a_program() {
    let mut shop = Shop::open(2).await;
    let tea = shop.product("TEA", "2.50", 20).await;
    shop.all_level().await;
    for till in 0..2 {
        shop.allot(till, tea, 6).await;
    }
    let name = |till: usize| shop.tills[till].card.name.replace(' ', "~");
    let names = [name(0), name(1)];
    let node = shop.tills[1].card.node_id;
    let folder = shop.tills.remove(0).folder.clone();
    let office = Office::open(&shop).await;
    let till = Device { folder, server: office.url() };

    office.does(&format!("nodes suspend {} --by Ada --note stolen?", names[0])).await;
    till.does("round").await;
    till.refuses("sell TEA --card terminal", "suspended").await;
    office.does(&format!("nodes resume {} --by Ada", names[0])).await;
    till.does("round").await;
    till.does("sell TEA --card terminal").await;
    till.does("round").await;
    let shown = office.does(&format!("nodes show {}", names[0])).await;
    assert!(shown.contains("suspend by Ada") && shown.contains("resume by Ada"), "{shown}");

    let bound = office.shows(&format!("/v1/nodes/{node}")).await["bound"]["units"].as_i64().expect("a bound");
    let shown = office.does(&format!("nodes write-off {}", names[1])).await;
    assert!(shown.contains(&format!("--units {bound}")) && shown.contains("Nothing was done"), "{shown}");
    let act = |units: i64| json!({ "act_id": "01900000-0000-7000-8000-000000000003", "by": "Ada", "units": units });
    let (status, problem) = office.takes(&format!("/v1/nodes/{node}/write-off"), &act(bound + 1)).await;
    assert_eq!((status, &problem["code"]), (409, &json!("bound_changed")));
    let (status, done) = office.takes(&format!("/v1/nodes/{node}/write-off"), &act(bound)).await;
    assert_eq!((status, &done["units"]), (200, &json!(bound)), "{done}");
    let concern = office.shows(&format!("/v1/concerns?about={node}")).await;
    let lost = (0..rows(&concern)).find(|at| concern[*at]["kind"] == "written_off").expect("it is told");
    assert_eq!(concern[lost]["detail"]["products"][tea.to_string()], json!(bound));
    let id = concern[lost]["concern_id"].as_str().expect("an id").to_owned();
    office.does(&format!("concerns settle {id} found --by Ada")).await;

    let taken = office.does(&format!("nodes reclaim {} --yes --by Ada", names[0])).await;
    assert!(taken.contains("may still sell"), "{taken}");
    office.does(&format!("nodes suspend {} --by Ada", names[0])).await;
    till.does("round").await;
    till.does("retire").await;
    till.does("round").await;
    office.does(&format!("nodes retire {} --by Ada", names[0])).await;
    office.refuses(&format!("nodes suspend {}", names[0]), "retired").await;
    till.refuses("sell TEA --card terminal", "suspended").await;
    assert!(office.does("check").await.contains("all is well"));
    office.closes().await;
}

#[tokio::test]
async fn rules_are_laid_down_by_hand_and_by_a_program_and_the_till_goes_by_them() {
    let (shop, _, folder, office) = till_and_office().await;
    let till = Device { folder, server: office.url() };
    let place = shop.high_street;

    office.does("stock threshold set 25 --product TEA").await;
    assert!(office.does("stock low").await.contains("TEA"));
    assert_eq!(office.shows("/v1/stock/low").await[0]["low_at"], json!(25));
    till.does("round").await;
    assert!(till.does("stock low").await.contains("TEA"));

    assert!(office.does("stock kept-back 3 --warehouse High~Street").await.contains('3'));
    let (status, kept) = office.keeps("/v1/kept-back", &json!({ "warehouse_id": place, "units": 5 })).await;
    assert_eq!(status, 200, "{kept}");
    assert!(office.does("stock kept-back").await.contains('5'));

    till.refuses("sell TEAx30 --card terminal", "allotment_spent").await;
    office.does("policy set physical --kind till").await;
    till.does("round").await;
    till.does("sell TEAx2 --card terminal").await;
    let rules = office.shows("/v1/rules").await;
    assert_eq!(rows(&rules), 2, "{rules}");
    office.does("policy clear --kind till").await;
    assert_eq!(rows(&office.shows("/v1/rules").await), 1);
    let (status, problem) = office.keeps("/v1/rules", &json!([{ "low_at": { "units": -1 } }])).await;
    assert!(status == 422 && problem["code"].is_string(), "{status} {problem}");
    office.closes().await;
}
