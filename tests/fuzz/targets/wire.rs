//! Bodies that cross the line, in both forms, whole, damaged and packed.

use std::fmt::Debug;

use outpost_schema::{
    count::Upto,
    device::LifeReason,
    digest::{KeyRange, Sum},
    feed::{Granted, Kind},
    foreign::Foreign,
    journal::Entry,
    word::Word as _,
};
use outpost_sync::{
    codec::{self, Encoded, Form},
    speak,
    tolerant::Tolerant,
    wire::{
        Acked, BODY_MAX, Born, Buyer, Damage, DigestAsked, Digested, Findings, HoldLine, HoldWanted, Hole,
        INFLATED_MAX, Imaged, ImagesAsked, LifeWanted, Mended, PROTOCOL, Page, Problem, Pulled, Push, Pushed,
        RangeAsked, RangeTold, Report, Reported, Stands,
    },
};
use serde::{Serialize, de::DeserializeOwned};

use super::{cart, choices::Choices, damage::damaged, make};

/// What can be wrong with a body that cannot be read.
const CODES: [&str; 4] = ["body_too_large", "unknown_encoding", "not_compressed", "unreadable_body"];

/// It reads back as it was, in both forms, packed or not.
pub fn travels<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    for form in [Form::Binary, Form::Json] {
        let Encoded { bytes, is_zstd } = codec::encode(form, value);
        let read = codec::decode::<T>(form, is_zstd.then_some("zstd"), &bytes);
        assert_eq!(read.as_ref(), Ok(value), "{form:?}");
    }
}

/// Its encodings after an accident: refused with a code, or something that travels like any other.
fn survives<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T, choices: &mut Choices<'_>) {
    let form = choices.one(&[Form::Binary, Form::Json]);
    let bytes = damaged(&plain(form, value), choices);
    match codec::decode::<T>(form, None, &bytes) {
        Ok(read) => {
            let again = codec::decode::<T>(form, None, &plain(form, &read));
            assert_eq!(again.as_ref(), Ok(&read), "{form:?}");
            // People see it too.
            codec::encode(Form::Json, &read);
        }
        Err(problem) => assert!(CODES.contains(&problem.code.as_str()), "{problem}"),
    }
}

fn plain<T: Serialize>(form: Form, value: &T) -> Vec<u8> {
    match form {
        Form::Binary => rmp_serde::to_vec_named(value).expect("encodes"),
        Form::Json => serde_json::to_vec(value).expect("encodes"),
    }
}

fn both<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T, choices: &mut Choices<'_>) {
    travels(value);
    survives(value, choices);
}

/// Every body but the pages.
pub fn bodies(bytes: &[u8]) {
    let choices = &mut Choices::of(bytes);
    match choices.place(12) {
        0 | 1 => both(&push(choices), choices),
        2 => both(&pushed(choices), choices),
        3 => both(&report(choices), choices),
        4 => both(&choices.one(&[true, false]).then(|| reported(choices)), choices),
        5 => both(&life_wanted(choices), choices),
        6 => both(&digest_asked(choices), choices),
        7 => both(&digested(choices), choices),
        8 => both(&images_asked(choices), choices),
        9 => both(&imaged(choices), choices),
        10 => both(&hold_wanted(choices), choices),
        _ => both(&Problem::new(choices.text(20), choices.text(100)), choices),
    }
    let rest = damaged(&[], choices);
    for form in [Form::Binary, Form::Json] {
        _ = codec::decode::<Push>(form, None, &rest);
        _ = codec::decode::<DigestAsked>(form, choices.one(&[Some("zstd"), Some("br"), Some(" "), None]), &rest);
    }
}

/// Pages, and answers to pushes, as a device reads them: parts that are not known are passed over.
pub fn page(bytes: &[u8]) {
    let choices = &mut Choices::of(bytes);
    let page = pulled(choices);
    both(&page, choices);
    tolerated(&page, choices);
    tolerated(&pushed(choices), choices);
    for protocol in 1..=PROTOCOL {
        if let Ok(told) = speak::pulled(protocol, page.clone()) {
            assert_eq!(speak::pulled(protocol, told.clone()), Ok(told), "telling it twice changes nothing");
        }
    }
}

fn tolerated<T: Tolerant + Serialize + PartialEq + Debug>(value: &T, choices: &mut Choices<'_>) {
    for form in [Form::Binary, Form::Json] {
        let whole = plain(form, value);
        assert_eq!(
            T::read(form, None, &whole).expect("it is whole"),
            (T::read(form, None, &whole).expect("again").0, 0)
        );
        let bytes = damaged(&whole, choices);
        match (codec::decode::<T>(form, None, &bytes), T::read(form, None, &bytes)) {
            (Ok(strict), read) => assert_eq!(read, Ok((strict, 0))),
            (Err(_), Ok((read, passed_over))) => {
                assert_eq!(T::read(form, None, &plain(form, &read)), Ok((read, 0)), "{passed_over}");
            }
            (Err(strict), Err(problem)) => assert_eq!(strict, problem),
        }
    }
}

