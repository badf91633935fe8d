//! Customers, reviews, and finding products.

use outpost_schema::{barcode::Barcode, people::Rating};
use uuid::Uuid;

use super::*;
use crate::people::{NewAddress, NewCustomer, NewReview};

fn customer(email: &str) -> NewCustomer {
    NewCustomer { email: Some(email.to_owned()), first_name: Some(" Grace ".to_owned()), ..NewCustomer::default() }
}

fn street() -> NewAddress {
    NewAddress {
        street: "1 Main St".to_owned(),
        city: "Springfield".to_owned(),
        zip_code: Some(" ".to_owned()),
        country: "US".to_owned(),
        state: None,
    }
}

#[test]
fn a_customer_is_written_down_with_an_address() {
    let shop = Shop::new(&card());
    let new = NewCustomer { address: Some(street()), ..customer(" Grace@Example.com ") };
    let user = shop.node.add_customer(&new).expect("writes down");
    assert_eq!((user.email.as_deref(), user.first_name.as_deref()), (Some("grace@example.com"), Some("Grace")));
    let addresses = shop.node.addresses(user.user_id).expect("lists");
    assert_eq!((addresses.len(), user.address_id), (1, Some(addresses[0].address_id)));
    assert_eq!(addresses[0].zip_code, None);
    shop.node.add_address(user.user_id, &street()).expect("a further one");
    assert_eq!(shop.node.addresses(user.user_id).expect("lists").len(), 2);
    assert_eq!(shop.node.customer(user.user_id).expect("reads"), Some(user));
    assert_eq!(shop.count("journal"), 2);
}

#[test]
fn one_email_is_one_customer_as_far_as_is_known_here() {
    let shop = Shop::new(&card());
    shop.refuses("email_known", |shop| shop.node.add_customer(&customer("ADA@example.com")));
    let error = shop.node.add_customer(&customer("ada@example.com")).expect_err("known");
    assert!(matches!(error, Error::Refused(crate::Refused::EmailKnown { user: ADA, .. })));
    shop.refuses("not_an_email", |shop| shop.node.add_customer(&customer("grace")));
    shop.refuses("empty", |shop| shop.node.add_customer(&NewCustomer::default()));
    shop.refuses("empty", |shop| shop.node.add_address(ADA, &NewAddress::default()));
    shop.refuses("unknown_customer", |shop| shop.node.add_address(UserId(Uuid::from_u128(99)), &street()));
}

#[test]
fn of_two_people_with_one_email_the_later_is_shown_as_an_alias() {
    let shop = Shop::new(&card());
    let own = shop.node.add_customer(&customer("grace@example.com")).expect("writes down");
    let first = UserId(Uuid::from_u128(21));
    shop.tell(vec![Aggregate::User(Box::new(user(first, Some("grace@example.com"))))]);
    assert_eq!(shop.node.customer(own.user_id).expect("reads").expect("known").alias_of, Some(first));
    assert_eq!(shop.node.customer(first).expect("reads").expect("known").alias_of, None);
}

#[test]
fn customers_are_found_by_how_they_begin() {
    let shop = Shop::new(&card());
    let found = |text: &str| shop.node.customers(text, 9).expect("lists").len();
    for (text, count) in [("", 1), ("ada@", 1), ("lovel", 1), ("Ada Love", 1), ("ada l", 1), ("%", 0), ("grace", 0)] {
        assert_eq!(found(text), count, "{text}");
    }
}

#[test]
fn a_review_names_a_customer_and_a_product() {
    let shop = Shop::new(&card());
    let rating = Rating::try_from(4).expect("stars");
    let new = NewReview { product_id: TEA, user_id: ADA, rating, comment: Some("good".to_owned()) };
    let review = shop.node.add_review(&new).expect("writes down");
    assert_eq!(shop.node.reviews(TEA, 9).expect("lists"), [review]);
    let nobody = NewReview { user_id: UserId(Uuid::from_u128(99)), ..new.clone() };
    shop.refuses("unknown_customer", |shop| shop.node.add_review(&nobody));
    let nothing = NewReview { product_id: ProductId(Uuid::from_u128(99)), ..new };
    shop.refuses("unknown_product", |shop| shop.node.add_review(&nothing));
}

#[test]
fn products_are_found_by_code_then_by_name() {
    let shop = Shop::new(&card());
    shop.stock(TEA, 10, 4);
    let barcode: Barcode = "036000291452".parse().expect("a barcode");
    let percent = ProductId(Uuid::from_u128(5));
    let coded = Product { barcodes: vec![barcode], ..a_product(percent, "100% Tea_Leaves", Some("1")) };
    shop.tell(vec![Aggregate::Product(Box::new(coded))]);
    let cases: [(&str, &[ProductId]); 10] = [
        ("036000291452", &[percent]),
        ("0036000291452", &[percent]),
        ("GREEN TEA", &[TEA]),
        ("green t", &[TEA]),
        ("tea", &[percent, TEA]),
        ("tea green", &[TEA]),
        ("100%", &[percent]),
        ("a_L", &[percent]),
        ("n_t", &[]),
        ("nothing", &[]),
    ];
    for (text, expected) in cases {
        let found: Vec<_> = shop.node.find(text, 9).expect("finds").iter().map(|o| o.product.product_id).collect();
        assert_eq!(found, expected, "{text}");
    }
    let tea = &shop.node.find("GREEN TEA", 1).expect("finds")[0];
    assert_eq!((tea.level.quantity(), tea.level.reserved(), tea.open), (10, 4, 4));
    assert_eq!(tea.product.image_urls, ["a.jpg"]);
    assert_eq!(shop.node.stock_of(TEA).expect("lists").len(), 1);
    assert_eq!(shop.node.warehouses().expect("lists").len(), 1);
}

#[test]
fn products_are_paged_by_name() {
    let shop = Shop::new(&card());
    let names = |after: Option<(&str, ProductId)>| -> Vec<String> {
        let page = shop.node.products(None, after, 2).expect("lists");
        page.into_iter().map(|offer| offer.product.name).collect()
    };
    assert_eq!(names(None), ["Cake", "Cheese"]);
    assert_eq!(names(Some(("Cheese", CHEESE))), ["Green Tea", "Odds"]);
    assert_eq!(names(Some(("Odds", NO_PRICE))), Vec::<String>::new());
    assert_eq!(shop.node.find("", 9).expect("finds").len(), 4);
}
