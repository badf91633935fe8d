//! Two people count two bins of one product with a handheld while a till sells, all of it with no line, on the
//! shipped programs; then somebody approves, and head office's book says what is there.

use std::path::PathBuf;

use crate::support::{
    Rule, Shop,
    device::{Device, head_office},
};

/// A till and a handheld on the high street, switched off, with twenty of tea between them that both have heard of.
async fn till_and_handheld() -> (Shop, [PathBuf; 2]) {
    let mut shop = Shop::open(0).await;
    shop.add_till(shop.high_street, Rule::Physical).await;
    shop.add_till(shop.high_street, Rule::Shared).await;
    shop.product("TEA", "2.50", 20).await;
    shop.all_level().await;
    let folders = [0, 1].map(|_| shop.tills.remove(0).folder.clone());
    (shop, folders)
}

/// What head office's book says of the tea, and whether it wants it counted again.
async fn book(shop: &Shop) -> (i64, bool) {
    let wants = shop.concerns().await.iter().any(|(kind, _)| kind == "recount_wanted");
    (shop.number("select balance from stock").await, wants)
}

#[tokio::test]
async fn two_people_count_two_bins_while_a_till_sells_and_the_book_says_what_is_there() {
    for till_is_heard_first in [true, false] {
        let (shop, folders) = till_and_handheld().await;
        let nowhere = "http://127.0.0.1:9";
        let [till, handheld] = folders.clone().map(|folder| Device { folder, server: nowhere });
        till.does("sell TEAx2 --card terminal").await;

        // Eighteen are there: eight in A1, ten in A2.
        let opened = handheld.does("counting open A1 A2 --by Cy --tolerance 0 --percent 0").await;
        handheld.refuses("counting open A2 --by Dee", "bin_taken").await;
        let before = till.mark().await;
        let ada = handheld.does(&format!("counting count 1 --bin A1 --by Ada TEA=8 --mark {before}")).await;
        till.does("sell TEAx3 --card terminal").await;
        let after = till.mark().await;
        let mut ben = handheld.does(&format!("counting bin 1 A2 --by Ben --mark {after}")).await;
        for _ in 0..2 {
            ben += &handheld.does(&format!("counting scan 1 --bin A2 --by Ben TEAx5 --mark {after}")).await;
        }
        till.does("sell TEA --card terminal").await;
        let told = [opened, ada, ben, handheld.does("counting show 1").await].concat();
        assert!(!told.contains("20") && !told.contains("book"), "they are not told what should be there: {told}");

        let reviewed = handheld.does("counting review 1").await;
        assert!(reviewed.contains("18 counted, 20 in the book: -2 (-5.00)"), "{reviewed}");
        handheld.refuses("counting approve 1 --by Dee", "count_again").await;
        let reason = "the~till~has~not~told~yet";
        let booked = handheld.does(&format!("counting approve 1 --by Dee --reason {reason}")).await;
        assert!(booked.contains("18 counted, the book is corrected by -2"), "{booked}");
        handheld.does(&format!("counting approve 1 --by Dee --reason {reason}")).await;
        assert_eq!(book(&shop).await, (20, false), "nobody has heard of any of it");

        let office = head_office(&shop, &shop.spare_folder("head office")).await;
        let [till, handheld] = folders.map(|folder| Device { folder, server: &office.url });
        let both = [&till, &handheld];
        for device in if till_is_heard_first { both } else { [both[1], both[0]] } {
            device.does("round").await;
        }
        assert_eq!(book(&shop).await, (14, true), "three were sold between the bins: are they out of A1 or of A2?");

        // Everybody has heard everything, and somebody looks again.
        for device in [&till, &handheld, &till] {
            device.does("round").await;
        }
        handheld.does("counting open A1 A2 --by Cy").await;
        let now = till.mark().await;
        handheld.does(&format!("counting count 2 --bin A1 --by Ben TEA=5 --mark {now}")).await;
        handheld.does(&format!("counting count 2 --bin A2 --by Ada TEA=9 --mark {now}")).await;
        handheld.does("counting review 2").await;
        let booked = handheld.does("counting approve 2 --by Dee").await;
        assert!(booked.contains("14 counted, as the book says"), "{booked}");
        handheld.does("round").await;
        assert_eq!(book(&shop).await, (14, false), "it is as the book says, and nobody asks any more");
        office.stop().await;
    }
}

#[tokio::test]
async fn what_a_till_in_contact_sells_right_after_a_count_is_no_doubt() {
    for is_in_contact in [true, false] {
        let (shop, folders) = till_and_handheld().await;
        let office = head_office(&shop, &shop.spare_folder("head office")).await;
        let [till, handheld] = folders.map(|folder| Device { folder, server: &office.url });
        let counting = handheld.serves().await;
        let selling = if is_in_contact { Some(till.serves().await) } else { None };
        for device in [&till, &handheld] {
            device.does("round").await;
        }
        let said = handheld.does("count TEA=20").await;
        assert_eq!(said.contains("does not say how far it is"), !is_in_contact, "{said}");
        till.does("sell TEAx3 --card terminal").await;
        for device in [&till, &handheld] {
            device.does("round").await;
        }
        assert_eq!(book(&shop).await, (17, !is_in_contact), "three were sold while somebody may have been looking");
        for serving in [Some(counting), selling].into_iter().flatten() {
            serving.stop().await;
        }
        office.stop().await;
    }
}