/// What is packed: any frame is unpacked within its limits or refused, and a bomb stops.
pub fn frame(bytes: &[u8]) {
    let choices = &mut Choices::of(bytes);
    windows(choices);
    let is_bomb = choices.once_in(250);
    let piece = choices.bytes::<7>();
    let times = if is_bomb { INFLATED_MAX / piece.len() + 1 } else { choices.place(20_000) };
    let packed = zstd::bulk::compress(&piece.repeat(times), 1).expect("compresses");
    let frame = if is_bomb { packed } else { damaged(&packed, choices) };
    match codec::decode::<Foreign>(Form::Binary, Some("zstd"), &frame) {
        Ok(value) => assert!(rmp_serde::to_vec_named(&value).expect("encodes").len() <= 9 * INFLATED_MAX),
        Err(problem) => {
            assert!(CODES.contains(&problem.code.as_str()), "{problem}");
            assert!(!is_bomb || problem.code == "body_too_large" && frame.len() <= BODY_MAX, "{problem}");
        }
    }
}

/// A frame says how much memory unpacking it takes (RFC 8878, 3.1.1.1.2): more than any body has is refused.
fn windows(choices: &mut Choices<'_>) {
    let exponent = choices.place(32);
    let window = u64::try_from(exponent << 3).expect("a byte");
    let descriptor = u8::try_from(window).expect("a byte");
    // Magic, no options, the window, then one last raw block of one byte: nil.
    let frame = [0x28, 0xb5, 0x2f, 0xfd, 0, descriptor, 0b1001, 0, 0, 0xc0];
    let read = codec::decode::<Option<bool>>(Form::Binary, Some("zstd"), &frame);
    let is_within = (1_usize << (10 + exponent)) <= INFLATED_MAX;
    assert_eq!(read.map_err(|problem| problem.code), is_within.then_some(None).ok_or("not_compressed".to_owned()));
}

pub fn push(choices: &mut Choices<'_>) -> Push {
    let life = make::life(choices);
    let mut head = make::mark(choices);
    head.seq = head.seq.clamp(0, i64::MAX - 9);
    let entries = choices.some(3, |choices| {
        let op = make::op(make::op_kind(choices), choices);
        let entry = Entry::write(life, head, make::hlc(choices), choices.text(9), &op, choices.bytes());
        head = entry.mark();
        entry
    });
    Push {
        entries,
        carts: choices.some(2, cart::some_cart),
        epoch: choices.perhaps(make::epoch_id),
        hole: choices.perhaps(|choices| Hole { after: make::mark(choices), before: make::mark(choices) }),
        clock: choices.perhaps(make::at),
    }
}

pub fn pushed(choices: &mut Choices<'_>) -> Pushed {
    match choices.place(6) {
        0 => Pushed::Elsewhere { acked: make::mark(choices) },
        1 => Pushed::Frozen,
        2 => Pushed::OtherEpoch { epoch: make::epoch_id(choices) },
        _ => Pushed::Settled {
            acked: make::mark(choices),
            verdicts: choices.some(4, |choices| (choices.number(), make::verdict(choices))),
            carts: choices.some(2, make::cart_id),
        },
    }
}

pub fn report(choices: &mut Choices<'_>) -> Report {
    let granted = |choices: &mut Choices<'_>| Granted {
        incarnation_id: make::life(choices),
        product_id: make::product_id(choices),
        warehouse_id: make::warehouse_id(choices),
        granted: choices.number(),
        reclaimed: choices.number(),
        full: choices.number(),
        keep: choices.once_in(3).then(|| choices.number()),
    };
    Report {
        epoch: make::epoch_id(choices),
        granted: choices.some(4, granted),
        last: choices.once_in(2),
        stands: choices.perhaps(stands),
    }
}

fn reported(choices: &mut Choices<'_>) -> Reported {
    match choices.place(3) {
        0 => Reported::Taken { acked: make::mark(choices) },
        1 => Reported::Elsewhere { acked: make::mark(choices) },
        _ => Reported::OtherEpoch { epoch: make::epoch_id(choices) },
    }
}

fn stands(choices: &mut Choices<'_>) -> Stands {
    let former = choices.some(2, make::warehouse_id);
    Stands { warehouse_id: make::warehouse_id(choices), is_home: choices.once_in(2), former }
}

pub fn life_wanted(choices: &mut Choices<'_>) -> (LifeWanted, Born) {
    let wanted = LifeWanted {
        incarnation_id: make::life(choices),
        reason: choices.one(LifeReason::WORDS).0,
        unsettled: choices.some(4, make::hash),
        stands: choices.perhaps(stands),
    };
    let born = Born { incarnation_id: wanted.incarnation_id, prefix: choices.text(9), known: choices.place(9) };
    (wanted, born)
}

