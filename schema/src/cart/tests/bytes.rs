//! Carts and sales as bytes.

use std::collections::BTreeSet;

use super::*;

fn busy() -> Till {
    let mut till = Till::first();
    till.add(5);
    let mut other = till.second(2);
    other.take(2);
    other.cart.add(other.actor, CHEESE, amount(300), None, moment(4)).expect("there is room");
    till.cart.clear();
    till.add(7);
    till.cart.park("blue hat", till.actor, hlc(8)).expect("a short label");
    meet(&mut till, &mut other);
    till
}

#[test]
fn a_cart_survives_both_encodings_and_equal_carts_are_equal_bytes() {
    let mut till = busy();
    let packed = rmp_serde::to_vec_named(&till.cart).expect("a cart packs");
    let json = serde_json::to_string(&till.cart).expect("a cart is JSON");
    assert_eq!(rmp_serde::from_slice::<Cart>(&packed).expect("it unpacks"), till.cart);
    assert_eq!(serde_json::from_str::<Cart>(&json).expect("it reads"), till.cart);
    let mut other = Till::first().second(2);
    meet(&mut other, &mut till);
    assert_eq!(rmp_serde::to_vec_named(&other.cart).expect("a cart packs"), packed);
}

#[test]
fn what_a_later_version_wrote_stays_with_a_cart_whoever_merges_it() {
    // As a later version would write it: a field of the cart, one of a line, with bytes and numbers.
    let later = |cart: &Cart, stamp: u64| {
        let mut form = serde_json::to_value(cart).expect("a cart is JSON");
        form["gift_wrap"] = serde_json::json!({ "at": stamp, "value": ["red", true] });
        form["lines"][0]["engraving"] = serde_json::json!(format!("from {stamp}"));
        serde_json::from_value::<Cart>(form).expect("an older version reads it")
    };
    let plain = busy();
    let (older, newer) = (later(&plain.cart, 7), later(&plain.cart, 8));
    assert_ne!(older, plain.cart, "it is not passed over");
    let mut here = plain.cart.clone();
    here.merge(&newer);
    here.merge(&older);
    let mut there = older;
    there.merge(&newer);
    assert_eq!((&here, &there), (&newer, &newer), "the later one stays, whatever arrives first");

    let packed = rmp_serde::to_vec_named(&here).expect("a cart packs");
    let mut read: Cart = rmp_serde::from_slice(&packed).expect("it unpacks");
    assert_eq!(rmp_serde::to_vec_named(&read).expect("a cart packs"), packed);
    read.park("green hat", plain.actor, hlc(20)).expect("a short label");
    let form = serde_json::to_value(&read).expect("a cart is JSON");
    assert_eq!((&form["gift_wrap"]["at"], &form["lines"][0]["engraving"]), (&8.into(), &"from 8".into()));

    let mut endless = serde_json::to_value(&plain.cart).expect("a cart is JSON");
    endless["gift_wrap"] = "x".repeat(1 << 20).into();
    let endless: Cart = serde_json::from_value(endless).expect("it reads");
    assert!(matches!(
        endless.believable(None, plain.actor, &BTreeSet::new(), &[]),
        Belief::Refuse(Fault::TooLong { .. })
    ));
}

#[test]
fn a_sale_survives_both_encodings() {
    let mut till = busy();
    let sold = checkout(&mut till);
    let packed = rmp_serde::to_vec_named(&sold).expect("a sale packs");
    let json = serde_json::to_string(&sold).expect("a sale is JSON");
    assert_eq!(rmp_serde::from_slice::<Sold>(&packed).expect("it unpacks"), sold);
    assert_eq!(serde_json::from_str::<Sold>(&json).expect("it reads"), sold);
    let mut units = SoldUnits::default();
    claim(&mut units, &sold);
    let json = serde_json::to_string(&units).expect("units are JSON");
    assert_eq!(serde_json::from_str::<SoldUnits>(&json).expect("they read"), units);
}

#[test]
fn damaged_bytes_are_refused() {
    let good = serde_json::to_value(&busy().cart).expect("a cart is JSON");
    let damages: [Damage<serde_json::Value>; 5] = [
        (|cart| cart["lines"][0]["counts"][0][0] = 99.into(), "an actor that is not listed"),
        (|cart| cart["lines"][0]["added_by"] = 99.into(), "a line begun by nobody"),
        (|cart| cart["actors"][1] = cart["actors"][0].clone(), "an actor listed twice"),
        (|cart| cart["lines"][1] = cart["lines"][0].clone(), "a product on two lines"),
        (|cart| cart["lines"][0]["counts"][1] = cart["lines"][0]["counts"][0].clone(), "an actor counted twice"),
    ];
    for (damage, what) in damages {
        let mut bad = good.clone();
        damage(&mut bad);
        assert!(serde_json::from_value::<Cart>(bad).is_err(), "{what}");
    }
}

#[test]
fn a_till_more_costs_a_line_a_few_bytes() {
    let size = |tills: u128| {
        let mut cart = Till::first().cart;
        for number in 0..tills {
            for product in 0..10 {
                let product = ProductId(Uuid::from_u128(product));
                cart.add(actor(number), product, Amount::ONE, price("1.00"), moment(1)).expect("there is room");
            }
        }
        rmp_serde::to_vec_named(&cart).expect("a cart packs").len()
    };
    let (ten, hundred) = (size(10), size(100));
    println!("10 lines after 10 tills {ten} bytes, after 100 tills {hundred} bytes");
    assert!(hundred - ten <= 90 * (20 + 10 * 8), "{ten} -> {hundred}");
}
