//! Backups from the command line: taken, kept, refused, restored.

use std::{fs, path::PathBuf, process::Command};

use outpost_server::testing::TestDatabase;
use serde_json::Value;

use super::{Network, program, said};

impl Network {
    /// A shop with something in it, and one backup of it in `backups`.
    async fn backed_up() -> (Self, PathBuf) {
        let network = Self::open().await;
        network.say(&["warehouse", "add", "Shop"]).unwrap();
        network.say(&["product", "add", "--sku", "TEA", "--name", "Tea"]).unwrap();
        network.say(&["node", "add", "--kind", "till", "--warehouse", "Shop"]).unwrap();
        let told = network.say(&["backup", "--to", "backups"]).unwrap();
        assert!(told.contains("the backup is whole") && told.contains("1 products, 1 devices"), "{told}");
        let backup = network.backups().pop().unwrap();
        (network, backup)
    }

    /// The backups that lie there, the oldest first; nothing else does.
    fn backups(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.folder.path().join("backups")).unwrap();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| !path.ends_with(".lock"));
        let is_backup = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "backup");
        assert!(paths.iter().all(is_backup), "{paths:?}");
        paths.sort_by_key(|path| (path.to_string_lossy().len(), path.clone()));
        paths
    }

    /// What a restore of this backup into another database says.
    fn restore_into(&self, target: &TestDatabase, backup: &PathBuf) -> Result<String, String> {
        let mut command = self.command(&["restore", "--from"]);
        said(command.arg(backup).env("OUTPOST_SERVER_DATABASE", target.url()).output().unwrap())
    }
}

#[tokio::test]
async fn a_backup_is_restored_into_an_empty_database_and_nowhere_else() {
    let (network, backup) = Network::backed_up().await;
    let target = TestDatabase::empty().await;
    let told = network.restore_into(&target, &backup).unwrap();
    assert!(told.contains("Until this device has reported") && told.contains("Shop till at Shop"), "{told}");
    let on_target = |line: &[&str]| {
        said(network.command(line).env("OUTPOST_SERVER_DATABASE", target.url()).output().unwrap()).unwrap()
    };
    assert!(on_target(&["product", "show", "TEA"]).contains("Tea"));
    assert!(on_target(&["check"]).contains("all is well"));
    let epochs = target.connect().await.query("select epoch_id from epochs order by number", &[]).await.unwrap();
    assert_eq!(epochs.len(), 2, "it is another life, though the cluster is the same");
    let refused = network.restore_into(&target, &backup).unwrap_err();
    assert!(refused.contains("(not_empty)") && refused.contains("createdb"), "{refused}");
    let strange = TestDatabase::empty().await;
    strange.connect().await.batch_execute("create schema s create table t ()").await.unwrap();
    assert!(network.restore_into(&strange, &backup).unwrap_err().contains("(not_empty)"));
}

#[tokio::test]
async fn a_private_server_is_moved_aside_and_never_written_over() {
    let (network, backup) = Network::backed_up().await;
    let folder = tempfile::Builder::new().permissions(super::closed_but_for_walking()).tempdir().unwrap();
    let on_private =
        |line: &[&str]| said(program().arg("--data").arg(folder.path().join("data")).args(line).output().unwrap());
    let backup = backup.to_str().unwrap();
    on_private(&["warehouse", "add", "Another"]).unwrap();
    let refused = on_private(&["restore", "--from", backup]).unwrap_err();
    assert!(refused.contains("(not_empty)") && refused.contains("--replace"), "{refused}");
    assert!(on_private(&["warehouse", "list"]).unwrap().contains("Another"), "nothing was touched");
    let told = on_private(&["restore", "--from", backup, "--replace"]).unwrap();
    let aside = told.lines().find_map(|line| line.strip_prefix("what was there is now in ")).unwrap();
    let aside = aside.split(';').next().unwrap();
    assert!(fs::exists(PathBuf::from(aside).join("PG_VERSION")).unwrap(), "{told}");
    assert!(on_private(&["warehouse", "list"]).unwrap().contains("Shop"));
    assert!(on_private(&["check"]).unwrap().contains("all is well"));
    drop(network);
}

