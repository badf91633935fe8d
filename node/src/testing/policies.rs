//! What happens at a till whose allotment does not cover a line, by what head office laid down.

use outpost_schema::{
    catalogue::Category,
    feed::{Confirmation, Key, Kind},
    id::CategoryId,
    op::Op,
    order::Fulfilment,
    rule::{Goods, Says},
    stock::{Allotment, SalePolicy},
};
use outpost_sync::round::Local as _;
use uuid::Uuid;

use super::{scanning::rule, *};
use crate::{
    Refused,
    orders::Awaiting,
    shortage::{Choice, Shortage},
};

const DRINKS: CategoryId = CategoryId(Uuid::from_u128(51));
const HOT: CategoryId = CategoryId(Uuid::from_u128(52));

fn policy(number: u128, kind: Option<NodeKind>, goods: Goods, policy: SalePolicy) -> Aggregate {
    rule(number, Says::Policy { kind, goods, policy })
}

/// Tea lies among hot drinks, which lie among drinks.
fn shop(card: &Card) -> Shop {
    let shop = Shop::new(card);
    let category =
        |category_id, parent_id| Aggregate::Category(Category { category_id, name: "Some".to_owned(), parent_id });
    let tea = Product { category_id: Some(HOT), ..a_product(TEA, "Green Tea", Some("2.50")) };
    shop.tell(vec![category(DRINKS, None), category(HOT, Some(DRINKS)), Aggregate::Product(Box::new(tea))]);
    shop.stock(TEA, 10, 1);
    shop.stock(CAKE, 10, 1);
    shop
}

#[test]
fn head_office_says_what_is_sold_beyond_the_allotment() {
    let shop = shop(&card());
    shop.refuses("allotment_spent", |shop| shop.sell(&[(TEA, 2)]));
    // A whole branch of the tree, but for one product of it.
    shop.tell(vec![policy(1, None, Goods::Category(DRINKS), SalePolicy::Physical)]);
    shop.sell(&[(TEA, 2)]).expect("in the customer's hand");
    shop.refuses("allotment_spent", |shop| shop.sell(&[(CAKE, 2)]));
    shop.tell(vec![policy(2, Some(NodeKind::Till), Goods::Product(TEA), SalePolicy::Strict)]);
    shop.refuses("allotment_spent", |shop| shop.sell(&[(TEA, 1)]));
    // What is taken back says nothing more.
    shop.tell(vec![Aggregate::Gone(Key { kind: Kind::Rule, ids: vec![Uuid::from_u128(2)] })]);
    shop.sell(&[(TEA, 1)]).expect("in the customer's hand");
    // One rule for each line: all of them or none.
    shop.refuses("allotment_spent", |shop| shop.sell(&[(TEA, 1), (CAKE, 2)]));
}

#[test]
fn a_home_may_be_made_strict_and_a_cards_own_word_wins() {
    let physical_home = Card { policy: SalePolicy::Physical, ..home() };
    let strict = policy(1, None, Goods::All, SalePolicy::Strict);
    let shop_at_home = shop(&physical_home);
    shop_at_home.sell(&[(TEA, 3)]).expect("as is usual at home");
    shop_at_home.tell(vec![strict.clone()]);
    shop_at_home.refuses("allotment_spent", |shop| shop.sell(&[(TEA, 1)]));
    let own_word = shop(&physical());
    own_word.tell(vec![strict]);
    own_word.sell(&[(TEA, 3)]).expect("this device's own word");
}

fn ship(may_be_confirmed_later: bool, units: i64) -> SaleWanted {
    let terms = Terms {
        fulfilment: Fulfilment::Ship,
        may_be_confirmed_later,
        ..Terms::carried_out(vec![Tendered::card("T-1")])
    };
    SaleWanted { lines: vec![wanted(TEA, units)], terms }
}

