//! Files that people write or carry: settings of both machines, a device's card, and what a backup says of itself.

use std::{fs, path::Path};

use outpost_node::{backup::read_header, config as node};
use outpost_schema::{
    device::{Card, NodeKind},
    stock::SalePolicy,
    word::Word as _,
};
use outpost_server::{backup::Manifest, config as server};
use tempfile::TempDir;

use super::{choices::Choices, damage::damaged, make};

const KEYS: [&str; 14] = [
    "data",
    "listen",
    "server",
    "witness",
    "log",
    "log_format",
    "database",
    "currency",
    "horizon_days",
    "archive",
    "output_commit",
    "config",
    "a.b",
    "\"\"",
];

const VALUES: [&str; 15] = [
    "'127.0.0.1:0'",
    "'[::1]:7'",
    "'0.0.0.0:1'",
    "'x'",
    "''",
    "7",
    "-1",
    "70000",
    "true",
    "[]",
    "{}",
    "'USD'",
    "'json'",
    "'standby'",
    "'info,x=debug'",
];

/// Everything written goes to one folder for temporary files.
pub fn config(bytes: &[u8]) {
    let choices = &mut Choices::of(bytes);
    let folder = TempDir::new().expect("a folder");
    card(choices);
    settings(folder.path(), choices);
    backup(folder.path(), choices);
}

fn card(choices: &mut Choices<'_>) {
    let card = Card {
        node_id: make::node_id(choices),
        incarnation_id: make::life(choices),
        name: choices.text(20),
        kind: choices.one(NodeKind::WORDS).0,
        warehouse_id: make::warehouse_id(choices),
        is_home: choices.once_in(2),
        policy: choices.one(SalePolicy::WORDS).0,
        prefix: choices.text(9),
        currency: make::currency(choices),
        server: choices.text(30),
    };
    let text = toml::to_string(&card).expect("it encodes");
    assert_eq!(toml::from_str::<Card>(&text).expect("it reads back"), card);
    let other = String::from_utf8_lossy(&damaged(text.as_bytes(), choices)).into_owned();
    if let Ok(read) = toml::from_str::<Card>(&other) {
        assert_eq!(toml::from_str::<Card>(&toml::to_string(&read).expect("it encodes")).expect("it reads back"), read);
    }
}

/// Settings hold or are refused with a code, and no error shows a password.
fn settings(folder: &Path, choices: &mut Choices<'_>) {
    let line = |choices: &mut Choices<'_>| match choices.place(8) {
        0 => "database = 'postgres://u:tomato@h/d'".to_owned(),
        _ => format!("{} = {}", choices.one(&KEYS), choices.one(&VALUES)),
    };
    let text = choices.some(5, line).join("\n");
    let path = folder.join("settings.toml");
    fs::write(&path, damaged(text.as_bytes(), choices)).expect("written");
    let said = server::Settings { config: Some(path.clone()), ..server::Settings::default() };
    match server::Config::check(said, std::iter::empty()) {
        Ok(config) => assert!(config.listen.ip().is_loopback() && !format!("{config:?}").contains("tomato")),
        Err(error) => assert!(!error.code().is_empty() && !error.to_string().contains("tomato"), "{error}"),
    }
    let said = node::Settings { config: Some(path), ..node::Settings::default() };
    match said.settle(std::iter::empty()) {
        Ok(config) => assert!(config.listen.ip().is_loopback()),
        Err(error) => assert!(!error.code().is_empty() && !error.to_string().is_empty()),
    }
}

fn backup(folder: &Path, choices: &mut Choices<'_>) {
    let id = make::node_id(choices);
    let header = format!(
        "outpost-node backup\n{{\"form\":1,\"taken_at\":7,\"outpost\":\"0.1.0\",\"node_id\":\"{id}\",\"incarnation_id\":\"{id}\",\
         \"name\":\"Till\",\"head\":{},\"migration\":\"0001\",\"bytes\":{},\"sha256\":\"{}\"}}\n",
        choices.number(),
        choices.number().unsigned_abs(),
        make::hash(choices),
    );
    let path = folder.join("backup");
    fs::write(&path, &header).expect("written");
    assert_eq!(read_header(&path).expect("whole").node_id, id);
    for bytes in [damaged(header.as_bytes(), choices), choices.bytes::<30>().to_vec()] {
        fs::write(&path, &bytes).expect("written");
        if let Err(error) = read_header(&path) {
            assert!(!error.to_string().is_empty() && !error.code().is_empty());
        }
        let manifest = folder.join("manifest.json");
        fs::write(manifest, bytes).expect("written");
        Manifest::read(folder).expect_err("this is none");
    }
}