fn range(choices: &mut Choices<'_>) -> KeyRange {
    let ids = |choices: &mut Choices<'_>| make::key(choices).ids;
    KeyRange { kind: choices.one(&Kind::ALL), after: choices.perhaps(ids), upto: choices.perhaps(ids) }
}

pub fn digest_asked(choices: &mut Choices<'_>) -> DigestAsked {
    let damage = |choices: &mut Choices<'_>| match choices.place(4) {
        0 => Damage::Missing,
        1 => Damage::Ghost,
        2 => Damage::Unreadable,
        _ => Damage::Altered { fields: choices.some(2, |choices| choices.text(9)) },
    };
    let findings = |choices: &mut Choices<'_>| Findings {
        walked_at: choices.perhaps(make::at),
        walked_rows: choices.number(),
        unexplained: choices.number(),
        mended: choices.number(),
        fresh: choices.some(3, |choices| Mended { key: make::key(choices), damage: damage(choices) }),
    };
    let asked = |choices: &mut Choices<'_>| {
        let (range, except) = (range(choices), choices.some(3, |choices| make::key(choices).ids));
        judged(&range, &except);
        RangeAsked { range, except }
    };
    DigestAsked { form: 1, cursor: choices.text(20), ranges: choices.some(3, asked), report: choices.perhaps(findings) }
}

/// Halves of a range are apart and together the whole.
fn judged(range: &KeyRange, keys: &[Vec<uuid::Uuid>]) {
    for (at, key) in keys.iter().flat_map(|at| keys.iter().map(move |key| (at, key))) {
        let (upto, behind) = range.split(at);
        let is_at_within = range.has(at);
        assert!(!is_at_within || range.has(key) == (upto.has(key) || behind.has(key)), "{range:?} {at:?} {key:?}");
        assert!(!(upto.has(key) && behind.has(key)));
    }
}

fn digested(choices: &mut Choices<'_>) -> Digested {
    let told = |choices: &mut Choices<'_>| match choices.place(3) {
        0 => RangeTold::Sum(
            choices
                .some(3, |choices| outpost_schema::digest::Print::of(make::aggregate(choices)))
                .into_iter()
                .collect::<Sum>(),
        ),
        1 => RangeTold::Moved,
        _ => RangeTold::TooMany,
    };
    match choices.place(3) {
        0 => Digested::Ranges(choices.some(3, told)),
        1 => Digested::PullFirst,
        _ => Digested::OtherForm { form: 7 },
    }
}

pub fn images_asked(choices: &mut Choices<'_>) -> ImagesAsked {
    let keys = choices.some(3, |choices| make::key(choices).ids);
    ImagesAsked { cursor: choices.text(20), range: range(choices), keys }
}

fn imaged(choices: &mut Choices<'_>) -> Imaged {
    if choices.once_in(4) {
        return Imaged::PullFirst;
    }
    Imaged::Images { page: Box::new(some_page(choices)), upto: choices.perhaps(|choices| make::key(choices).ids) }
}

pub fn hold_wanted(choices: &mut Choices<'_>) -> HoldWanted {
    let line = |choices: &mut Choices<'_>| HoldLine {
        product_id: make::product_id(choices),
        warehouse_id: make::warehouse_id(choices),
        amount: make::amount(choices),
    };
    let mut lines = choices.some(3, line);
    lines.push(line(choices));
    let buyer = match choices.place(4) {
        0 => Some(Buyer::Cart(make::cart_id(choices))),
        1 => Some(Buyer::Order(make::order_id(choices))),
        _ => None,
    };
    HoldWanted { hold_id: make::hold_id(choices), lines, buyer, seconds: choices.number() }
}

pub fn pulled(choices: &mut Choices<'_>) -> Pulled {
    match choices.place(8) {
        0 => Pulled::Elsewhere { acked: make::mark(choices) },
        1 => Pulled::OtherEpoch { epoch: make::epoch_id(choices) },
        2 => Pulled::TooLongAway,
        _ => Pulled::Page(Box::new(some_page(choices))),
    }
}

fn some_page(choices: &mut Choices<'_>) -> Page {
    let acked = |choices: &mut Choices<'_>| Acked {
        incarnation_id: make::life(choices),
        mark: make::mark(choices),
        set_aside: choices.some(3, Choices::number),
        archived: choices.number(),
        over: choices.once_in(2),
    };
    Page {
        epoch: make::epoch_id(choices),
        cursor: choices.text(20),
        level: choices.once_in(2),
        seen: choices.text(20),
        aggregates: choices.some(5, make::aggregate),
        acked: choices.some(2, acked),
        server_time: make::at(choices),
        protocol: u16::try_from(choices.place(4)).unwrap_or(0),
        recovering: choices.once_in(2),
        others: choices.some(2, |choices| Upto { incarnation_id: make::life(choices), seq: choices.within(0, 9) }),
    }
}
