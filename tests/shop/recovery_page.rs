//! The page for a bad day names only commands that there are.

use std::{fs, path::Path};

use crate::support::process::run;

/// The page.
const PAGE: &str = "server/RECOVERY.md";

/// The commands on the page: what stands indented and begins with a program of ours.
fn commands() -> Vec<(String, Vec<String>)> {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE)).expect("the page");
    let lines = page.lines().filter(|line| line.starts_with("    "));
    lines
        .filter_map(|line| {
            let command = &line[line.find("outpost-")?..];
            // What stands between quotes is one word.
            let parts = command.split('"').enumerate();
            let mut words = parts
                .flat_map(|(at, part)| match at % 2 {
                    0 => part.split_whitespace().map(str::to_owned).collect::<Vec<_>>(),
                    _ => vec![part.to_owned()],
                })
                .collect::<Vec<_>>();
            Some((words.remove(0), words))
        })
        .collect()
}

#[tokio::test]
async fn every_command_on_the_page_is_one_that_the_programs_know() {
    let commands = commands();
    assert!(commands.len() > 15, "{commands:?}");
    for (program, mut words) in commands {
        // What comes before it on the line is read first, and refused if there is no such verb or flag.
        words.push("--help".to_owned());
        let told = run(&program, &words, None).await;
        assert!(told.status.success(), "{PAGE}: {program} {words:?}: {}", String::from_utf8_lossy(&told.stderr));
    }
}
