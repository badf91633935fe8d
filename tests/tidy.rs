//! Keeps the rules of the workspace: who may import whom.

use std::fs;

/// The rooms that each room may import, as the manifests must say.
const MAY_IMPORT: [(&str, &[&str]); 4] = [
    ("schema", &[]),
    ("sync", &["outpost-schema"]),
    ("node", &["outpost-schema", "outpost-sync"]),
    ("server", &["outpost-schema", "outpost-sync"]),
];

#[test]
fn rooms_import_in_one_direction() {
    for (room, allowed) in MAY_IMPORT {
        let path = format!("{}/{room}/Cargo.toml", env!("CARGO_MANIFEST_DIR"));
        let manifest = fs::read_to_string(&path).expect("every room has a manifest");
        for line in manifest.lines().filter(|line| line.starts_with("outpost-")) {
            let name = line.split(['.', ' ', '=']).next().expect("a line begins with a word");
            assert!(allowed.contains(&name), "{room} must not import {name}: see ARCHITECTURE.md, rooms");
        }
    }
}
