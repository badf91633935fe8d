//! Bodies in and out: MessagePack with zstd between machines, JSON for people, within limits.

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, FromRequestParts, Request},
    http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header, request::Parts},
};
use outpost_sync::{
    codec::{self, Form},
    wire::{BODY_MAX, MSGPACK},
};
use serde::{Serialize, de::DeserializeOwned};

use super::problem::Failure;

/// A body that was sent, read within its limits.
pub struct Sent<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Sent<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let form = Form::of_content_type(text(request.headers(), &header::CONTENT_TYPE));
        let encoding = text(request.headers(), &header::CONTENT_ENCODING).map(str::to_owned);
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                let sentence = format!("the body is larger than {BODY_MAX} bytes; send less at once");
                Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", sentence)
            }
            _ => Failure::new(StatusCode::BAD_REQUEST, "body_cut", "the body ended before its end; send it again"),
        })?;
        Ok(Self(codec::decode(form, encoding.as_deref(), &bytes)?))
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The form in which an answer is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted(Form);

impl Wanted {
    /// Binary for who asks for it, or sends it and asks for nothing else; for people, JSON.
    fn of(headers: &HeaderMap) -> Self {
        let accepted = text(headers, &header::ACCEPT).filter(|accepted| *accepted != "*/*");
        let named = accepted.or_else(|| text(headers, &header::CONTENT_TYPE));
        Self(if named.is_some_and(|named| named.contains(MSGPACK)) { Form::Binary } else { Form::Json })
    }

    /// An answer with this body.
    pub fn answer<T: Serialize>(self, status: StatusCode, body: &T) -> Response<Body> {
        let encoded = codec::encode(self.0, body);
        let mut response = Response::new(Body::from(encoded.bytes));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.0.content_type()));
        if encoded.is_zstd {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("zstd"));
        }
        response
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Wanted {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::of(&parts.headers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_get_binary_and_people_get_json() {
        for (accept, content_type, form) in [
            (Some(MSGPACK), None, Form::Binary),
            (Some("*/*"), Some(MSGPACK), Form::Binary),
            (None, Some(MSGPACK), Form::Binary),
            (Some("application/json"), Some(MSGPACK), Form::Json),
            (Some("*/*"), None, Form::Json),
            (None, None, Form::Json),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in [(header::ACCEPT, accept), (header::CONTENT_TYPE, content_type)] {
                if let Some(value) = value {
                    headers.insert(name, HeaderValue::from_static(value));
                }
            }
            assert_eq!(Wanted::of(&headers), Wanted(form), "{accept:?} {content_type:?}");
        }
    }
}
