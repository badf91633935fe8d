//! Fields that this version does not know: kept as they came, so that what a newer program wrote
//! survives being merged, stored and handed on by an older one.
//!
//! Two versions of one unknown field are settled without knowing what it means: the greater value
//! stays, in an order that is the same everywhere. So replicas agree whatever arrives first. A field
//! that a later version adds must live with that; one that is replaced as a whole does, if it is
//! written as a map whose keys sort its stamp before its value, as a cart's registers are.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, SeqAccess, Visitor},
};

use crate::fault::Fault;

/// Unknown fields of one thing, by name.
pub type Fields = BTreeMap<String, Foreign>;

/// Unknown fields in one thing, and values in one of them: more than any version will add.
const FIELDS_MAX: usize = 64;

/// Lists and maps in one another: what every reader of what it stands in can follow.
const DEPTH_MAX: usize = 16;

/// Bytes of text and bytes in the unknown fields of one thing.
const BYTES_MAX: usize = 16 * 1024;

/// A value whose meaning is not known. JSON has no bytes, so there they read back as numbers, and no keys but text,
/// so a map with others reads back as pairs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Foreign {
    /// Null.
    Nothing,
    /// True or false.
    Truth(bool),
    /// A whole number.
    Whole(i128),
    /// A number with a fraction, as its bits.
    Real(u64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Values in order.
    List(Vec<Self>),
    /// Values by key.
    Map(BTreeMap<Self, Self>),
}

/// Takes in what another replica has in fields that neither knows.
pub fn merge(own: &mut Fields, other: &Fields) {
    for (name, value) in other {
        match own.get_mut(name) {
            Some(known) if *known >= *value => {}
            Some(known) => known.clone_from(value),
            None => _ = own.insert(name.clone(), value.clone()),
        }
    }
}

/// Whether unknown fields are within what any version may add.
///
/// # Errors
/// [`Fault::TooLong`].
pub fn check(fields: &Fields) -> Result<(), Fault> {
    let sizes = fields.iter().map(|(name, value)| value.size().plus(name.len()));
    let all = sizes.fold(Size::default(), Size::and);
    let is_within = fields.len() <= FIELDS_MAX
        && all.values <= FIELDS_MAX * FIELDS_MAX
        && all.bytes <= BYTES_MAX
        && all.depth <= DEPTH_MAX;
    if is_within { Ok(()) } else { Err(Fault::TooLong { field: "unknown fields", max: BYTES_MAX }) }
}

/// How much a value holds.
#[derive(Clone, Copy, Default)]
struct Size {
    values: usize,
    bytes: usize,
    depth: usize,
}

impl Size {
    fn and(self, other: Self) -> Self {
        Self { values: self.values + other.values, bytes: self.bytes + other.bytes, depth: self.depth.max(other.depth) }
    }

    const fn plus(self, bytes: usize) -> Self {
        Self { bytes: self.bytes + bytes, ..self }
    }

    /// Of something that holds all this.
    const fn around(self) -> Self {
        Self { values: self.values + 1, depth: self.depth + 1, ..self }
    }
}

impl Foreign {
    const fn is_text(&self) -> bool {
        matches!(self, Self::Text(_))
    }

    fn size(&self) -> Size {
        let one = Size { values: 1, ..Size::default() };
        match self {
            Self::Nothing | Self::Truth(_) | Self::Whole(_) | Self::Real(_) => one,
            Self::Text(text) => one.plus(text.len()),
            Self::Bytes(bytes) => one.plus(bytes.len()),
            Self::List(values) => values.iter().map(Self::size).fold(Size::default(), Size::and).around(),
            Self::Map(values) => {
                let sizes = values.iter().map(|(key, value)| key.size().and(value.size()));
                sizes.fold(Size::default(), Size::and).around()
            }
        }
    }
}

impl Serialize for Foreign {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Nothing => serializer.serialize_unit(),
            Self::Truth(truth) => serializer.serialize_bool(*truth),
            // As short as it goes, so that the bytes are those that came.
            Self::Whole(whole) => match (u64::try_from(*whole), i64::try_from(*whole)) {
                (Ok(whole), _) => serializer.serialize_u64(whole),
                (Err(_), Ok(whole)) => serializer.serialize_i64(whole),
                (Err(_), Err(_)) => serializer.serialize_i128(*whole),
            },
            Self::Real(bits) => serializer.serialize_f64(f64::from_bits(*bits)),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Bytes(bytes) => serializer.serialize_bytes(bytes),
            Self::List(values) => serializer.collect_seq(values),
            // JSON has no keys but text: there such a map is a list of pairs.
            Self::Map(values) if serializer.is_human_readable() && !values.keys().all(Self::is_text) => {
                serializer.collect_seq(values)
            }
            Self::Map(values) => serializer.collect_map(values),
        }
    }
}

