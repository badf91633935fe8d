//! Deliveries that are expected, and transfers, from the command line.

use super::*;

#[tokio::test]
async fn a_delivery_is_expected_shown_and_closed_with_what_is_short() {
    let network = Network::open().await;
    let say = |line: &[&str]| network.say(line).unwrap();
    say(&["warehouse", "add", "Shop"]);
    network.file("products.csv", "sku,name,price\nTEA,Tea,2.50\nJAM,Jam,3.00\n");
    say(&["import", "products", "products.csv"]);
    assert!(say(&["delivery", "list"]).contains("delivery expect"), "the cure is named");
    let expect = ["delivery", "expect", "PO-17", "TEA=24", "JAM=6", "--warehouse", "Shop", "--supplier", "Ahmad"];
    let told = say(&[&expect[..], &["--due", "2026-11-30"]].concat());
    assert!(told.contains("PO-17 from Ahmad, expected") && told.contains("due 2026-11-30 23:59:59"), "{told}");
    assert!(network.say(&expect).unwrap_err().contains("name_taken"));
    let none = network.say(&["delivery", "expect", "PO-18", "TEA", "--warehouse", "Shop", "--supplier", "Ahmad"]);
    assert!(none.unwrap_err().contains("write it like TEA=24"));
    let listed = say(&["delivery", "list", "--warehouse", "Shop"]);
    assert!(listed.contains("PO-17") && listed.contains("30"), "{listed}");

    assert!(network.say(&["product", "remove", "JAM"]).unwrap_err().contains("delivery of it"));
    let closed = say(&["delivery", "close", "PO-17", "--by", "Ann", "--note", "the lorry broke down"]);
    assert!(closed.contains("closed_short") && closed.contains("by Ann: the lorry broke down"), "{closed}");
    assert!(!say(&["delivery", "list"]).contains("PO-17") && say(&["delivery", "list", "--all"]).contains("PO-17"));
    assert!(network.say(&["delivery", "show", "PO-99"]).unwrap_err().contains("not_found"));
}

#[tokio::test]
async fn transfers_are_listed_and_one_that_nobody_told_of_is_not_found() {
    let network = Network::open().await;
    let say = |line: &[&str]| network.say(line).unwrap();
    assert!(say(&["transfers", "list"]).contains("nothing is on the road"));
    assert_eq!(say(&["transfers", "list", "--json"]).trim(), "[]");
    for code in ["K1-T17-O", "K1-T17-X", "rubbish"] {
        assert!(network.say(&["transfers", "show", code]).unwrap_err().contains("not_found"), "{code}");
        let gone = network.say(&["transfers", "write-off", code, "--by", "Ann", "--note", "gone"]);
        assert!(gone.unwrap_err().contains("not_found"), "{code}");
    }
}
