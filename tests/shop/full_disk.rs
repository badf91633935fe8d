//! A till whose disk is full: nobody pays for what is not written down, what waits still goes out, and
//! when somebody has freed space everything goes on.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use outpost_node::disk::{RESERVE_BYTES, RESERVE_FILE};
use outpost_schema::id::ProductId;
use serde_json::{Value, json};

use crate::{
    golden,
    support::{
        Rule, Serving, Shop, copy_folder,
        process::{Running, run},
    },
};

/// A disk of its own, as small as that, for as long as this lives.
struct Disk {
    folder: tempfile::TempDir,
}

impl Disk {
    /// None where this user may not mount one.
    fn of(bytes: u64) -> Option<Self> {
        let folder = tempfile::TempDir::new().expect("a folder");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={bytes},mode=700"), "outpost-test"])
            .arg(folder.path())
            .output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self { folder });
        }
        assert!(!nix::unistd::geteuid().is_root() || is_in_a_cage(), "root can mount a disk, and so these stories run");
        eprintln!("no disk may be mounted here; the stories of a full disk are told with a full database only");
        None
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Fills it to the last byte.
    fn fill(&self) {
        let mut ballast = fs::File::options().create(true).append(true).open(self.ballast()).expect("a file");
        for size in [1 << 20, 1 << 12, 1] {
            while ballast.write_all(&vec![7; size]).is_ok() {}
        }
    }

    /// Somebody frees space.
    fn free(&self) {
        fs::remove_file(self.ballast()).expect("it is there");
    }

    fn ballast(&self) -> PathBuf {
        self.folder.path().join("holiday-pictures")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(self.folder.path()).output());
    }
}

