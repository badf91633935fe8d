//! GS1 Digital Link: the same elements in a web address, `https://id.gs1.org/01/09506000134352/10/ABC?17=260101`.

use super::{Scan, Setting, gs1::Reading, is_digits, unread::Unread};

/// What a path may say in place of the digits of an identifier.
const WORDS: [(&str, &str); 5] = [("gtin", "01"), ("sscc", "00"), ("cpv", "22"), ("lot", "10"), ("ser", "21")];

/// Reads a link. Its path names a product or a pallet, with lot, serial and variant behind; the query tells more.
pub(super) fn link(text: &str, setting: &Setting<'_>) -> Result<Scan, Unread> {
    let text = text.split('#').next().unwrap_or(text);
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    let behind_scheme = path.split_once("://").map_or("", |(_, rest)| rest);
    // The first part is the host, which may be any.
    let parts: Vec<&str> = behind_scheme.split('/').skip(1).filter(|part| !part.is_empty()).collect();
    let mut read = Reading::new(setting);
    let start = parts.iter().position(|part| matches!(identifier(part), Some("00" | "01"))).ok_or(Unread::NotALink)?;
    for pair in parts[start..].chunks(2) {
        let (name, value) = (pair[0], pair.get(1).ok_or(Unread::NotALink)?);
        let ai = identifier(name).ok_or(Unread::NotALink)?;
        take(&mut read, ai, value)?;
    }
    for (name, value) in query.split(['&', ';']).filter_map(|pair| pair.split_once('=')) {
        // Anything may stand beside the elements.
        if (2..=4).contains(&name.len()) && is_digits(name) {
            take(&mut read, name, value)?;
        }
    }
    Ok(read.scan)
}

fn identifier(part: &str) -> Option<&str> {
    let word = WORDS.iter().find(|(word, _)| *word == part).map(|(_, ai)| *ai);
    word.or_else(|| Some(part).filter(|part| matches!(*part, "00" | "01" | "10" | "21" | "22" | "235")))
}

fn take(read: &mut Reading<'_>, ai: &str, value: &str) -> Result<(), Unread> {
    let value = decoded(value).ok_or_else(|| Unread::BadElement { ai: ai.to_owned() })?;
    let value = if ai == "01" && is_digits(&value) { format!("{value:0>14}") } else { value };
    read.take(ai, &value)
}

/// Text without its percent signs; none if what they stand for is no text.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first == b'%' {
            let (hex, behind) = tail.split_at_checked(2)?;
            let hex = std::str::from_utf8(hex).ok().filter(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
            bytes.push(u8::from_str_radix(hex, 16).ok()?);
            rest = behind;
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).ok()
}
