use super::*;

use crate::{
    cart::Cart,
    catalogue::{Category, Product, Warehouse},
    clock::{Hlc, Timestamp},
    delivery::{Delivery, DeliveryLine},
    feed::{Confirmation, Granted, Stock},
    id::{
        AddressId, CartId, CategoryId, ConcernId, DeliveryId, IncarnationId, NodeId, OrderId, ProductId, ReviewId,
        RuleId, SynonymsId, UserId, WarehouseId,
    },
    op::{Cancel, Customer, Goods, Sale, StatusTold},
    order::{OrderStatus, tests::order},
    people::{Address, Rating, Review, Role, User},
    quantity::{Amount, Unit},
    returned::{Return, tests::back},
    rule::{Rule, Says},
    synonym::Synonyms,
    transfer::{Route, Row, Transfer, TransferCode},
    verdict::{Concern, ConcernKind},
};

const AT: Timestamp = Timestamp::from_micros(1_770_000_000_000_000);

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn product() -> Product {
    let attributes = serde_json::json!({ "size": { "b": 2, "a": [1.5, null] }, "colour": "red" });
    Product {
        product_id: ProductId(id(3)),
        sku: Some("TEA".to_owned()),
        name: "Tea".to_owned(),
        description: None,
        price: Some("2.50".parse().expect("money")),
        unit: Unit::Each,
        price_per: 1,
        category_id: Some(CategoryId(id(2))),
        seller_id: None,
        image_urls: vec!["a".to_owned(), "b".to_owned()],
        attributes: attributes.as_object().cloned().expect("an object"),
        barcodes: ["96385074", "4006381333931"].map(|code| code.parse().expect("a barcode")).to_vec(),
        created_at: AT,
        updated_at: AT,
    }
}

fn user() -> User {
    User {
        user_id: UserId(id(6)),
        email: Some("ada@example.com".to_owned()),
        first_name: Some("Ada".to_owned()),
        last_name: None,
        created_at: AT,
        address_id: None,
        role: Role::Customer,
        home: WarehouseId(id(1)),
        alias_of: None,
    }
}

fn address() -> Address {
    Address {
        address_id: AddressId(id(7)),
        user_id: UserId(id(6)),
        street: "1 Mill Lane".to_owned(),
        city: "Leeds".to_owned(),
        state: None,
        zip_code: Some("LS1".to_owned()),
        country: "UK".to_owned(),
        home: WarehouseId(id(1)),
    }
}

fn review() -> Review {
    let rating = Rating::try_from(4).expect("stars");
    let (review_id, product_id, user_id) = (ReviewId(id(9)), ProductId(id(3)), UserId(id(6)));
    Review { review_id, product_id, user_id, rating, comment: None, created_at: AT }
}

fn returned() -> Return {
    back(1, &order(&[(2, "1.25"), (1, "0.50")]), &[(0, 1), (1, 1)], Some("1.75"))
}

fn cart() -> Cart {
    let actor = IncarnationId(id(20));
    let mut cart = Cart::open(CartId(id(10)), UserId(id(6)), WarehouseId(id(1)), actor, Hlc::ZERO.tick(AT));
    cart.add(actor, ProductId(id(3)), Amount::new(2).expect("an amount"), None, AT).expect("added");
    cart
}

fn transfer() -> Transfer {
    let mut transfer = Transfer::untold(TransferCode { prefix: "K1".to_owned(), number: 17 });
    let (from_id, to_id) = (WarehouseId(id(1)), WarehouseId(id(2)));
    transfer.route = Some(Route { from_id, to_id, sent_at: AT });
    transfer.rows =
        vec![Row { product_id: ProductId(id(3)), warehouse_id: from_id, sent: 5, arrived: 0, damaged: 0, lost: 1 }];
    transfer
}

fn delivery() -> Delivery {
    Delivery {
        delivery_id: DeliveryId(id(12)),
        warehouse_id: WarehouseId(id(1)),
        supplier: "Ahmad".to_owned(),
        reference: "PO-17".to_owned(),
        due_at: Some(AT),
        created_at: AT,
        closing: None,
        lines: vec![DeliveryLine { product_id: ProductId(id(3)), expected: 10, received: 4 }],
    }
}

