//! Search: what somebody means by what they type, found in the whole catalogue without a network.
//!
//! An index of the products (tantivy) lies beside the database, derived from it: it may be deleted at any moment, is
//! made anew on a thread of its own, and the database answers meanwhile. It holds what is seldom changed; price, stock
//! and name of what is shown come from the database, and so do exact codes, so that a scan is never out of date.
//!
//! [`Search::open`] keeps it up to date while it lives; [`Search::on_call`] brings it up to date when it is asked.

mod begun;
mod bell;
mod entry;
mod facets;
mod forms;
mod gather;
mod index;
mod keeper;
mod meanings;
mod measure;
mod past;
mod plan;
mod query;
mod shown;
mod suggest;
mod tree;
mod typed;
mod view;
mod words;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
};

use outpost_schema::{
    id::{CategoryId, ProductId},
    money::{Currency, Money},
    planted::{Bug, is_planted},
};
use serde::{Deserialize, Serialize};

use self::{bell::Bell, forms::Forms, gather::Gathered, keeper::Keeper, meanings::Meanings, past::Past, view::View};
pub use self::{
    facets::{CategoryCount, Facets, PriceRange, StockCount, ValueCount},
    index::{FOLDER, Trouble},
    keeper::{Kept, NotIndexed},
    shown::{Hit, Part},
    suggest::Suggested,
};
use crate::{
    catalogue,
    db::{identity, synonyms},
    error::Error,
    node::Node,
};

/// Products on a page at most.
pub const PAGE_MAX: usize = 200;

/// How far into what was found one can page; who has to look further types another word.
pub const OFFSET_MAX: usize = 10_000;

/// Attributes that are narrowed by at once, at most.
pub const ATTRIBUTES_MAX: usize = 8;

/// Where there must be some of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InStock {
    /// Where the device stands.
    Here,
    /// In any warehouse that is known here.
    Anywhere,
}

/// In which order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// What matches best first; of equal ones what sells best here, and is in stock here.
    #[default]
    Relevance,
    /// The lowest price first, what has none last.
    Price,
    /// The highest price first, what has none last.
    PriceDown,
    /// By name.
    Name,
    /// What was entered last first.
    Newest,
}

/// What what is found is narrowed by. Several values of one attribute, or several brands, mean any of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// In it, or in one within it.
    pub category: Option<CategoryId>,
    /// Of one of these; none means of any.
    pub brands: Vec<String>,
    /// At least.
    pub price_from: Option<Money>,
    /// At most.
    pub price_to: Option<Money>,
    /// With some in stock.
    pub stock: Option<InStock>,
    /// Names of attributes with their values; at most [`ATTRIBUTES_MAX`] names are looked at.
    pub attributes: Vec<(String, String)>,
}

/// What is looked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wanted {
    /// What was typed; empty for everything. Its first 512 signs and 32 words are looked at.
    pub text: String,
    /// Whether its last word may be the beginning of one.
    pub is_typing: bool,
    /// What it is narrowed by.
    pub filter: Filter,
    /// In which order.
    pub sort: Sort,
    /// Of what was found, how many are passed over; [`OFFSET_MAX`] at most.
    pub offset: usize,
    /// How many are shown; [`PAGE_MAX`] at most.
    pub limit: usize,
    /// Whether it is counted by category, brand, price, stock and attributes.
    pub has_facets: bool,
}

/// How it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// It is a code that products have: these and no others.
    Code,
    /// Nothing was typed: everything.
    Everything,
    /// Products that have all words, or what means the same.
    AllWords,
    /// Nothing has all words; with a letter or two changed, these have.
    Mistyped,
    /// Nothing has all words; these have some.
    SomeWords,
    /// There is no index yet; names in the database were compared with the text.
    Plain,
    /// Nothing is found.
    Nothing,
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// How.
    pub how: How,
    /// How many there are in all.
    pub total: u64,
    /// Those that are shown.
    pub hits: Vec<Hit>,
    /// How many there are of what, if that was asked for and there is an index.
    pub facets: Option<Facets>,
    /// What was probably meant, if a word that was typed is in no product.
    pub meant: Option<String>,
    /// Categories to look in, if nothing has all words.
    pub related: Vec<CategoryCount>,
    /// Why the index is not there or falls behind, if it does.
    pub trouble: Option<Trouble>,
}

