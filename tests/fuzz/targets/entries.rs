//! Journal entries and the bodies of ops.

use outpost_schema::{
    id::IncarnationId,
    journal::{Entry, Mark},
    op::{BODY_MAX, ENVELOPE_MAX, Op, OpKind, SALT_BYTES, VERSION},
    settle::decode,
    verdict::SetAside,
    word::Word as _,
};

use super::{choices::Choices, damage::damaged, make, wire::travels};

/// What was written reads back as the same op; what was damaged is told, and what reads all the same keeps every
/// bound and reads back from its own bytes.
pub fn entry(bytes: &[u8]) {
    let mut choices = Choices::of(bytes);
    let (kind, life, head) = (make::op_kind(&mut choices), make::life(&mut choices), Mark::START);
    let op = make::op(kind, &mut choices);
    let seen = choices.text(20);
    let entry = Entry::write(life, head, make::hlc(&mut choices), seen, &op, choices.bytes());
    assert!(entry.follows(life, head) && entry.is_whole(life));
    assert_eq!(Op::from_body(kind, &entry.body.0).as_ref(), Ok(&op));
    assert_eq!(decode(&entry).is_ok(), op.check().is_ok(), "{op:?}");
    travels(&entry);
    let other = accident(&entry, life, &mut choices);
    judged(&other);
    let mut noise = entry;
    noise.body.0.truncate(SALT_BYTES);
    noise.body.0.extend_from_slice(choices.rest());
    judged(&noise);
}

/// Something else in one place; its hash tells.
fn accident(entry: &Entry, life: IncarnationId, choices: &mut Choices<'_>) -> Entry {
    let mut other = entry.clone();
    match choices.place(6) {
        0 => other.kind = choices.text(20),
        1 => other.version = other.version.wrapping_add(1 + u16::try_from(choices.place(9)).unwrap_or(0)),
        2 => other.seen.push('x'),
        3 => other.seq = other.seq.wrapping_add(1 + choices.within(0, 9)),
        4 => other.kind = make::op_kind(choices).word().to_owned(),
        _ => other.body.0 = damaged(&entry.body.0, choices),
    }
    assert_eq!(other.is_whole(life), other == *entry, "{other:?}");
    other
}

/// Whatever stands there, it is an op within all bounds or set aside for a reason that is right.
fn judged(entry: &Entry) {
    match decode(entry) {
        Ok(op) => {
            assert_eq!(op.check(), Ok(()));
            assert_eq!(op.kind().word(), entry.kind);
            assert!(entry.version <= VERSION && entry.body.0.len() <= BODY_MAX + ENVELOPE_MAX);
            let again = Op::from_body(op.kind(), &op.to_body([0; SALT_BYTES]));
            assert_eq!(again.as_ref(), Ok(&op));
            assert!(op.worth().to_string().len() < 30, "{op:?}");
        }
        Err(SetAside::Newer) => {
            assert!(entry.version > VERSION || OpKind::of_word(&entry.kind).is_err(), "{entry:?}");
        }
        Err(SetAside::Malformed { code }) => assert!(!code.is_empty()),
        Err(other @ (SetAside::NoRight | SetAside::Lacks { .. } | SetAside::IdTaken { .. })) => {
            panic!("nothing was looked up: {other:?}")
        }
    }
}
