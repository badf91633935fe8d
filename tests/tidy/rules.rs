//! The rules. Each takes text and gives one sentence per breach, so that each can be shown to fail.

use crate::source::Source;

/// The rooms, and the rooms that each may import.
pub const ROOMS: [(&str, &[&str]); 4] =
    [("schema", &[]), ("sync", &["schema"]), ("node", &["schema", "sync"]), ("server", &["schema", "sync"])];

/// What stands at the top, besides dot-files and what cargo builds.
const TOP: &[&str] = &[
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "examples",
    "migrations",
    "node",
    "schema",
    "server",
    "sync",
    "tests",
];

/// The two doors to the machine's clock and chance.
const MACHINE: [&str; 2] = ["node/src/time.rs", "server/src/time.rs"];

/// Where unsafe code stands.
const SEAM: &str = "tests/simulation/disk/vfs.rs";

const CLOCK: &[&str] = &["SystemTime::now", "Instant::now", "Utc::now", "Uuid::now_v7"];
const CHANCE: &[&str] = &["rand::", "thread_rng", "OsRng", "getrandom", "Uuid::new_v4"];

/// What must not be left behind anywhere.
const LEFT_BEHIND: &[&str] = &["todo!", "unimplemented!", "dbg!", "#[ignore"];

/// A room's manifest names only rooms it may import, and only schema's names `crdts`.
pub fn manifest(room: &str, text: &str) -> Vec<String> {
    let about_itself = |line: &&str| ["#", "name =", "description ="].iter().any(|begin| line.starts_with(begin));
    let lines = text.lines().filter(|line| !about_itself(line));
    let mut breaches = Vec::new();
    for line in lines {
        for other in rooms_not_for(room).filter(|other| has_word(line, &format!("outpost-{other}"))) {
            breaches.push(format!("{room}/Cargo.toml: {room} must not import {other}"));
        }
        if room != "schema" && has_word(line, "crdts") {
            breaches.push(format!("{room}/Cargo.toml: only schema names crdts"));
        }
    }
    breaches
}

/// A room's code names only rooms it may import.
pub fn imports(path: &str, source: &Source) -> Vec<String> {
    let room = room_of(path);
    let foreign: Vec<String> = rooms_not_for(room).map(|other| format!("outpost_{other}")).collect();
    let foreign: Vec<&str> = foreign.iter().map(String::as_str).collect();
    named(path, &source.code, &foreign, &format!("{room} must not import it"))
}

/// Clock and chance are read by `time.rs` of node and server alone; seeded chance may serve a file's own tests.
pub fn clock_and_chance(path: &str, source: &Source) -> Vec<String> {
    if MACHINE.contains(&path) {
        return Vec::new();
    }
    let why = "time and chance are arguments; only time.rs of node and server reads them";
    let mut breaches = named(path, &source.code, CLOCK, why);
    if !is_test(path) {
        breaches.extend(named(path, source.shipped(), CHANCE, why));
    }
    breaches
}

/// Whether a whole file is tests: `tests.rs` beside what it tests, or a chapter of it.
fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// SQL stands under `db/`, tests excepted.
pub fn sql(path: &str, source: &Source) -> Vec<String> {
    if path.contains("/db/") || path.ends_with("/db.rs") || path.contains("/testing") || is_test(path) {
        return Vec::new();
    }
    let found = source.shipped_strings().filter(|(_, text)| has_statement(text));
    found.map(|(line, _)| format!("{path}:{line}: SQL stands only under db/")).collect()
}

/// Only the cart's files name the crate whose clocks they use.
pub fn cart_crate(path: &str, source: &Source) -> Vec<String> {
    if path == "schema/src/cart.rs" || path.starts_with("schema/src/cart/") {
        return Vec::new();
    }
    named(path, &source.code, &["crdts"], "only schema/src/cart.rs names this crate")
}

/// Nothing half-done stays, and no test is passed over.
pub fn left_behind(path: &str, source: &Source) -> Vec<String> {
    named(path, &source.code, LEFT_BEHIND, "finish it or remove it")
}

