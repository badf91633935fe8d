//! What head office says means the same, found at a node: from the next search on, below the words themselves, and no
//! longer once it is taken out.

use outpost_schema::{
    feed::{Key, Kind},
    id::SynonymsId,
    planted::{self, Bug},
    synonym::Synonyms,
};

use super::*;
use crate::search::{Found, How, Kept, Search, Wanted};

/// A group of synonyms, as the feed tells it.
fn group(number: u128, line: &str) -> Aggregate {
    let (synonyms_id, created_at) = (SynonymsId(Uuid::from_u128(number)), Timestamp::from_micros(0));
    Aggregate::Synonyms(Box::new(Synonyms { synonyms_id, group: line.parse().expect("a group"), created_at }))
}

fn gone(number: u128) -> Aggregate {
    Aggregate::Gone(Key { kind: Kind::Synonyms, ids: vec![Uuid::from_u128(number)] })
}

/// A shop of drinks and shoes, that knows no synonyms.
fn shop() -> Shop {
    let shop = Shop::new(&physical());
    let names = ["Soda", "Grape pop", "Soft drink, orange", "Pop pop pop", "Sneakers 7", "Running shoes", "Green tea"];
    let goods = names.into_iter().zip(100..).map(|(name, number)| {
        let product = a_product(ProductId(Uuid::from_u128(number)), name, Some("1.00"));
        Aggregate::Product(Box::new(Product { sku: Some(format!("X-{number}")), ..product }))
    });
    shop.tell(goods.collect());
    shop
}

fn search(shop: &Shop) -> Search {
    Search::on_call(Arc::clone(&shop.node))
}

fn find(search: &Search, text: &str) -> Found {
    search.find(&Wanted { text: text.to_owned(), limit: 20, ..Wanted::default() }).expect("finds")
}

fn numbers(found: &Found) -> Vec<u128> {
    found.hits.iter().map(|hit| hit.offer.product.product_id.0.as_u128()).collect()
}

fn sorted(found: &Found) -> Vec<u128> {
    let mut numbers = numbers(found);
    numbers.sort_unstable();
    numbers
}

/// The name of the first that was found, with what matched in brackets.
fn marked(found: &Found) -> String {
    let parts = found.hits[0].name.iter();
    parts.map(|part| if part.is_match { format!("[{}]", part.text) } else { part.text.clone() }).collect()
}

#[test]
fn what_means_the_same_is_found_below_the_words_themselves() {
    let shop = shop();
    shop.tell(vec![group(1, "soft drink, soda, pop"), group(2, "trainers => sneakers, running shoes")]);
    let search = search(&shop);
    let cases: [(&str, &[u128], &[u128]); 8] = [
        ("soda", &[100], &[101, 102, 103]),
        ("SODAS", &[100], &[101, 102, 103]),
        ("pop", &[103, 101], &[100, 102]),
        ("soft drinks", &[102], &[100, 101, 103]),
        ("grape soda", &[], &[101]),
        ("orange pop", &[], &[102]),
        ("trainers", &[], &[104, 105]),
        ("sneakers", &[104], &[]),
    ];
    for (text, literal, others) in cases {
        let found = find(&search, text);
        let (mut top, mut rest) = (numbers(&found), Vec::new());
        if top.len() > literal.len() {
            rest = top.split_off(literal.len());
        }
        rest.sort_unstable();
        assert_eq!((top, rest), (literal.to_vec(), others.to_vec()), "{text}");
        assert_eq!((found.how, found.total), (How::AllWords, (literal.len() + others.len()) as u64), "{text}");
    }
    assert_eq!(marked(&find(&search, "grape soda")), "[Grape] [pop]");
    assert_eq!(marked(&find(&search, "orange pop")), "[Soft] [drink], [orange]");
    // A letter that is wrong beside it is still put right, and a word that nothing is called by is none.
    assert_eq!(numbers(&find(&search, "grappe soda")), [101]);
    assert_eq!(find(&search, "trainers").meant, None);
}

#[test]
fn numbers_and_codes_mean_themselves_alone() {
    let shop = shop();
    shop.tell(vec![group(1, "kx, soda")]);
    let search = search(&shop);
    let cases: [(&str, How, &[u128]); 3] =
        [("kx", How::AllWords, &[100]), ("KX-TS108W", How::Nothing, &[]), ("X-104", How::Code, &[104])];
    for (text, how, expected) in cases {
        let found = find(&search, text);
        assert_eq!((found.how, numbers(&found)), (how, expected.to_vec()), "{text}");
    }
}

/// What is found for "trainers" without synonyms, with them, and after they are taken out again.
fn told_and_taken_out(bug: Option<Bug>) -> [Vec<u128>; 3] {
    let shop = shop();
    let search = search(&shop);
    let first = sorted(&find(&search, "trainers"));
    planted::plant(bug);
    shop.tell(vec![group(2, "trainers => sneakers")]);
    let with = sorted(&find(&search, "trainers"));
    shop.tell(vec![gone(2)]);
    let without = sorted(&find(&search, "trainers"));
    planted::plant(None);
    [first, with, without]
}

#[test]
fn they_count_from_the_next_search_on_and_not_once_they_are_taken_out() {
    assert_eq!(told_and_taken_out(None), [vec![], vec![104], vec![]]);
    assert_eq!(told_and_taken_out(Some(Bug::SynonymsRemembered)), [vec![], vec![], vec![]], "as it was first");
}

#[test]
fn nothing_is_indexed_for_them_and_they_outlive_the_program() {
    let shop = shop();
    let first = search(&shop);
    assert!(first.catch_up().expect("builds").is_anew);
    shop.tell(vec![group(2, "trainers => sneakers")]);
    assert_eq!(first.catch_up().ok(), Some(Kept { is_anew: false, products: 0 }));
    // Head office puts another group in its place.
    shop.tell(vec![group(2, "plimsolls => sneakers")]);
    assert_eq!((sorted(&find(&first, "trainers")), sorted(&find(&first, "plimsolls"))), (vec![], vec![104]));
    drop(first);
    let shop = shop.reopened();
    assert_eq!(sorted(&find(&search(&shop), "plimsolls")), [104]);
}

#[test]
fn a_group_that_cannot_be_read_says_nothing_and_the_others_do() {
    let shop = shop();
    shop.tell(vec![group(1, "brew, tea"), group(2, "trainers => sneakers")]);
    let spoil = "update synonyms set phrases = '[7' where also = '[]'";
    shop.node.db().write(|tx| Ok(tx.execute(spoil, [])?)).expect("spoilt");
    let search = search(&shop);
    assert_eq!((sorted(&find(&search, "brew")), sorted(&find(&search, "trainers"))), (vec![], vec![104]));
}
