//! How long a search takes in a catalogue of 100,000 real products and in one of 645,802 (Open Food Facts), the whole
//! call with what the till shows of each product. Beside it bare tantivy, on the same index and without anything else,
//! and SQLite's full-text search over the same rows.

use std::{fs, path::Path, sync::Arc};

use outpost_node::{
    Node,
    search::{FOLDER, Filter, Found, InStock, Search, Wanted},
};
use outpost_schema::feed::Aggregate;
use rand::{Rng as _, seq::IndexedRandom as _};
use rand_chacha::ChaCha8Rng;
use rusqlite::Connection;
use tantivy::{
    Index, Searcher, Term,
    collector::TopDocs,
    query::{BooleanQuery, FuzzyTermQuery, Query, TermQuery},
    schema::{Field, IndexRecordOption},
};

use crate::{
    catalogue::{self, Catalogue},
    disk, environment, goods,
    numbers::{micros, percentile},
    relevance::{FullText, words},
    report::{Figure, Outcome, Report},
    watch::{Watch, timed},
};

/// See [`Figure`].
pub const FIGURE: Figure = Figure {
    name: "search",
    tells: "A search in 100,000 and 645,802 real products: the whole call, and keeping its index.",
    means: "Aim at 645,802: p99 at most 10 ms with facets and typos, 1 ms for a code, 5 ms for type-ahead.",
    measure,
};

/// Sizes of the catalogue; the last is all of it.
const SIZES: [usize; 2] = [100_000, 645_802];

/// Queries of a kind; the p99 is the fourth worst.
const QUERIES: usize = 400;

/// What is shown on a page.
const SHOWN: usize = 20;

/// Letters that a word of a query has at least.
const LETTERS: usize = 4;

/// Changes that are waited for, one by one.
const CHANGES: usize = 20;

fn measure(report: &mut Report) -> Outcome {
    for size in SIZES {
        let folder = disk::folder()?;
        let mut sold = Catalogue::default();
        for row in catalogue::rows("products-barcoded-off")?.take(size) {
            sold.add(&row?);
        }
        let node = sold.told_to_till(&folder.path().join("till"), &sold.products[..size / 2])?;
        let search = built(report, &node, &sold, folder.path())?;
        let full_text = full_text(report, &sold, folder.path())?;
        let bare = Bare::open(&folder.path().join("till").join(FOLDER))?;
        let kinds = Kinds { search: &search, bare: &bare, full_text: &full_text, sold: &sold, size };
        kinds.words(report)?;
        kinds.spoilt(report)?;
        kinds.narrowed(report)?;
        kinds.codes(report)?;
        found_again(report, &search, &node, &sold)?;
    }
    Ok(())
}

/// Builds the index, and says what that took.
fn built(report: &mut Report, node: &Arc<Node>, sold: &Catalogue, folder: &Path) -> Outcome<Search> {
    let search = Search::on_call(Arc::clone(node));
    environment::forget_peak();
    let before = environment::peak_mb();
    let (passed, kept) = timed(|| search.catch_up());
    kept?;
    let case = format!("{} products", sold.products.len());
    let bare = timed(|| bare_build(sold, &folder.join("bare")));
    bare.1?;
    report.say("build", &case, "s", (passed.as_secs_f64(), bare.0.as_secs_f64()), "bare tantivy, names alone");
    let size = |folder: &Path| Ok::<f64, std::io::Error>(bytes(folder)? as f64 / (1024.0 * 1024.0));
    let (ours, bare) = (size(&folder.join("till").join(FOLDER))?, size(&folder.join("bare"))?);
    report.say("size", &case, "MB", (ours, bare), "bare tantivy, names alone");
    report.say("memory to build", &case, "MB", (environment::peak_mb() - before, before), "the process before");
    let ready = Search::open(Arc::clone(node));
    drop(search);
    ready.find(&Wanted { limit: 1, ..Wanted::default() })?;
    wait_for(&ready, |found| found.how == outpost_node::search::How::Everything)?;
    Ok(ready)
}

fn bytes(folder: &Path) -> std::io::Result<u64> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.metadata()?.len())).sum()
}

/// An index of nothing but names, as tantivy makes it by itself.
fn bare_build(sold: &Catalogue, folder: &Path) -> Outcome {
    use tantivy::schema::{Schema, TEXT};
    fs::create_dir_all(folder)?;
    let mut schema = Schema::builder();
    let name = schema.add_text_field("name", TEXT);
    let mut writer = Index::create_in_dir(folder, schema.build())?.writer_with_num_threads(1, 48 * 1024 * 1024)?;
    for product in &sold.products {
        writer.add_document(tantivy::doc!(name => product.name.as_str()))?;
    }
    writer.commit()?;
    Ok(writer.wait_merging_threads()?)
}

