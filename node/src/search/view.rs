//! What one commit of the index holds, as it is read: its parts with their columns, whose values are numbered alike in
//! all of them, so that counting by value is adding up numbers.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Bound,
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
    numbers: BTreeMap<String, u32>,
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
    pub(super) fn beginning<'a>(&'a self, folded: &'a str) -> impl Iterator<Item = u32> + 'a {
        let from = self.numbers.range::<str, _>((Bound::Included(folded), Bound::Unbounded));
        from.take_while(move |(key, _)| key.starts_with(folded)).map(|(_, number)| *number)
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

/// No value; no number goes so far.
const NONE: u32 = u32::MAX;

/// No price; no price goes so far down.
const NO_PRICE: i64 = i64::MIN;

/// One value of each document. Columns are unpacked, because a walk over everything that matches asks for each document:
/// that is some 30 bytes a product.
#[derive(Debug, Default)]
pub(super) struct Numbered(Vec<u32>);

impl Numbered {
    /// The value of a document.
    pub(super) fn first(&self, doc: DocId) -> Option<u32> {
        self.0.get(doc as usize).copied().filter(|number| *number != NONE)
    }
}

/// Several values of each document.
#[derive(Debug, Default)]
pub(super) struct Several {
    /// Where those of each document begin, and where the last ones end.
    starts: Vec<u32>,
    numbers: Vec<u32>,
}

impl Several {
    /// Every value of a document.
    pub(super) fn all(&self, doc: DocId) -> &[u32] {
        let start = |doc: usize| self.starts.get(doc).map_or(self.numbers.len(), |start| *start as usize);
        &self.numbers[start(doc as usize)..start(doc as usize + 1)]
    }
}

/// How a text is numbered.
type Number = fn(&mut Book, &str) -> u32;

/// A column, and the number in the book of each of its own.
type Known = (Column<u64>, Vec<u32>);

/// Reads texts and numbers them.
struct Texts<'a> {
    readers: &'a FastFieldReaders,
    book: &'a Shared<Book>,
    /// How many documents there are.
    documents: DocId,
}

impl Texts<'_> {
    /// A column, and the number that each of its own numbers stands for. All values are read before the book is written
    /// in, so that nobody waits for the disk who looks something up.
    fn column(&self, field: &str, number: Number) -> Result<Option<Known>, Trouble> {
        let Some(column) = self.readers.str(field)? else { return Ok(None) };
        let mut texts = Vec::with_capacity(column.num_terms());
        let mut values = column.dictionary().stream().map_err(|error| Trouble::io(&error))?;
        while values.advance() {
            texts.push(String::from_utf8_lossy(values.key()).into_owned());
        }
        let mut book = self.book.write().unwrap_or_else(PoisonError::into_inner);
        let numbers = texts.iter().map(|text| number(&mut book, text)).collect();
        Ok(Some((column.ords().clone(), numbers)))
    }

    fn one(&self, field: &str, number: Number) -> Result<Numbered, Trouble> {
        let Some((column, numbers)) = self.column(field, number)? else { return Ok(Numbered::default()) };
        let known = |own: u64| numbers.get(own as usize).copied();
        Ok(Numbered((0..self.documents).map(|doc| column.first(doc).and_then(known).unwrap_or(NONE)).collect()))
    }

    fn several(&self, field: &str, number: Number) -> Result<Several, Trouble> {
        let Some((column, numbers)) = self.column(field, number)? else { return Ok(Several::default()) };
        let mut several = Several::default();
        for doc in 0..self.documents {
            several.starts.push(u32::try_from(several.numbers.len()).unwrap_or(NONE));
            let own = column.values_for_doc(doc);
            several.numbers.extend(own.filter_map(|own| numbers.get(own as usize).copied()));
        }
        Ok(several)
    }
}

/// A part's columns.
#[derive(Debug)]
pub(super) struct Columns {
    pub(super) brand: Numbered,
    pub(super) category: Numbered,
    pub(super) attribute: Several,
    prices: Vec<i64>,
    standings: Vec<u8>,
    pub(super) created: Column<i64>,
    pub(super) name: Option<StrColumn>,
    id_high: Column<u64>,
    id_low: Column<u64>,
    digest: Column<u64>,
    /// How many products have each brand.
    brands: HashMap<u32, u32>,
}

impl Columns {
    fn open(part: &SegmentReader, book: &Shared<Book>) -> Result<Self, Trouble> {
        let (readers, documents) = (part.fast_fields(), part.max_doc());
        let texts = Texts { readers, book, documents };
        let brand = texts.one("brand", Book::brand)?;
        let mut brands: HashMap<u32, u32> = HashMap::new();
        (0..documents).filter_map(|doc| brand.first(doc)).for_each(|brand| *brands.entry(brand).or_default() += 1);
        let (price, standing) = (readers.i64("price")?, readers.u64("standing")?);
        let said = |doc| standing.first(doc).and_then(|standing| u8::try_from(standing).ok()).unwrap_or(0);
        Ok(Self {
            brand,
            category: texts.one("category", Book::category)?,
            attribute: texts.several("attribute", Book::attribute)?,
            prices: (0..documents).map(|doc| price.first(doc).unwrap_or(NO_PRICE)).collect(),
            standings: (0..documents).map(said).collect(),
            created: readers.i64("created")?,
            name: readers.str("name")?,
            id_high: readers.u64("id_high")?,
            id_low: readers.u64("id_low")?,
            digest: readers.u64("digest")?,
            brands,
        })
    }

