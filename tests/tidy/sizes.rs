//! How long files and functions are: what outgrows comfort is listed, what outgrows reason fails.

use crate::source::Source;

/// From here on a reader looks for the second noun that hides in a file.
const FILE_COMFORT: usize = 350;
/// No file is longer.
const FILE_MAX: usize = 600;
/// From here on a function's calculations want to be functions of their own.
const FUNCTION_COMFORT: usize = 70;
/// No function is longer.
const FUNCTION_MAX: usize = 120;

/// Something long.
#[derive(Debug, PartialEq, Eq)]
pub struct Long {
    /// The file, or the file and the function's name and line.
    pub what: String,
    /// Its lines.
    pub lines: usize,
    /// Whether it is too long to stay.
    pub fails: bool,
}

/// What in a file is longer than is comfortable.
pub fn long(path: &str, source: &Source) -> Vec<Long> {
    let lines = source.code.lines().count();
    let file = Long { what: path.to_owned(), lines, fails: lines > FILE_MAX };
    let functions = functions(&source.code).into_iter().filter(|f| f.lines > FUNCTION_COMFORT).map(|f| Long {
        what: format!("{path}:{}: fn {}", f.begin, f.name),
        lines: f.lines,
        fails: f.lines > FUNCTION_MAX,
    });
    Some(file).filter(|file| file.lines > FILE_COMFORT).into_iter().chain(functions).collect()
}

struct Function<'a> {
    name: &'a str,
    begin: usize,
    lines: usize,
}

fn functions(code: &str) -> Vec<Function<'_>> {
    let starts =
        code.match_indices("fn ").filter(|(at, _)| !code[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '_'));
    starts.filter_map(|(at, _)| function(code, at)).collect()
}

/// The function whose `fn` stands at `at`, if it has a body.
fn function(code: &str, at: usize) -> Option<Function<'_>> {
    let rest = &code[at..];
    let name = rest[3..].split(|c: char| !c.is_alphanumeric() && c != '_').next().filter(|name| !name.is_empty())?;
    let length = body_end(rest)?;
    let begin = code[..at].matches('\n').count() + 1;
    Some(Function { name, begin, lines: rest[..length].matches('\n').count() + 1 })
}

/// Where the body's last brace stands; none if a semicolon ends the signature first.
fn body_end(text: &str) -> Option<usize> {
    let (mut open, mut braces) = (0_usize, 0_usize);
    for (at, c) in text.char_indices() {
        match c {
            '(' | '[' | '{' => open += 1,
            ')' | ']' | '}' => open = open.checked_sub(1)?,
            ';' if open == 0 => return None,
            _ => {}
        }
        braces += usize::from(c == '{');
        if c == '}' && open == 0 && braces > 0 {
            return Some(at);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<(usize, bool)> {
        long("a.rs", &Source::of(text)).into_iter().map(|long| (long.lines, long.fails)).collect()
    }

    fn function_of(lines: usize) -> String {
        format!("fn f(a: [u8; 3]) {{\n{}}}\n", "    g(\"}\"); // }\n".repeat(lines - 2))
    }

    #[test]
    fn long_functions_are_listed_and_longer_ones_fail() {
        assert_eq!(of(&function_of(70)), []);
        assert_eq!(of(&function_of(71)), [(71, false)]);
        assert_eq!(of(&function_of(120)), [(120, false)]);
        assert_eq!(of(&function_of(121)), [(121, true)]);
    }

    #[test]
    fn long_files_are_listed_and_longer_ones_fail() {
        assert_eq!(of(&"use x;\n".repeat(350)), []);
        assert_eq!(of(&"use x;\n".repeat(351)), [(351, false)]);
        assert_eq!(of(&"use x;\n".repeat(601)), [(601, true)]);
    }

    #[test]
    fn a_signature_without_a_body_is_no_function() {
        assert!(functions("trait T { fn f(&self) -> [u8; 3]; }").is_empty());
        assert_eq!(functions("trait T { fn f(&self); fn g(&self) {} }").len(), 1);
    }
}
