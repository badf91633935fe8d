//! Every file of a till's folder, damaged in every way: what is derived is made anew, what is ground is
//! refused, an older state is told, and nothing is ever lost in silence.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, OpenFlags};

use super::{SLED, a_till_with_a_cart, on, said, said_out, tea};
use crate::support::{
    chance::Chance,
    copy_folder,
    process::{Running, run},
};

/// What a till does when it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// It opens, and everything is there.
    Whole,
    /// It is refused as damaged, with the cure, and the file is left as it is.
    Refused,
    /// It opens, knows that it was set back, and says so.
    SetBack,
}

use Outcome::{Refused, SetBack, Whole};

/// What is done to a file.
#[derive(Clone, Copy, Debug)]
enum Harm {
    Deleted,
    Emptied,
    /// Noise over its first hundred bytes.
    Header,
    /// Noise over a stretch of it that a seed chooses.
    Middle(u64),
    /// Its last tenth is cut off.
    End,
    /// Noise from its first byte to its last.
    Noise,
    /// As it was before the sales.
    Older,
}

use Harm::{Deleted, Emptied, End, Header, Middle, Noise, Older};

const HARMS: [Harm; 9] = [Deleted, Emptied, Header, Middle(1), Middle(2), Middle(3), End, Noise, Older];

/// Sales that the till has receipted.
const SOLD: i64 = 4;

/// What may come of a harm to a file. Where two may, it depends on whether what was hit is in use.
fn outcomes(file: &str, harm: Harm) -> &'static [Outcome] {
    match (file, harm) {
        // Its first bytes say what it is; without them, or without it, nothing is begun in its place.
        ("outpost.db", Deleted | Emptied | Header | Noise) => &[Refused],
        ("outpost.db", Middle(_) | End) => &[Refused, SetBack, Whole],
        ("outpost.db", Older) => &[Refused, SetBack, Whole],
        // The newest sale stands in the log alone, and the witness knows of it.
        ("outpost.db-wal", Deleted | Emptied | Header | Noise) => &[SetBack],
        ("outpost.db-wal", Middle(_) | End) => &[SetBack, Whole],
        ("outpost.db-wal", Older) => &[SetBack, Whole],
        // Derived, or empty, or a second memory only.
        _ => &[Whole],
    }
}

#[tokio::test]
async fn whatever_becomes_of_whichever_file_nothing_is_lost_in_silence() {
    let (_shop, _, _, folder) = a_till_with_a_cart().await;
    let older = folder.with_extension("older");
    copy_folder(&folder, &older);
    sell_once_more_and_lose_power(&folder).await;
    let files = files_below(&folder, &folder);
    for name in ["outpost.db", "outpost.db-wal", "outpost.db-shm", "outpost.witness", "outpost.lock"] {
        assert!(files.iter().any(|file| file == name), "{name} is there: {files:?}");
    }
    assert!(files.iter().any(|file| file.starts_with(SLED)), "{files:?}");
    for file in &files {
        for harm in HARMS {
            let hurt = folder.with_extension("hurt");
            copy_folder(&folder, &hurt);
            if harmed(&hurt, &older, file, harm) {
                let came = opened(&hurt, file).await;
                let wanted = outcomes(file, harm);
                assert!(wanted.contains(&came), "{file} {harm:?}: {came:?}, and not {wanted:?}");
            }
            fs::remove_dir_all(&hurt).expect("it is there");
        }
    }
}

/// The till serves, sells once, and is killed: its log is not yet in the database.
async fn sell_once_more_and_lose_power(folder: &Path) {
    let nowhere = ["--server", "http://127.0.0.1:9", "--listen", "127.0.0.1:0", "serve"];
    let serving = Running::start("outpost-node", &on(folder, &nowhere), None).await;
    let sale = serde_json::json!({
        "lines": [{ "product_id": tea(folder), "quantity": 1 }],
        "tenders": [{ "card": { "reference": "terminal 1" } }]
    });
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let request = client.post(format!("{}/v1/sales", serving.url)).header("content-type", "application/json");
    assert!(request.body(sale.to_string()).send().await.expect("an answer").status().is_success());
    serving.kill().await;
}

/// Every file below a folder, by its path from there; not the reserve, which is large and says nothing.
fn files_below(top: &Path, folder: &Path) -> Vec<String> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(files_below(top, &path));
        } else {
            files.push(path.strip_prefix(top).expect("below").to_string_lossy().into_owned());
        }
    }
    files.sort();
    files
}

/// Does it; says whether there was anything to do.
fn harmed(folder: &Path, older: &Path, file: &str, harm: Harm) -> bool {
    let path: PathBuf = folder.join(file);
    let mut bytes = fs::read(&path).expect("readable");
    let mut chance = Chance::of(99);
    let mut noise = |bytes: &mut [u8]| bytes.iter_mut().for_each(|byte| *byte = chance.below(256) as u8);
    let length = bytes.len();
    match harm {
        Deleted => {
            fs::remove_file(&path).expect("it is there");
            return true;
        }
        Older => match fs::read(older.join(file)) {
            Ok(old) => bytes = old,
            Err(_) => return false,
        },
        Emptied => bytes.clear(),
        Header => noise(&mut bytes[..length.min(100)]),
        Middle(seed) => {
            let from = Chance::of(seed).below(length.max(1)).min(length);
            noise(&mut bytes[from..length.min(from + 500)]);
        }
        End => bytes.truncate(length - length / 10),
        Noise => noise(&mut bytes),
    }
    fs::write(&path, bytes).expect("writes");
    true
}

/// Opens the till, and says what came of it; what is gone without a word fails the story.
async fn opened(folder: &Path, file: &str) -> Outcome {
    let both = ["outpost.db", "outpost.db-wal"];
    let before = both.map(|name| fs::read(folder.join(name)).ok());
    let shown = run("outpost-node", &on(folder, &["status"]), None).await;
    if !shown.status.success() {
        let told = said(&shown);
        assert!(told.contains("(damaged)") && told.contains("outpost-node salvage"), "{file}: {told}");
        assert!(both.map(|name| fs::read(folder.join(name)).ok()) == before, "{file}: what is damaged was touched");
        return Refused;
    }
    if said_out(&shown).contains("needs attention") {
        return SetBack;
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let database = Connection::open_with_flags(folder.join("outpost.db"), flags).expect("it opens");
    for (table, count) in [("journal", SOLD), ("orders", SOLD), ("payments", SOLD), ("cart_states", 1)] {
        let rows = database.query_row(&format!("select count(*) from {table}"), [], |row| row.get::<_, i64>(0));
        assert_eq!(rows.expect("readable"), count, "{file}: {table} lost something, and nobody is told");
    }
    Whole
}
