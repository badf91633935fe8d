//! `GET /v1/bootstrap?schema=..`: the file that a node is filled from, whole or from a byte on.

use std::{io::SeekFrom, sync::Arc};

use axum::{
    body::{Body, Bytes},
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use futures_util::stream;
use outpost_schema::journal::Hash;
use outpost_sync::file::{DIGEST_HEADER, FILE_TYPE, PAST_THE_END, UNPACKED_HEADER};
use serde::Deserialize;
use tokio::{
    fs::File,
    io::{AsyncReadExt as _, AsyncSeekExt as _},
};

use super::{Api, caller::Calling, problem::Failure};
use crate::bootstrap::{self, Manifest, NoFile};

/// What is read from the disk at once.
const PIECE: usize = 256 * 1024;

/// What is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    schema: String,
}

pub(super) async fn file(
    State(api): State<Arc<Api>>,
    calling: Calling,
    headers: HeaderMap,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Failure> {
    let Query(Asked { schema }) =
        asked.map_err(|rejection| Failure::new(StatusCode::BAD_REQUEST, "bad_query", rejection.body_text()))?;
    // What is no digest at all is no schema of ours either.
    let schema: Hash = schema.parse().map_err(|_| NoFile::OtherSchema)?;
    let ready = bootstrap::ready(&api.server, calling.caller, calling.standing()?, schema).await?;
    let part = match Part::of(&headers, &ready.manifest) {
        Ok(part) => part,
        Err(PastTheEnd) => return Ok(past_the_end(&ready.manifest)),
    };
    let mut file = File::open(&ready.path).await.map_err(|error| gone(&error))?;
    file.seek(SeekFrom::Start(part.begin)).await.map_err(|error| gone(&error))?;
    api.counted.files.add(1);
    Ok(part.dressed(&ready.manifest, body(file, part.length())))
}

/// The bytes that follow in the file, as many as that.
fn body(file: File, length: u64) -> Body {
    Body::from_stream(stream::try_unfold((file, length), async |(mut file, left)| {
        if left == 0 {
            return Ok::<_, std::io::Error>(None);
        }
        let mut piece = vec![0; PIECE.min(usize::try_from(left).unwrap_or(PIECE))];
        let count = file.read(&mut piece).await?;
        if count == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        piece.truncate(count);
        Ok(Some((Bytes::from(piece), (file, left - count as u64))))
    }))
}

/// Which bytes of a file are asked for: from the first to behind the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    begin: u64,
    end: u64,
    is_whole: bool,
}

/// It begins where the file has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct PastTheEnd;

impl Part {
    /// A range counts if it is one, is well written, and the file is still the one it was begun of;
    /// everything else is answered with the whole file, as HTTP wants it.
    fn of(headers: &HeaderMap, manifest: &Manifest) -> Result<Self, PastTheEnd> {
        let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let length = manifest.bytes;
        let whole = Self { begin: 0, end: length, is_whole: true };
        let is_other = text(header::IF_RANGE).is_some_and(|tag| tag != manifest.tag());
        let range = text(header::RANGE).filter(|_| !is_other).and_then(range);
        let (begin, end) = match range {
            None => return Ok(whole),
            Some((Some(begin), last)) => (begin, last.map_or(length, |last| last.saturating_add(1).min(length))),
            Some((None, last)) => (length.saturating_sub(last.unwrap_or(0)), length),
        };
        if begin >= length { Err(PastTheEnd) } else { Ok(Self { begin, end, is_whole: false }) }
    }

    const fn length(self) -> u64 {
        self.end - self.begin
    }

    fn dressed(self, manifest: &Manifest, body: Body) -> Response {
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        let mut put = |name: HeaderName, value: String| {
            headers.insert(name, HeaderValue::try_from(value).expect("digits, hex and names of ours are plain text"));
        };
        put(header::CONTENT_TYPE, FILE_TYPE.to_owned());
        put(header::CONTENT_LENGTH, self.length().to_string());
        put(header::ETAG, manifest.tag());
        put(header::ACCEPT_RANGES, "bytes".to_owned());
        // Whoever packs it again on the way would change the bytes that the digest covers.
        put(header::CACHE_CONTROL, "private, no-transform".to_owned());
        put(HeaderName::from_static(DIGEST_HEADER), manifest.digest.to_string());
        put(HeaderName::from_static(UNPACKED_HEADER), manifest.unpacked.to_string());
        if !self.is_whole {
            put(header::CONTENT_RANGE, format!("bytes {}-{}/{}", self.begin, self.end - 1, manifest.bytes));
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        }
        response
    }
}

/// `bytes=first-last`, `bytes=first-` or `bytes=-count`; none if it is several or none of these.
fn range(text: &str) -> Option<(Option<u64>, Option<u64>)> {
    let (first, last) = text.strip_prefix("bytes=")?.trim().split_once('-')?;
    let number = |text: &str| match text.trim() {
        "" => Some(None),
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok().map(Some),
        _ => None,
    };
    match (number(first)?, number(last)?) {
        (None, None) => None,
        (Some(first), Some(last)) if first > last => None,
        range => Some(range),
    }
}

fn past_the_end(manifest: &Manifest) -> Response {
    let sentence = format!("the file has {} bytes, and this part begins behind them; begin anew", manifest.bytes);
    let failure = Failure::new(StatusCode::RANGE_NOT_SATISFIABLE, PAST_THE_END, sentence);
    let mut response = axum::response::IntoResponse::into_response(failure);
    let range = format!("bytes */{}", manifest.bytes);
    response.headers_mut().insert(header::CONTENT_RANGE, HeaderValue::try_from(range).expect("digits are plain text"));
    response
}

fn gone(error: &std::io::Error) -> Failure {
    tracing::error!(%error, "a file to fill from cannot be read");
    NoFile::NotMade.into()
}

impl From<NoFile> for Failure {
    fn from(no_file: NoFile) -> Self {
        let status = match no_file {
            NoFile::NotKept | NoFile::OtherSchema | NoFile::NotMade => StatusCode::NOT_FOUND,
            NoFile::NotAgreed => StatusCode::CONFLICT,
            NoFile::Server(error) => return error.into(),
        };
        Self::new(status, no_file.code(), no_file.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_http_writes_them() {
        for (text, read) in [
            ("bytes=0-9", Some((Some(0), Some(9)))),
            ("bytes=10-", Some((Some(10), None))),
            ("bytes=-5", Some((None, Some(5)))),
            ("bytes=0-1,3-4", None),
            ("bytes=9-0", None),
            ("bytes=-", None),
            ("bytes=a-", None),
            ("lines=0-9", None),
        ] {
            assert_eq!(range(text), read, "{text}");
        }
    }
}
