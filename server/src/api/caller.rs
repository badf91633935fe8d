//! Who calls, and where its journal stands. Nothing else reads these headers: once devices have
//! certificates, the caller comes from there, and only this file changes.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, StatusCode, request::Parts},
};
use outpost_schema::journal::Mark;
use outpost_sync::wire::{
    ACKED_HEADER, Caller, HEAD_HEADER, NODE_HEADER, PROTOCOL, PROTOCOL_HEADER, PROTOCOL_OLDEST, Standing,
};

use super::problem::Failure;

/// The caller, which speaks our protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Calling {
    /// Who.
    pub caller: Caller,
    /// Which protocol it speaks; the present one if it does not say.
    pub protocol: u16,
    standing: Option<Standing>,
}

impl Calling {
    /// Where its journal stands.
    ///
    /// # Errors
    /// If the request does not say.
    pub fn standing(self) -> Result<Standing, Failure> {
        self.standing.ok_or_else(|| {
            bad(
                "no_standing",
                format!("say where your journal stands: {HEAD_HEADER} and {ACKED_HEADER}, each seq/hash"),
            )
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Calling {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let protocol = protocol(&parts.headers)?;
        let caller = caller(&parts.headers)?;
        let (head, acked) = (mark(&parts.headers, HEAD_HEADER)?, mark(&parts.headers, ACKED_HEADER)?);
        let incarnation_id = caller.incarnation_id;
        let standing = head.zip(acked).map(|(head, acked)| Standing { incarnation_id, head, acked });
        Ok(Self { caller, protocol, standing })
    }
}

/// People with curl need not name a protocol; who names another one is told which is spoken.
fn protocol(headers: &HeaderMap) -> Result<u16, Failure> {
    let Some(version) = text(headers, PROTOCOL_HEADER)? else { return Ok(PROTOCOL) };
    let spoken = version.parse().ok().filter(|version| (PROTOCOL_OLDEST..=PROTOCOL).contains(version));
    spoken.ok_or_else(|| {
        let sentence = format!(
            "this server speaks protocols {PROTOCOL_OLDEST} to {PROTOCOL}; update whichever of the two is older"
        );
        Failure::new(StatusCode::UPGRADE_REQUIRED, "unknown_protocol", sentence)
    })
}

fn caller(headers: &HeaderMap) -> Result<Caller, Failure> {
    let Some(named) = text(headers, NODE_HEADER)? else {
        let sentence = format!("say who calls: {NODE_HEADER}, node-id/incarnation-id");
        return Err(Failure::new(StatusCode::UNAUTHORIZED, "no_caller", sentence));
    };
    let ids = named.split_once('/').and_then(|(node, incarnation)| {
        Some(Caller { node_id: node.parse().ok()?, incarnation_id: incarnation.parse().ok()? })
    });
    ids.ok_or_else(|| bad("bad_header", format!("{NODE_HEADER} is written node-id/incarnation-id")))
}

fn mark(headers: &HeaderMap, name: &str) -> Result<Option<Mark>, Failure> {
    let Some(written) = text(headers, name)? else { return Ok(None) };
    let mark = written.split_once('/').and_then(|(seq, hash)| {
        let seq = seq.parse().ok().filter(|seq: &i64| *seq >= 0)?;
        Some(Mark { seq, hash: hash.parse().ok()? })
    });
    mark.map(Some).ok_or_else(|| bad("bad_header", format!("{name} is written seq/hash, the hash in 64 hex digits")))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Failure> {
    let read = headers.get(name).map(|value| value.to_str()).transpose();
    read.map_err(|_| bad("bad_header", format!("{name} is not plain text")))
}

fn bad(code: &str, sentence: String) -> Failure {
    Failure::new(StatusCode::BAD_REQUEST, code, sentence)
}
