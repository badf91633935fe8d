//! Reading what a newer program wrote: a word that this version does not know is passed over, and what
//! stands beside it is read.
//!
//! A server tells nothing that the node's protocol does not know, so this is for the server that does
//! all the same. Bodies that read as they are cost nothing more than before.

use outpost_schema::{feed::Aggregate, foreign::Foreign, verdict::Verdict};
use serde::de::DeserializeOwned;

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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Bodies of a version 3 that knows more, in both forms.
    fn bodies(body: &Value) -> [(Form, Vec<u8>); 2] {
        let binary = rmp_serde::to_vec_named(&serde_json::from_value::<Foreign>(body.clone()).expect("any value"));
        [(Form::Json, body.to_string().into_bytes()), (Form::Binary, binary.expect("encodes"))]
    }

    fn id(number: u128) -> String {
        uuid::Uuid::from_u128(number).to_string()
    }

    #[test]
    fn unknown_parts_of_a_page_are_passed_over_and_the_others_read() {
        let concern = |kind: &str| {
            json!({ "concern": { "concern_id": id(1), "kind": kind, "subject": "x", "detail": {}, "scope": id(2),
                                 "opened_at": 7, "closed_at": null, "weight": 3 } })
        };
        let page = json!({ "page": {
            "epoch": id(3), "cursor": "next", "level": true, "seen": "", "acked": [], "server_time": 7, "mood": "new",
            "aggregates": [
                { "voucher": { "voucher_id": id(4), "amount": "5.00" } },
                concern("owed"),
                concern("moon_is_full"),
                { "gone": { "kind": "voucher", "ids": [id(4)] } },
                { "gone": { "kind": "product", "ids": [id(5)] } },
                { "verdict": { "incarnation_id": id(6), "seq": 1, "verdict": { "refused": "not_today" } } },
                { "verdict": { "incarnation_id": id(6), "seq": 2, "verdict": { "postponed": 9 } } },
            ]
        } });
        // Ids are text here in both forms, as JSON has them, and read so in both.
        let (form, bytes) = &bodies(&page)[0];
        let (pulled, passed_over) = Pulled::read(*form, None, bytes).expect("it reads");
        let Pulled::Page(page) = pulled else { panic!("{pulled:?}") };
        assert_eq!((page.aggregates.len(), passed_over, page.cursor.as_str()), (2, 5, "next"));
    }

    #[test]
    fn unknown_verdicts_are_passed_over_and_the_others_read() {
        let pushed = json!({ "settled": {
            "acked": { "seq": 4, "hash": vec![0u8; 32] },
            "verdicts": [[1, "accepted"], [2, { "refused": "not_today" }], [3, { "set_aside": "newer" }], [4, "pondered"]],
            "carts": [], "advice": "none"
        } });
        // A hash is bytes on the line.
        let mut rough: Foreign = serde_json::from_value(pushed).expect("any value");
        fn bytes_of_numbers(value: &mut Foreign) {
            if let Foreign::Map(fields) = value {
                for (name, value) in fields.iter_mut() {
                    if *name == Foreign::Text("hash".to_owned()) {
                        *value = Foreign::Bytes(vec![0; 32]);
                    }
                    bytes_of_numbers(value);
                }
            }
        }
        bytes_of_numbers(&mut rough);
        let body = rmp_serde::to_vec_named(&rough).expect("encodes");
        let (pushed, passed_over) = Pushed::read(Form::Binary, None, &body).expect("it reads");
        let Pushed::Settled { acked, verdicts, .. } = pushed else { panic!("{pushed:?}") };
        assert_eq!(
            (acked.seq, verdicts.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), passed_over),
            (4, vec![1, 3], 2)
        );
    }

    #[test]
    fn what_cannot_be_read_even_so_says_why() {
        for (form, bytes) in bodies(&json!({ "postponed": { "until": 7 } })) {
            assert_eq!(Pulled::read(form, None, &bytes).expect_err("unknown").code, "unreadable_body");
        }
        assert_eq!(Pulled::read(Form::Json, None, b"{").expect_err("cut").code, "unreadable_body");
    }
}
