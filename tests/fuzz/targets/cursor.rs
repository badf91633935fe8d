//! Cursors and snapshots, which a node keeps as text and gives back.

use outpost_schema::id::EpochId;
use outpost_server::feed::cursor::{BadCursor, CURSOR_BYTES_MAX, Cursor, Places, Position, Run, Snapshot};
use sha2::{Digest as _, Sha256};

use super::{choices::Choices, damage::damaged, make};

/// What prints reads back; what was damaged is refused, unless somebody renewed its check, and then it is read
/// as something that prints and reads back.
pub fn cursor(bytes: &[u8]) {
    let mut choices = Choices::of(bytes);
    let snapshot = snapshot(&mut choices);
    sees_what_it_says(&snapshot, &mut choices);
    let cursor = some_cursor(snapshot, &mut choices);
    let text = cursor.to_string();
    assert!(text.len() <= CURSOR_BYTES_MAX);
    assert_eq!(text.parse(), Ok(cursor.clone()));
    let other = String::from_utf8_lossy(&damaged(text.as_bytes(), &mut choices)).into_owned();
    if other != text {
        assert_eq!(other.parse::<Cursor>(), Err(BadCursor), "{other}");
        let body = other.rsplit_once('.').map_or(other.as_str(), |(body, _)| body);
        reads_back(&format!("{body}.{}", check(body)));
    }
    reads_back(&String::from_utf8_lossy(choices.rest()));
}

fn reads_back(text: &str) {
    if let Ok(cursor) = text.parse::<Cursor>() {
        assert_eq!(cursor.to_string().parse(), Ok(cursor), "{text}");
    }
    if let Ok(snapshot) = text.parse::<Snapshot>() {
        assert_eq!(snapshot.to_string().parse(), Ok(snapshot), "{text}");
    }
}

fn check(body: &str) -> String {
    Sha256::digest(body.as_bytes())[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Built as text, as Postgres tells it.
fn snapshot(choices: &mut Choices<'_>) -> Snapshot {
    let xmin = if choices.once_in(8) { choices.number().unsigned_abs().max(1) } else { 1 + choices.place(100) as u64 };
    let mut running: Vec<u64> = choices.some(6, |choices| xmin.saturating_add(choices.place(40) as u64));
    running.sort_unstable();
    running.dedup();
    let xmax = running.last().map_or(xmin, |last| last.saturating_add(1));
    running.retain(|xid| *xid < xmax);
    let list: Vec<String> = running.iter().map(u64::to_string).collect();
    format!("{xmin}:{xmax}:{}", list.join(",")).parse().expect("a sound snapshot")
}

/// What is seen, against the definition.
fn sees_what_it_says(snapshot: &Snapshot, choices: &mut Choices<'_>) {
    let text = snapshot.to_string();
    let running: Vec<&str> = text.rsplit(':').next().unwrap_or("").split(',').collect();
    let xid = snapshot.xmin().saturating_add(choices.place(45) as u64);
    let is_seen = xid < snapshot.xmax() && !running.contains(&xid.to_string().as_str());
    assert_eq!(snapshot.sees(xid), is_seen, "{text} {xid}");
    assert!(snapshot.covers(snapshot) && snapshot.covers(&Snapshot::nothing()));
}

fn some_cursor(since: Snapshot, choices: &mut Choices<'_>) -> Cursor {
    let warehouses = choices.some(3, make::warehouse_id);
    let run = choices.perhaps(|choices| Run {
        upto: snapshot(choices),
        after: Position {
            changed: choices.number().cast_unsigned(),
            kind: i16::try_from(choices.within(i16::MIN.into(), i16::MAX.into())).expect("within its bounds"),
            key: choices.some(48, |choices| choices.bytes::<1>()[0]),
        },
    });
    Cursor { epoch: EpochId(choices.id(12, 2)), places: choices.perhaps(|_| Places::of(&warehouses)), since, run }
}
