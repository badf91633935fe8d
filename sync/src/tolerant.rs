//! Reading what a newer program wrote: a word that this version does not know is passed over, and what
//! stands beside it is read.
//!
//! A server tells nothing that the node's protocol does not know, so this is for the server that does
//! all the same. Bodies that read as they are cost nothing more than before.

use serde::de::DeserializeOwned;
use outpost_schema::{feed::Aggregate, foreign::Foreign, verdict::Verdict};

use crate::{
    codec::{self, Form},
    wire::{Problem, Pulled, Pushed},
};

/// An answer that is read even if some of it is not known.
pub trait Tolerant: DeserializeOwned {
    /// Where the list stands of which parts may be unknown.
    const LIST: [&'static str; 2];

    /// Whether a part of it, in that form, is known.
    fn knows(form: Form, part: &[u8]) -> bool;

    /// Reads a body, and says how many parts were passed over.
    ///
    /// # Errors
    /// Those of [`codec::decode`], if it cannot be read even so.
    fn read(form: Form, encoding: Option<&str>, bytes: &[u8]) -> Result<(Self, usize), Problem> {
        match codec::decode(form, encoding, bytes) {
            Ok(whole) => Ok((whole, 0)),
            Err(problem) => {
                let Ok(mut rough) = codec::decode::<Foreign>(form, encoding, bytes) else { return Err(problem) };
                let passed_over = sift::<Self>(form, &mut rough);
                let known = codec::decode_plain(form, &codec::plain(form, &rough)).map_err(|_| problem)?;
                Ok((known, passed_over))
            }
        }
    }
}

impl Tolerant for Pulled {
    const LIST: [&'static str; 2] = ["page", "aggregates"];

    fn knows(form: Form, part: &[u8]) -> bool {
        codec::decode_plain::<Aggregate>(form, part).is_ok()
    }
}

impl Tolerant for Pushed {
    const LIST: [&'static str; 2] = ["settled", "verdicts"];

    fn knows(form: Form, part: &[u8]) -> bool {
        codec::decode_plain::<(i64, Verdict)>(form, part).is_ok()
    }
}

/// Takes the unknown parts out of the list, and counts them.
fn sift<T: Tolerant>(form: Form, rough: &mut Foreign) -> usize {
    let list = T::LIST.iter().try_fold(rough, |place, name| match place {
        Foreign::Map(fields) => fields.get_mut(&Foreign::Text((*name).to_owned())),
        Foreign::Nothing
        | Foreign::Truth(_)
        | Foreign::Whole(_)
        | Foreign::Real(_)
        | Foreign::Text(_)
        | Foreign::Bytes(_)
        | Foreign::List(_) => None,
    });
    let Some(Foreign::List(parts)) = list else { return 0 };
    let before = parts.len();
    parts.retain(|part| T::knows(form, &codec::plain(form, part)));
    before - parts.len()
}
