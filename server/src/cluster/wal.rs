//! Files of Postgres's log in an archive: named by timeline and number, 16 MB each, the last one partial.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::ClusterError;

/// The bytes of a segment, as `initdb` makes them.
pub(super) const SEGMENT_BYTES: u64 = 16 << 20;

/// Segments in one of the log's files of 4 GB, by which they are numbered.
const PER_FILE: u64 = (1 << 32) / SEGMENT_BYTES;

/// The end of the name of the one that is still written to.
const PARTIAL: &str = ".partial";

/// A segment in an archive.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Segment {
    /// Its place in the whole log.
    pub number: u64,
    /// The timeline that it was written on.
    pub timeline: u32,
    /// Its name without an ending.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
}

impl Segment {
    fn of(path: &Path) -> Option<Self> {
        let file = path.file_name()?.to_str()?;
        let name = file.strip_suffix(PARTIAL).unwrap_or(file);
        let (timeline, number) = parsed(name)?;
        Some(Self { number, timeline, name: name.to_owned(), path: path.to_owned() })
    }
}

/// The timeline and the number in a segment's name: three times eight digits of base 16.
fn parsed(name: &str) -> Option<(u32, u64)> {
    if name.len() != 24 || !name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let part = |at: usize| u64::from_str_radix(&name[at..at + 8], 16).ok();
    let place = part(16).filter(|place| *place < PER_FILE)?;
    Some((u32::try_from(part(0)?).ok()?, part(8)? * PER_FILE + place))
}

/// The segments that a restore needs, from the one that the base begins in, in order and without a gap;
/// a whole one is preferred to a partial one of the same name.
pub(super) fn needed(archive: &Path, base: &Path, wal: &Path) -> Result<Vec<Segment>, ClusterError> {
    let damaged = |what: String| ClusterError::ArchiveDamaged { archive: archive.into(), what };
    let start = start_of(base)?;
    let (_, first) = parsed(&start).ok_or_else(|| damaged(format!("its base begins in {start:?}")))?;
    let entries = fs::read_dir(wal).map_err(ClusterError::file("read", wal))?;
    let mut segments: Vec<Segment> = entries.flatten().filter_map(|entry| Segment::of(&entry.path())).collect();
    segments.retain(|segment| segment.number >= first);
    segments.sort();
    segments.dedup_by(|later, earlier| later.name == earlier.name);
    for (expected, segment) in (first..).zip(&segments) {
        if segment.number != expected {
            return Err(damaged(format!("the log before {} is missing", segment.name)));
        }
        let bytes = fs::metadata(&segment.path).map_err(ClusterError::file("read", &segment.path))?.len();
        if bytes != SEGMENT_BYTES {
            return Err(damaged(format!(
                "{} is {bytes} bytes long instead of {SEGMENT_BYTES}",
                segment.path.display()
            )));
        }
    }
    if segments.is_empty() { Err(damaged(format!("the log from {start} on is missing"))) } else { Ok(segments) }
}

/// The name of the segment that a base backup begins in, as its label says.
pub(super) fn start_of(base: &Path) -> Result<String, ClusterError> {
    let path = base.join("backup_label");
    let text = fs::read_to_string(&path).map_err(ClusterError::file("read", &path))?;
    let name = text.split_once("(file ").and_then(|(_, rest)| rest.split_once(')')).map(|(name, _)| name.to_owned());
    name.ok_or_else(|| ClusterError::ArchiveDamaged { archive: base.into(), what: "its label names no log".into() })
}

/// Removes the segments before the one of this name.
pub(super) fn drop_before(wal: &Path, start: &str) -> Result<(), ClusterError> {
    let Some((_, first)) = parsed(start) else { return Ok(()) };
    let entries = fs::read_dir(wal).map_err(ClusterError::file("read", wal))?;
    for segment in entries.flatten().filter_map(|entry| Segment::of(&entry.path())) {
        if segment.number < first {
            fs::remove_file(&segment.path).map_err(ClusterError::file("remove", &segment.path))?;
        }
    }
    Ok(())
}

/// Where a new timeline left the old one, as its history says: the end of what could be read.
pub(super) fn switched_at(history: &str) -> Option<u64> {
    let line = history.lines().rfind(|line| !line.trim().is_empty() && !line.starts_with('#'))?;
    let (high, low) = line.split_whitespace().nth(1)?.split_once('/')?;
    let (high, low) = (u32::from_str_radix(high, 16).ok()?, u32::from_str_radix(low, 16).ok()?);
    Some((u64::from(high) << 32) + u64::from(low))
}

