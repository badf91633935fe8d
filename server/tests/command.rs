//! The command line as a person uses it: the built program, on a database or a private cluster of its own.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

#[path = "command/archive.rs"]
mod archive;
#[path = "command/backup.rs"]
mod backup;
#[path = "command/deliveries.rs"]
mod deliveries;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use outpost_server::testing::TestDatabase;
use tempfile::TempDir;

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_outpost-server"));
    for (name, _) in std::env::vars() {
        if name.starts_with("OUTPOST_SERVER_") || name == "OUTPOST_DIE_AT" {
            command.env_remove(name);
        }
    }
    command
}

/// A network on a database of its own.
struct Network {
    database: TestDatabase,
    folder: TempDir,
}

impl Network {
    async fn open() -> Self {
        Self { database: TestDatabase::create().await, folder: tempfile::tempdir().unwrap() }
    }

    fn command(&self, line: &[&str]) -> Command {
        let mut command = program();
        command.args(line).env("OUTPOST_SERVER_DATABASE", self.database.url()).current_dir(self.folder.path());
        command
    }

    /// What a verb prints, if it succeeds; else what it complains of.
    fn say(&self, line: &[&str]) -> Result<String, String> {
        said(self.command(line).output().unwrap())
    }

    fn file(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }
}

fn said(output: Output) -> Result<String, String> {
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).unwrap())
    } else {
        Err(String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    }
}