#[tokio::test]
async fn what_is_no_sound_backup_is_refused_by_name_and_nothing_is_restored() {
    let (network, backup) = Network::backed_up().await;
    let target = TestDatabase::empty().await;
    let refused = |path: &PathBuf| network.restore_into(&target, path).unwrap_err();
    let (dump, manifest) = (backup.join("dump"), backup.join("manifest.json"));
    let (bytes, text) = (fs::read(&dump).unwrap(), fs::read_to_string(&manifest).unwrap());
    let with = |change: &dyn Fn(&mut Value)| {
        let mut value: Value = serde_json::from_str(&text).unwrap();
        change(&mut value);
        fs::write(&manifest, value.to_string()).unwrap();
        refused(&backup)
    };
    assert!(refused(&network.folder.path().join("nowhere")).contains("(not_a_backup)"));
    assert!(refused(&network.folder.path().join("backups")).contains("(not_a_backup)"));
    assert!(with(&|value| value["kind"] = "backup of a till".into()).contains("(not_a_backup)"));
    let newer = with(&|value| value["migrations"].as_array_mut().unwrap().push("9999_future".into()));
    assert!(newer.contains("(backup_is_newer)") && newer.contains("9999_future"), "{newer}");
    fs::write(&manifest, &text).unwrap();

    fs::write(&dump, &bytes[..bytes.len() - 1]).unwrap();
    assert!(refused(&backup).contains("(backup_truncated)"));
    let mut altered = bytes.clone();
    altered[bytes.len() / 2] ^= 1;
    fs::write(&dump, &altered).unwrap();
    assert!(refused(&backup).contains("(backup_altered)"));
    fs::write(&dump, [&bytes[..], b"more"].concat()).unwrap();
    assert!(refused(&backup).contains("(backup_altered)"));
    fs::remove_file(&dump).unwrap();
    assert!(refused(&backup).contains("(backup_truncated)"));
    fs::write(&dump, &bytes).unwrap();
    let tables = "select count(*) from pg_class where relnamespace = 'public'::regnamespace";
    let tables: i64 = target.connect().await.query_one(tables, &[]).await.unwrap().get(0);
    assert_eq!(tables, 0, "all of it was found before anything was done");

    // Only what came of it shows that the manifest itself was altered.
    assert!(with(&|value| value["rows"]["products"] = 2.into()).contains("(backup_differs)"));
    let opened = network.command(&["check"]).env("OUTPOST_SERVER_DATABASE", target.url()).output().unwrap();
    assert!(said(opened).unwrap_err().contains("(restore_unfinished)"), "nobody works with it");
    fs::write(&manifest, &text).unwrap();
    network.restore_into(&TestDatabase::empty().await, &backup).unwrap();
}

#[tokio::test]
async fn the_newest_are_kept_and_what_was_deleted_by_hand_counts_no_longer() {
    let (network, first) = Network::backed_up().await;
    let counted = async || {
        let rows = network.database.connect().await.query("select folder from backups order by taken_at", &[]).await;
        rows.unwrap().iter().map(|row| PathBuf::from(row.get::<_, String>(0))).collect::<Vec<_>>()
    };
    assert_eq!(counted().await, [first.canonicalize().unwrap()]);
    let told = network.say(&["backup", "--to", "backups", "--keep", "2"]).unwrap();
    assert!(!told.contains("deleted"), "{told}");
    let told = network.say(&["backup", "--to", "backups", "--keep", "2"]).unwrap();
    assert!(told.contains("1 older ones were deleted after that"), "{told}");
    assert!(!first.exists(), "the oldest went");
    let kept = counted().await;
    assert_eq!(kept.len(), 2);
    fs::remove_dir_all(&kept[0]).unwrap();
    let told = network.say(&["backup", "--to", "elsewhere"]).unwrap();
    assert!(told.contains("is gone and is counted no longer"), "{told}");
    assert_eq!(counted().await.len(), 2);
    fs::rename(network.folder.path().join("backups"), network.folder.path().join("unplugged")).unwrap();
    let told = network.say(&["backup", "--to", "elsewhere"]).unwrap();
    assert!(told.contains("is not there now and still counts"), "{told}");
    let told = network.say(&["backup", "--to", "elsewhere", "--forget-missing"]).unwrap();
    assert!(told.contains("is counted no longer"), "{told}");
    assert!(network.say(&["backup", "--to", "elsewhere", "--keep", "0"]).unwrap_err().contains("at least 1"));
}