/// Only the seam between SQLite and the simulated disk cannot do without.
pub fn unsafe_code(path: &str, source: &Source) -> Vec<String> {
    if path == SEAM {
        return Vec::new();
    }
    named(path, &source.code, &["unsafe"], &format!("only {SEAM} is written with it"))
}

/// A room forbids for itself what the workspace only denies.
pub fn forbids_unsafe(path: &str, source: &Source) -> Vec<String> {
    let forbids = source.code.lines().any(|line| line.trim() == "#![forbid(unsafe_code)]");
    if forbids { Vec::new() } else { vec![format!("{path}: begin with #![forbid(unsafe_code)]")] }
}

/// No test sleeps: it waits for what it waits for.
pub fn sleeps(path: &str, source: &Source) -> Vec<String> {
    let code = if path.starts_with("tests/") { &source.code } else { source.tests() };
    let skipped = source.code.len() - code.len();
    let line_before = source.code[..skipped].matches('\n').count();
    let found = lines_naming(code, "sleep(");
    found.map(|line| format!("{path}:{}: a test must not sleep", line_before + line)).collect()
}

/// At the top stands exactly what belongs there.
pub fn top(names: &[String]) -> Vec<String> {
    let shown = |name: &&String| !name.starts_with('.') && *name != "target";
    let strange = names.iter().filter(shown).filter(|name| !TOP.contains(&name.as_str()));
    let missing = TOP.iter().filter(|name| !names.iter().any(|there| there == *name));
    let strange = strange.map(|name| format!("{name} does not belong at the top"));
    strange.chain(missing.map(|name| format!("{name} is missing at the top"))).collect()
}

/// Migrations are numbered from 0001 without gaps: `0001_name.sql`.
pub fn numbered(folder: &str, names: &[String]) -> Vec<String> {
    let mut names: Vec<&String> = names.iter().collect();
    names.sort();
    let wrong = (1..).zip(names).filter(|(number, name)| !is_numbered(name, *number));
    wrong.map(|(number, name)| format!("{folder}/{name}: expected {number:04}_name.sql")).collect()
}

/// A document names, between backticks, only paths that exist. `there` holds every path of the project.
pub fn paths(document: &str, text: &str, there: &[String]) -> Vec<String> {
    let words = spans(text).flat_map(str::split_whitespace).map(|word| word.trim_matches([',', ';', '(', ')', '"']));
    let gone = words.filter(|word| looks_like_path(word) && !is_there(word, there));
    gone.map(|word| format!("{document} names {word}, which does not exist")).collect()
}

fn room_of(path: &str) -> &str {
    path.split('/').next().unwrap_or(path)
}

fn rooms_not_for(room: &str) -> impl Iterator<Item = &'static str> {
    let allowed = ROOMS.iter().find(|(name, _)| *name == room).map_or(&[][..], |(_, allowed)| allowed);
    ROOMS.iter().map(|(other, _)| *other).filter(move |other| *other != room && !allowed.contains(other))
}

/// Whether `text` has `word` with no letter, digit or underscore right before or after it.
fn has_word(text: &str, word: &str) -> bool {
    let joins = |c: char| c.is_alphanumeric() || c == '_';
    let closed = |rest: &str| !word.ends_with(joins) || !rest.starts_with(joins);
    text.match_indices(word).any(|(at, _)| !text[..at].ends_with(joins) && closed(&text[at + word.len()..]))
}

fn lines_naming(code: &str, word: &str) -> impl Iterator<Item = usize> {
    (1..).zip(code.lines()).filter(move |(_, line)| has_word(line, word)).map(|(number, _)| number)
}

fn named(path: &str, code: &str, words: &[&str], why: &str) -> Vec<String> {
    let one = |word: &&str| lines_naming(code, word).map(|line| format!("{path}:{line}: {word}: {why}")).collect();
    words.iter().flat_map::<Vec<_>, _>(one).collect()
}

/// Whether a literal holds a statement; a sentence for people may well contain the same words further in.
fn has_statement(text: &str) -> bool {
    text.split(['\n', ';', '(']).map(str::trim_start).any(|clause| {
        let clause = format!("{} ", clause.trim_end());
        let shouted = clause.split(' ').next().is_some_and(|word| word == word.to_uppercase());
        begins_statement(&if shouted { clause.to_lowercase() } else { clause })
    })
}

