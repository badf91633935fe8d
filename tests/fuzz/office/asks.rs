//! Requests of devices that are broken in every way that a request can show.

use axum::{
    body::Body,
    http::{Request, header},
};
use outpost_schema::{
    id::{IncarnationId, NodeId},
    journal::{Entry, Mark},
};
use outpost_sync::{
    codec::{self, Form},
    wire::{
        DIGEST_PATH, HOLDS_PATH, Hole, IMAGES_PATH, JSON, LIVES_PATH, MSGPACK, PULL_PATH, PUSH_PATH, Push, REPORT_PATH,
        Standing,
    },
};
use serde::Serialize;

use super::{Office, called, id, judged};
use crate::targets::{cart, choices::Choices, damage::damaged, make, wire};

/// Who calls, and where its journal stands as it says.
struct Device {
    node: NodeId,
    standing: Standing,
}

pub async fn ask(office: &Office, choices: &mut Choices<'_>) {
    let device = device(office, choices).await;
    match choices.place(12) {
        0 => post(office, REPORT_PATH, &device, &report(office, &device, choices).await, choices).await,
        1 if choices.once_in(4) => post(office, LIVES_PATH, &device, &wire::life_wanted(choices).0, choices).await,
        2 => post(office, DIGEST_PATH, &device, &wire::digest_asked(choices), choices).await,
        3 => post(office, IMAGES_PATH, &device, &wire::images_asked(choices), choices).await,
        4 => post(office, HOLDS_PATH, &device, &wire::hold_wanted(choices), choices).await,
        5 => pull(office, &device, choices).await,
        _ => post(office, PUSH_PATH, &device, &push(&device, choices), choices).await,
    }
}

async fn device(office: &Office, choices: &mut Choices<'_>) -> Device {
    let (life, node) = choices.one(&[(2, 1), (3, 2), (3, 2), (1, 1), (4, 1)]);
    let (life, node) = (IncarnationId(id(10, life)), NodeId(id(11, node)));
    let acked = office.acked(life).await;
    let standing = Standing { incarnation_id: life, head: acked, acked };
    if choices.once_in(12) {
        let mark = |choices: &mut Choices<'_>| Mark {
            seq: choices.number().clamp(0, i64::MAX - 9),
            hash: make::hash(choices),
        };
        return Device { node, standing: Standing { head: mark(choices), acked: mark(choices), ..standing } };
    }
    Device { node, standing }
}

/// Goes on where the server is, as a rule.
fn push(device: &Device, choices: &mut Choices<'_>) -> Push {
    let Standing { incarnation_id, acked, .. } = device.standing;
    let after = Mark { seq: choices.number().clamp(0, i64::MAX - 9), hash: make::hash(choices) };
    let mut head = if choices.once_in(16) { after } else { acked };
    let mut entries = choices.some(6, |choices| {
        let op = make::op(make::op_kind(choices), choices);
        let mut entry = Entry::write(incarnation_id, head, make::hlc(choices), choices.text(9), &op, choices.bytes());
        if choices.once_in(30) {
            entry.kind = choices.text(120);
        }
        head = entry.mark();
        entry
    });
    if choices.once_in(20) {
        entries.reverse();
    }
    let first = entries.first().map_or(acked, Entry::mark);
    let before = if choices.once_in(2) { first } else { make::mark(choices) };
    Push {
        carts: choices.some(2, cart::some_cart),
        epoch: choices.perhaps(|choices| make::epoch_id(choices)).filter(|_| choices.once_in(8)),
        hole: choices.once_in(12).then_some(Hole { after: acked, before }),
        clock: choices.perhaps(make::at),
        entries,
    }
}

/// Totals of its own, in the server's epoch, as a rule.
async fn report(office: &Office, device: &Device, choices: &mut Choices<'_>) -> outpost_sync::wire::Report {
    let mut report = wire::report(choices);
    report.epoch = office.server.epoch().await.expect("an epoch").epoch_id;
    for granted in &mut report.granted {
        granted.incarnation_id = device.standing.incarnation_id;
    }
    report
}

async fn post<T: Serialize>(office: &Office, path: &str, device: &Device, body: &T, choices: &mut Choices<'_>) {
    let form = choices.one(&[Form::Binary, Form::Binary, Form::Json]);
    let codec::Encoded { bytes, is_zstd } = codec::encode(form, body);
    let bytes = if choices.once_in(6) { damaged(&bytes, choices) } else { bytes };
    let kind = if form == Form::Json { JSON } else { MSGPACK };
    let request = called(Request::post(path), device.node, device.standing).header(header::CONTENT_TYPE, kind);
    let request = if is_zstd { request.header(header::CONTENT_ENCODING, "zstd") } else { request };
    let answer = office.send(request.body(Body::from(bytes)).expect("a request")).await;
    judged(&answer, path);
}

/// With a cursor that may be damaged, or none.
async fn pull(office: &Office, device: &Device, choices: &mut Choices<'_>) {
    let text = choices.text(40);
    let cursor: String = text.chars().filter(|c| c.is_ascii_graphic() && !"\"\\#<>".contains(*c)).collect();
    let path = if choices.once_in(2) { format!("{PULL_PATH}?cursor={cursor}") } else { PULL_PATH.to_owned() };
    let request = called(Request::get(path), device.node, device.standing);
    let answer = office.send(request.body(Body::empty()).expect("a request")).await;
    judged(&answer, PULL_PATH);
}
