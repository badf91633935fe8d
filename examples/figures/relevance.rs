//! Whether what is meant is on top: one shop's title of a product is the query, the same product in another shop's
//! catalogue the answer. Beside SQLite's full-text search with weights for its columns, over the same rows.

use std::collections::{HashMap, HashSet};

use outpost_node::search::{Search, Wanted};
use rand::{Rng as _, seq::IndexedRandom as _};
use rand_chacha::ChaCha8Rng;
use rusqlite::{Connection, params};

use crate::{
    catalogue::{self, Catalogue},
    disk, goods,
    report::{Figure, Outcome, Report},
};

/// See [`Figure`].
pub const FIGURE: Figure = Figure {
    name: "relevance",
    tells: "Titles of one shop looked for in the catalogue of another (Köpcke, Rahm; Magellan): is the product on top?",
    means: "Aim: MRR@10 at least 0.05 above full-text search where nothing is mistyped, and at most 0.05 lost to one typo.",
    measure,
};

/// Sets of queries, with the shop that they are looked for in.
const SETS: [(&str, &str); 3] =
    [("walmart-amazon", "er-amazon"), ("abt-buy", "er-buy"), ("google-amazon", "er-amazon-sw")];

/// Places that count.
const PLACES: usize = 10;

/// How a query is spoilt.
#[derive(Clone, Copy, Debug)]
enum Spoilt {
    No,
    /// A letter or digit anywhere is left out, doubled, changed, or swapped with the next.
    Mistyped,
    /// The last word is cut in half, as while it is typed.
    Cut,
    /// Written in capitals, without accents.
    Loud,
}

const WAYS: [(Spoilt, &str); 4] = [
    (Spoilt::No, "as it is"),
    (Spoilt::Mistyped, "one typo"),
    (Spoilt::Cut, "last word cut"),
    (Spoilt::Loud, "capitals"),
];

struct Query {
    id: String,
    text: String,
}

fn measure(report: &mut Report) -> Outcome {
    let folder = disk::folder()?;
    let judged = judged()?;
    for (set, source) in SETS {
        let mut sold = Catalogue::default();
        let mut ids = Vec::new();
        for row in catalogue::rows("products-electronics")? {
            let row = row?;
            if row["source"] == source {
                ids.push(row["source_id"].clone());
                sold.add(&row);
            }
        }
        let node = sold.told_to_till(&folder.path().join(set), &[])?;
        let search = Search::on_call(node);
        search.catch_up()?;
        let beside = FullText::of(&sold)?;
        let queries = queries(set)?;
        for (way, said) in WAYS {
            let (mut ours, mut theirs) = (Places::default(), Places::default());
            let mut chance = goods::chance(17);
            for query in &queries {
                let text = spoil(&query.text, way, &mut chance);
                let answers = judged.get(&query.id).ok_or("a query without an answer")?;
                let is_answer = |number: usize| answers.contains(&ids[number]);
                let is_typing = matches!(way, Spoilt::Cut);
                ours.note(&find(&search, &text, is_typing, &sold)?, is_answer);
                theirs.note(&beside.find(&text, is_typing)?, is_answer);
            }
            let case = format!("{set}, {said}");
            report.say("MRR@10", &case, "", (ours.mrr(), theirs.mrr()), "FTS5");
            report.say("success@1", &case, "", (ours.within(1), theirs.within(1)), "FTS5");
            report.say("success@10", &case, "", (ours.within(PLACES), theirs.within(PLACES)), "FTS5");
        }
    }
    Ok(())
}

fn judged() -> Outcome<HashMap<String, HashSet<String>>> {
    let mut judged: HashMap<String, HashSet<String>> = HashMap::new();
    for row in catalogue::rows("judgments-knownitem")? {
        let row = row?;
        judged.entry(row["query_id"].clone()).or_default().insert(row["source_id"].clone());
    }
    Ok(judged)
}

fn queries(set: &str) -> Outcome<Vec<Query>> {
    let mut queries = Vec::new();
    for row in catalogue::rows("queries-knownitem")? {
        let row = row?;
        if row["set"] == set {
            queries.push(Query { id: row["query_id"].clone(), text: row["query"].clone() });
        }
    }
    Ok(queries)
}

