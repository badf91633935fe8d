//! What a figure prints: one JSON object a line for programs, a table for people.

use serde::Serialize;

/// What comes of measuring.
pub type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// One thing that can be measured.
#[derive(Debug)]
pub struct Figure {
    /// How it is asked for.
    pub name: &'static str,
    /// What it measures, in a sentence.
    pub tells: &'static str,
    /// What the numbers mean, and what is aimed at.
    pub means: &'static str,
    /// Measures it.
    pub measure: fn(&mut Report) -> Outcome,
}

/// One measured value, and what stood beside it.
#[derive(Clone, Debug, Serialize)]
struct Line {
    figure: &'static str,
    metric: String,
    case: String,
    value: f64,
    unit: &'static str,
    beside: String,
    beside_value: f64,
    ratio: f64,
}

/// What a figure says, as it says it.
#[derive(Debug)]
pub struct Report {
    figure: &'static Figure,
    json: bool,
    lines: Vec<Line>,
    notes: Vec<String>,
}

impl Report {
    /// Nothing said yet.
    pub fn begin(figure: &'static Figure, json: bool) -> Self {
        if !json {
            println!("\n{}: {}", figure.name, figure.tells);
        }
        Self { figure, json, lines: Vec::new(), notes: Vec::new() }
    }

    /// Says a value beside another of the same unit: `values` is ours, then the other's.
    pub fn say(&mut self, metric: &str, case: &str, unit: &'static str, values: (f64, f64), beside: &str) {
        let (value, beside_value) = values;
        let line = Line {
            figure: self.figure.name,
            metric: metric.to_owned(),
            case: case.to_owned(),
            value: rounded(value),
            unit,
            beside: beside.to_owned(),
            beside_value: rounded(beside_value),
            ratio: rounded(value / beside_value),
        };
        if self.json {
            println!("{}", serde_json::to_string(&line).expect("a line of text and numbers always encodes"));
        }
        self.lines.push(line);
    }

    /// Adds a sentence that people read below the table.
    pub fn note(&mut self, sentence: impl Into<String>) {
        self.notes.push(sentence.into());
    }

    /// Prints the table, unless the lines were printed as objects.
    pub fn finish(&self) {
        if self.json {
            return;
        }
        println!("{}", table(&self.lines));
        for sentence in &self.notes {
            println!("  {sentence}");
        }
        println!("  {}", self.figure.means);
    }
}

/// Four significant digits: what a measurement on a shared machine is worth.
fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return 0.0;
    }
    let digits = 3 - value.abs().log10().floor() as i32;
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}

fn table(lines: &[Line]) -> String {
    let head = ["metric", "case", "value", "unit", "beside", "its value", "ratio"].map(str::to_owned);
    let rows: Vec<[String; 7]> = std::iter::once(head).chain(lines.iter().map(cells)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 7] = std::array::from_fn(width);
    let shown: Vec<String> = rows.iter().map(|row| aligned(row, &widths)).collect();
    shown.join("\n")
}

fn cells(line: &Line) -> [String; 7] {
    [
        line.metric.clone(),
        line.case.clone(),
        number(line.value),
        line.unit.to_owned(),
        line.beside.clone(),
        number(line.beside_value),
        format!("{:.2}x", line.ratio),
    ]
}

/// Numbers stand on the right, words on the left.
fn aligned(row: &[String; 7], widths: &[usize; 7]) -> String {
    let cell = |(column, text): (usize, &String)| {
        let width = widths[column];
        if [2, 5, 6].contains(&column) { format!("{text:>width$}") } else { format!("{text:<width$}") }
    };
    let cells: Vec<String> = row.iter().enumerate().map(cell).collect();
    format!("  {}", cells.join("  ").trim_end())
}

/// A number as people write it: thousands in groups, small ones with their fraction.
fn number(value: f64) -> String {
    if value.abs() < 1000.0 {
        return format!("{value}");
    }
    let digits = format!("{value:.0}");
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().filter_map(|group| str::from_utf8(group).ok()).collect();
    groups.join(",")
}
