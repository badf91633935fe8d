//! The small examples do what they say: each checks itself at its end.

#[path = "../../examples/ask_for_stock.rs"]
mod ask_for_stock;
#[path = "../../examples/offline_sale.rs"]
mod offline_sale;
#[path = "../../examples/shared_cart.rs"]
mod shared_cart;
#[path = "../../examples/two_shops.rs"]
mod two_shops;

#[test]
fn a_till_that_never_saw_a_network_sells() {
    offline_sale::main().expect("it sells");
}

#[test]
fn a_till_that_runs_short_asks() {
    ask_for_stock::main().expect("it is granted");
}

#[test]
fn two_tills_share_a_cart() {
    shared_cart::main().expect("they agree");
}

#[test]
fn two_shops_agree_after_a_day_apart() {
    two_shops::main().expect("they agree");
}
