//! The disk itself: what is synced stays, what is not may go, and SQLite notices no difference otherwise.

use rusqlite::{Connection, ErrorCode};

use super::*;

/// One folder with one small database, and how its connections are opened.
struct Desk {
    drive: Drive,
    folder: TempDir,
    synchronous: &'static str,
    journal: &'static str,
}

impl Desk {
    fn new(journal: &'static str, synchronous: &'static str) -> Self {
        let folder = folder();
        let desk = Self { drive: Drive::watch(folder.path()).expect("watches"), folder, synchronous, journal };
        let conn = desk.open().expect("opens");
        conn.execute_batch("create table notes (number integer primary key, text text not null)").expect("a table");
        conn.close().expect("closes");
        desk
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("desk.db")
    }

    fn open(&self) -> rusqlite::Result<Connection> {
        let conn = Connection::open(self.file())?;
        conn.pragma_update(None, "journal_mode", self.journal)?;
        conn.pragma_update(None, "synchronous", self.synchronous)?;
        Ok(conn)
    }

    /// The numbers noted; an error if the database is damaged.
    fn numbers(&self) -> rusqlite::Result<Vec<i64>> {
        let conn = self.open()?;
        let found: String = conn.query_row("pragma integrity_check(1)", [], |row| row.get(0))?;
        if found != "ok" {
            return Err(rusqlite::Error::InvalidQuery);
        }
        conn.prepare("select number from notes order by number")?.query_map([], |row| row.get(0))?.collect()
    }
}

fn note(conn: &Connection, number: i64) -> rusqlite::Result<usize> {
    conn.execute("insert into notes (number, text) values (?1, ?2)", (number, "x".repeat(3_000)))
}

/// Notes until the power goes; says how many notes were acknowledged.
fn note_until_dark(desk: &Desk, calls: u64) -> i64 {
    desk.drive.fail_after(calls);
    let Ok(conn) = desk.open() else { return 0 };
    conn.pragma_update(None, "wal_autocheckpoint", 6)
        .map_or(0, |()| (1..=40).take_while(|number| note(&conn, *number).is_ok()).last().unwrap_or(0))
}

/// Over seeds: how often an acknowledged note was gone, or the database damaged.
fn lost(journal: &'static str, synchronous: &'static str, seeds: u64) -> u64 {
    let is_lost = |seed: &u64| {
        let (desk, mut chance) = (Desk::new(journal, synchronous), Chance::of(*seed));
        let acknowledged = note_until_dark(&desk, chance.below(150) as u64);
        desk.drive.cut(&mut chance).expect("cuts");
        // The one that was under way may be there too.
        let full: Vec<i64> = (1..=acknowledged).collect();
        desk.numbers().map_or(true, |there| there.len() > full.len() + 1 || !there.starts_with(&full))
    };
    (0..seeds).filter(is_lost).count() as u64
}

#[test]
fn what_nobody_waited_for_can_vanish_and_what_was_synced_stays() {
    for (journal, synchronous) in [("wal", "full"), ("delete", "full")] {
        assert_eq!(lost(journal, synchronous, 150), 0, "{journal}, {synchronous}");
    }
    for (journal, synchronous) in [("wal", "normal"), ("wal", "off"), ("delete", "off")] {
        let lost = lost(journal, synchronous, 60);
        assert!(lost > 10, "{journal}, {synchronous}: lost only in {lost} of 60");
    }
}

#[test]
fn a_drive_without_power_fails_every_call() {
    let desk = Desk::new("wal", "full");
    let conn = desk.open().expect("opens");
    note(&conn, 1).expect("noted");
    desk.drive.fail_after(2);
    let error = note(&conn, 2).expect_err("the power goes");
    assert_eq!(error.sqlite_error_code(), Some(ErrorCode::SystemIoFailure));
    assert!(desk.drive.is_out());
    let before = desk.drive.calls();
    assert!(note(&conn, 3).is_err() && desk.open().is_err(), "nothing works");
    assert_eq!(desk.drive.calls(), before, "nothing was done");
    drop(conn);
    desk.drive.cut(&mut Chance::of(1)).expect("cuts");
    let numbers = desk.numbers().expect("opens again");
    assert!([vec![1], vec![1, 2]].contains(&numbers), "{numbers:?}");
}

#[test]
fn a_sync_by_one_handle_is_for_all_of_them() {
    let lost_with = |synced: bool| {
        let is_lost = |seed: &u64| {
            let desk = Desk::new("delete", "off");
            let conn = desk.open().expect("opens");
            note(&conn, 1).expect("noted");
            // Another handle of the same file, which itself wrote nothing but its own note.
            let other = desk.open().expect("opens");
            other.pragma_update(None, "synchronous", if synced { "full" } else { "off" }).expect("sets");
            note(&other, 2).expect("noted");
            drop((conn, other));
            desk.drive.cut(&mut Chance::of(*seed)).expect("cuts");
            desk.numbers().ok() != Some(vec![1, 2])
        };
        (0..30).filter(is_lost).count()
    };
    assert_eq!(lost_with(true), 0);
    assert!(lost_with(false) > 5);
}

#[test]
fn changes_follow_a_file_that_is_renamed() {
    let mut kept = Vec::new();
    for seed in 0..30 {
        let desk = Desk::new("delete", "off");
        drop(desk.drive.cut(&mut Chance::of(0)));
        std::fs::write(desk.file(), []).expect("empty");
        let aside = desk.folder.path().join("aside.db");
        let conn = Connection::open(&aside).expect("opens");
        conn.pragma_update(None, "synchronous", "off").expect("sets");
        conn.execute_batch("create table notes (number integer, text text); insert into notes values (1, 'a')")
            .expect("made");
        drop(conn);
        std::fs::rename(&aside, desk.file()).expect("renamed");
        desk.drive.cut(&mut Chance::of(seed)).expect("cuts");
        kept.push(desk.numbers().ok() == Some(vec![1]));
    }
    assert!(kept.contains(&true) && kept.contains(&false), "what was not synced may be gone under either name");
}

#[test]
fn the_same_seed_leaves_the_same_bytes() {
    let once = || {
        let desk = Desk::new("wal", "full");
        note_until_dark(&desk, 77);
        let cut = desk.drive.cut(&mut Chance::of(5)).expect("cuts");
        let log = std::fs::read(desk.folder.path().join("desk.db-wal")).expect("the log");
        // Salts are chance of SQLite's own.
        (cut, log.len(), desk.numbers().expect("reads"))
    };
    assert_eq!(once(), once());
}

#[test]
fn a_folder_that_is_not_watched_is_left_alone() {
    let (watched, other) = (Desk::new("wal", "full"), folder());
    let before = watched.drive.calls();
    let conn = Connection::open(other.path().join("other.db")).expect("opens");
    conn.execute_batch("create table notes (number integer primary key, text text)").expect("made");
    note(&conn, 1).expect("noted");
    assert_eq!(watched.drive.calls(), before);
    watched.drive.fail_after(0);
    note(&conn, 2).expect("the other drive has power");
}
