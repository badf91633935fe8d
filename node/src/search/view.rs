//! What one commit of the index holds, as it is read: its parts with their columns, whose values are numbered alike in
//! all of them, so that counting by value is adding up numbers.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLockReadGuard},
};

use outpost_schema::id::ProductId;
use tantivy::{
    DocId, Searcher, SegmentReader, Term,
    columnar::{Column, StrColumn},
    fastfield::FastFieldReaders,
    index::SegmentId,
    query::FuzzyTermQuery,
    schema::Field,
};
use uuid::Uuid;

use super::{
    entry::BETWEEN,
    forms,
    index::{Fields, Shared, Shelf, Trouble},
    plan::Dictionary,
    tree::Tree,
    words::fold,
};

/// Values by number, in the order in which they were met. What is written in several ways is one value, called as it
/// was first written.
#[derive(Debug, Default)]
pub(super) struct Names {
    numbers: HashMap<String, u32>,
    labels: Vec<String>,
}

impl Names {
    fn number(&mut self, key: String, label: &str) -> u32 {
        let next = u32::try_from(self.labels.len()).unwrap_or(u32::MAX);
        *self.numbers.entry(key).or_insert_with(|| {
            self.labels.push(label.to_owned());
            next
        })
    }

    /// The number of a value, if any product has it.
    pub(super) fn find(&self, key: &str) -> Option<u32> {
        self.numbers.get(key).copied()
    }

    /// What a number is called.
    pub(super) fn label(&self, number: u32) -> &str {
        self.labels.get(number as usize).map_or("", String::as_str)
    }

    /// Those whose folded name begins so.
    pub(super) fn beginning<'a>(&'a self, folded: &'a str) -> impl Iterator<Item = (u32, &'a str)> {
        let begun = self.numbers.iter().filter(move |(key, _)| key.starts_with(folded));
        begun.map(|(_, number)| (*number, self.label(*number)))
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.labels.len()
    }
}

/// Every value of every part.
#[derive(Debug, Default)]
pub(super) struct Book {
    /// By their folded names.
    pub(super) brands: Names,
    /// By their ids.
    pub(super) categories: Names,
    /// Names and values of attributes.
    pub(super) attributes: Names,
    /// The names alone.
    pub(super) attribute_names: Names,
    /// Which name each of `attributes` has.
    pub(super) name_of: Vec<u32>,
}

impl Book {
    fn brand(&mut self, text: &str) -> u32 {
        self.brands.number(fold_all(text), text)
    }

    fn category(&mut self, text: &str) -> u32 {
        self.categories.number(text.to_owned(), text)
    }

    /// Numbers its name too.
    fn attribute(&mut self, text: &str) -> u32 {
        let number = self.attributes.number(text.to_owned(), text);
        if number as usize == self.name_of.len() {
            let name = text.split(BETWEEN).next().unwrap_or("");
            self.name_of.push(self.attribute_names.number(name.to_owned(), name));
        }
        number
    }
}

/// A text folded word by word, so that case, accents and signs make no other value of it.
pub(super) fn fold_all(text: &str) -> String {
    text.split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(fold)
        .collect::<Vec<_>>()
        .join(" ")
}

/// A column of texts, and the number that each of its own numbers stands for.
#[derive(Debug, Default)]
pub(super) struct Numbered {
    column: Option<Column<u64>>,
    numbers: Vec<u32>,
}

impl Numbered {
    /// Reads all values before the book is written in, so that nobody waits for the disk who looks something up.
    fn open(
        readers: &FastFieldReaders,
        field: &str,
        book: &Shared<Book>,
        number: fn(&mut Book, &str) -> u32,
    ) -> Result<Self, Trouble> {
        let Some(column) = readers.str(field)? else { return Ok(Self::default()) };
        let mut texts = Vec::with_capacity(column.num_terms());
        let mut values = column.dictionary().stream().map_err(|error| Trouble::io(&error))?;
        while values.advance() {
            texts.push(String::from_utf8_lossy(values.key()).into_owned());
        }
        let mut book = book.write().unwrap_or_else(PoisonError::into_inner);
        let numbers = texts.iter().map(|text| number(&mut book, text)).collect();
        Ok(Self { column: Some(column.ords().clone()), numbers })
    }

    /// The first value of a document.
    pub(super) fn first(&self, doc: DocId) -> Option<u32> {
        let own = self.column.as_ref()?.first(doc)?;
        self.numbers.get(own as usize).copied()
    }

    /// Every value of a document.
    pub(super) fn all(&self, doc: DocId) -> impl Iterator<Item = u32> + '_ {
        let own = self.column.iter().flat_map(move |column| column.values_for_doc(doc));
        own.filter_map(|own| self.numbers.get(own as usize).copied())
    }
}

/// A part's columns.
#[derive(Debug)]
pub(super) struct Columns {
    pub(super) brand: Numbered,
    pub(super) category: Numbered,
    pub(super) attribute: Numbered,
    pub(super) price: Column<i64>,
    pub(super) created: Column<i64>,
    pub(super) standing: Column<u64>,
    pub(super) name: Option<StrColumn>,
    id_high: Column<u64>,
    id_low: Column<u64>,
    digest: Column<u64>,
    /// How many products have each brand.
    brands: HashMap<u32, u32>,
}