/// One aggregate of each kind that is compared, with the sum that it alone makes in this form.
fn each() -> [(Aggregate, &'static str); 17] {
    let (product_id, warehouse_id) = (ProductId(id(3)), WarehouseId(id(1)));
    let warehouse = Warehouse { warehouse_id, name: "Shop".to_owned(), home_of: Some(NodeId(id(4))), created_at: AT };
    let category = Category { category_id: CategoryId(id(2)), name: "Hot".to_owned(), parent_id: None };
    let stock = Stock { product_id, warehouse_id, balance: -3, promised: 2, updated_at: AT };
    let granted = Granted {
        incarnation_id: IncarnationId(id(20)),
        product_id,
        warehouse_id,
        granted: 5,
        reclaimed: 0,
        full: 0,
        keep: None,
    };
    let concern = Concern {
        concern_id: ConcernId(id(11)),
        kind: ConcernKind::Owed,
        subject: "one/two".to_owned(),
        detail: serde_json::json!({ "units": 3 }),
        scope: id(1),
        opened_at: AT,
        closed_at: None,
    };
    let layout = "21IIIIIPPPPPC".parse().expect("a layout");
    let rule = Rule { rule_id: RuleId(id(11)), says: Says::Labels { layout }, updated_at: AT };
    let confirmation =
        Confirmation { order_id: OrderId(id(12)), warehouse_id: WarehouseId(id(1)), asked_at: AT, confirmed_at: None };
    let group = "soft drink, soda => cola".parse().expect("a group");
    let synonyms = Synonyms { synonyms_id: SynonymsId(id(13)), group, created_at: AT };
    [
        (Aggregate::Warehouse(warehouse), "4466fa0ae55336878c4e7f7a22d0fba7"),
        (Aggregate::Category(category), "1552a00932b60dc33dc44347a8bfa8c7"),
        (Aggregate::Product(Box::new(product())), "78b8f7d6d3dff3b30d20e2418e7045be"),
        (Aggregate::Stock(stock), "2d6340bd6131bf1e70ec6fecd26843be"),
        (Aggregate::Allotment(granted), "9f7e7826070a99eba1e59fad91e75b47"),
        (Aggregate::User(Box::new(user())), "2cdbcde1b209dd4dac97dc7a70e26a3b"),
        (Aggregate::Address(Box::new(address())), "a9c6d3b17a611ed92e93e25ee2d14f8f"),
        (Aggregate::Order(Box::new(order(&[(2, "1.25"), (1, "0.50")]))), "9b827adaa39241ae7c9f3ebdc97a9279"),
        (Aggregate::Review(Box::new(review())), "cf6a66fd6ae1b3af5d4a9c03292aecad"),
        (Aggregate::Cart(Box::new(cart())), "d2328f973fa2bc55fe1bfebb6671a1b7"),
        (Aggregate::Concern(Box::new(concern)), "3ecfa06866954ee50b69d35109b4035c"),
        (Aggregate::Transfer(Box::new(transfer())), "9273928d1731c8b3a77a3e553e6ac798"),
        (Aggregate::Delivery(Box::new(delivery())), "77b3b9253db4cbff7344eafaf2b7139b"),
        (Aggregate::Return(Box::new(returned())), "b5ff84ce7643ecf41ecfaf9551843a08"),
        (Aggregate::Rule(Box::new(rule)), "a2469057fd62aef0a9b6725f60848b68"),
        (Aggregate::Confirmation(confirmation), "29a925d0580bfca9763214cc05bf2eae"),
        (Aggregate::Synonyms(Box::new(synonyms)), "b392a774ff9a1f767724798870215a6d"),
    ]
}

fn sum_of(aggregates: impl IntoIterator<Item = Aggregate>) -> Sum {
    aggregates.into_iter().map(Print::of).collect()
}

/// If this fails because a fed type has changed, raise [`FORM`] and note the new sums: programs of the
/// old form and the new one must not compare.
#[test]
fn the_form_is_what_its_number_says() {
    assert_eq!(FORM, 1);
    let found = each().map(|(aggregate, _)| {
        let kind = aggregate.key().kind;
        (kind, format!("{:032x}", sum_of([aggregate]).sum.0))
    });
    let noted: Vec<_> = each().into_iter().map(|(aggregate, sum)| (aggregate.key().kind, sum.to_owned())).collect();
    assert_eq!(found.to_vec(), noted);
    assert_eq!(found.map(|(kind, _)| kind), COMPARED, "every kind that is compared stands here");
}

#[test]
fn any_change_of_any_field_shows() {
    for (aggregate, _) in each() {
        let whole = Print::of(aggregate.clone());
        let written = serde_json::to_value(&aggregate).expect("written");
        let content = written.as_object().and_then(|tagged| tagged.values().next()).expect("tagged");
        let names: Vec<String> = content.as_object().expect("fields").keys().cloned().collect();
        let mut seen = 0;
        for name in names {
            let Some(changed) = with_other(&written, &name) else { continue };
            seen += 1;
            assert_ne!(Print::of(changed.clone()), whole, "{name} of {aggregate:?}");
            if changed.key() == aggregate.key() {
                assert!(differing(&aggregate, &changed).contains(&name), "{name} is named");
            }
        }
        assert!(seen >= 2, "{aggregate:?}");
        assert!(differing(&aggregate, &aggregate).is_empty());
    }
}

/// The aggregate with another value in one field, if one can be made up that is still an aggregate.
fn with_other(written: &Value, name: &str) -> Option<Aggregate> {
    let others = [
        serde_json::json!("zz"),
        serde_json::json!("7.77"),
        serde_json::json!(id(99)),
        serde_json::json!("shipped"),
        serde_json::json!("gram"),
        serde_json::json!("staff"),
        serde_json::json!("fork"),
        serde_json::json!("ship"),
        serde_json::json!(3),
        serde_json::json!(["zz"]),
        serde_json::json!(["5901234123457"]),
        serde_json::json!([]),
        serde_json::json!({ "prefix": "Z", "number": 9 }),
        serde_json::json!({ "zz": 1 }),
    ];
    others.into_iter().find_map(|other| {
        let mut changed = written.clone();
        let field = changed.as_object_mut()?.values_mut().next()?.as_object_mut()?.get_mut(name)?;
        if *field == other {
            return None;
        }
        *field = other;
        serde_json::from_value(changed).ok()
    })
}

#[test]
fn what_databases_tell_in_another_order_is_the_same() {
    let told = product();
    let mut other = told.clone();
    other.barcodes.reverse();
    other.attributes = told.attributes.clone().into_iter().rev().collect();
    let print = |product: Product| Print::of(Aggregate::Product(Box::new(product)));
    assert_eq!(print(told.clone()), print(other.clone()));
    other.image_urls.reverse();
    assert_ne!(print(told), print(other), "the order of pictures is the shop's");

    let mut paid = order(&[(2, "1.25"), (1, "0.50")]);
    let mut change = paid.payments[0].clone();
    change.payment_id.0 = id(77);
    paid.payments.push(change);
    let mut other = paid.clone();
    other.payments.reverse();
    let print = |order: crate::order::Order| Print::of(Aggregate::Order(Box::new(order)));
    assert_eq!(print(paid.clone()), print(other.clone()));
    other.items.reverse();
    assert_ne!(print(paid), print(other), "the order of items is the receipt's");
}

#[test]
fn a_float_reads_back_as_it_was_written() {
    for float in [0.1 + 0.2, 1e300 / 3.0, 7.123_456_789_012_345, 5e-324] {
        let mut told = product();
        told.attributes.insert("ratio".to_owned(), float.into());
        let text = serde_json::to_string(&told).expect("written");
        assert_eq!(serde_json::from_str::<Product>(&text).expect("read"), told, "{float:e}");
    }
}

#[test]
fn a_sum_does_not_care_for_order_and_counts() {
    let all: Vec<Aggregate> = each().into_iter().map(|(aggregate, _)| aggregate).collect();
    let sum = sum_of(all.clone());
    assert_eq!(sum, sum_of(all.iter().rev().cloned()));
    assert_eq!(sum.rows, 17);
    assert_ne!(sum, sum_of(all[1..].to_vec()));
    let twice = all.iter().chain(&all[..1]).cloned();
    assert_ne!(sum, sum_of(twice), "the same one twice is no other sum of the same count");
    let json = serde_json::to_string(&sum).expect("written");
    assert_eq!(serde_json::from_str::<Sum>(&json).expect("read"), sum);
    let binary = rmp_serde::to_vec_named(&sum).expect("written");
    assert_eq!(rmp_serde::from_slice::<Sum>(&binary).expect("read"), sum);
}

#[test]
fn what_cannot_be_read_is_like_nothing_that_can() {
    let (aggregate, _) = &each()[0];
    assert_ne!(Print::of(aggregate.clone()), Print::unreadable(&aggregate.key()));
}

#[test]
fn an_allotment_of_nothing_was_never_fed() {
    let granted = |granted, reclaimed| {
        let (incarnation_id, product_id, warehouse_id) = (IncarnationId(id(1)), ProductId(id(2)), WarehouseId(id(3)));
        Aggregate::Allotment(Granted {
            incarnation_id,
            product_id,
            warehouse_id,
            granted,
            reclaimed,
            full: 0,
            keep: None,
        })
    };
    assert!(!counts(&granted(0, 0)) && counts(&granted(1, 0)) && counts(&granted(0, 1)));
    assert!(!counts(&Aggregate::Gone(granted(1, 1).key())));
}

#[test]
fn ranges_split_without_a_gap() {
    let all = KeyRange::all(Kind::Stock);
    let key = |product, warehouse| vec![id(product), id(warehouse)];
    let (low, high) = all.split(&key(2, 2));
    let keys = [key(1, 9), key(2, 1), key(2, 2), key(2, 3), key(3, 0)];
    for ids in &keys {
        assert!(all.has(ids) && low.has(ids) != high.has(ids), "{ids:?}");
    }
    assert_eq!(keys.iter().filter(|ids| low.has(ids)).count(), 3);
    assert!(low.check().is_ok());
    let foreign = KeyRange { upto: Some(vec![id(1)]), ..all };
    assert!(foreign.check().is_err(), "a key with too few ids");
    assert!(KeyRange::all(Kind::Verdict).check().is_err(), "not compared");
}

#[test]
fn an_op_is_laid_over_what_it_shows() {
    let order = order(&[(1, "1.00")]);
    let (order_id, user_id) = (order.order_id, UserId(id(6)));
    let goods = Goods { warehouse_id: WarehouseId(id(1)), lines: vec![] };
    let told = StatusTold { order_id, status: OrderStatus::Shipped, at: AT, called_off: false };
    let customer = Customer { user: user(), address: Some(address()) };
    let mut sold = cart();
    let from_cart = Sale {
        order: order.clone(),
        sold: Some(sold.checkout().expect("sold")),
        holds: Vec::new(),
        to_be_confirmed: false,
    };
    let awaited = Sale { order: order.clone(), sold: None, holds: Vec::new(), to_be_confirmed: true };
    let plain = Sale { order, sold: None, holds: Vec::new(), to_be_confirmed: false };
    let cases: [(Op, Vec<(Kind, Uuid)>); 10] = [
        (Op::Sale(Box::new(plain)), vec![(Kind::Order, order_id.0)]),
        (Op::Sale(Box::new(awaited)), vec![(Kind::Order, order_id.0), (Kind::Confirmation, order_id.0)]),
        (Op::Sale(Box::new(from_cart)), vec![(Kind::Order, order_id.0), (Kind::Cart, id(10))]),
        (Op::CustomerAdded(Box::new(customer)), vec![(Kind::User, user_id.0), (Kind::Address, id(7))]),
        (Op::AddressAdded(Box::new(address())), vec![(Kind::Address, id(7))]),
        (Op::Reviewed(Box::new(review())), vec![(Kind::Review, id(9))]),
        (Op::StatusTold(told), vec![(Kind::Order, order_id.0)]),
        (Op::CancelAsked(Cancel { order_id: OrderId(id(1)), at: AT }), vec![]),
        (Op::GaveBack(goods), vec![]),
        (Op::Returned(Box::new(returned())), vec![(Kind::Return, id(901))]),
    ];
    for (op, keys) in cases {
        let found: Vec<_> = laid_over(&op).into_iter().map(|key| (key.kind, key.ids[0])).collect();
        assert_eq!(found, keys, "{op:?}");
    }
}
