//! A till compares what it holds with head office: whatever went bad is found and mended, what is its own
//! is left alone, and what merely moves is no alarm.

mod alarm;
mod damage;
mod marks;

use outpost_node::{
    people::{NewAddress, NewCustomer, NewReview},
    returns::{Caps, LineBack, Named, RefundWanted, ReturnWanted, What},
    sell::{SaleWanted, Tendered, Terms, WantedLine},
};
use outpost_schema::{
    device::NodeKind,
    id::{ProductId, UserId, WarehouseId},
    order::{Fulfilment, Order, OrderStatus},
    people::Rating,
    returned::Condition,
    rule::{Goods, Says},
    stock::SalePolicy,
    synonym::Group,
};
use outpost_server::{
    publish::{self, ProductNew},
    rules, synonyms,
};
use outpost_sync::{
    round::{Local as _, Remote as _},
    verify::{self, Compared, Outcome},
    wire::{DIGEST_ROWS_MAX, Pulled},
};

use crate::support::{Rule, Shop, Till, amount, line, money};

/// A whole walk, in slices of so many rows; what it found in all.
pub async fn walk(till: &Till, rows: usize) -> Compared {
    let mut all = Compared::default();
    for number in 0.. {
        let outcome = verify::slice(&*till.node, &till.line, number == 0, rows).await.expect("the line is good");
        let Outcome::Compared(found) = outcome else { panic!("{outcome:?}") };
        all.rows.extend(found.rows);
        all.own += found.own;
        all.moving += found.moving;
        all.mended.extend(found.mended);
        all.unexplained += found.unexplained;
        if found.is_end {
            break;
        }
    }
    all
}

/// Pulls until level, and pushes nothing.
pub async fn hear(till: &Till) {
    loop {
        let (asked, standing) = (till.node.cursor().expect("readable"), till.node.standing().expect("readable"));
        match till.line.pull(standing, asked.as_deref(), 0).await.expect("the line is good") {
            Pulled::Page(page) => {
                till.node.apply(asked.as_deref(), &page).expect("applied");
                if page.level {
                    return;
                }
            }
            other @ (Pulled::Elsewhere { .. } | Pulled::OtherEpoch { .. } | Pulled::TooLongAway) => panic!("{other:?}"),
        }
    }
}

/// A shop in which there is something of every kind: a till at home in a kiosk, which also hears of the
/// high street, and one on the high street. Both know everything.
pub async fn full_shop() -> (Shop, Vec<ProductId>) {
    let mut shop = Shop::open(0).await;
    let kiosk = shop.add_place("Kiosk").await;
    let high_street = shop.high_street;
    shop.add_till_that_hears(kiosk, Rule::Home, &[high_street]).await;
    shop.add_till(high_street, Rule::Physical).await;
    let goods = goods(&shop).await;
    shop.all_level().await;
    let user = customer(&shop.tills[1], "ada@example.com");
    let sold = sell_to(&shop.tills[1], goods[0], 2, Some(user), Fulfilment::CarryOut);
    one_broke(&shop.tills[1], &sold);
    sell_to(&shop.tills[1], goods[1], 1, None, Fulfilment::CarryOut);
    // More than the book has: a concern.
    sell_to(&shop.tills[1], goods[2], 9, None, Fulfilment::CarryOut);
    sell_to(&shop.tills[0], goods[0], 1, None, Fulfilment::Ship);
    sell_to(&shop.tills[0], goods[0], 1, None, Fulfilment::CarryOut);
    review(&shop.tills[1], goods[0], user);
    let cart = shop.tills[1].carts.begin(Some(user)).expect("a cart");
    for product in &goods[..2] {
        shop.tills[1].carts.add(cart.cart_id(), *product, amount(3), None).expect("added");
    }
    shop.tills[1].node.ask(&[line(goods[1], 2)]).expect("asked");
    shop.all_level().await;
    lay_rules_down(&shop, goods[0], high_street).await;
    shop.all_level().await;
    shop.agree().await;
    (shop, goods)
}

/// One unit of an order comes back, and nobody can sell it.
fn one_broke(till: &Till, order: &Order) {
    let item = &order.items[0];
    let (product_id, order_item_id) = (item.product_id, Some(item.order_item_id));
    let line = LineBack { product_id, order_item_id, quantity: Some(amount(1)), condition: Condition::Damaged };
    let wanted = ReturnWanted {
        return_id: None,
        order: Named::Order(order.order_id),
        what: What::Lines(vec![line]),
        refund: RefundWanted::default(),
        taken_by: Some(order.user_id),
        reason: "it leaks".to_owned(),
    };
    till.node.take_back(&wanted, Caps::usual()).expect("taken back");
}

/// A rule of each sort, synonyms, and an order that was confirmed.
pub async fn lay_rules_down(shop: &Shop, product_id: ProductId, warehouse_id: WarehouseId) {
    let rules = [
        Says::Labels { layout: "21IIIIIPPPPPC".parse().expect("a layout") },
        Says::Policy { kind: Some(NodeKind::Kiosk), goods: Goods::Product(product_id), policy: SalePolicy::Physical },
        Says::LowAt { product_id: Some(product_id), warehouse_id: Some(warehouse_id), units: 3 },
    ];
    rules::lay_down(&shop.server, &rules).await.expect("laid down");
    let groups = ["soft drink, soda, pop", "trainers => sneakers"].map(|line| line.parse::<Group>().expect("a group"));
    synonyms::add(&shop.server, &groups).await.expect("entered");
    let sql = "insert into order_confirmations (order_id, warehouse_id, asked_at, confirmed_at)
        select order_id, warehouse_id, created_at, created_at from orders order by order_id limit 1";
    assert_eq!(shop.client().await.execute(sql, &[]).await.expect("noted"), 1);
    shop.server.ring();
}