/// Search on a node.
#[derive(Debug)]
pub struct Search {
    keeper: Arc<Keeper>,
    bell: Arc<Bell>,
    past: Past,
    /// What words mean besides, and the mark that the database's synonyms had then.
    meanings: Mutex<Option<([u8; 8], Arc<Meanings>)>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    is_on_call: bool,
}

impl Search {
    /// Keeps the index of a node up to date from now on, on a thread of its own. Whatever is wrong with the index is
    /// told with what is found, and never is in the way.
    pub fn open(node: Arc<Node>) -> Self {
        let search = Self::new(node, false);
        let (keeper, bell) = (Arc::clone(&search.keeper), Arc::clone(&search.bell));
        let rung = Arc::clone(&search.bell);
        search.keeper.node().db().watch(move || rung.ring());
        let thread = std::thread::Builder::new().name("search".to_owned());
        match thread.spawn(move || keeper::carry_on(&keeper, &bell)) {
            Ok(thread) => *search.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread),
            Err(error) => tracing::warn!(%error, "nothing keeps the search index; names in the database are searched"),
        }
        search
    }

    /// Brings the index up to date whenever it is asked: for one verb, or for a test.
    pub fn on_call(node: Arc<Node>) -> Self {
        Self::new(node, true)
    }

    fn new(node: Arc<Node>, is_on_call: bool) -> Self {
        let keeper = Arc::new(Keeper::new(node));
        let (meanings, thread) = (Mutex::default(), Mutex::default());
        Self { keeper, bell: Arc::default(), past: Past::default(), meanings, thread, is_on_call }
    }

    /// Indexes what changed, now; for whoever does not let a thread do it.
    ///
    /// # Errors
    /// What is wrong with the index. The database goes on answering.
    pub fn catch_up(&self) -> Result<Kept, NotIndexed> {
        self.keeper.catch_up()
    }

    /// Finds.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn find(&self, wanted: &Wanted) -> Result<Found, Error> {
        if self.is_on_call {
            // Whatever is wrong is told with what is found.
            drop(self.catch_up());
        }
        let text = wanted.text.trim();
        if let Some(found) = self.coded(text, wanted)? {
            return Ok(found);
        }
        let found = match self.keeper.view() {
            Some(view) => {
                let meanings = self.meanings()?;
                self.guarded(|| indexed(self.keeper.node(), &view, &meanings, wanted))?
            }
            None => None,
        };
        let mut found = found.map_or_else(|| self.plain(text, wanted), Ok)?;
        found.trouble = self.keeper.trouble();
        if found.total > 0 && !wanted.is_typing && wanted.offset == 0 {
            self.past.note(text);
        }
        Ok(found)
    }

    /// Products, brands, categories and past searches that begin with what was typed so far.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn suggest(&self, text: &str, limit: usize) -> Result<Suggested, Error> {
        let wanted = Wanted { text: text.to_owned(), is_typing: true, limit, ..Wanted::default() };
        let hits = if text.trim().is_empty() { Vec::new() } else { self.find(&wanted)?.hits };
        let mut suggested = Suggested { hits, searches: self.past.beginning(text, limit), ..Suggested::default() };
        if let Some(view) = self.keeper.view() {
            (suggested.brands, suggested.categories) = suggest::named(&view, text, limit);
        }
        Ok(suggested)
    }

    /// Products of which the index and the database say different things: none, once it has caught up.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn differences(&self) -> Result<Vec<ProductId>, Error> {
        self.keeper.differences()
    }

    /// What words mean besides, as the database says now.
    fn meanings(&self) -> Result<Arc<Meanings>, Error> {
        let db = self.keeper.node().db();
        let mark = db.read(synonyms::mark)?;
        let mut known = self.meanings.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((kept, meanings)) = &*known
            && (*kept == mark || is_planted(Bug::SynonymsRemembered))
        {
            return Ok(Arc::clone(meanings));
        }
        let (mark, groups) = db.read(|conn| Ok((synonyms::mark(conn)?, synonyms::all(conn)?)))?;
        let meanings = Arc::new(Meanings::of(&groups, &mut Forms::new()));
        *known = Some((mark, Arc::clone(&meanings)));
        Ok(meanings)
    }

    /// What has this very code.
    fn coded(&self, text: &str, wanted: &Wanted) -> Result<Option<Found>, Error> {
        if text.is_empty() || text.len() > typed::TYPED_MAX {
            return Ok(None);
        }
        let node = self.keeper.node();
        let now = node.world().now();
        let offers = node.db().read(|conn| {
            let identity = identity::find(conn)?;
            let currency = identity.as_ref().map_or(Currency::USD, |identity| identity.card.currency);
            let products = catalogue::by_code(conn, text, (currency, now))?;
            products
                .into_iter()
                .map(|product| catalogue::offer(conn, identity.as_ref(), product))
                .collect::<Result<Vec<_>, _>>()
        })?;
        if offers.is_empty() {
            return Ok(None);
        }
        let total = offers.len() as u64;
        let shown = offers.into_iter().skip(wanted.offset).take(wanted.limit.min(PAGE_MAX));
        Ok(Some(Found { total, hits: shown.map(Hit::plain).collect(), ..Found::of(How::Code) }))
    }

    /// What the database finds by itself. It neither narrows nor counts.
    fn plain(&self, text: &str, wanted: &Wanted) -> Result<Found, Error> {
        let text: String = text.chars().take(typed::TYPED_MAX).collect();
        let most = wanted.offset.min(OFFSET_MAX) + wanted.limit.min(PAGE_MAX);
        let offers = self.keeper.node().find(&text, most)?;
        let total = offers.len() as u64;
        let hits = offers.into_iter().skip(wanted.offset).map(Hit::plain).collect();
        Ok(Found { total, hits, ..Found::of(How::Plain) })
    }

    /// Damage that is met while reading is told to the keeper, and the database answers instead.
    fn guarded<T>(&self, work: impl FnOnce() -> Result<T, NotFound>) -> Result<Option<T>, Error> {
        match catch_unwind(AssertUnwindSafe(work)) {
            Ok(Ok(done)) => Ok(Some(done)),
            Ok(Err(NotFound::Database(error))) => Err(error),
            Ok(Err(NotFound::Index(error))) => {
                self.doubt(error.to_string());
                Ok(None)
            }
            Err(_) => {
                self.doubt("reading it broke off".to_owned());
                Ok(None)
            }
        }
    }

    fn doubt(&self, what: String) {
        tracing::warn!(what, "the search index cannot be read; it is made anew");
        self.keeper.doubt(what);
        self.bell.ring();
    }
}

