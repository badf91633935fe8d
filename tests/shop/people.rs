//! Two people with one e-mail, written down where nobody could know.

use outpost_node::{
    people::{NewAddress, NewCustomer},
    sell::{SaleWanted, Tendered, Terms, WantedLine},
};
use outpost_schema::{id::ProductId, people::User};

use crate::support::{Rule, Shop, Till, amount};

#[tokio::test]
async fn one_e_mail_at_two_offline_tills_loses_no_order_if_the_older_arrives_first() {
    one_e_mail_twice([0, 1]).await;
}

#[tokio::test]
async fn one_e_mail_at_two_offline_tills_loses_no_order_if_the_younger_arrives_first() {
    one_e_mail_twice([1, 0]).await;
}

async fn one_e_mail_twice(arriving: [usize; 2]) {
    let mut shop = Shop::open(0).await;
    for _ in 0..2 {
        shop.add_till(shop.high_street, Rule::Physical).await;
    }
    let tea = shop.product("TEA", "2.50", 10).await;
    shop.all_level().await;
    let people: Vec<User> = shop.tills.iter().map(|till| write_down(till, tea)).collect();
    let (keeper, alias) = (people[0].user_id.min(people[1].user_id), people[0].user_id.max(people[1].user_id));

    for number in arriving {
        shop.tills[number].until_level().await;
        shop.keeps_its_laws().await;
    }
    shop.all_level().await;
    for till in &shop.tills {
        let of = |id| till.node.customer(id).expect("readable").expect("both ids stay valid");
        assert_eq!((of(keeper).email.as_deref(), of(keeper).alias_of), (Some("ada@example.com"), None));
        assert_eq!((of(alias).email, of(alias).alias_of), (None, Some(keeper)));
        let orders = |id| till.node.orders(Some(id), None, 10).expect("readable").len();
        assert_eq!((orders(keeper), orders(alias)), (1, 1), "no order is lost");
    }
    assert_eq!(shop.concerns().await, [("email_taken".to_owned(), format!("{keeper}/{alias}"))]);
    assert_eq!(shop.number("select count(*) from addresses").await, 2);
    shop.agree().await;
}

/// A customer with an address buys something, all of it without a line.
fn write_down(till: &Till, tea: ProductId) -> User {
    let address = NewAddress {
        street: format!("{} Mill Lane", till.card.prefix),
        city: "Leeds".to_owned(),
        country: "UK".to_owned(),
        ..NewAddress::default()
    };
    let new = NewCustomer {
        email: Some("Ada@Example.com".to_owned()),
        first_name: Some("Ada".to_owned()),
        address: Some(address),
        ..NewCustomer::default()
    };
    let user = till.node.add_customer(&new).expect("written down");
    let line = WantedLine { product_id: tea, quantity: amount(1), unit_price: None };
    let terms = Terms { customer: Some(user.user_id), ..Terms::carried_out(vec![Tendered::card("terminal 1")]) };
    till.node.sell(&SaleWanted { lines: vec![line], terms }).expect("sold");
    user
}
