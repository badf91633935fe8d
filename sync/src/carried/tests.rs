use std::io::Cursor;

use outpost_schema::id::{IncarnationId, NodeId};
use uuid::Uuid;

use super::*;

fn head() -> Head {
    Head {
        sort: Sort::Export,
        protocol: 1,
        node_id: Some(NodeId(Uuid::from_u128(1))),
        incarnation_id: IncarnationId(Uuid::from_u128(2)),
        head: Mark::START,
        acked: Mark::START,
        cursor: Some("1.x".to_owned()),
        epoch: None,
        made_at: Timestamp::from_micros(5),
    }
}

fn written(parts: &[&str]) -> Vec<u8> {
    let mut file = Writer::begin(Vec::new(), &head()).expect("memory");
    parts.iter().for_each(|part| file.part(part).expect("memory"));
    file.end().expect("memory")
}

fn open(bytes: &[u8]) -> Result<Reader<Cursor<Vec<u8>>>, BadFile> {
    Reader::open(Cursor::new(bytes.to_vec()), Sort::Export, 1..=2)
}

fn code(bytes: &[u8]) -> &'static str {
    open(bytes).expect_err("it cannot be taken").code()
}

/// Written anew with another head or format, so that only that is wrong.
fn with_head(change: impl Fn(&mut Head)) -> Vec<u8> {
    let mut head = head();
    change(&mut head);
    Writer::begin(Vec::new(), &head).and_then(Writer::end).expect("memory")
}

#[test]
fn a_file_reads_back_as_it_was_written() {
    let mut file = open(&written(&["one", "two"])).expect("whole");
    assert_eq!((&file.head, file.parts), (&head(), 2));
    for _ in 0..2 {
        assert_eq!(file.next_part::<String>().expect("reads").as_deref(), Some("one"));
        assert_eq!(file.next_part::<String>().expect("reads").as_deref(), Some("two"));
        assert_eq!(file.next_part::<String>().expect("reads"), None);
        assert_eq!(file.next_part::<String>().expect("reads"), None, "the end stays the end");
        file.rewind().expect("memory");
    }
    assert_eq!(open(&written(&[])).expect("whole").parts, 0);
}

#[test]
fn a_file_cut_anywhere_is_told() {
    let bytes = written(&["one", "two"]);
    for length in 0..bytes.len() {
        assert_eq!(code(&bytes[..length]), "file_cut", "after {length} bytes");
    }
}

#[test]
fn a_byte_altered_anywhere_is_told() {
    let bytes = written(&["one", "two"]);
    for at in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        let told = code(&altered);
        assert!(["file_altered", "file_cut", "not_carried", "newer_file"].contains(&told), "byte {at}: {told}");
    }
    assert_eq!(code(&[&bytes[..], b"x"].concat()), "file_altered", "more than was written");
}

#[test]
fn two_parts_that_changed_places_are_told() {
    let (one, other) = (written(&["one", "two"]), written(&["two", "one"]));
    let end = one.len() - 4 - DIGEST;
    let mixed = [&one[..end], &other[end..]].concat();
    assert_eq!(code(&mixed), "file_altered", "each part is whole, all of it is not");
}

#[test]
fn what_cannot_be_taken_says_why() {
    assert_eq!(code(b"PK\x03\x04 a file of another program, long enough"), "not_carried");
    let mut newer = written(&["one"]);
    newer[17] = 2;
    assert_eq!(code(&newer), "newer_file");
    assert_eq!(code(&with_head(|head| head.sort = Sort::Reply)), "other_sort");
    assert_eq!(code(&with_head(|head| head.protocol = 3)), "unknown_protocol");
    let mut other = open(&written(&["one"])).expect("whole");
    assert_eq!(other.next_part::<Vec<u64>>().expect_err("it is a text").code(), "unreadable_part");
}
