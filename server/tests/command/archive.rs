//! A server that answers only what is safe in its archive too, and the worst day of its disk.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use tempfile::TempDir;

use super::{Running, program, said};

/// A private server with an archive beside it.
struct Office {
    folder: TempDir,
}

impl Office {
    fn open() -> Self {
        Self { folder: tempfile::Builder::new().permissions(super::closed_but_for_walking()).tempdir().unwrap() }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn archive(&self) -> PathBuf {
        self.folder.path().join("archive")
    }

    fn command(&self, line: &[&str]) -> Command {
        let mut command = program();
        command.arg("--data").arg(self.data()).args(line);
        command
    }

    fn say(&self, line: &[&str]) -> Result<String, String> {
        said(self.command(line).output().unwrap())
    }

    fn serve(&self) -> Running {
        Running::start(self.command(&["--log", "error", "--archive"]).arg(self.archive()))
    }

    /// A shop with nine teas and a kiosk that may hold them; who asks, and for what.
    fn set_up(&self) -> (String, Value) {
        self.say(&["warehouse", "add", "Shop"]).unwrap();
        self.say(&["product", "add", "--sku", "TEA", "--name", "Tea"]).unwrap();
        let stock = self.folder.path().join("stock.csv");
        fs::write(&stock, "sku,quantity\nTEA,9\n").unwrap();
        self.say(&["import", "stock", stock.to_str().unwrap(), "--warehouse", "Shop"]).unwrap();
        let card = self.say(&["node", "add", "--kind", "kiosk", "--warehouse", "Shop"]).unwrap();
        let field = |name: &str| {
            let begin = format!("{name} = \"");
            card.lines().find_map(|line| line.strip_prefix(&begin)).unwrap().trim_end_matches('"').to_owned()
        };
        let stock: Value = serde_json::from_str(&self.say(&["stock", "show", "TEA", "--json"]).unwrap()).unwrap();
        (format!("{}/{}", field("node_id"), field("incarnation_id")), stock[0].clone())
    }

    fn reserved(&self) -> i64 {
        let stock: Value = serde_json::from_str(&self.say(&["stock", "show", "TEA", "--json"]).unwrap()).unwrap();
        stock[0]["reserved_quantity"].as_i64().unwrap()
    }
}

/// Asks for a hold of three; what is answered.
fn hold(server: &Running, caller: &str, stock: &Value, number: u8) -> String {
    let wanted = serde_json::json!({
        "hold_id": format!("01900000-0000-7000-8000-0000000000{number:02}"), "product_id": stock["product_id"],
        "warehouse_id": stock["warehouse_id"], "amount": 3, "seconds": 3600,
    });
    server.post("/v1/holds", &format!("outpost-node: {caller}\r\n"), &wanted.to_string())
}

#[test]
fn what_was_answered_survives_the_loss_of_the_whole_machine() {
    let office = Office::open();
    let server = office.serve();
    let (caller, stock) = office.set_up();
    let answer = hold(&server, &caller, &stock, 1);
    assert!(answer.starts_with("HTTP/1.1 2"), "{answer}");
    let postgres = fs::read_to_string(office.data().join("postgres/data/postmaster.pid")).unwrap();
    let postgres: i32 = postgres.lines().next().unwrap().parse().unwrap();
    kill(Pid::from_raw(postgres), Signal::SIGKILL).unwrap();
    server.kill();
    fs::remove_dir_all(office.data()).unwrap();

    let archive = office.archive();
    let archive = archive.to_str().unwrap();
    let told = office.say(&["--archive", archive, "restore"]).unwrap();
    assert!(told.contains("nothing that was told is lost"), "{told}");
    assert_eq!(office.reserved(), 3, "the hold that was answered a moment before is there");
    assert!(office.say(&["check"]).unwrap().contains("all is well"));
    let refused = office.say(&["--archive", archive, "restore"]).unwrap_err();
    assert!(refused.contains("(not_empty)"), "{refused}");

    // The archive of the life before is taken over, and has the new life too.
    let server = office.serve();
    office.say(&["warehouse", "add", "Second"]).unwrap();
    assert!(server.stop());
    assert!(!office.archive().join("base-1").exists() && office.archive().join("base-2").exists());
    let told = office.say(&["--archive", archive, "restore", "--replace"]).unwrap();
    assert!(told.contains("what was there is now in"), "{told}");
    assert!(office.say(&["warehouse", "list"]).unwrap().contains("Second"));
    damage(&office);
}

/// An archive of which something is missing or altered is refused by name.
fn damage(office: &Office) {
    let fresh = |what: &str| {
        let data = office.folder.path().join(what);
        let restored =
            program().arg("--data").arg(&data).arg("--archive").arg(office.archive()).arg("restore").output();
        let complaint = said(restored.unwrap()).unwrap_err();
        assert!(!data.join("postgres/data").exists(), "{what}: nothing is there that is not whole");
        complaint
    };
    let label = office.archive().join("archive.json");
    let text = fs::read_to_string(&label).unwrap();
    fs::write(&label, text.replace("archive of", "cellar of")).unwrap();
    assert!(fresh("foreign").contains("(foreign_archive)"));
    fs::write(&label, &text).unwrap();
    let version = office.archive().join("base-2/global/pg_control");
    let mut bytes = fs::read(&version).unwrap();
    bytes[100] ^= 1;
    fs::write(&version, &bytes).unwrap();
    assert!(fresh("altered").contains("(archive_damaged)"));
    bytes[100] ^= 1;
    fs::write(&version, &bytes).unwrap();
    let first = newest(&office.archive().join("wal-2"));
    fs::File::options().write(true).open(&first).unwrap().set_len(1_000).unwrap();
    assert!(fresh("short").contains("bytes long"));
}

fn newest(wal: &Path) -> PathBuf {
    let entries = fs::read_dir(wal).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| !path.to_string_lossy().ends_with(".history")).max().unwrap()
}

