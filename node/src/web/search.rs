//! Search and type-ahead. A query is text and nothing else; what it is narrowed by stands beside it, by names.

use std::sync::Arc;

use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use outpost_sync::wire::Problem;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    App, LIST_MAX, blocking,
    problem::{Answer, Failed},
    products::OfferShown,
    rows,
    take::Asked,
};
use crate::search::{CategoryCount, Facets, Found, Hit, How, Part, Suggested, ValueCount, Wanted};

/// Rows of what is suggested, if nobody says how many.
const SUGGESTED_USUAL: usize = 5;

/// What was found, as it is answered.
#[derive(Debug, Serialize, Deserialize)]
pub struct FoundShown {
    /// How.
    pub how: How,
    /// How many there are in all.
    pub total: u64,
    /// Those of this page.
    pub hits: Vec<HitShown>,
    /// Counts, if they were asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub facets: Option<Facets>,
    /// What was probably meant.
    pub meant: Option<String>,
    /// Categories to look in.
    pub related: Vec<CategoryCount>,
    /// Why the index is not there or falls behind.
    pub trouble: Option<Problem>,
}

/// A product that was found.
#[derive(Debug, Serialize, Deserialize)]
pub struct HitShown {
    /// As this device can sell it.
    #[serde(flatten)]
    pub offer: OfferShown,
    /// Its name in parts, with what matched; plain text, to be escaped like any other.
    pub name_parts: Vec<Part>,
}

/// What may be meant.
#[derive(Debug, Serialize, Deserialize)]
pub struct SuggestedShown {
    /// Products.
    pub products: Vec<HitShown>,
    /// Brands.
    pub brands: Vec<ValueCount>,
    /// Categories.
    pub categories: Vec<CategoryCount>,
    /// What was searched here before.
    pub searches: Vec<String>,
}

/// Whatever stands behind the question mark, in order; names may come again.
type Pairs = Vec<(String, String)>;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/v1/products/search", get(find)).route("/v1/products/suggest", get(suggest))
}

async fn find(State(app): State<Arc<App>>, Asked(pairs): Asked<Pairs>) -> Answer<FoundShown> {
    let wanted = wanted(pairs)?;
    Ok(Json(blocking(&app, move |app| app.search.find(&wanted)).await?.into()))
}

async fn suggest(State(app): State<Arc<App>>, Asked(pairs): Asked<Pairs>) -> Answer<SuggestedShown> {
    let (mut text, mut limit) = (String::new(), SUGGESTED_USUAL);
    for (name, value) in pairs {
        match name.as_str() {
            "text" => text = value,
            "limit" => limit = read::<usize>(&name, &value)?.min(LIST_MAX),
            _ => return Err(unknown(&name, "text, limit")),
        }
    }
    Ok(Json(blocking(&app, move |app| app.search.suggest(&text, limit)).await?.into()))
}

fn wanted(pairs: Pairs) -> Result<Wanted, Failed> {
    let mut wanted = Wanted { limit: rows(None), ..Wanted::default() };
    let filter = &mut wanted.filter;
    for (name, value) in pairs {
        match name.as_str() {
            "text" => wanted.text = value,
            "typing" => wanted.is_typing = read(&name, &value)?,
            "category" => filter.category = Some(read(&name, &value)?),
            "brand" => filter.brands.push(value),
            "price_from" => filter.price_from = Some(read(&name, &value)?),
            "price_to" => filter.price_to = Some(read(&name, &value)?),
            "stock" => filter.stock = Some(read(&name, &value)?),
            "attribute" => filter.attributes.push(attribute(&value)?),
            "sort" => wanted.sort = read(&name, &value)?,
            "offset" => wanted.offset = read(&name, &value)?,
            "limit" => wanted.limit = rows(Some(read(&name, &value)?)),
            "facets" => wanted.has_facets = read(&name, &value)?,
            _ => return Err(unknown(&name, NAMES)),
        }
    }
    Ok(wanted)
}

/// What a search may be asked with.
const NAMES: &str =
    "text, typing, category, brand, price_from, price_to, stock, attribute, sort, offset, limit, facets";

fn attribute(value: &str) -> Result<(String, String), Failed> {
    let (name, value) = value.split_once(':').ok_or_else(|| {
        let sentence = "attribute is the name and the value with a colon between, like attribute=colour:red";
        Failed::new(StatusCode::BAD_REQUEST, "unreadable_query", sentence)
    })?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Reads a value as JSON would: as a number or a truth if it is one, else as text.
fn read<T: DeserializeOwned>(name: &str, value: &str) -> Result<T, Failed> {
    let bare = serde_json::from_str(value);
    bare.or_else(|_| serde_json::from_value(value.into())).map_err(|error| {
        let sentence = format!("{name} cannot be read: {error}");
        Failed::new(StatusCode::BAD_REQUEST, "unreadable_query", sentence)
    })
}

fn unknown(name: &str, known: &str) -> Failed {
    let name: String = name.chars().take(40).collect();
    let sentence = format!("a search has no {name:?}; there are: {known}");
    Failed::new(StatusCode::BAD_REQUEST, "unreadable_query", sentence)
}

impl From<Hit> for HitShown {
    fn from(Hit { offer, name }: Hit) -> Self {
        Self { offer: offer.into(), name_parts: name }
    }
}

impl From<Found> for FoundShown {
    fn from(found: Found) -> Self {
        let Found { how, total, hits, facets, meant, related, trouble } = found;
        let trouble = trouble.map(|trouble| Problem::new(trouble.code(), trouble.to_string()));
        Self { how, total, hits: hits.into_iter().map(HitShown::from).collect(), facets, meant, related, trouble }
    }
}

impl From<Suggested> for SuggestedShown {
    fn from(suggested: Suggested) -> Self {
        let Suggested { hits, brands, categories, searches } = suggested;
        Self { products: hits.into_iter().map(HitShown::from).collect(), brands, categories, searches }
    }
}