impl Columns {
    fn open(part: &SegmentReader, book: &Shared<Book>) -> Result<Self, Trouble> {
        let readers = part.fast_fields();
        let brand = Numbered::open(readers, "brand", book, Book::brand)?;
        let mut brands: HashMap<u32, u32> = HashMap::new();
        (0..part.max_doc()).filter_map(|doc| brand.first(doc)).for_each(|brand| *brands.entry(brand).or_default() += 1);
        Ok(Self {
            brand,
            category: Numbered::open(readers, "category", book, Book::category)?,
            attribute: Numbered::open(readers, "attribute", book, Book::attribute)?,
            price: readers.i64("price")?,
            created: readers.i64("created")?,
            standing: readers.u64("standing")?,
            name: readers.str("name")?,
            id_high: readers.u64("id_high")?,
            id_low: readers.u64("id_low")?,
            digest: readers.u64("digest")?,
            brands,
        })
    }

    /// The product of a document.
    pub(super) fn product(&self, doc: DocId) -> ProductId {
        let (high, low) = (self.id_high.first(doc).unwrap_or(0), self.id_low.first(doc).unwrap_or(0));
        ProductId(Uuid::from_u64_pair(high, low))
    }
}

/// What one commit holds.
pub(super) struct View {
    pub(super) searcher: Searcher,
    pub(super) fields: Fields,
    pub(super) parts: HashMap<SegmentId, Arc<Columns>>,
    pub(super) tree: Tree,
    book: Shared<Book>,
}

impl View {
    /// The newest commit; columns that `before` has open stay open.
    pub(super) fn open(shelf: &Shelf, tree: Tree, before: Option<&Self>) -> Result<Self, Trouble> {
        let reader = shelf.index.reader_builder().reload_policy(tantivy::ReloadPolicy::Manual).try_into()?;
        let searcher = reader.searcher();
        let book = before.map_or_else(Shared::default, |before| Arc::clone(&before.book));
        let mut parts = HashMap::new();
        for part in searcher.segment_readers() {
            let known = before.and_then(|before| before.parts.get(&part.segment_id())).cloned();
            let columns = match known {
                Some(columns) => columns,
                None => Arc::new(Columns::open(part, &book)?),
            };
            parts.insert(part.segment_id(), columns);
        }
        Ok(Self { searcher, fields: shelf.fields, parts, tree, book })
    }

    /// The values by their numbers.
    pub(super) fn book(&self) -> RwLockReadGuard<'_, Book> {
        self.book.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every product that is in it, with its standing and its digest.
    pub(super) fn products(&self) -> impl Iterator<Item = (ProductId, u64, u64)> + '_ {
        let parts = self.searcher.segment_readers().iter();
        parts.filter_map(|part| Some((part, self.parts.get(&part.segment_id())?))).flat_map(|(part, columns)| {
            let first = |column: &Column<u64>, doc| column.first(doc).unwrap_or(0);
            let said = move |doc| (columns.product(doc), first(&columns.standing, doc), first(&columns.digest, doc));
            part.doc_ids_alive().map(said)
        })
    }

    /// How many products have a brand, the deleted ones of late among them.
    pub(super) fn brand_uses(&self, brand: u32) -> u32 {
        self.parts.values().filter_map(|part| part.brands.get(&brand)).sum()
    }

    /// The written words that an automaton takes, with their uses. What cannot be read has none: the walk over what
    /// matches then says what is wrong.
    fn words(&self, looked_for: impl Fn(Term) -> FuzzyTermQuery, word: &str) -> Vec<(String, u64)> {
        let mut sum: HashMap<String, u64> = HashMap::new();
        for field in self.fields.of_terms() {
            if let Err(error) = self.collect(field, &looked_for(Term::from_field_text(field, word)), &mut sum) {
                tracing::warn!(%error, "the words of the search index cannot be read");
            }
        }
        sum.into_iter().collect()
    }

    fn collect(
        &self,
        field: Field,
        looked_for: &FuzzyTermQuery,
        sum: &mut HashMap<String, u64>,
    ) -> tantivy::Result<()> {
        let automaton = looked_for.automaton()?;
        for part in self.searcher.segment_readers() {
            let terms = part.inverted_index(field)?;
            let mut found = terms.terms().search(&automaton).into_stream()?;
            while found.advance() {
                if let Ok(word) = str::from_utf8(found.key())
                    && forms::is_written(word)
                {
                    *sum.entry(word.to_owned()).or_default() += u64::from(found.value().doc_freq);
                }
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for View {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View").field("parts", &self.parts.len()).finish_non_exhaustive()
    }
}

impl Dictionary for View {
    fn uses(&self, term: &str) -> u64 {
        let uses = |field| self.searcher.doc_freq(&Term::from_field_text(field, term)).unwrap_or(0);
        self.fields.of_terms().into_iter().map(uses).sum()
    }

    fn near(&self, word: &str, distance: u8) -> Vec<(String, u64)> {
        self.words(|term| FuzzyTermQuery::new(term, distance, true), word)
    }

    fn begun(&self, beginning: &str) -> Vec<(String, u64)> {
        self.words(|term| FuzzyTermQuery::new_prefix(term, 0, true), beginning)
    }
}