#[tokio::test]
async fn a_shop_is_set_up_from_the_command_line() {
    let network = Network::open().await;
    let say = |line: &[&str]| network.say(line).unwrap();
    assert!(say(&["node", "list"]).contains("node add --kind"));
    say(&["warehouse", "add", "Shop"]);
    network.file("products.csv", "sku,barcode,name,price\nTEA,4006381333931,Tea,2.50\nJAM,,Jam,-1\n");
    let told = say(&["import", "products", "products.csv", "--dry-run"]);
    assert!(told.contains("nothing was changed: of 2 rows: 1 new products") && told.contains("line 3:"), "{told}");
    assert!(network.say(&["product", "show", "TEA"]).is_err());
    say(&["import", "products", "products.csv", "--rejects", "bad.csv"]);
    assert!(fs::read_to_string(network.folder.path().join("bad.csv")).unwrap().contains("negative_price"));
    network.file("stock.csv", "barcode,quantity\n4006381333931,12\n");
    say(&["import", "stock", "stock.csv", "--warehouse", "Shop"]);
    let card = say(&["node", "add", "--kind", "till", "--warehouse", "Shop", "--home", "--name", "Till"]);
    assert!(card.contains("is_home = true") && card.contains("server = \"http://127.0.0.1:7070\""), "{card}");
    let stock = say(&["stock", "show", "TEA", "--json"]);
    assert!(stock.contains(r#""quantity":12,"reserved_quantity":12,"available":0"#), "a home has it all: {stock}");
    assert!(say(&["price", "TEA=2.75"]).contains("1 of 1"));
    assert!(say(&["product", "edit", "4006381333931", "--category", "Food > Hot drinks"]).contains("2.75"));
    assert!(say(&["check"]).contains("all is well"));
    assert!(say(&["concerns", "list"]).contains("nothing"));
}

#[tokio::test]
async fn what_is_held_is_listed_extended_and_released_by_hand() {
    let network = Network::open().await;
    let say = |line: &[&str]| network.say(line).unwrap();
    say(&["warehouse", "add", "Depot"]);
    network.file("products.csv", "sku,barcode,name,price\nTEA,4006381333931,Tea,2.50\n");
    say(&["import", "products", "products.csv"]);
    network.file("stock.csv", "barcode,quantity\n4006381333931,12\n");
    say(&["import", "stock", "stock.csv", "--warehouse", "Depot"]);
    assert!(say(&["holds", "list"]).contains("nothing is held"));
    let id = "01900000-0000-7000-8000-000000000001";
    let held = format!(
        "insert into holds (hold_id, product_id, warehouse_id, amount, expires_at, created_at)
         select '{id}', product_id, warehouse_id, 5, now() + interval '1 minute', now() from stock;
         update stock set promised = 5"
    );
    network.database.connect().await.batch_execute(&held).await.unwrap();
    let listed = say(&["holds", "list", "--product", "TEA", "--warehouse", "Depot"]);
    assert!(listed.contains(id) && listed.contains("nobody named"), "{listed}");
    assert!(say(&["holds", "extend", id, "--minutes", "90"]).contains("lasts until"));
    assert!(say(&["holds", "list", "--over"]).contains("nothing is held"));
    assert!(network.say(&["holds", "extend", id, "--minutes", "1441"]).is_err());
    say(&["holds", "release", id]);
    assert!(say(&["stock", "show", "TEA", "--json"]).contains(r#""reserved_quantity":0"#));
    let over = network.say(&["holds", "extend", id, "--minutes", "5"]).unwrap_err();
    assert!(over.contains("hold_closed"), "{over}");
    assert!(say(&["check"]).contains("all is well"));
}

#[tokio::test]
async fn a_restored_head_office_says_whom_it_waits_for_and_gives_up_who_will_not_come() {
    let network = Network::open().await;
    let say = |line: &[&str]| network.say(line).unwrap();
    say(&["warehouse", "add", "Shop"]);
    network.file("products.csv", "sku,name,price\nTEA,Tea,2.50\n");
    say(&["import", "products", "products.csv"]);
    network.file("stock.csv", "sku,quantity\nTEA,12\n");
    say(&["import", "stock", "stock.csv", "--warehouse", "Shop"]);
    say(&["node", "add", "--kind", "till", "--warehouse", "Shop", "--home", "--name", "Till"]);
    assert!(say(&["recovery"]).contains("Nothing is waited for"));

    let promoted = "update epochs set timeline = timeline + 1";
    network.database.connect().await.execute(promoted, &[]).await.unwrap();
    let told = say(&["recovery"]);
    assert!(told.contains("a standby was promoted") && told.contains("Till: has not told what it holds"), "{told}");
    let json = say(&["recovery", "--json"]);
    assert!(json.contains(r#""recovering":true,"waits_for":["Till"]"#), "{json}");
    let told = say(&["node", "give-up", "Till"]);
    assert!(told.contains("12 units of 1 products") && told.contains("Nothing was done"), "{told}");
    assert!(say(&["node", "list"]).contains("waited for"));
    let told = say(&["node", "give-up", "Till", "--reclaim", "--yes"]);
    assert!(told.contains("12 units were taken back"), "{told}");
    assert!(say(&["recovery"]).contains("Nothing is waited for"));
    assert!(say(&["check"]).contains("all is well"));
    assert!(network.say(&["node", "give-up", "Nobody", "--yes"]).unwrap_err().contains("not_found"));
}

#[tokio::test]
async fn what_is_wrong_is_one_sentence_with_its_code() {
    let network = Network::open().await;
    let complaint = |line: &[&str]| network.say(line).unwrap_err();
    network.say(&["warehouse", "add", "Shop"]).unwrap();
    network.say(&["product", "add", "--sku", "TEA", "--name", "Tea"]).unwrap();
    network.file("latin.csv", "sku,price\n1,2\n");
    let cases: [(&[&str], &str); 8] = [
        (&["warehouse", "add", "Shop"], "(name_taken)"),
        (&["product", "add", "--sku", "TEA", "--name", "Other"], "(sku_taken)"),
        (&["product", "show", "GHOST"], "(not_found)"),
        (&["price", "TEA=dear"], "(not_a_price)"),
        (&["import", "products", "latin.csv"], "(columns_missing)"),
        (&["import", "products", "nowhere.csv"], "(file_not_opened)"),
        (&["import", "stock", "latin.csv", "--warehouse", "Moon"], "(columns_missing)"),
        (&["node", "add", "--kind", "till", "--warehouse", "Moon"], "(not_found)"),
    ];
    for (line, code) in cases {
        let complaint = complaint(line);
        assert!(complaint.trim_end().ends_with(code), "{line:?}: {complaint}");
    }
    assert!(network.say(&["--currency", "EUR", "check"]).unwrap_err().contains("(other_currency)"));
    let lost = program().args(["--database", "postgres://u:tomato@127.0.0.1:1/d", "check"]).output().unwrap();
    let lost = said(lost).unwrap_err();
    assert!(lost.starts_with("outpost-server: ") && !lost.contains("tomato"), "{lost}");
}

#[tokio::test]
async fn a_card_is_kept_from_others_and_never_written_over() {
    let network = Network::open().await;
    network.say(&["warehouse", "add", "Shop"]).unwrap();
    let add = ["node", "add", "--kind", "kiosk", "--warehouse", "Shop", "--out", "card.toml"];
    network.say(&add).unwrap();
    let card = network.folder.path().join("card.toml");
    assert_eq!(fs::metadata(&card).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(network.say(&add).unwrap_err().contains("(card_not_written)"));
    let nodes = network.say(&["node", "list", "--json"]).unwrap();
    assert_eq!(nodes.matches("node_id").count(), 1, "no device without its card: {nodes}");
}

#[tokio::test]
async fn an_import_that_is_killed_leaves_nothing() {
    let network = Network::open().await;
    network.file("products.csv", "sku,name\nTEA,Tea\n");
    let import = ["import", "products", "products.csv"];
    let killed = network.command(&import).env("OUTPOST_DIE_AT", "import.before_commit").output().unwrap();
    assert!(!killed.status.success());
    assert!(network.say(&["product", "show", "TEA"]).is_err());
    network.say(&import).unwrap();
    network.say(&["product", "show", "TEA"]).unwrap();
}

/// A server that runs, and the address that it told.
struct Running {
    process: Child,
    address: String,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let mut process = command.args(["serve", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("head office is at http://").unwrap_or_default().to_owned();
        Self { process, address }
    }

    fn get(&self, path: &str) -> String {
        self.ask(&format!("GET {path}"), "", "")
    }

    fn post(&self, path: &str, headers: &str, json: &str) -> String {
        let headers = format!("content-type: application/json\r\ncontent-length: {}\r\n{headers}", json.len());
        self.ask(&format!("POST {path}"), &headers, json)
    }

    fn ask(&self, what: &str, headers: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let host = &self.address;
        write!(stream, "{what} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{headers}\r\n{body}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    fn stop(mut self) -> bool {
        kill(Pid::from_raw(self.process.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
        self.process.wait().unwrap().success()
    }
}

/// A test that failed leaves no server behind, and no Postgres of that server's.
impl Drop for Running {
    fn drop(&mut self) {
        if let (Ok(None), Ok(id)) = (self.process.try_wait(), self.process.id().try_into())
            && kill(Pid::from_raw(id), Signal::SIGTERM).is_ok()
        {
            drop(self.process.wait());
        }
    }
}

#[tokio::test]
async fn a_server_answers_until_it_is_told_to_stop() {
    let network = Network::open().await;
    let server = Running::start(&mut network.command(&[]));
    assert!(server.get("/").starts_with("HTTP/1.1 200"), "{}", server.get("/"));
    assert!(server.get("/v1/totals").contains(r#""orders":0"#));
    let second = network.command(&["serve", "--listen", &server.address]).output().unwrap();
    assert!(said(second).unwrap_err().contains("(address_in_use)"));
    assert!(server.stop(), "it ends well");
}

#[tokio::test]
async fn a_private_cluster_is_shared_with_the_verbs_and_stopped_at_the_end() {
    let folder = tempfile::Builder::new().permissions(closed_but_for_walking()).tempdir().unwrap();
    let data = folder.path().join("data");
    let on_it = |line: &[&str]| {
        let mut command = program();
        command.arg("--data").arg(&data).args(line);
        command
    };
    said(on_it(&["warehouse", "add", "Shop"]).output().unwrap()).unwrap();
    assert!(!has_postgres(&data), "a verb alone leaves nothing running");
    let server = Running::start(&mut on_it(&[]));
    assert!(said(on_it(&["warehouse", "list"]).output().unwrap()).unwrap().contains("Shop"));
    assert!(server.get("/v1/warehouses").contains("Shop"), "a verb does not stop the server's cluster");
    assert!(server.stop());
    assert!(!has_postgres(&data));
}

/// Rights of a folder that whoever runs Postgres can walk through.
fn closed_but_for_walking() -> fs::Permissions {
    fs::Permissions::from_mode(0o711)
}

/// Whether Postgres's lock file lies anywhere below.
fn has_postgres(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| {
        let path = entry.path();
        path.ends_with("postmaster.pid") || entry.file_type().is_ok_and(|kind| kind.is_dir()) && has_postgres(&path)
    })
}