#[test]
fn an_order_beyond_the_allotment_awaits_head_office() {
    let shop = shop(&card());
    shop.refuses("allotment_spent", |shop| shop.node.sell(&ship(false, 3)));
    let covered = shop.node.sell(&ship(true, 1)).expect("an order");
    assert!(!covered.to_be_confirmed && shop.node.confirmation(&covered.order).expect("reads").is_none());
    let sold = shop.node.sell(&ship(true, 3)).expect("an order");
    assert!(sold.to_be_confirmed);
    assert_eq!(shop.node.confirmation(&sold.order).expect("reads"), Some(Awaiting::Awaited));
    // It counts, and is promised, beyond what was allotted.
    assert_eq!(shop.allotment(TEA), Allotment { granted: 1, consumed: 4, ..Allotment::default() });
    let push = shop.node.unsent().expect("reads");
    let told: Vec<_> = push
        .entries
        .iter()
        .filter_map(|entry| outpost_schema::settle::decode(entry).ok())
        .filter_map(|op| if let Op::Sale(sale) = op { Some(sale.to_be_confirmed) } else { None })
        .collect();
    assert_eq!(told, [false, true], "the op says so");

    let order_id = sold.order.order_id;
    let told = |confirmed_at| {
        let asked_at = sold.order.created_at;
        Aggregate::Confirmation(Confirmation { order_id, warehouse_id: HERE, asked_at, confirmed_at })
    };
    shop.tell_as_of(2, &[], vec![told(None)]);
    assert_eq!(shop.node.confirmation(&sold.order).expect("reads"), Some(Awaiting::Awaited));
    shop.tell_as_of(2, &[], vec![told(Some(Timestamp::from_micros(9)))]);
    assert_eq!(shop.node.confirmation(&sold.order).expect("reads"), Some(Awaiting::Confirmed));
    let handed_over = shop.node.advance(order_id, outpost_schema::order::OrderStatus::Delivered).expect("goes");
    assert_eq!(shop.node.confirmation(&handed_over).expect("reads"), None, "nothing is awaited any more");
}

#[test]
fn a_cashier_is_told_why_and_what_can_be_done() {
    let shop = shop(&card());
    let updated_at = Timestamp::from_micros(5);
    let elsewhere = feed::Stock { product_id: TEA, warehouse_id: ELSEWHERE, balance: 9, promised: 2, updated_at };
    shop.tell(vec![
        image(TEA, 10, 7),
        Aggregate::Stock(elsewhere),
        Aggregate::Warehouse(outpost_schema::catalogue::Warehouse {
            warehouse_id: ELSEWHERE,
            name: "High Street".to_owned(),
            home_of: None,
            created_at: updated_at,
        }),
    ]);
    let error = shop.sell(&[(TEA, 2)]).expect_err("too many");
    let Error::Refused(Refused::AllotmentSpent { product, left }) = error else { panic!("{error:?}") };
    let shortage: Shortage = shop.node.shortage(product, left).expect("reads");
    assert_eq!((shortage.left, shortage.on_hand, shortage.available), (1, 10, 3));
    let places: Vec<_> = shortage.elsewhere.iter().map(|place| (place.name.as_deref(), place.available)).collect();
    assert_eq!(places, [(Some("High Street"), 7)]);
    let all = [Choice::SellWhatIsLeft, Choice::AskForMore, Choice::OrderToBeConfirmed, Choice::SellElsewhere];
    assert_eq!(shortage.choices, all);
    assert_eq!(
        shortage.sentence(),
        "only 1 of Green Tea may be sold here without asking; 6 more are on hand and promised to others; 3 more are on \
         hand and free: ask for stock when the line is up, or take an order to be confirmed, or have it held at High Street (7) for the customer"
    );
    let none = shop.node.shortage(CHEESE, 0).expect("reads");
    assert_eq!((none.left, none.choices), (0, vec![Choice::AskForMore, Choice::OrderToBeConfirmed]));
}
