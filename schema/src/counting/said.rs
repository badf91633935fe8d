//! What a booked count says of itself.

use super::{CountingNumber, Look};
use crate::{
    movement::Remark,
    text::{LINE_MAX, PROSE_MAX},
};

/// Who counted, in which bins, who approved it and why, as far as there is room.
pub fn remark(counting: CountingNumber, looks: &[Look], approved_by: &str, reason: Option<&str>) -> Remark {
    let mut people: Vec<&str> = looks.iter().map(|look| look.person.as_str()).collect();
    people.sort_unstable();
    people.dedup();
    let bins: Vec<String> =
        looks.iter().map(|look| format!("{} in {} by {}", look.units, look.bin, look.person)).collect();
    let why = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    let note = format!("counting {counting}, approved by {approved_by}{why}: {}", bins.join(", "));
    Remark { person: Some(cut(&people.join(", "), LINE_MAX)), note: Some(cut(&note, PROSE_MAX)) }
}

/// As much of a text as fits, with a sign that there was more.
fn cut(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let mut end = max - '…'.len_utf8();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_letters() {
        assert_eq!(cut("été", 5), "été");
        assert_eq!(cut("étés à", 8), "été…");
        assert_eq!(cut("ééé", 4), "…");
    }
}
