//! What people write: in every script, and exactly.

use outpost_node::people::NewCustomer;
use outpost_server::publish::{self, ProductNew};

use crate::support::{Rule, Shop, money};

/// Right to left, combining, four bytes long, of no width, and what looks like a command.
const WRITTEN: [&str; 6] = [
    "\u{5e9}\u{5dc}\u{5d5}\u{5dd} \u{202e}tea",
    "Cafe\u{301} and caf\u{e9}",
    "\u{1f375}\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}",
    "\u{feff}tea\u{200b}",
    "'; drop table orders; --",
    "\\ud800 \\u0000 %00",
];

#[tokio::test]
async fn whatever_people_write_is_kept_exactly_everywhere() {
    let mut shop = Shop::open(0).await;
    for _ in 0..2 {
        shop.add_till(shop.high_street, Rule::Physical).await;
    }
    shop.all_level().await;
    let mut made = Vec::new();
    for text in WRITTEN {
        let new = ProductNew { name: text.to_owned(), price: Some(money("1.00")), ..ProductNew::default() };
        let product = publish::create(&shop.server, new).await.expect("it is text").product_id;
        let new = NewCustomer { first_name: Some(text.to_owned()), ..NewCustomer::default() };
        let customer = shop.tills[0].node.add_customer(&new).expect("it is text").user_id;
        made.push((text, product, customer));
    }
    shop.all_level().await;
    for till in &shop.tills {
        for (text, product, customer) in &made {
            assert_eq!(till.node.product(*product).expect("readable").expect("known").product.name, *text);
            let user = till.node.customer(*customer).expect("readable").expect("known");
            assert_eq!(user.first_name.as_deref(), Some(*text));
        }
    }
    let new = NewCustomer { first_name: Some("tea\0".to_owned()), ..NewCustomer::default() };
    let refused = shop.tills[0].node.add_customer(&new).expect_err("no database of head office keeps this");
    assert_eq!(refused.code(), "nul_character");
    shop.agree().await;
}