/// Whether even root may not mount here, as in most containers.
fn is_in_a_cage() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let capabilities = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap_or("0");
    const SYS_ADMIN: u32 = 21;
    u64::from_str_radix(capabilities.trim(), 16).is_ok_and(|bits| bits >> SYS_ADMIN & 1 == 0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_told_before_money_changes_hands_and_what_waits_still_goes_out() {
    let Some(disk) = Disk::of(4 * RESERVE_BYTES) else { return };
    let (shop, tea, folder) = a_till_on(&disk).await;
    let office = Serving::begin(&shop).await;
    let server = format!("http://{}", office.address);
    let offline = Running::start("outpost-node", &serve(&folder, "http://127.0.0.1:9"), None).await;
    for _ in 0..40 {
        assert_eq!(sell(&offline.url, tea).await.0, 201);
    }
    disk.fill();
    let sold = 40 + (0..10_000).position(|_| is_refused(&offline.url, tea)).expect("it is full in the end") as i64;
    let (status, told) = sell(&offline.url, tea).await;
    assert_eq!((status, &told["code"]), (507, &json!("disk_full")));
    let sentence = told["sentence"].as_str().expect("a sentence");
    assert!(sentence.contains("nothing was sold") && sentence.contains("free some space"), "{sentence}");
    offline.kill().await;

    // The line is back: all that was sold goes out from the reserve, and nothing is sold from it.
    let online = Running::start("outpost-node", &serve(&folder, &server), None).await;
    until(&online.url, |status| status["waiting"] == 0).await;
    assert_eq!(shop.number("select count(*) from orders").await, sold, "exactly what was receipted");
    assert_eq!(sell(&online.url, tea).await.0, 507);
    until(&online.url, |status| status["disk"] == "full" && status["mood"] == "stuck").await;
    let page = text(&online.url, "/").await;
    assert!(page.contains("disk is full"), "{page}");

    disk.free();
    let (status, told) = sell(&online.url, tea).await;
    assert_eq!(status, 201, "{told}");
    assert_eq!(told["order"]["receipt"]["number"], json!(sold + 1), "receipts are dense");
    assert!(folder.join(RESERVE_FILE).is_file(), "the reserve is laid by again");
    until(&online.url, |status| status["waiting"] == 0 && status["disk"] == "low").await;
    online.kill().await;
    assert_eq!(shop.number("select count(*) from orders").await, sold + 1);
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn without_room_for_a_copy_nothing_is_migrated() {
    let device = golden::old_device();
    let Some(disk) = Disk::of(16 << 20) else { return };
    let folder = disk.path().join("till");
    copy_folder(device.folder.path(), &folder);
    disk.fill();
    let before = fs::read(folder.join(outpost_node::db::FILE)).expect("readable");
    let status = ["--data".to_owned(), folder.to_string_lossy().into_owned(), "status".to_owned()];
    let refused = run("outpost-node", &status, None).await;
    if golden::is_newer_than_version_1() {
        assert!(!refused.status.success());
        assert!(fs::read(folder.join(outpost_node::db::FILE)).expect("readable") == before, "it was changed");
        disk.free();
        // A disk this small has no room for the reserve, but it has for the copy.
        let shown = run("outpost-node", &status, None).await;
        assert!(shown.status.success(), "{}", String::from_utf8_lossy(&shown.stderr));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_room_for_an_index_the_database_answers_and_later_the_index_does() {
    let Some(disk) = Disk::of(4 * RESERVE_BYTES) else { return };
    let (_shop, tea, folder) = a_till_on(&disk).await;
    let data = folder.to_string_lossy().into_owned();
    let search = |text: &str| ["--data", &data, "search", text].map(str::to_owned);
    let said = async |text: &str| {
        let searched = run("outpost-node", &search(text), None).await;
        assert!(searched.status.success(), "{}", String::from_utf8_lossy(&searched.stderr));
        String::from_utf8_lossy(&searched.stdout).into_owned()
    };
    // Its power goes, so that its log and all that it needs to start has its room already.
    let offline = Running::start("outpost-node", &serve(&folder, "http://127.0.0.1:9"), None).await;
    assert_eq!(sell(&offline.url, tea).await.0, 201);
    offline.kill().await;
    drop(fs::remove_dir_all(folder.join(outpost_node::search::FOLDER)));
    disk.fill();
    let told = said("tea of").await;
    assert!(
        told.contains("the disk is full, so the search index stays") && told.contains("1 by their names"),
        "{told}"
    );
    disk.free();
    let told = said("hosue tea").await;
    assert!(told.contains("1 found:") && !told.contains("disk is full"), "{told}");
}

/// A shop with one till that sells what is in the hand, its folder on that disk.
async fn a_till_on(disk: &Disk) -> (Shop, ProductId, PathBuf) {
    let mut shop = Shop::open(0).await;
    shop.add_till(shop.high_street, Rule::Physical).await;
    let tea = shop.product("TEA", "2.50", 100_000).await;
    shop.all_level().await;
    let till = shop.tills.remove(0);
    let (from, folder) = (till.folder.clone(), disk.path().join("till"));
    drop(till);
    copy_folder(&from, &folder);
    (shop, tea, folder)
}

fn serve(folder: &Path, server: &str) -> Vec<String> {
    let data = folder.to_string_lossy().into_owned();
    ["--data", &data, "--server", server, "--listen", "127.0.0.1:0", "serve"].map(str::to_owned).to_vec()
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().expect("a client")
}

/// Sells one, and says what the till answered.
async fn sell(url: &str, product: ProductId) -> (u16, Value) {
    let sale = json!({
        "lines": [{ "product_id": product, "quantity": 1 }],
        "tenders": [{ "card": { "reference": "terminal 1" } }]
    });
    let request = client().post(format!("{url}/v1/sales")).header("content-type", "application/json");
    let answer = request.body(sale.to_string()).send().await.expect("an answer");
    let status = answer.status().as_u16();
    (status, serde_json::from_slice(&answer.bytes().await.expect("whole")).expect("JSON"))
}

fn is_refused(url: &str, product: ProductId) -> bool {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(sell(url, product)).0 == 507)
}

async fn text(url: &str, path: &str) -> String {
    client().get(format!("{url}{path}")).send().await.expect("an answer").text().await.expect("text")
}

/// Waits until the till's status is so; a round now and then hurries it up.
async fn until(url: &str, is_so: impl Fn(&Value) -> bool) {
    for _ in 0..200 {
        let status: Value = serde_json::from_str(&text(url, "/v1/status").await).expect("JSON");
        if is_so(&status) {
            return;
        }
        let round = client().post(format!("{url}/v1/round")).header("content-type", "application/json").body("{}");
        drop(round.send().await);
    }
    panic!("it never comes: {}", text(url, "/v1/status").await);
}
