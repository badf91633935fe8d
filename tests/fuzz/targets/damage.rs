//! Damages whole encodings a little: what is nearly right reaches deeper than noise.

use super::choices::Choices;

/// The bytes after a few small accidents; none for once in a while.
pub fn damaged(bytes: &[u8], choices: &mut Choices<'_>) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..choices.place(5) {
        accident(&mut bytes, choices);
    }
    bytes
}

fn accident(bytes: &mut Vec<u8>, choices: &mut Choices<'_>) {
    let at = choices.place(bytes.len().max(1));
    let upto = (at + choices.place(9)).min(bytes.len());
    match choices.place(8) {
        0 => flip(bytes, at, choices),
        1 => bytes.truncate(at),
        2 => drop(bytes.drain(at.min(upto)..upto)),
        3 => bytes.splice(at.min(bytes.len())..at.min(bytes.len()), choices.bytes::<3>()).for_each(drop),
        4 => repeat(bytes, at, upto),
        5 => set(bytes, at, choices.one(&[0x00, 0x7f, 0x80, 0xc0, 0xc4, 0xcf, 0xd3, 0xdc, 0xdd, 0xde, 0xdf, 0xff])),
        6 => set(bytes, at, choices.one(b"0123456789-+.eE\"{}[],:\n\r \0")),
        _ => bytes.extend(choices.bytes::<5>()),
    }
}

fn flip(bytes: &mut [u8], at: usize, choices: &mut Choices<'_>) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << choices.place(8);
    }
}

fn set(bytes: &mut [u8], at: usize, value: u8) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte = value;
    }
}

fn repeat(bytes: &mut Vec<u8>, from: usize, upto: usize) {
    let piece: Vec<u8> = bytes.get(from..upto).unwrap_or_default().repeat(3);
    bytes.splice(upto..upto, piece).for_each(drop);
}
