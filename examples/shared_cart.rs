//! Two tills work on one cart and have no line between them; whatever order they meet in, they agree.
//!
//! A cart is a value that merges (a CRDT): each till counts its own adds and takes, and a merge takes
//! the larger of every count. Two adds both count; a removal removes exactly what its till had seen.
//!
//!     cargo run --example shared_cart

use std::error::Error;

use outpost_schema::{
    cart::Cart,
    clock::{Hlc, Timestamp},
    id::{CartId, IncarnationId, ProductId, UserId, WarehouseId},
    quantity::Amount,
};
use uuid::Uuid;

/// Fills one cart at two tills, and checks it out at one of them.
pub fn main() -> Result<(), Box<dyn Error>> {
    let [front, back] = [1, 2].map(|till| IncarnationId(Uuid::from_u128(till)));
    let [apples, pears] = [11, 12].map(|product| ProductId(Uuid::from_u128(product)));
    let (now, one, three) = (Timestamp::from_micros(1_770_000_000_000_000), Amount::new(1)?, Amount::new(3)?);
    let price = Some("0.40".parse()?);

    // The customer begins at the front till and walks to the back with the cart's code on a card.
    let (cart, owner, shop) = (Uuid::from_u128(21), Uuid::from_u128(22), Uuid::from_u128(23));
    let mut at_front = Cart::open(CartId(cart), UserId(owner), WarehouseId(shop), front, Hlc::ZERO.tick(now));
    at_front.add(front, apples, three, price, now)?;
    let mut at_back = at_front.clone();

    // Each till goes on alone: more apples here; there a pear, and the apples put back.
    at_front.add(front, apples, one, price, now)?;
    at_back.add(back, pears, one, price, now)?;
    at_back.remove(apples);

    // They meet. The back till had not seen the fourth apple, so that one stays.
    let told_to_front = at_back.clone();
    at_back.merge(&at_front);
    at_front.merge(&told_to_front);
    assert_eq!(at_front, at_back);
    println!("both tills show {} apple and {} pear", at_back.quantity(apples), at_back.quantity(pears));
    assert_eq!((at_back.quantity(apples), at_back.quantity(pears)), (1, 1));

    // Checkout names the very units it sold; a pear added elsewhere meanwhile reopens the cart.
    let sold = at_back.checkout()?;
    at_front.add(front, pears, one, price, now)?;
    at_front.merge(&at_back);
    println!("sold {} lines; {} pear is still in the cart", sold.lines.len(), at_front.quantity(pears));
    assert_eq!((sold.lines.len(), at_front.quantity(apples), at_front.quantity(pears)), (2, 0, 1));
    Ok(())
}