fn spoil(text: &str, way: Spoilt, chance: &mut ChaCha8Rng) -> String {
    match way {
        Spoilt::No => text.to_owned(),
        Spoilt::Mistyped => mistyped(text, chance),
        Spoilt::Cut => {
            let (before, last) = text.trim_end().rsplit_once(' ').unwrap_or(("", text));
            let half: String = last.chars().take(last.chars().count().div_ceil(2)).collect();
            format!("{before} {half}")
        }
        // The sets have no accents but a handful.
        Spoilt::Loud => text.to_uppercase().replace(['É', 'È'], "E"),
    }
}

/// One typo, anywhere among letters and digits.
pub fn mistyped(text: &str, chance: &mut ChaCha8Rng) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    let places: Vec<usize> = (0..letters.len()).filter(|at| letters[*at].is_alphanumeric()).collect();
    let Some(&at) = places.choose(chance) else { return text.to_owned() };
    match chance.random_range(0..4) {
        0 => drop(letters.remove(at)),
        1 => letters.insert(at, letters[at]),
        2 if at + 1 < letters.len() => letters.swap(at, at + 1),
        _ => letters[at] = char::from(b'a' + chance.random_range(0..26)),
    }
    letters.into_iter().collect()
}

fn find(search: &Search, text: &str, is_typing: bool, sold: &Catalogue) -> Outcome<Vec<usize>> {
    let wanted = Wanted { text: text.to_owned(), is_typing, limit: PLACES, ..Wanted::default() };
    let found = search.find(&wanted)?;
    let ids = found.hits.iter().map(|hit| hit.offer.product.product_id);
    Ok(ids.map(|id| (id.0.as_u128() & 0xffff_ffff) as usize).filter(|number| *number < sold.products.len()).collect())
}

/// Where the answers were.
#[derive(Default)]
struct Places(Vec<Option<usize>>);

impl Places {
    fn note(&mut self, found: &[usize], is_answer: impl Fn(usize) -> bool) {
        self.0.push(found.iter().position(|number| is_answer(*number)).map(|at| at + 1));
    }

    /// The mean of one by the place of the first answer, 0 for none.
    fn mrr(&self) -> f64 {
        let sum: f64 = self.0.iter().flatten().map(|place| 1.0 / *place as f64).sum();
        sum / self.0.len().max(1) as f64
    }

    /// The part of the queries whose answer is among the first so many.
    fn within(&self, places: usize) -> f64 {
        let count = self.0.iter().flatten().filter(|place| **place <= places).count();
        count as f64 / self.0.len().max(1) as f64
    }
}

/// SQLite's full-text search: porter's stems, bm25 with weights for name, sku, brand and description, any of the words.
pub struct FullText(Connection);

impl FullText {
    /// Of a catalogue, in memory.
    pub fn of(sold: &Catalogue) -> Outcome<Self> {
        Self::filled(Connection::open_in_memory()?, sold)
    }

    /// Of a catalogue, in this database.
    pub fn filled(mut conn: Connection, sold: &Catalogue) -> Outcome<Self> {
        conn.execute_batch(
            "create virtual table products using fts5 (name, sku, brand, description, tokenize = 'porter unicode61',
                 prefix = '3')",
        )?;
        let tx = conn.transaction()?;
        let sql = "insert into products (rowid, name, sku, brand, description) values (?1, ?2, ?3, ?4, ?5)";
        for (number, product) in (0_i64..).zip(&sold.products) {
            let brand = product.attributes.get("brand").and_then(|brand| brand.as_str());
            tx.prepare_cached(sql)?.execute(params![number, product.name, product.sku, brand, product.description])?;
        }
        tx.commit()?;
        Ok(Self(conn))
    }

    fn find(&self, text: &str, is_typing: bool) -> Outcome<Vec<usize>> {
        let words = words(text);
        let mut query = words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(" OR ");
        if is_typing {
            query.push('*');
        }
        self.matching(&query)
    }

    /// The first ten that match a query in its own language.
    pub fn matching(&self, query: &str) -> Outcome<Vec<usize>> {
        if query.is_empty() {
            return Ok(Vec::new());
        }
        let sql =
            "select rowid from products where products match ?1 order by bm25(products, 4.0, 3.0, 2.0, 1.0) limit 10";
        let mut statement = self.0.prepare_cached(sql)?;
        let rows = statement.query_map([query], |row| row.get::<_, i64>(0))?;
        Ok(rows.map(|row| row.map(|number| number as usize)).collect::<Result<_, _>>()?)
    }
}

/// Runs of letters and digits.
pub fn words(text: &str) -> Vec<&str> {
    text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()).collect()
}
