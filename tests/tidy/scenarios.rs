//! The table of bad days: all of them, each once, each told by tests that exist or waiting for something.

/// How many there are.
const COUNT: usize = 25;

/// What a row says that needs no test yet.
const WAITS: &str = "waits for: ";

/// What is wrong with the table. `file` reads a file of the project, if it is there.
pub fn breaches(text: &str, file: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let rows: Vec<Vec<&str>> = text.lines().filter(|line| line.starts_with('|')).skip(2).map(cells).collect();
    let numbers: Vec<&str> = rows.iter().map(|row| row[0]).collect();
    let wanted: Vec<String> = (1..=COUNT).map(|number| number.to_string()).collect();
    let mut found = Vec::new();
    if numbers != wanted.iter().map(String::as_str).collect::<Vec<_>>() {
        found.push(format!("the table has the days {numbers:?}, and should have 1 to {COUNT}"));
    }
    for row in rows {
        let tests = tests(row.last().copied().unwrap_or_default());
        if tests.is_empty() && !row.iter().any(|cell| cell.contains(WAITS)) {
            found.push(format!("day {} has no test, and does not say what it waits for", row[0]));
        }
        for (path, name) in tests {
            let is_there = file(path).is_some_and(|source| source.contains(&format!("fn {name}(")));
            if !is_there {
                found.push(format!("day {}: there is no test {name} in {path}", row[0]));
            }
        }
    }
    found
}

fn cells(line: &str) -> Vec<&str> {
    line.trim_matches('|').split('|').map(str::trim).collect()
}

/// The tests that a cell names: a path and a name by turns.
fn tests(cell: &str) -> Vec<(&str, &str)> {
    let spans: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
    spans.chunks(2).map(|pair| (pair[0], pair.get(1).copied().unwrap_or_default())).collect()
}

#[cfg(test)]
mod tests {
    use super::breaches;

    fn table(change: impl Fn(usize) -> String) -> String {
        let rows: String = (1..=25).map(|number| change(number) + "\n").collect();
        format!("# Days\n\n| # | a | b | told by |\n|---|---|---|---|\n{rows}")
    }

    fn found(change: impl Fn(usize) -> String) -> Vec<String> {
        breaches(&table(change), |path| (path == "a.rs").then(|| "async fn it_is_told() {".to_owned()))
    }

    #[test]
    fn a_day_that_is_missing_or_told_by_nobody_is_told() {
        let good = |number: usize| format!("| {number} | x | y | `a.rs` `it_is_told` |");
        assert_eq!(found(good), Vec::<String>::new());
        assert_eq!(found(|number| good(number.min(24))).len(), 1, "25 is missing");
        assert_eq!(
            found(|number| if number == 6 { "| 6 | x | waits for: z | |".to_owned() } else { good(number) }),
            Vec::<String>::new()
        );
        for bad in ["| 6 | x | y | |", "| 6 | x | y | `a.rs` `it_is_tol` |", "| 6 | x | y | `b.rs` `it_is_told` |"] {
            assert_eq!(found(|number| if number == 6 { bad.to_owned() } else { good(number) }).len(), 1, "{bad}");
        }
    }
}