#[tokio::test]
async fn a_full_disk_leaves_the_old_backups_and_no_half_one() {
    let (network, first) = Network::backed_up().await;
    // No file may grow past 8 KiB, which is told as a full disk is.
    let limited = "trap '' XFSZ; ulimit -f 16; exec \"$0\" \"$@\"";
    let backup = network.command(&["backup", "--to", "backups", "--keep", "1"]);
    let mut full = Command::new("sh");
    full.args(["-c", limited]).arg(backup.get_program()).args(backup.get_args()).current_dir(network.folder.path());
    full.env("OUTPOST_SERVER_DATABASE", network.database.url());
    let complaint = said(full.output().unwrap()).unwrap_err();
    assert!(complaint.contains("(disk_full)") && complaint.contains("untouched"), "{complaint}");
    assert_eq!(network.backups(), [first]);
}

#[tokio::test]
async fn a_backup_that_is_killed_leaves_nothing_that_looks_whole() {
    let (network, first) = Network::backed_up().await;
    let killed = network.command(&["backup", "--to", "backups"]).env("OUTPOST_DIE_AT", "backup.dumped").output();
    assert!(!killed.unwrap().status.success());
    let whole = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with("outpost-");
    let entries = fs::read_dir(network.folder.path().join("backups")).unwrap().map(|entry| entry.unwrap().path());
    assert_eq!(entries.filter(whole).collect::<Vec<_>>(), [first]);
    network.say(&["backup", "--to", "backups"]).unwrap();
    assert_eq!(network.backups().len(), 2, "what was left over is gone");
}

#[tokio::test]
async fn a_restore_that_is_killed_is_never_taken_for_a_whole_one() {
    let (network, backup) = Network::backed_up().await;
    let killed = async |stage: &str| {
        let target = TestDatabase::empty().await;
        let mut command = network.command(&["restore", "--from"]);
        command.arg(&backup).env("OUTPOST_SERVER_DATABASE", target.url()).env("OUTPOST_DIE_AT", stage);
        assert!(!command.output().unwrap().status.success());
        target
    };
    let on = |target: &TestDatabase| {
        said(network.command(&["check"]).env("OUTPOST_SERVER_DATABASE", target.url()).output().unwrap())
    };
    let empty = killed("restore.begun").await;
    assert!(on(&empty).unwrap_err().contains("(restore_unfinished)"), "it is no new, empty office");
    network.restore_into(&empty, &backup).unwrap();
    let poured = killed("restore.poured").await;
    assert!(on(&poured).unwrap_err().contains("(restore_unfinished)"), "nobody has compared it");
    let passed = killed("restore.passed").await;
    for _ in 0..2 {
        on(&passed).unwrap();
        let epochs = passed.connect().await.query_one("select count(*) from epochs", &[]).await.unwrap();
        assert_eq!(epochs.get::<_, i64>(0), 2, "begun once, by whoever opens it first");
    }
}

#[tokio::test]
async fn a_password_is_in_no_process_list_and_in_no_log() {
    let network = Network::open().await;
    let secrets = network.folder.path().join("tmp");
    fs::create_dir(&secrets).unwrap();
    let url = network.database.url().replacen("outpost@", "outpost:tomato-soup@", 1);
    let mut backup = network.command(&["--log", "trace", "backup", "--to", "backups"]);
    backup.env("OUTPOST_SERVER_DATABASE", url).env("TMPDIR", &secrets);
    let running = backup.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let watched = running.id();
    let done = std::thread::spawn(move || running.wait_with_output().unwrap());
    let (mut seen, mut shown) = (0, Vec::new());
    while !done.is_finished() {
        for line in command_lines() {
            seen += usize::from(line.contains("pg_dump"));
            shown.extend(Some(line).filter(|line| line.contains("tomato")));
        }
    }
    let output = done.join().unwrap();
    assert!(output.status.success(), "{watched}: {}", String::from_utf8_lossy(&output.stderr));
    assert!(seen > 0 || cfg!(not(target_os = "linux")), "the dump was watched");
    assert_eq!(shown, Vec::<String>::new());
    let words = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(!words.contains("tomato"), "{words}");
    assert_eq!(fs::read_dir(secrets).unwrap().count(), 0, "the file with the password is gone");
}

/// The command line of every process, where the machine tells them.
fn command_lines() -> Vec<String> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let lines = entries.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " ")).collect()
}