    /// The price of a document, in 1/10,000.
    pub(super) fn price(&self, doc: DocId) -> Option<i64> {
        self.prices.get(doc as usize).copied().filter(|price| *price != NO_PRICE)
    }

    /// How a document stands; see [`super::entry`].
    pub(super) fn standing(&self, doc: DocId) -> u64 {
        self.standings.get(doc as usize).copied().map_or(0, u64::from)
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
    /// Which name each attribute has, by number.
    pub(super) name_of: Arc<[u32]>,
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
        let name_of = Arc::from(book.read().unwrap_or_else(PoisonError::into_inner).name_of.as_slice());
        Ok(Self { searcher, fields: shelf.fields, parts, tree, name_of, book })
    }

    /// The values by their numbers.
    pub(super) fn book(&self) -> RwLockReadGuard<'_, Book> {
        self.book.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every product that is in it, with its standing and its digest.
    pub(super) fn products(&self) -> impl Iterator<Item = (ProductId, u64, u64)> + '_ {
        let parts = self.searcher.segment_readers().iter();
        parts.filter_map(|part| Some((part, self.parts.get(&part.segment_id())?))).flat_map(|(part, columns)| {
            let said = move |doc| (columns.product(doc), columns.standing(doc), columns.digest.first(doc).unwrap_or(0));
            part.doc_ids_alive().map(said)
        })
    }

    /// How many products have a brand, the deleted ones of late among them.
    pub(super) fn brand_uses(&self, brand: u32) -> u32 {
        self.parts.values().filter_map(|part| part.brands.get(&brand)).sum()
    }

    fn near_words(&self, word: &str, distance: u8) -> tantivy::Result<Uses> {
        let mut uses = Uses::default();
        let term = Term::from_field_text(self.fields.called, word);
        let automaton = FuzzyTermQuery::new(term, distance, true).automaton()?;
        for (field, part) in self.dictionaries() {
            let terms = part.inverted_index(field)?;
            let mut found = terms.terms().search(&automaton).into_stream()?;
            while found.advance() {
                uses.add(found.key(), found.value().doc_freq);
            }
        }
        Ok(uses)
    }

    fn begun_words(&self, beginning: &str) -> tantivy::Result<Uses> {
        let mut uses = Uses::default();
        for (field, part) in self.dictionaries() {
            let terms = part.inverted_index(field)?;
            let mut found = terms.terms().range().ge(beginning).into_stream()?;
            while found.advance() && found.key().starts_with(beginning.as_bytes()) {
                uses.add(found.key(), found.value().doc_freq);
            }
        }
        Ok(uses)
    }

    fn dictionaries(&self) -> impl Iterator<Item = (Field, &SegmentReader)> {
        let parts = self.searcher.segment_readers();
        self.fields.of_words().into_iter().flat_map(move |field| parts.iter().map(move |part| (field, part)))
    }
}

/// Written words, with how many products each is in.
#[derive(Default)]
struct Uses(HashMap<String, u64>);

impl Uses {
    fn add(&mut self, term: &[u8], documents: u32) {
        let Some(word) = str::from_utf8(term).ok().filter(|word| forms::is_written(word)) else { return };
        let uses = u64::from(documents);
        match self.0.get_mut(word) {
            Some(sum) => *sum += uses,
            None => _ = self.0.insert(word.to_owned(), uses),
        }
    }
}

/// What cannot be read has no words: the walk over what matches then says what is wrong.
fn readable(uses: tantivy::Result<Uses>) -> Vec<(String, u64)> {
    let uses = uses.inspect_err(|error| tracing::warn!(%error, "the words of the search index cannot be read"));
    uses.unwrap_or_default().0.into_iter().collect()
}

impl std::fmt::Debug for View {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View").field("parts", &self.parts.len()).finish_non_exhaustive()
    }
}

impl Dictionary for View {
    fn uses(&self, term: &str) -> u64 {
        let uses = |field| self.searcher.doc_freq(&Term::from_field_text(field, term)).unwrap_or(0);
        self.fields.of(term).into_iter().map(uses).sum()
    }

    fn near(&self, word: &str, distance: u8) -> Vec<(String, u64)> {
        readable(self.near_words(word, distance))
    }

    fn begun(&self, beginning: &str) -> Vec<(String, u64)> {
        readable(self.begun_words(beginning))
    }
}