fn full_text(report: &mut Report, sold: &Catalogue, folder: &Path) -> Outcome<FullText> {
    let path = folder.join("full_text.db");
    let (passed, made) = timed(|| FullText::filled(Connection::open(&path)?, sold));
    let case = format!("{} products, full text", sold.products.len());
    let size = fs::metadata(&path)?.len() as f64 / (1024.0 * 1024.0);
    report.say("build", &case, "s", (passed.as_secs_f64(), passed.as_secs_f64()), "itself");
    report.say("size", &case, "MB", (size, size), "itself");
    made
}

/// tantivy on the same index: the ten best of some terms, and nothing else.
struct Bare {
    searcher: Searcher,
    terms: Field,
}

impl Bare {
    fn open(folder: &Path) -> Outcome<Self> {
        let index = Index::open_in_dir(folder)?;
        let terms = index.schema().get_field("called")?;
        Ok(Self { searcher: index.reader()?.searcher(), terms })
    }

    fn all(&self, words: &[String]) -> Outcome<usize> {
        let queries = words.iter().map(|word| {
            let term = Term::from_field_text(self.terms, word);
            Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs)) as Box<dyn Query>
        });
        self.top(&BooleanQuery::intersection(queries.collect()))
    }

    fn near(&self, word: &str) -> Outcome<usize> {
        self.top(&FuzzyTermQuery::new(Term::from_field_text(self.terms, word), 1, true))
    }

    fn begun(&self, word: &str) -> Outcome<usize> {
        self.top(&FuzzyTermQuery::new_prefix(Term::from_field_text(self.terms, word), 0, true))
    }

    fn top(&self, query: &dyn Query) -> Outcome<usize> {
        Ok(self.searcher.search(query, &TopDocs::with_limit(10).order_by_score())?.len())
    }
}

/// Kinds of searches, each by turns with what stands beside it.
struct Kinds<'a> {
    search: &'a Search,
    bare: &'a Bare,
    full_text: &'a FullText,
    sold: &'a Catalogue,
    size: usize,
}