/// Where the log ends: a segment is filled with zeros before anything is written to it.
pub(super) fn end_of(last: &Segment) -> Result<u64, ClusterError> {
    let bytes = fs::read(&last.path).map_err(ClusterError::file("read", &last.path))?;
    let written = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
    Ok(last.number * SEGMENT_BYTES + written as u64)
}

/// The bytes of all files below a folder.
pub(super) fn bytes_below(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let bytes = |entry: fs::DirEntry| match entry.metadata() {
        Ok(about) if about.is_dir() => bytes_below(&entry.path()),
        Ok(about) => about.len(),
        Err(_) => 0,
    };
    entries.map(bytes).sum()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]
mod tests {
    use super::*;

    const LABELLED: &str =
        "START WAL LOCATION: 0/2000028 (file 000000010000000000000002)\nCHECKPOINT LOCATION: 0/2000060\n";

    fn archive(files: &[(&str, u64)]) -> (tempfile::TempDir, Result<Vec<String>, String>) {
        let folder = tempfile::tempdir().unwrap();
        let (base, wal) = (folder.path().join("base-1"), folder.path().join("wal-1"));
        fs::create_dir(&base).unwrap();
        fs::create_dir(&wal).unwrap();
        fs::write(base.join("backup_label"), LABELLED).unwrap();
        for (name, bytes) in files {
            fs::File::create(wal.join(name)).unwrap().set_len(*bytes).unwrap();
        }
        let found = needed(folder.path(), &base, &wal);
        let name = |segment: Segment| segment.path.file_name().unwrap().to_str().unwrap()[16..].to_owned();
        let found = found.map(|found| found.into_iter().map(name).collect()).map_err(|error| error.to_string());
        (folder, found)
    }

    #[test]
    fn a_log_with_a_gap_or_a_short_file_is_not_restored_as_if_it_were_whole() {
        let (two, three, four) = ("000000010000000000000002", "000000010000000000000003", "000000010000000000000004");
        let partial = "000000010000000000000003.partial";
        let whole = SEGMENT_BYTES;
        let sound = archive(&[("000000010000000000000001", 3), (two, whole), (partial, whole)]).1.unwrap();
        assert_eq!(sound, ["00000002", "00000003.partial"]);
        assert_eq!(archive(&[(two, whole), (three, whole), (partial, whole)]).1.unwrap(), ["00000002", "00000003"]);
        for (files, word) in [
            (&[(two, whole), (four, whole)][..], "before 000000010000000000000004"),
            (&[(three, whole)], "before 000000010000000000000003"),
            (&[(two, whole - 1)], "bytes long"),
            (&[], "is missing"),
        ] {
            let error = archive(files).1.unwrap_err();
            assert!(error.contains(word) && error.contains("damaged"), "{error}");
        }
    }

    #[test]
    fn segments_are_counted_across_files_and_dropped_by_number() {
        assert_eq!(parsed("0000000100000001000000FF"), Some((1, 511)));
        assert_eq!(parsed("000000020000000200000000"), Some((2, 512)));
        assert_eq!((parsed("00000002.history"), parsed("archive.json")), (None, None));
        assert_eq!(parsed("00000001FFFFFFFFFFFFFFFF"), None, "no file of the log has so many");
        let (folder, _) = archive(&[("0000000100000001000000FF", 1), ("000000010000000200000000.partial", 1)]);
        drop_before(&folder.path().join("wal-1"), "000000010000000200000000").unwrap();
        assert_eq!(fs::read_dir(folder.path().join("wal-1")).unwrap().count(), 1);
    }

    #[test]
    fn a_history_says_where_its_timeline_began() {
        let history = "1\t0/3000148\tno recovery target specified\n\n2\t1/5000000\tno recovery target specified\n";
        assert_eq!(switched_at(history), Some((1 << 32) + 5 * SEGMENT_BYTES));
        assert_eq!(switched_at("nothing\n"), None);
        assert_eq!(switched_at("1\tFFFFFFFFFFFFFFFF/FFFFFFFFFFFFFFFF\tx\n"), None, "no place in a log");
    }
}