fn is_ready(server: &Running) -> bool {
    server.get("/readyz").starts_with("HTTP/1.1 200")
}

/// Asks until it is so; what never comes to be so fails.
fn until(is_so: impl Fn() -> bool) {
    assert!((0..500_000).any(|_| is_so()), "it never came to be so");
}

#[test]
fn while_the_archive_is_away_nothing_is_promised_and_it_is_said_so() {
    let office = Office::open();
    let server = office.serve();
    let (caller, stock) = office.set_up();
    assert!(is_ready(&server));
    let archive = office.archive();
    let busy = office.say(&["--archive", archive.to_str().unwrap(), "--listen", "127.0.0.1:0", "serve"]).unwrap_err();
    assert!(busy.contains("(archive_busy)"), "{busy}");
    let third = Running::start(&mut office.command(&["--log", "error"]));
    assert!(is_ready(&third), "one server keeps it up for all");
    third.kill();
    assert!(is_ready(&server), "and it is left to that one");
    let second = Running::start(office.command(&["--output-commit", "standby", "--database"]).arg(office.url()));
    assert!(is_ready(&second), "the receiver is a standby like any other");

    let wal = office.archive().join("wal-1");
    fs::set_permissions(&wal, Permissions::from_mode(0o000)).unwrap();
    office.end_receiver();
    until(|| !is_ready(&server) && !is_ready(&second));
    for server in [&server, &second] {
        let away = server.get("/readyz");
        assert!(away.starts_with("HTTP/1.1 503") && away.contains("archive_behind"), "{away}");
    }
    let refused = hold(&server, &caller, &stock, 1);
    assert!(refused.starts_with("HTTP/1.1 503") && refused.contains("archive_behind"), "{refused}");
    let refused = office.say(&["warehouse", "add", "Nowhere"]).unwrap_err();
    assert!(refused.contains("(archive_behind)"), "{refused}");
    assert!(server.get("/v1/warehouses").contains("Shop"), "what only reads goes on");
    assert_eq!(office.reserved(), 0);

    fs::set_permissions(&wal, Permissions::from_mode(0o700)).unwrap();
    until(|| is_ready(&server));
    assert!(hold(&server, &caller, &stock, 2).starts_with("HTTP/1.1 2"));
    assert!(second.stop() && server.stop());
    assert_eq!(office.reserved(), 3, "a verb alone does not wait for an archive that nobody keeps up");
    office.say(&["warehouse", "add", "Alone"]).unwrap();

    // Started without it, the archive is let go, and nothing waits for it any more.
    let plain = Running::start(&mut office.command(&["--log", "error"]));
    office.say(&["warehouse", "add", "Plain"]).unwrap();
    assert!(plain.get("/v1/warehouses").contains("Plain"));
    assert!(plain.stop());
    let again = office.serve();
    assert!(office.archive().join("base-2").exists(), "what it missed cannot be made up for, so it begins anew");
    assert!(again.stop());
}

#[tokio::test]
async fn a_database_without_a_standby_is_refused_where_one_is_required() {
    let network = super::Network::open().await;
    let refused = network.say(&["--output-commit", "standby", "--listen", "127.0.0.1:0", "serve"]).unwrap_err();
    assert!(refused.contains("(standby_missing)") && refused.contains("synchronous_standby_names"), "{refused}");
    let refused = network.say(&["--archive", "archive", "serve"]).unwrap_err();
    assert!(refused.contains("(not_archived)"), "{refused}");
}

impl Office {
    /// Where the private cluster's socket is, for `--database`.
    fn url(&self) -> String {
        let run = self.data().join("postgres/run").canonicalize().unwrap();
        format!("postgres://outpost@{}/outpost", run.to_str().unwrap().replace('/', "%2F"))
    }

    /// Ends the archive's receiver, as a crash of it would.
    fn end_receiver(&self) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(&self.url(), tokio_postgres::NoTls).await.unwrap();
            tokio::spawn(connection);
            client.execute("select pg_terminate_backend(pid) from pg_stat_replication", &[]).await.unwrap();
        });
    }
}
