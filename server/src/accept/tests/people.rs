//! Customers that several tills write down.

use outpost_schema::{
    id::{AddressId, UserId},
    op::{Customer, Op},
    people::Address,
    verdict::{ConcernKind, SetAside, Verdict},
};
use uuid::Uuid;

use super::*;

fn id(number: u128) -> UserId {
    UserId(Uuid::from_u128(number))
}

fn customer(till: &mut Till, user_id: UserId) -> outpost_schema::journal::Entry {
    let user = till.user(user_id, "Ada@Example.com");
    till.write(&Op::CustomerAdded(Box::new(Customer { user, address: None })))
}

/// (user, e-mail, alias) of everybody but the guest.
async fn people(shop: &Shop) -> Vec<(UserId, Option<String>, Option<UserId>)> {
    let sql = "select user_id, email, alias_of from users where user_id <> $1 order by user_id";
    let rows = shop.client.query(sql, &[&UserId::GUEST]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}

#[tokio::test]
async fn of_two_people_with_one_email_the_lower_id_keeps_it_whoever_comes_first() {
    let mail = Some("ada@example.com".to_owned());
    for (seed, arrival) in [(20, [1, 2, 3]), (21, [3, 2, 1]), (22, [2, 3, 1]), (23, [2, 1, 3])] {
        let shop = Shop::open(seed).await;
        let warehouse = shop.warehouse("Market").await;
        for number in arrival {
            let mut till = shop.till(&format!("Till {number}"), warehouse, false).await;
            let entry = customer(&mut till, id(number));
            assert_eq!(till.push(&shop, &[entry]).await, [Verdict::Accepted]);
        }
        let expected = vec![(id(1), mail.clone(), None), (id(2), None, Some(id(1))), (id(3), None, Some(id(1)))];
        assert_eq!(people(&shop).await, expected, "arrived as {arrival:?}");
        let concerns = shop.concerns().await;
        assert!(concerns.iter().all(|concern| concern.kind == ConcernKind::EmailTaken) && concerns.len() == 2);
    }
}

#[tokio::test]
async fn within_one_batch_it_ends_the_same() {
    let shop = Shop::open(24).await;
    let warehouse = shop.warehouse("Market").await;
    let mut till = shop.till("Till", warehouse, false).await;
    let first = customer(&mut till, id(9));
    till.push(&shop, &[first]).await;
    let entries = [5, 7, 2].map(|number| customer(&mut till, id(number)));
    till.push(&shop, &entries).await;
    let keeper = (id(2), Some("ada@example.com".to_owned()), None);
    let others = [5, 7, 9].map(|number| (id(number), None, Some(id(2))));
    assert_eq!(people(&shop).await, [[keeper].as_slice(), &others].concat());
}

#[tokio::test]
async fn pushes_at_once_with_one_email_end_the_same() {
    let shop = Shop::open(25).await;
    let warehouse = shop.warehouse("Market").await;
    let mut tills = Vec::new();
    for number in 1..=6 {
        tills.push((shop.till(&format!("Till {number}"), warehouse, false).await, number));
    }
    let pushes = tills.iter_mut().map(async |(till, number)| {
        let entry = customer(till, id(*number));
        till.push(&shop, &[entry]).await
    });
    futures_util::future::join_all(pushes).await;
    let people = people(&shop).await;
    assert_eq!(people[0], (id(1), Some("ada@example.com".to_owned()), None));
    assert!(people[1..].iter().all(|(_, email, alias)| email.is_none() && *alias == Some(id(1))), "{people:?}");
}

#[tokio::test]
async fn an_alias_may_still_buy_and_have_an_address() {
    let shop = Shop::open(26).await;
    let (warehouse, tea) = (shop.warehouse("Market").await, shop.product().await);
    let mut till = shop.till("Till", warehouse, true).await;
    let entries = [customer(&mut till, id(2)), customer(&mut till, id(1))];
    till.push(&shop, &entries).await;
    let address = Address {
        address_id: AddressId::new(till.now(), till.chance()),
        user_id: id(2),
        street: "12 High Street".to_owned(),
        city: "Leeds".to_owned(),
        state: None,
        zip_code: None,
        country: "GB".to_owned(),
        home: warehouse,
    };
    let mut order = till.order_to_ship(&[(tea, 1)]);
    order.user_id = id(2);
    order.shipping_address_id = Some(address.address_id);
    let entries = [till.write(&Op::AddressAdded(Box::new(address))), till.write(&sale(order))];
    assert_eq!(till.push(&shop, &entries).await, [Verdict::Accepted, Verdict::Accepted]);
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn an_id_that_is_taken_is_set_aside() {
    let shop = Shop::open(27).await;
    let warehouse = shop.warehouse("Market").await;
    let mut till = shop.till("Till", warehouse, true).await;
    let entries = [customer(&mut till, id(2)), customer(&mut till, id(2))];
    let verdicts = till.push(&shop, &entries).await;
    assert_eq!(verdicts, [Verdict::Accepted, Verdict::SetAside(SetAside::IdTaken { id: id(2).0 })]);
    shop.keeps_its_laws().await;
}
