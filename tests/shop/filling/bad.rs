//! Files that are not what they should be.

use axum::http::{Method, StatusCode};
use outpost_schema::journal::Hash;
use outpost_sync::file::{FILE_BYTES_MAX, FileHead};
use rusqlite::Connection;
use sha2::{Digest as _, Sha256};

use super::{begin_another_life, busy_shop, code_of, nothing_is_left, request, shop_with_many};
use crate::support::{
    Rule,
    wire::{Fate, Heard, ask},
};

#[tokio::test]
async fn a_part_past_the_end_is_refused_and_the_node_begins_anew() {
    let (shop, _) = shop_with_many().await;
    let till = &shop.tills[0];
    let whole = Heard::of(ask(&shop.router, request(till, &[])).await).await;
    let length = whole.bytes.len();
    let past = format!("bytes={length}-");
    let answer = Heard::of(ask(&shop.router, request(till, &[("range", &past)])).await).await;
    assert_eq!(answer.status, StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(answer.problem().code, "range_past_the_end");
    assert_eq!(answer.headers["content-range"], format!("bytes */{length}"));

    let part = Heard::of(ask(&shop.router, request(till, &[("range", "bytes=10-19")])).await).await;
    assert_eq!((part.status, &part.bytes[..]), (StatusCode::PARTIAL_CONTENT, &whole.bytes[10..20]));
    let last = Heard::of(ask(&shop.router, request(till, &[("range", "bytes=-7")])).await).await;
    assert_eq!(&last.bytes[..], &whole.bytes[length - 7..]);
    let other = [("range", "bytes=10-19"), ("if-range", "\"another\"")];
    let all = Heard::of(ask(&shop.router, request(till, &other)).await).await;
    assert_eq!((all.status, all.bytes.len()), (StatusCode::OK, length), "of another file nothing is gone on with");
    let mut head = request(till, &[]);
    *head.method_mut() = Method::HEAD;
    let head = Heard::of(ask(&shop.router, head).await).await;
    assert_eq!(
        (head.bytes.len(), &head.headers["content-length"]),
        (0, &length.to_string().parse().expect("a header"))
    );

    // A device that has more of the file than there is of it begins with its first byte.
    till.line.next([Fate::ShortAnswer(10_000)]);
    assert!(till.round().await.is_err());
    std::fs::OpenOptions::new()
        .write(true)
        .open(till.folder.join("outpost.db.part"))
        .and_then(|file| file.set_len(length as u64 - 1))
        .expect("longer");
    till.until_level().await;
    assert_eq!(till.line.files(), [0, length as u64 - 1, 0], "what was no part of it was found out by its digest");
    shop.agree().await;
}

#[tokio::test]
async fn a_bad_file_is_told_and_the_next_round_mends_it() {
    let (shop, goods) = shop_with_many().await;
    let (mut strange, _) = busy_shop().await;
    let elsewhere = strange.add_place("Elsewhere").await;
    let number = strange.add_till(elsewhere, Rule::Shared).await;
    let foreign = Heard::of(ask(&strange.router, request(&strange.tills[number], &[])).await).await;
    let foreign = foreign.bytes.to_vec();
    let mut number = 0;
    for (code, tampering) in bad_files(foreign) {
        let folder = shop.spare_folder(code);
        std::fs::create_dir(&folder).expect("a folder");
        number += 1;
        let till = shop.start(shop.tills[0].card.clone(), folder, 100 + number);
        till.line.tamper(tampering);
        let failure = till.round().await.expect_err(code);
        assert_eq!(code_of(&failure), code, "{failure}");
        assert!(till.node.product(goods[0]).expect("it can be read").is_none(), "{code}: nothing of it is taken");
        till.line.tamper_no_more();
        till.until_level().await;
        assert_eq!(till.line.files().len(), 2, "{code}");
        assert_eq!(till.shown(goods[0]).balance, 5, "{code}");
        nothing_is_left(&till);
    }
}

#[tokio::test]
async fn where_no_file_is_ever_right_the_feed_is_read_and_old_tables_serve_until_then() {
    let (mut shop, goods) = shop_with_many().await;
    shop.add_till(shop.high_street, Rule::Physical).await;
    shop.all_level().await;
    let till = &shop.tills[1];
    till.sell(goods[0], 1).expect("sold");
    begin_another_life(&shop).await;
    till.line.tamper(|_, bytes| bytes[100] ^= 1);
    for _ in 0..2 {
        assert_eq!(code_of(&till.round().await.expect_err("altered")), "file_altered");
        assert_eq!(till.shown(goods[0]).balance, 4, "the old tables serve");
        till.sell(goods[1], 1).expect("and sell");
    }
    till.until_level().await;
    assert_eq!(till.line.files(), [0, 0, 0]);
    shop.all_level().await;
    shop.agree().await;
    nothing_is_left(&shop.tills[1]);
}

/// What may be wrong with a file, by the code that tells it.
#[expect(clippy::type_complexity, reason = "it is written once")]
fn bad_files(foreign: Vec<u8>) -> Vec<(&'static str, Box<dyn Fn(&mut FileHead, &mut Vec<u8>) + Send + Sync>)> {
    vec![
        ("file_truncated", Box::new(|_, bytes| bytes.truncate(bytes.len() - 100))),
        ("file_altered", Box::new(|_, bytes| bytes[1_000] ^= 1)),
        ("file_too_large", Box::new(|head, _| head.bytes = FILE_BYTES_MAX + 1)),
        ("file_foreign", Box::new(move |head, bytes| take(head, bytes, &foreign))),
        (
            "file_other_schema",
            Box::new(|head, bytes| {
                let other = repacked(bytes, "update migrations set digest = zeroblob(32) where name = '0001_shop'");
                take(head, bytes, &other);
            }),
        ),
    ]
}

/// Puts another file in the place of the one that comes.
fn take(head: &mut FileHead, bytes: &mut Vec<u8>, other: &[u8]) {
    *bytes = other.to_vec();
    head.bytes = other.len() as u64;
    head.unpacked = zstd::decode_all(other).expect("a frame").len() as u64;
    head.digest = Hash(Sha256::digest(other).into());
    head.tag = format!("\"{}\"", head.digest);
}

/// The file after somebody changed its database.
fn repacked(packed: &[u8], sql: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("file.db");
    std::fs::write(&path, zstd::decode_all(packed).expect("a frame")).expect("written");
    Connection::open(&path).and_then(|conn| conn.execute_batch(sql)).expect("changed");
    zstd::encode_all(&std::fs::read(&path).expect("read")[..], 1).expect("packed")
}

#[tokio::test]
async fn a_file_of_an_older_life_of_the_database_is_not_taken() {
    let (shop, goods) = shop_with_many().await;
    let till = &shop.tills[0];
    till.until_level().await;
    till.sell(goods[0], 1).expect("sold");
    let old = Heard::of(ask(&shop.router, request(till, &[])).await).await.bytes.to_vec();
    begin_another_life(&shop).await;
    till.line.tamper(move |head, bytes| take(head, bytes, &old));
    assert_eq!(code_of(&till.round().await.expect_err("an older life")), "file_other_epoch");
    assert_eq!(till.shown(goods[0]).balance, 4, "the old tables serve");
    till.line.tamper_no_more();
    till.until_level().await;
    shop.all_level().await;
    shop.agree().await;
}