impl Drop for Search {
    fn drop(&mut self) {
        self.keeper.end();
        self.bell.end();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("whoever keeps the search index ended badly; it is looked at with the next start");
        }
    }
}

impl Found {
    fn of(how: How) -> Self {
        Self { how, total: 0, hits: Vec::new(), facets: None, meant: None, related: Vec::new(), trouble: None }
    }
}

/// Why nothing could be found.
#[derive(Debug, thiserror::Error)]
enum NotFound {
    #[error(transparent)]
    Database(#[from] Error),
    #[error(transparent)]
    Index(#[from] tantivy::TantivyError),
}

/// Finds in the index, pass after pass.
fn indexed(node: &Node, view: &View, meanings: &Meanings, wanted: &Wanted) -> Result<Found, NotFound> {
    let typed = typed::read(&wanted.text, wanted.is_typing);
    let looked = query::look(view, meanings, &typed, wanted)?;
    let Gathered { total, top, counts, .. } = looked.gathered;
    let shown = top.into_iter().skip(wanted.offset.min(OFFSET_MAX));
    let hits = shown::hits(node, shown, looked.plan.as_ref(), &typed)?;
    let facets = counts.map(|counts| facets::facets(view, &counts, &wanted.filter));
    let related =
        if matches!(looked.how, How::SomeWords | How::Nothing) { suggest::related(view, &typed) } else { Vec::new() };
    Ok(Found { total, hits, facets, meant: looked.meant, related, ..Found::of(looked.how) })
}
