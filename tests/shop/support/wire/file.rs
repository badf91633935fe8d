//! Files on the line in memory: parts of them, and what may happen to those.

use std::collections::VecDeque;

use outpost_sync::{
    file::{DIGEST_HEADER, FILE_PATH, NO_FILE, NextPart, Parts, SCHEMA_PARAMETER, UNPACKED_HEADER},
    wire::Problem,
};

use super::*;

/// Bytes of a part.
const PART: usize = 4_000;

impl Wire {
    /// From now on it carries files too.
    pub fn carries_files(self) -> Self {
        *self.files.lock().expect("sound") = Some(Vec::new());
        self
    }

    /// From now on it carries none.
    pub fn carries_no_files(&self) {
        *self.files.lock().expect("sound") = None;
    }

    /// Where each file that was fetched began: 0, or where an earlier one was cut.
    pub fn files(&self) -> Vec<u64> {
        self.files.lock().expect("sound").clone().unwrap_or_default()
    }

    /// Somebody on the way does this to every file.
    pub fn tamper(&self, tampering: impl Fn(&mut FileHead, &mut Vec<u8>) + Send + Sync + 'static) {
        *self.tampering.lock().expect("sound") = Some(Box::new(tampering));
    }

    /// Nobody does any more.
    pub fn tamper_no_more(&self) {
        *self.tampering.lock().expect("sound") = None;
    }

    pub(super) async fn fetch(&self, standing: Standing, wanted: &FileWanted) -> Result<File, Trouble> {
        if self.files.lock().expect("sound").is_none() {
            return Err(Trouble::Told(Problem::new(NO_FILE, "this line carries no files")));
        }
        let uri = format!("{FILE_PATH}?{SCHEMA_PARAMETER}={}", wanted.schema);
        let range = wanted.begun.as_ref().map(|begun| (format!("bytes={}-", begun.bytes), begun.tag.clone()));
        let call = Call { method: "GET", uri, standing, body: None, range };
        let bytes = match self.fate() {
            Fate::Passes | Fate::Twice => usize::MAX,
            Fate::ShortAnswer(bytes) => bytes,
            Fate::Lost | Fate::CutAsking(_) | Fate::ShortAsking(_) | Fate::AnswerLost | Fate::Late => return Err(cut()),
        };
        let answer = self.send(&call, Body::empty()).await;
        if !answer.status.is_success() {
            return Err(Trouble::Told(answer.problem()));
        }
        let (mut head, mut all) = (head(&answer), answer.bytes.to_vec());
        if let Some(tampering) = self.tampering.lock().expect("sound").as_ref() {
            tampering(&mut head, &mut all);
        }
        self.files.lock().expect("sound").iter_mut().for_each(|files| files.push(head.from));
        let is_cut = bytes < all.len();
        all.truncate(bytes);
        Ok(File { head, parts: Box::new(Pieces { pieces: all.chunks(PART).map(<[u8]>::to_vec).collect(), is_cut }) })
    }
}

fn head(answer: &Heard) -> FileHead {
    let text = |name: &str| answer.headers.get(name).and_then(|value| value.to_str().ok());
    let length: u64 = text("content-length").expect("a length").parse().expect("a number");
    let range = text("content-range").map(|range| {
        let (part, all) = range.trim_start_matches("bytes ").split_once('/').expect("a range");
        let from: u64 = part.split_once('-').expect("a range").0.parse().expect("a number");
        (from, all.parse().expect("a number"))
    });
    let (from, bytes) = range.unwrap_or((0, length));
    FileHead {
        tag: text("etag").expect("a tag").to_owned(),
        digest: text(DIGEST_HEADER).expect("a digest").parse().expect("a digest"),
        bytes,
        unpacked: text(UNPACKED_HEADER).expect("a length").parse().expect("a number"),
        from,
    }
}

struct Pieces {
    pieces: VecDeque<Vec<u8>>,
    is_cut: bool,
}

impl Parts for Pieces {
    fn next(&mut self) -> NextPart<'_> {
        let next = self.pieces.pop_front();
        Box::pin(async move { if next.is_none() && self.is_cut { Err(cut()) } else { Ok(next) } })
    }
}
