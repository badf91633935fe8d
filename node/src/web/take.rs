//! What a request says, taken in once: bodies, queries and ids, each refused with its reason.

use std::str::FromStr;

use axum::{
    body::to_bytes,
    extract::{FromRequest, FromRequestParts, RawPathParams, Request},
    http::{StatusCode, header, request::Parts},
};
use outpost_schema::fault::Fault;
use serde::{Deserialize, de::DeserializeOwned};

use super::problem::Failed;
use crate::error::Error;

/// A request's body: the longest real order, of 1,114 lines, takes under 150 KB as JSON.
pub const BODY_MAX: usize = 1024 * 1024;

/// A body of JSON.
#[derive(Debug)]
pub struct Said<T>(pub T);

/// A body that says nothing: `{}`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// The query after the question mark.
#[derive(Debug)]
pub struct Asked<T>(pub T);

/// The id in the path.
#[derive(Debug)]
pub struct Named<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Said<T> {
    type Rejection = Failed;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failed> {
        let (parts, body) = request.into_parts();
        let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if !content_type.is_some_and(|text| text.trim_start().starts_with("application/json")) {
            let sentence = "the body must be JSON; send it with content-type: application/json";
            return Err(Failed::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", sentence));
        }
        let bytes = to_bytes(body, BODY_MAX).await.map_err(|error| unread(&error))?;
        let text = std::str::from_utf8(&bytes).map_err(|_| not_utf8())?;
        serde_json::from_str(text).map(Self).map_err(|error| unreadable(&error))
    }
}

fn unread(error: &axum::Error) -> Failed {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    if causes.map(ToString::to_string).any(|text| text.contains("length limit")) {
        let sentence = format!("the body is larger than {BODY_MAX} bytes; send less at once");
        return Failed::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", sentence);
    }
    Failed::new(StatusCode::BAD_REQUEST, "body_cut", "the body did not arrive whole; send it again")
}

fn unreadable(error: &serde_json::Error) -> Failed {
    let status = if error.is_data() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::BAD_REQUEST };
    Failed::new(status, "unreadable_body", format!("the body cannot be read: {error}"))
}

fn not_utf8() -> Failed {
    Failed::new(StatusCode::BAD_REQUEST, "not_utf8", "this is not text in UTF-8; encode it so")
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failed> {
        check_query(parts.uri.query().unwrap_or(""))?;
        let query = axum::extract::Query::<T>::try_from_uri(&parts.uri).map_err(|rejection| {
            let sentence = format!("the query cannot be read: {}", rejection.body_text());
            Failed::new(StatusCode::BAD_REQUEST, "unreadable_query", sentence)
        })?;
        Ok(Self(query.0))
    }
}

/// Decoding would put a mark in place of bytes that are no text, and search for it.
fn check_query(query: &str) -> Result<(), Failed> {
    let mut bytes = Vec::with_capacity(query.len());
    let mut rest = query.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.filter(|_| *first == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    if bytes.contains(&0) {
        return Err(Error::Fault(Fault::NulCharacter { field: "the query" }).into());
    }
    std::str::from_utf8(&bytes).map(drop).map_err(|_| not_utf8())
}

impl<S: Send + Sync, T: FromStr<Err = Fault>> FromRequestParts<S> for Named<T> {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failed> {
        let params = RawPathParams::from_request_parts(parts, state).await.map_err(|_| not_utf8())?;
        let (_, text) = params.iter().next().ok_or(Error::Fault(Fault::NotAnId))?;
        text.parse().map(Self).map_err(|fault| Error::Fault(fault).into())
    }
}