async fn goods(shop: &Shop) -> Vec<ProductId> {
    let drinks = publish::category_at(&shop.server, "Drinks > Hot").await.expect("a category");
    let mut goods = Vec::new();
    for (sku, barcode) in [("TEA", "4006381333931"), ("OIL", "5901234123457"), ("FIG", "96385074")] {
        let new = ProductNew {
            sku: Some(sku.to_owned()),
            name: format!("{sku} of the house"),
            description: Some("From the hills".to_owned()),
            price: Some(money("2.50")),
            category_id: Some(drinks),
            image_urls: vec!["a.png".to_owned(), "b.png".to_owned()],
            attributes: serde_json::json!({ "weight": 0.1, "z": { "b": 1, "a": [true, null] } })
                .as_object()
                .cloned()
                .expect("an object"),
            barcodes: vec![barcode.parse().expect("a barcode")],
            ..ProductNew::default()
        };
        goods.push(publish::create(&shop.server, new).await.expect("a product").product_id);
    }
    let opening = [("TEA".to_owned(), 50), ("OIL".to_owned(), 40), ("FIG".to_owned(), 5)];
    shop.stock("High Street", &opening).await;
    shop.stock("Kiosk", &opening).await;
    goods
}

/// Writes a customer with an address down.
pub fn customer(till: &Till, email: &str) -> UserId {
    let address = NewAddress {
        street: "1 Mill Lane".to_owned(),
        city: "Leeds".to_owned(),
        state: Some("Yorkshire".to_owned()),
        zip_code: Some("LS1".to_owned()),
        country: "UK".to_owned(),
    };
    let new = NewCustomer {
        email: Some(email.to_owned()),
        first_name: Some("Ada".to_owned()),
        last_name: Some("Byron".to_owned()),
        address: Some(address),
    };
    till.node.add_customer(&new).expect("written down").user_id
}

/// Sells so many to somebody.
pub fn sell_to(
    till: &Till,
    product_id: ProductId,
    units: i64,
    customer: Option<UserId>,
    fulfilment: Fulfilment,
) -> Order {
    let line = WantedLine { product_id, quantity: amount(units), unit_price: None };
    let terms = Terms { customer, fulfilment, ..Terms::carried_out(vec![Tendered::card("terminal 1")]) };
    till.node.sell(&SaleWanted { lines: vec![line], terms }).expect("sold").order
}

/// Somebody says something of a product.
pub fn review(till: &Till, product_id: ProductId, user_id: UserId) {
    let rating = Rating::try_from(4).expect("stars");
    let new = NewReview { product_id, user_id, rating, comment: Some("Good".to_owned()) };
    till.node.add_review(&new).expect("written down");
}

/// Does one of everything that a till can do, without telling anybody.
pub fn own_things(till: &Till, goods: &[ProductId]) {
    let user = customer(till, "bob@example.com");
    sell_to(till, goods[1], 1, Some(user), Fulfilment::CarryOut);
    review(till, goods[1], user);
    let shipped = till.node.orders(None, None, 50).expect("readable");
    let shipped = shipped.iter().find(|order| order.is_promised()).expect("one is to be handed over");
    till.node.advance(shipped.order_id, OrderStatus::Shipped).expect("told");
    till.node.count(&[outpost_node::stockroom::Seen { product_id: goods[2], counted: 4 }]).expect("counted");
    let cart = till.carts.begin(None).expect("a cart");
    till.carts.add(cart.cart_id(), goods[0], amount(1), None).expect("added");
}

#[tokio::test]
async fn a_walk_over_a_sound_till_finds_nothing() {
    let (shop, goods) = full_shop().await;
    for till in &shop.tills {
        for rows in [DIGEST_ROWS_MAX, 7, 1] {
            let found = walk(till, rows).await;
            assert_eq!((found.mended.len(), found.unexplained, found.moving, found.own), (0, 0, 0, 0), "{found:?}");
            let kinds: std::collections::BTreeSet<_> =
                found.rows.iter().filter(|(_, rows)| *rows > 0).map(|(kind, _)| *kind).collect();
            assert!(kinds.len() >= 9, "everything is looked at: {kinds:?}");
        }
    }
    own_things(&shop.tills[0], &goods);
    let found = walk(&shop.tills[0], 5).await;
    assert_eq!((found.mended.len(), found.unexplained, found.moving), (0, 0, 0), "own things are no fault: {found:?}");
    assert!(found.own >= 7, "a sale, a customer, an address, a review, a status, a cart and stock: {found:?}");
    shop.all_level().await;
    let found = walk(&shop.tills[0], DIGEST_ROWS_MAX).await;
    assert_eq!((found.mended.len(), found.unexplained, found.own), (0, 0, 0), "and heard back: {found:?}");
    shop.agree().await;
    assert_eq!(shop.number("select count(*) from concerns where kind = 'image_mended'").await, 0);
    assert_eq!(shop.number("select count(*) from checks where walked_at is not null and unexplained = 0").await, 2);
}
