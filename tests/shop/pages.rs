//! What a person sees: the pages of the shipped programs, drawn by a real browser.

use std::{path::Path, process::Output, time::Duration};

use tempfile::TempDir;
use tokio::{process::Command, time::timeout};

use crate::support::{Rule, Shop, process::Running};

/// A browser's first start on a busy machine takes a while.
const PATIENCE: Duration = Duration::from_secs(90);

/// The names under which Debian, Red Hat and others ship it.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// No sandbox, because tests run as root too; nothing that calls home.
const FLAGS: [&str; 8] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

#[tokio::test]
async fn a_till_with_no_line_shows_what_waits_and_what_it_is_worth() {
    let mut shop = Shop::open(0).await;
    let tea = shop.product("TEA", "2.50", 10).await;
    let till = shop.add_till(shop.high_street, Rule::Physical).await;
    shop.all_level().await;
    shop.tills[till].sell(tea, 3).expect("a sale");
    let folder = shop.tills.remove(till).folder;

    // Nobody serves at port 1.
    let folder = folder.to_str().expect("a path of text");
    let page = Running::start(
        "outpost-node",
        &["--data", folder, "--listen", "127.0.0.1:0", "--server", "http://127.0.0.1:1", "serve"],
        None,
    )
    .await;
    let drawn = draw(&page.url).await;
    for words in ["Offline", "Waiting", "7.50", "Selling goes on", "Last heard of head office"] {
        assert!(drawn.contains(words), "{words:?} is missing from {drawn}");
    }
    assert!(!drawn.contains("Up to date"), "green never lies");
    page.kill().await;
}

#[tokio::test]
async fn head_office_shows_its_devices() {
    let shop = Shop::open(1).await;
    let office = Running::start(
        "outpost-server",
        &["--database", shop.database.url(), "--listen", "127.0.0.1:0", "serve"],
        None,
    )
    .await;
    let drawn = draw(&office.url).await;
    for words in [shop.tills[0].card.name.as_str(), "Devices", "Last heard"] {
        assert!(drawn.contains(words), "{words:?} is missing from {drawn}");
    }
    office.kill().await;
}

/// The page as the browser has it after styles and everything were applied, and that it can be drawn.
async fn draw(url: &str) -> String {
    let folder = TempDir::new().expect("a folder");
    let picture = folder.path().join("page.png");
    let shot =
        browse(folder.path(), &[&format!("--screenshot={}", picture.display()), "--window-size=1280,800", url]).await;
    let pixels = std::fs::read(&picture).unwrap_or_default();
    assert!(pixels.starts_with(b"\x89PNG"), "no picture: {}", String::from_utf8_lossy(&shot.stderr));
    let dom = browse(folder.path(), &["--dump-dom", url]).await;
    String::from_utf8(dom.stdout).expect("a page is text")
}

async fn browse(profile: &Path, arguments: &[&str]) -> Output {
    let browser = BROWSERS.into_iter().find(|name| is_installed(name)).expect("tests/run.sh installs a browser");
    let mut command = Command::new(browser);
    command.args(FLAGS).arg(format!("--user-data-dir={}", profile.join("profile").display())).args(arguments);
    timeout(PATIENCE, command.kill_on_drop(true).output()).await.expect("the browser ends in time").expect("it starts")
}

fn is_installed(name: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(name).is_file()))
}
