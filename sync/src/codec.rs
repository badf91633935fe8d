//! How a body becomes bytes and back: MessagePack with zstd between machines, JSON for people.

use serde::{Serialize, de::DeserializeOwned};

use crate::wire::{BODY_MAX, INFLATED_MAX, JSON, MSGPACK, Problem};

/// zstd's own default level: half a page's time of a faster disk, a third of its bytes.
const LEVEL: i32 = 3;

/// Bodies shorter than this are sent as they are; a frame's header would eat the gain.
const COMPRESS_FROM: usize = 512;

/// Lists and maps in one another in a binary body: twice what a JSON reader takes, and far from what a thread's
/// stack bears, which the format's own limit of 1,024 is not.
const DEPTH_MAX: usize = 256;

/// The largest window of a zstd frame, as a power of 2: what a whole body fits in. A frame of ten bytes may ask for
/// more memory than that.
const WINDOW_LOG_MAX: u32 = INFLATED_MAX.ilog2();

/// The form of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// MessagePack with named fields.
    Binary,
    /// JSON.
    Json,
}

impl Form {
    /// The form that a content type names; anything that is not JSON is read as binary.
    pub fn of_content_type(content_type: Option<&str>) -> Self {
        match content_type {
            Some(text) if text.trim_start().starts_with(JSON) => Self::Json,
            Some(_) | None => Self::Binary,
        }
    }

    /// Its content type.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Binary => MSGPACK,
            Self::Json => JSON,
        }
    }
}

/// A body ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Whether they are a zstd frame, to be named as the content encoding.
    pub is_zstd: bool,
}

/// Writes a body. JSON is left readable.
pub fn encode<T: Serialize>(form: Form, body: &T) -> Encoded {
    let plain = plain(form, body);
    if form == Form::Json || plain.len() < COMPRESS_FROM {
        return Encoded { bytes: plain, is_zstd: false };
    }
    let bytes = zstd::bulk::compress(&plain, LEVEL).expect("compressing memory into memory cannot fail");
    Encoded { bytes, is_zstd: true }
}

/// A body's bytes before compression.
pub(crate) fn plain<T: Serialize>(form: Form, body: &T) -> Vec<u8> {
    match form {
        Form::Binary => rmp_serde::to_vec_named(body).expect("our own types always encode into memory"),
        Form::Json => serde_json::to_vec(body).expect("our own types always encode into memory"),
    }
}

/// Writes something for a file: MessagePack in a zstd frame, however short it is.
pub(crate) fn pack<T: Serialize>(value: &T) -> Vec<u8> {
    let plain = plain(Form::Binary, value);
    zstd::bulk::compress(&plain, LEVEL).expect("compressing memory into memory cannot fail")
}

/// Reads bytes that are neither compressed nor limited.
pub(crate) fn decode_plain<T: DeserializeOwned>(form: Form, plain: &[u8]) -> Result<T, Problem> {
    read(form, plain)
}

/// Reads a body, within [`BODY_MAX`] before and [`INFLATED_MAX`] after decompression.
///
/// # Errors
/// A [`Problem`] with code `body_too_large`, `unknown_encoding`, `not_compressed` or `unreadable_body`.
pub fn decode<T: DeserializeOwned>(form: Form, encoding: Option<&str>, bytes: &[u8]) -> Result<T, Problem> {
    if bytes.len() > BODY_MAX {
        return Err(too_large(BODY_MAX));
    }
    match encoding.map(str::trim) {
        None | Some("" | "identity") => read(form, bytes),
        Some("zstd") => read(form, &inflate(bytes)?),
        Some(_) => {
            Err(Problem::new("unknown_encoding", "this server reads bodies that are plain or zstd; send one of these"))
        }
    }
}

fn inflate(bytes: &[u8]) -> Result<Vec<u8>, Problem> {
    use std::io::Read as _;
    let damaged =
        |_| Problem::new("not_compressed", "the body is not a whole zstd frame; send it again, or without compression");
    let mut frame = zstd::Decoder::new(bytes).map_err(damaged)?;
    frame.window_log_max(WINDOW_LOG_MAX).map_err(damaged)?;
    let mut plain = Vec::new();
    frame.take(INFLATED_MAX as u64 + 1).read_to_end(&mut plain).map_err(damaged)?;
    if plain.len() > INFLATED_MAX { Err(too_large(INFLATED_MAX)) } else { Ok(plain) }
}

fn read<T: DeserializeOwned>(form: Form, plain: &[u8]) -> Result<T, Problem> {
    match form {
        Form::Binary => {
            let mut binary = rmp_serde::Deserializer::from_read_ref(plain);
            binary.set_max_depth(DEPTH_MAX);
            T::deserialize(&mut binary).map_err(|error| unreadable(&error))
        }
        Form::Json => serde_json::from_slice(plain).map_err(|error| unreadable(&error)),
    }
}

fn unreadable(error: &dyn std::fmt::Display) -> Problem {
    Problem::new("unreadable_body", format!("the body cannot be read ({error}); it is damaged or from another version"))
}

fn too_large(max: usize) -> Problem {
    Problem::new("body_too_large", format!("the body is larger than {max} bytes; send less at once"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_bodies_travel_compressed_and_read_back() {
        let body = vec!["the same words again and again"; 1000];
        let sent = encode(Form::Binary, &body);
        assert!(sent.is_zstd && sent.bytes.len() < 1000);
        assert_eq!(decode::<Vec<String>>(Form::Binary, Some("zstd"), &sent.bytes).expect("reads"), body);
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let code = |result: Result<Vec<String>, Problem>| result.expect_err("unreadable").code;
        let sent = encode(Form::Binary, &vec!["word"; 1000]).bytes;
        assert_eq!(code(decode(Form::Binary, Some("zstd"), &sent[..sent.len() - 3])), "not_compressed");
        assert_eq!(code(decode(Form::Binary, Some("zstd"), b"plain")), "not_compressed");
        assert_eq!(code(decode(Form::Binary, Some("br"), &sent)), "unknown_encoding");
        assert_eq!(code(decode(Form::Json, None, b"[1, 2")), "unreadable_body");
        assert_eq!(code(decode(Form::Json, None, &vec![b' '; BODY_MAX + 1])), "body_too_large");
    }

    #[test]
    fn a_bomb_is_stopped() {
        let bomb = zstd::bulk::compress(&vec![0u8; INFLATED_MAX + 1], LEVEL).expect("compresses");
        assert!(bomb.len() < BODY_MAX);
        assert_eq!(
            decode::<Vec<String>>(Form::Binary, Some("zstd"), &bomb).expect_err("too large").code,
            "body_too_large"
        );
    }
}
