//! Files that are carried by hand.

use std::{fmt::Debug, io::Cursor};

use outpost_sync::{
    carried::{Answer, BadFile, FORMAT, Head, Reader, Sort, Told, Writer},
    wire::{PROTOCOL, PROTOCOL_OLDEST, Push},
};
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};

use super::{cart, choices::Choices, damage::damaged, make, wire};

/// What can be wrong with a file in memory.
const CODES: [&str; 7] =
    ["not_carried", "newer_file", "file_cut", "file_altered", "other_sort", "unknown_protocol", "unreadable_part"];

/// A whole file reads as what was written, part by part and again; one that differs in any bit is refused; one that
/// somebody made by hand with right digests is read within its limits or refused.
pub fn carried(bytes: &[u8]) {
    let choices = &mut Choices::of(bytes);
    let head = head(choices);
    match head.sort {
        Sort::Export => file(
            &head,
            &choices.some(3, |choices| Push { carts: choices.some(2, cart::some_cart), ..Push::default() }),
            choices,
        ),
        Sort::Reply => file(&head, &choices.some(3, told), choices),
    }
    by_hand(choices);
}

fn head(choices: &mut Choices<'_>) -> Head {
    Head {
        sort: choices.one(&[Sort::Export, Sort::Reply]),
        protocol: choices.one(&[PROTOCOL, PROTOCOL_OLDEST, 0, 9]),
        node_id: choices.perhaps(make::node_id),
        incarnation_id: make::life(choices),
        head: make::mark(choices),
        acked: make::mark(choices),
        cursor: choices.perhaps(|choices| choices.text(30)),
        epoch: choices.perhaps(make::epoch_id),
        made_at: make::at(choices),
    }
}

fn told(choices: &mut Choices<'_>) -> Told {
    if choices.once_in(2) {
        return Told::News(Box::new(wire::pulled(choices)));
    }
    Told::Answer(Box::new(Answer {
        after: choices.number(),
        last: choices.perhaps(make::mark),
        carts: choices.some(2, cart::some_cart),
        pushed: wire::pushed(choices),
    }))
}

fn open(bytes: &[u8], sort: Sort) -> Result<Reader<Cursor<Vec<u8>>>, BadFile> {
    Reader::open(Cursor::new(bytes.to_vec()), sort, PROTOCOL_OLDEST..=PROTOCOL)
}

fn file<T: Serialize + DeserializeOwned + PartialEq + Debug>(head: &Head, parts: &[T], choices: &mut Choices<'_>) {
    let mut writer = Writer::begin(Vec::new(), head).expect("into memory");
    parts.iter().for_each(|part| writer.part(part).expect("into memory"));
    let bytes = writer.end().expect("into memory");
    let other = if head.sort == Sort::Export { Sort::Reply } else { Sort::Export };
    assert_eq!(open(&bytes, other).expect_err("the other sort").code(), "other_sort");
    match open(&bytes, head.sort) {
        Ok(mut reader) => {
            assert_eq!((&reader.head, reader.parts), (head, parts.len()));
            for _ in 0..2 {
                for part in parts {
                    assert_eq!(reader.next_part::<T>().expect("readable").as_ref(), Some(part));
                }
                assert_eq!(reader.next_part::<T>().expect("the end"), None);
                assert_eq!(reader.next_part::<T>().expect("the end"), None, "and again");
                reader.rewind().expect("in memory");
            }
        }
        Err(error) => {
            assert!(error.code() == "unknown_protocol" && !(1..=PROTOCOL).contains(&head.protocol), "{error}")
        }
    }
    let altered = damaged(&bytes, choices);
    if altered != bytes {
        let error = open(&altered, head.sort).expect_err("altered");
        assert!(CODES.contains(&error.code()), "{error:?}");
    }
}

/// The layout as it is documented, with right digests around anything.
fn by_hand(choices: &mut Choices<'_>) {
    let head = rmp_serde::to_vec_named(&self::head(choices)).expect("encodes");
    let mut bytes = b"outpost carried\n".to_vec();
    bytes.extend(FORMAT.to_be_bytes());
    let head = damaged(&head, choices);
    for block in [head, damaged(&zstd::bulk::compress(&choices.bytes::<9>(), 1).expect("compresses"), choices)] {
        bytes.extend(u32::try_from(block.len()).expect("short").to_be_bytes());
        bytes.extend(&block);
        bytes.extend(Sha256::digest(&block));
    }
    bytes.extend(0_u32.to_be_bytes());
    bytes.extend(Sha256::digest(&bytes));
    for sort in [Sort::Export, Sort::Reply] {
        match open(&bytes, sort) {
            Ok(mut reader) => {
                let parts = reader.parts;
                assert!(parts <= 1);
                match reader.next_part::<Told>() {
                    Ok(part) => assert_eq!(part.is_some(), parts == 1),
                    Err(error) => assert_eq!(error.code(), "unreadable_part"),
                }
            }
            Err(error) => assert!(CODES.contains(&error.code()), "{error:?}"),
        }
    }
}
