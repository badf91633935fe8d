//! Just enough of Rust's grammar to tell code from comments and text.

use std::iter::Peekable;
use std::str::Chars;

/// A file taken apart: both parts have the lines of the whole.
#[derive(Default)]
pub struct Source {
    /// The code; comments are left out, and of literals only the quotes remain.
    pub code: String,
    /// Every string literal and the number of the line it begins on.
    pub strings: Vec<(usize, String)>,
}

impl Source {
    /// Takes a file apart.
    pub fn of(text: &str) -> Self {
        let mut reader = Reader { rest: text.chars().peekable(), line: 1, source: Self::default() };
        while let Some(next) = reader.take() {
            reader.piece(next);
        }
        reader.source
    }

    /// The code before the file's own tests, which come last.
    pub fn shipped(&self) -> &str {
        &self.code[..self.tests_begin()]
    }

    /// The file's own tests.
    pub fn tests(&self) -> &str {
        &self.code[self.tests_begin()..]
    }

    /// The string literals before the file's own tests.
    pub fn shipped_strings(&self) -> impl Iterator<Item = &(usize, String)> {
        let last = self.shipped().lines().count();
        self.strings.iter().filter(move |(line, _)| *line <= last)
    }

    fn tests_begin(&self) -> usize {
        self.code.find("#[cfg(test)]\nmod ").unwrap_or(self.code.len())
    }
}

struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
    line: usize,
    source: Source,
}

impl Reader<'_> {
    fn take(&mut self) -> Option<char> {
        let next = self.rest.next()?;
        if next == '\n' {
            self.line += 1;
        }
        Some(next)
    }

    fn piece(&mut self, next: char) {
        match (next, self.rest.peek().copied()) {
            ('/', Some('/')) => self.line_comment(),
            ('/', Some('*')) => self.block_comment(),
            ('"', _) => self.string(),
            ('r', Some('"' | '#')) if !self.within_word() => self.raw(),
            ('\'', _) => self.character_or_lifetime(),
            _ => self.source.code.push(next),
        }
    }

    /// Whether the code so far ends within a word; `b`, `c` before a literal are its prefix.
    fn within_word(&self) -> bool {
        let word = self.source.code.rsplit(|c: char| !c.is_alphanumeric() && c != '_').next();
        !matches!(word, Some("" | "b" | "c") | None)
    }

    fn line_comment(&mut self) {
        while self.rest.next_if(|c| *c != '\n').is_some() {}
    }

    fn block_comment(&mut self) {
        let (mut depth, mut last) = (0_usize, '/');
        while let Some(next) = self.take() {
            match (last, next) {
                ('/', '*') => depth += 1,
                ('*', '/') => depth -= 1,
                (_, '\n') => self.source.code.push('\n'),
                _ => {}
            }
            if depth == 0 {
                return;
            }
            // A character is part of one mark only: `/*/` opens and does not close.
            last = if matches!((last, next), ('/', '*') | ('*', '/')) { ' ' } else { next };
        }
    }

    fn string(&mut self) {
        let begin = self.line;
        let mut text = String::new();
        while let Some(next) = self.take().filter(|c| *c != '"') {
            text.push(next);
            if next == '\\' {
                text.extend(self.take());
            }
        }
        self.literal(begin, text);
    }

    fn raw(&mut self) {
        let begin = self.line;
        let mut hashes = 0;
        while self.rest.next_if_eq(&'#').is_some() {
            hashes += 1;
        }
        if self.rest.next_if_eq(&'"').is_none() {
            return self.source.code.push_str("r#");
        }
        let end = format!("\"{}", "#".repeat(hashes));
        let mut text = String::new();
        while !text.ends_with(&end) {
            let Some(next) = self.take() else { break };
            text.push(next);
        }
        self.literal(begin, text.trim_end_matches(&end).to_owned());
    }

    fn literal(&mut self, begin: usize, text: String) {
        self.source.code.push('"');
        self.source.code.extend(text.chars().filter(|c| *c == '\n'));
        self.source.code.push('"');
        self.source.strings.push((begin, text));
    }

    /// `'a'`, `'\n'` and `'\''` are characters, `'a` alone is a lifetime.
    fn character_or_lifetime(&mut self) {
        let Some(first) = self.take() else { return };
        let escaped = first == '\\';
        if escaped {
            self.take();
        }
        if escaped || self.rest.peek() == Some(&'\'') {
            while self.take().is_some_and(|c| c != '\'') {}
            return self.source.code.push_str("''");
        }
        self.source.code.extend(['\'', first]);
    }
}