impl Kinds<'_> {
    /// Words that stand in the name of one product, folded as the index has them.
    fn drawn(&self, count: usize, chance: &mut ChaCha8Rng) -> Vec<String> {
        loop {
            let Some(product) = self.sold.products.choose(chance) else { return Vec::new() };
            let fits = |word: &&str| word.len() >= LETTERS && word.bytes().all(|byte| byte.is_ascii_alphabetic());
            let all: Vec<&str> = words(&product.name).into_iter().filter(fits).collect();
            if all.len() >= count {
                return all.choose_multiple(chance, count).map(|word| word.to_lowercase()).collect();
            }
        }
    }

    fn find(&self, wanted: Wanted) -> Outcome<Found> {
        Ok(self.search.find(&Wanted { limit: SHOWN, ..wanted })?)
    }

    /// Says p50 and p99 of a kind beside the two others; `theirs` are full-text's and bare tantivy's turns.
    fn by_turns(
        &self,
        report: &mut Report,
        kind: &str,
        words: usize,
        ours: impl Fn(&[String], &mut ChaCha8Rng) -> Outcome<usize>,
        bare: impl Fn(&[String]) -> Outcome<usize>,
        full_text: impl Fn(&[String]) -> Outcome<usize>,
    ) -> Outcome {
        let mut chance = goods::chance(23);
        let (mut own, mut others) = (Vec::new(), [Vec::new(), Vec::new()]);
        for _ in 0..QUERIES {
            let drawn = self.drawn(words, &mut chance);
            let (passed, done) = timed(|| ours(&drawn, &mut chance));
            done?;
            own.push(micros(passed) / 1e3);
            let (passed, done) = timed(|| bare(&drawn));
            done?;
            others[0].push(micros(passed) / 1e3);
            let (passed, done) = timed(|| full_text(&drawn));
            done?;
            others[1].push(micros(passed) / 1e3);
        }
        let case = format!("{kind}, {}", self.size);
        for percent in [50.0, 99.0] {
            let metric = format!("p{percent}");
            for (other, name) in others.iter().zip(["bare tantivy", "FTS5"]) {
                report.say(&metric, &case, "ms", (percentile(&own, percent), percentile(other, percent)), name);
            }
        }
        Ok(())
    }

    fn words(&self, report: &mut Report) -> Outcome {
        for (count, kind) in [(1, "one word"), (2, "two words"), (3, "three words")] {
            let ours = |words: &[String], _: &mut ChaCha8Rng| {
                Ok(self.find(Wanted { text: words.join(" "), ..Wanted::default() })?.hits.len())
            };
            let full_text = |words: &[String]| Ok(self.full_text.matching(&words.join(" AND "))?.len());
            self.by_turns(report, kind, count, ours, |words| self.bare.all(words), full_text)?;
        }
        Ok(())
    }

    fn spoilt(&self, report: &mut Report) -> Outcome {
        let typo = |words: &[String], chance: &mut ChaCha8Rng| {
            let text = crate::relevance::mistyped(&words.join(" "), chance);
            Ok(self.find(Wanted { text, has_facets: true, ..Wanted::default() })?.hits.len())
        };
        let none = |words: &[String]| Ok(self.full_text.matching(&words.join(" AND "))?.len());
        self.by_turns(report, "two words, a typo, facets", 2, typo, |words| self.bare.near(&words[0]), none)?;
        let beginning = |words: &[String]| words[0][..3].to_owned();
        let typed = |words: &[String], _: &mut ChaCha8Rng| {
            Ok(self.find(Wanted { text: beginning(words), is_typing: true, ..Wanted::default() })?.hits.len())
        };
        let prefix = |words: &[String]| Ok(self.full_text.matching(&format!("{}*", beginning(words)))?.len());
        self.by_turns(report, "three letters", 1, typed, |words| self.bare.begun(&beginning(words)), prefix)?;
        // Each key press is one turn: of a word, any number of letters.
        let pressed = |words: &[String], chance: &mut ChaCha8Rng| {
            let letters = chance.random_range(1..=words[0].len());
            Ok(self.search.suggest(&words[0][..letters], 5)?.hits.len())
        };
        self.by_turns(
            report,
            "type-ahead, a key press",
            1,
            pressed,
            |words| self.bare.begun(&beginning(words)),
            prefix,
        )?;
        let pressed = |words: &[String], chance: &mut ChaCha8Rng| {
            let letters = chance.random_range(1..=words[1].len());
            Ok(self.search.suggest(&format!("{} {}", words[0], &words[1][..letters]), 5)?.hits.len())
        };
        let all =
            |words: &[String]| Ok(self.full_text.matching(&format!("{} AND {}*", words[0], &words[1][..3]))?.len());
        self.by_turns(report, "type-ahead, in a second word", 2, pressed, |words| self.bare.all(&words[..1]), all)
    }

    fn narrowed(&self, report: &mut Report) -> Outcome {
        let full_text = |words: &[String]| Ok(self.full_text.matching(&words.join(" AND "))?.len());
        let stock = |words: &[String], _: &mut ChaCha8Rng| {
            let filter = Filter { stock: Some(InStock::Here), ..Filter::default() };
            Ok(self.find(Wanted { text: words.join(" "), filter, ..Wanted::default() })?.hits.len())
        };
        self.by_turns(report, "two words, in stock here", 2, stock, |words| self.bare.all(words), full_text)?;
        for (count, kind) in [(1, "one word, facets"), (2, "two words, facets")] {
            let facets = |words: &[String], _: &mut ChaCha8Rng| {
                Ok(self.find(Wanted { text: words.join(" "), has_facets: true, ..Wanted::default() })?.hits.len())
            };
            self.by_turns(report, kind, count, facets, |words| self.bare.all(words), full_text)?;
        }
        Ok(())
    }

    fn codes(&self, report: &mut Report) -> Outcome {
        let mut chance = goods::chance(29);
        let (mut own, mut bare) = (Vec::new(), Vec::new());
        while own.len() < QUERIES {
            let product = self.sold.products.choose(&mut chance).ok_or("no products")?;
            let Some(code) = product.barcodes.first() else { continue };
            let (passed, found) = timed(|| self.find(Wanted { text: code.to_string(), ..Wanted::default() }));
            if found?.hits.is_empty() {
                return Err(format!("{code} is not found").into());
            }
            own.push(micros(passed) / 1e3);
            let (passed, found) = timed(|| self.bare.all(&[code.to_string()]));
            found?;
            bare.push(micros(passed) / 1e3);
        }
        let case = format!("exact code, {}", self.size);
        for percent in [50.0, 99.0] {
            let values = (percentile(&own, percent), percentile(&bare, percent));
            report.say(&format!("p{percent}"), &case, "ms", values, "bare tantivy");
        }
        Ok(())
    }
}

/// From the moment that the feed told of a change until it is found, by a till that keeps its index.
fn found_again(report: &mut Report, search: &Search, node: &Node, sold: &Catalogue) -> Outcome {
    let mut waited = Vec::new();
    for (number, product) in sold.products.iter().take(CHANGES).enumerate() {
        let name = format!("zzyx{number} {}", product.name);
        let changed = outpost_schema::catalogue::Product { name, ..product.clone() };
        let watch = Watch::start();
        catalogue::tell(node, vec![Aggregate::Product(Box::new(changed))])?;
        let text = format!("zzyx{number}");
        while search.find(&Wanted { text: text.clone(), limit: 1, ..Wanted::default() })?.total == 0 {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        waited.push(micros(watch.passed()) / 1e3);
    }
    let case = format!("a changed name, {}", sold.products.len());
    report.say("p50", &case, "ms", (percentile(&waited, 50.0), 200.0), "changes gathered");
    report.say("p99", &case, "ms", (percentile(&waited, 99.0), 200.0), "changes gathered");
    Ok(())
}

fn wait_for(search: &Search, is_there: impl Fn(&Found) -> bool) -> Outcome {
    while !is_there(&search.find(&Wanted { limit: 1, ..Wanted::default() })?) {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    Ok(())
}