/// Statements are written all in lower case or all in capitals; a sentence begins with one capital.
fn begins_statement(clause: &str) -> bool {
    ["insert into ", "delete from ", "create table "].iter().any(|begin| clause.starts_with(begin))
        || clause.starts_with("select ") && clause.contains(" from ")
        || clause.starts_with("update ") && clause.contains(" set ")
}

fn is_numbered(name: &str, number: usize) -> bool {
    let rest = name.strip_prefix(&format!("{number:04}_")).and_then(|rest| rest.strip_suffix(".sql"));
    rest.is_some_and(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
}

/// What stands between single backticks, outside fenced blocks.
fn spans(text: &str) -> impl Iterator<Item = &str> {
    let outside = text.split("```").step_by(2);
    outside.flat_map(str::lines).flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// Routes, addresses, options, patterns and what a run makes are not paths of the project.
fn looks_like_path(word: &str) -> bool {
    let ends = [".rs", ".sql", ".sh", ".md"].iter().any(|end| word.ends_with(end));
    let other = word.starts_with(['/', '-', '~']) || word.contains([':', '<', '{', '$', '=', '@']);
    let made = word.starts_with("target/") || word.starts_with(".outpost");
    (ends || word.contains('/')) && word.contains(char::is_alphabetic) && !other && !made
}

/// A path may be cut short in front, where the text around it says which room is meant.
fn is_there(word: &str, there: &[String]) -> bool {
    let before_star = word.split_once('*').and_then(|(before, _)| before.rsplit_once('/'));
    let fixed = before_star.map_or(word, |(folder, _)| folder).trim_end_matches('/');
    there.iter().any(|path| path == fixed || path.ends_with(&format!("/{fixed}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rule finds one breach in the bad text and none in the good.
    fn tells(rule: impl Fn(&str) -> Vec<String>, bad: &[&str], good: &[&str]) {
        bad.iter().for_each(|text| assert_eq!(rule(text).len(), 1, "{text}: {:?}", rule(text)));
        good.iter().for_each(|text| assert_eq!(rule(text), Vec::<String>::new(), "{text}"));
    }

    fn code(rule: impl Fn(&str, &Source) -> Vec<String>, path: &str) -> impl Fn(&str) -> Vec<String> {
        move |text| rule(path, &Source::of(text))
    }

    #[test]
    fn a_manifest_that_imports_the_wrong_room_is_told() {
        let node = |text: &str| manifest("node", text);
        let bad = ["outpost-server.workspace = true", "x = { package = \"outpost-server\" }", "crdts = \"7\""];
        tells(node, &bad, &["name = \"outpost-node\"\noutpost-sync.workspace = true", "# outpost-server"]);
        tells(|text| manifest("schema", text), &["outpost-sync = { path = \"../sync\" }"], &["crdts.workspace = true"]);
    }

    #[test]
    fn code_that_imports_the_wrong_room_is_told() {
        let bad = ["use outpost_server::api;", "fn f() { outpost_server::run() }"];
        tells(code(imports, "node/src/lib.rs"), &bad, &["use outpost_schema::id;", "// as outpost_server does"]);
        tells(code(imports, "sync/src/lib.rs"), &["use outpost_node::till;"], &["use outpost_schema::id;"]);
    }

    #[test]
    fn a_clock_or_chance_read_elsewhere_is_told() {
        let bad = ["let t = SystemTime::now();", "time::Instant::now()", "let x = rand::random();", "Uuid::now_v7()"];
        let good = ["operand::f()", "\"Instant::now\"", "#[cfg(test)]\nmod tests {\n use rand::Rng;\n}"];
        tells(code(clock_and_chance, "node/src/sell.rs"), &bad, &good);
        tells(code(clock_and_chance, "node/src/time.rs"), &[], &bad);
    }

    #[test]
    fn sql_elsewhere_is_told() {
        let bad = [
            r#"q("select a from b")"#,
            r#"q("SELECT a FROM b")"#,
            "q(\"\n    insert into b (a) values (1)\")",
            r##"q(r#"with x as (delete from b returning a) select 1"#)"##,
            r#"q("update b set a = 1")"#,
            r#"q("create table b (a int)")"#,
        ];
        let good = [r#"q("Select a product from the list")"#, r#"q("update the till")"#, "// select a from b"];
        tells(code(sql, "node/src/sell.rs"), &bad, &good);
        tells(code(sql, "node/src/sell.rs"), &[], &["#[cfg(test)]\nmod tests { q(\"select a from b\") }"]);
        tells(code(sql, "server/src/db/stock.rs"), &[], &bad);
        tells(code(sql, "server/src/accept/tests/stock.rs"), &[], &bad);
    }

    #[test]
    fn the_cart_crate_named_elsewhere_is_told() {
        let bad = ["use crdts::VClock;"];
        tells(code(cart_crate, "node/src/cart.rs"), &bad, &["let crdts_like = 1;", "/* crdts */"]);
        tells(code(cart_crate, "schema/src/cart/line.rs"), &[], &bad);
    }

    #[test]
    fn unsafe_code_elsewhere_is_told() {
        let bad = ["unsafe { f() }", "pub unsafe fn f() {}", "let f: unsafe fn() = g;"];
        let good = ["#![forbid(unsafe_code)]", "\"unsafe\"", "// unsafe"];
        tells(code(unsafe_code, "tests/simulation/disk.rs"), &bad, &good);
        tells(code(unsafe_code, SEAM), &[], &bad);
        tells(code(forbids_unsafe, "node/src/lib.rs"), &["pub mod db;", "// #![forbid(unsafe_code)]"], &good[..1]);
    }

    #[test]
    fn what_is_left_behind_is_told() {
        let bad = ["fn f() { todo!() }", "dbg!(x)", "#[ignore = \"slow\"]", "unimplemented!()"];
        tells(code(left_behind, "node/src/lib.rs"), &bad, &["\"todo!\"", "// todo!"]);
    }

    #[test]
    fn a_test_that_sleeps_is_told() {
        tells(code(sleeps, "tests/story.rs"), &["std::thread::sleep(wait);"], &["asleep(1)", "// sleep(1)"]);
        let unit = ["#[cfg(test)]\nmod tests {\n sleep(wait)\n}"];
        tells(code(sleeps, "node/src/courier.rs"), &unit, &["tokio::time::sleep(wait).await"]);
        assert_eq!(code(sleeps, "a.rs")(unit[0]), ["a.rs:3: a test must not sleep"]);
    }

    #[test]
    fn a_strange_or_missing_entry_at_the_top_is_told() {
        let mut names: Vec<String> = TOP.iter().chain(&[".git", "target"]).map(|name| (*name).to_owned()).collect();
        assert_eq!(top(&names), Vec::<String>::new());
        names.push("notes.txt".into());
        names.retain(|name| name != "README.md");
        assert_eq!(top(&names), ["notes.txt does not belong at the top", "README.md is missing at the top"]);
    }

    #[test]
    fn a_gap_between_migrations_is_told() {
        let breaches = |names: &[&str]| numbered("m", &names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!(breaches(&["0002_more.sql", "0001_shop.sql"]), Vec::<String>::new());
        assert_eq!(breaches(&["0001_shop.sql", "0003_more.sql"]).len(), 1);
        assert_eq!(breaches(&["0001_shop.sql", "0001_till.sql"]).len(), 1);
        assert_eq!(breaches(&["1_shop.sql"]).len(), 1);
        assert_eq!(breaches(&["0001_.sql"]).len(), 1);
    }

    #[test]
    fn a_path_that_is_gone_is_told() {
        let there = ["schema/src/cart.rs", "migrations/node", "tests/run.sh"].map(str::to_owned);
        let bad = ["see `schema/src/gone.rs`", "`gone.sh`", "run `tests/gone.sh --all`", "`migrations/gone/*.sql`"];
        let good = [
            "`cart.rs`, `schema/src/cart.rs` and `tests/run.sh --all`",
            "`GET /v1/push`, `postgres://here`, `migrations/node/*.sql`, `1/10,000`",
            "tests/gone.sh without backticks",
            "```sh\n`tests/gone.sh`\n```",
        ];
        tells(|text| paths("README.md", text, &there), &bad, &good);
    }
}
