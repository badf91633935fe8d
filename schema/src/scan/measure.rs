//! Measures on labels: six digits, and how many of them stand behind the point.

use serde::{Deserialize, Serialize};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// Net weight, in grams.
    Weight,
    /// Length or first dimension, in millimetres.
    Length,
    /// Width, diameter or second dimension, in millimetres.
    Width,
    /// Depth, thickness, height or third dimension, in millimetres.
    Depth,
    /// Area, in thousandths of a square metre.
    Area,
    /// Net volume, in millilitres.
    Volume,
}

/// How much of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    /// Of what.
    pub dimension: Dimension,
    /// In the dimension's unit, to the nearest whole one, halves up.
    pub units: i64,
}

/// The measure of an identifier such as `3103`; none if it is another trade measure, which is kept as it is.
pub(super) fn measure(ai: &str, digits: &str) -> Option<Measured> {
    let (dimension, thousands) = match ai.get(..3)? {
        "310" => (Dimension::Weight, 1),
        "311" => (Dimension::Length, 1),
        "312" => (Dimension::Width, 1),
        "313" => (Dimension::Depth, 1),
        "314" => (Dimension::Area, 1),
        "315" => (Dimension::Volume, 1),
        // Cubic metres.
        "316" => (Dimension::Volume, 2),
        _ => return None,
    };
    let value: i64 = digits.parse().ok()?;
    let places: u32 = ai.get(3..)?.parse().ok()?;
    let scaled = value.checked_mul(1_000_i64.checked_pow(thousands)?)?;
    let step = 10_i64.checked_pow(places)?;
    Some(Measured { dimension, units: (2 * scaled + step) / (2 * step) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use Dimension::{Area, Depth, Length, Volume, Weight, Width};

    #[test]
    fn a_measure_says_how_many_digits_stand_behind_the_point() {
        let cases = [
            ("3103", "001250", Some((Weight, 1_250))),
            ("3102", "001250", Some((Weight, 12_500))),
            ("3100", "999999", Some((Weight, 999_999_000))),
            ("3105", "001250", Some((Weight, 13))),
            ("3109", "999999", Some((Weight, 1))),
            ("3111", "000015", Some((Length, 1_500))),
            ("3123", "000015", Some((Width, 15))),
            ("3133", "000015", Some((Depth, 15))),
            ("3142", "000200", Some((Area, 2_000))),
            ("3153", "000750", Some((Volume, 750))),
            ("3166", "000750", Some((Volume, 750))),
            ("3160", "999999", Some((Volume, 999_999_000_000))),
            ("3201", "000015", None),
        ];
        for (ai, digits, expected) in cases {
            let read = measure(ai, digits).map(|measured| (measured.dimension, measured.units));
            assert_eq!(read, expected, "{ai} {digits}");
        }
    }
}