impl<'de> Deserialize<'de> for Foreign {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Anything)
    }
}

struct Anything;

impl<'de> Visitor<'de> for Anything {
    type Value = Foreign;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }
    fn visit_bool<E>(self, truth: bool) -> Result<Foreign, E> {
        Ok(Foreign::Truth(truth))
    }
    fn visit_i64<E>(self, whole: i64) -> Result<Foreign, E> {
        Ok(Foreign::Whole(whole.into()))
    }
    fn visit_u64<E>(self, whole: u64) -> Result<Foreign, E> {
        Ok(Foreign::Whole(whole.into()))
    }
    fn visit_i128<E>(self, whole: i128) -> Result<Foreign, E> {
        Ok(Foreign::Whole(whole))
    }
    fn visit_f64<E>(self, real: f64) -> Result<Foreign, E> {
        Ok(Foreign::Real(real.to_bits()))
    }
    fn visit_str<E>(self, text: &str) -> Result<Foreign, E> {
        Ok(Foreign::Text(text.to_owned()))
    }
    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Foreign, E> {
        Ok(Foreign::Bytes(bytes.to_vec()))
    }
    fn visit_unit<E>(self) -> Result<Foreign, E> {
        Ok(Foreign::Nothing)
    }
    fn visit_none<E>(self) -> Result<Foreign, E> {
        Ok(Foreign::Nothing)
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Foreign, D::Error> {
        Foreign::deserialize(deserializer)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Foreign, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = values.next_element()? {
            list.push(value);
        }
        Ok(Foreign::List(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut values: A) -> Result<Foreign, A::Error> {
        let mut map = BTreeMap::new();
        while let Some((key, value)) = values.next_entry()? {
            map.insert(key, value);
        }
        Ok(Foreign::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Foreign {
        Foreign::Text(text.to_owned())
    }

    fn everything() -> Foreign {
        let map = [(text("at"), Foreign::Whole(-7)), (text("value"), Foreign::List(vec![Foreign::Nothing, text("x")]))];
        Foreign::List(vec![
            Foreign::Truth(true),
            Foreign::Whole(u64::MAX.into()),
            Foreign::Real(1.5f64.to_bits()),
            Foreign::Bytes(vec![0, 255]),
            Foreign::Map(map.into()),
        ])
    }

    #[test]
    fn any_value_survives_the_wire_as_the_bytes_it_came_in() {
        let bytes = rmp_serde::to_vec_named(&everything()).expect("packs");
        let read: Foreign = rmp_serde::from_slice(&bytes).expect("unpacks");
        assert_eq!(read, everything());
        assert_eq!(rmp_serde::to_vec_named(&read).expect("packs"), bytes);
    }

    #[test]
    fn a_map_keyed_by_anything_is_shown_to_people_as_pairs() {
        let map = Foreign::Map([(Foreign::List(vec![]), Foreign::Whole(1)), (text("x"), Foreign::Nothing)].into());
        assert_eq!(serde_json::to_string(&map).expect("encodes"), r#"[["x",null],[[],1]]"#);
    }

    #[test]
    fn whatever_arrives_first_the_greater_value_stays() {
        let of = |values: &[(&str, i128)]| -> Fields {
            values.iter().map(|(name, whole)| ((*name).to_owned(), Foreign::Whole(*whole))).collect()
        };
        let (one, other) = (of(&[("a", 1), ("b", 5)]), of(&[("b", 3), ("c", 4)]));
        let (mut here, mut there) = (one.clone(), other.clone());
        merge(&mut here, &other);
        merge(&mut there, &one);
        assert_eq!((&here, &there), (&of(&[("a", 1), ("b", 5), ("c", 4)]), &here));
        let merged = here.clone();
        merge(&mut here, &one);
        assert_eq!(here, merged, "again changes nothing");
    }

    #[test]
    fn a_later_stamp_wins_over_a_larger_value() {
        let register = |at: i128, value: &str| {
            Foreign::Map([(text("at"), Foreign::Whole(at)), (text("value"), text(value))].into())
        };
        assert!(register(2, "a") > register(1, "z"));
    }

    #[test]
    fn what_no_version_would_add_is_refused() {
        let of = |value: Foreign| Fields::from([("new".to_owned(), value)]);
        assert_eq!(check(&of(everything())), Ok(()));
        check(&of(text(&"x".repeat(BYTES_MAX + 1)))).expect_err("too long");
        check(&of(Foreign::List(vec![Foreign::Nothing; 5_000]))).expect_err("too many");
        check(&of((0..=DEPTH_MAX).fold(Foreign::Nothing, |inner, _| Foreign::List(vec![inner]))))
            .expect_err("too deep");
        let many = (0..=FIELDS_MAX).map(|number| (number.to_string(), Foreign::Nothing)).collect();
        check(&many).expect_err("too many fields");
    }
}
