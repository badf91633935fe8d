//! `search`: products by what somebody means.

use super::{Failure, till::Till};
use crate::config::Config;
use crate::{
    search::{Facets, How, ValueCount},
    web::search::{FoundShown, HitShown},
};

/// Rows, if nobody says how many.
const ROWS: usize = 20;

/// Search the whole catalogue: words in any order and form, mistyped ones, amounts, codes
#[derive(Debug, clap::Args)]
pub struct Search {
    /// What to look for; everything, if left out
    #[arg(value_name = "TEXT")]
    pub text: Vec<String>,
    /// Count what is found by category, brand, price, stock and attributes
    #[arg(long)]
    pub facets: bool,
    /// Only in this category and those within it
    #[arg(long, value_name = "ID")]
    pub category: Option<String>,
    /// Only of this brand; again for one more
    #[arg(long)]
    pub brand: Vec<String>,
    /// Only with this attribute, like colour:red; again for one more
    #[arg(long, value_name = "NAME:VALUE")]
    pub attribute: Vec<String>,
    /// Only from this price on
    #[arg(long, value_name = "PRICE")]
    pub price_from: Option<String>,
    /// Only up to this price
    #[arg(long, value_name = "PRICE")]
    pub price_to: Option<String>,
    /// Only what is in stock: here or anywhere
    #[arg(long, value_name = "WHERE")]
    pub stock: Option<String>,
    /// In this order: relevance, price, price_down, name or newest
    #[arg(long)]
    pub sort: Option<String>,
    /// Rows to pass over
    #[arg(long, default_value_t = 0)]
    pub offset: usize,
    /// Rows at most
    #[arg(long, default_value_t = ROWS)]
    pub limit: usize,
}

/// Searches.
///
/// # Errors
/// If the device cannot be read, or an option cannot be.
pub fn run(config: &Config, search: &Search) -> Result<(), Failure> {
    let till = Till::open(config)?;
    let (text, facets) = (search.text.join(" "), search.facets.to_string());
    let (offset, limit) = (search.offset.to_string(), search.limit.to_string());
    let mut query = vec![("text", text.as_str()), ("facets", &facets), ("offset", &offset), ("limit", &limit)];
    let options = [
        ("category", &search.category),
        ("price_from", &search.price_from),
        ("price_to", &search.price_to),
        ("stock", &search.stock),
        ("sort", &search.sort),
    ];
    query.extend(options.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?))));
    query.extend(search.brand.iter().map(|brand| ("brand", brand.as_str())));
    query.extend(search.attribute.iter().map(|attribute| ("attribute", attribute.as_str())));
    show(&till.get("/v1/products/search", &query)?);
    Ok(())
}

fn show(found: &FoundShown) {
    if let Some(trouble) = &found.trouble {
        say!("{trouble}");
    }
    if let Some(meant) = &found.meant {
        say!("Did you mean: {meant}?");
    }
    match found.how {
        How::Nothing => say!("Nothing here is called that."),
        How::SomeWords => say!("Nothing has all of these words. {} have some:", found.total),
        How::Plain => say!("{} by their names, for the index is not there yet:", found.total),
        How::Code | How::Everything | How::AllWords | How::Mistyped => say!("{} found:", found.total),
    }
    if !found.hits.is_empty() {
        say!("{:<14} {:<46} {:>10} {:>8} {:>10}", "CODE", "NAME", "PRICE", "HERE", "MAY SELL");
    }
    found.hits.iter().for_each(row);
    found.related.iter().for_each(|category| say!("Look in: {} ({})", category.name, category.category_id));
    found.facets.iter().for_each(counts);
}

fn row(HitShown { offer, name_parts }: &HitShown) {
    let product = &offer.product;
    let code = product.sku.as_deref().or_else(|| product.barcodes.first().map(|barcode| barcode.digits()));
    let name: String = name_parts.iter().flat_map(|part| part.text.chars()).take(46).collect();
    let price = product.price.map_or_else(|| "ask".to_owned(), |price| price.to_string());
    say!("{:<14} {name:<46} {price:>10} {:>8} {:>10}", code.unwrap_or("-"), offer.quantity, offer.open);
}

fn counts(facets: &Facets) {
    let values = |name: &str, values: &[ValueCount]| {
        let said: Vec<String> = values.iter().map(|value| format!("{} ({})", value.value, value.count)).collect();
        if !said.is_empty() {
            say!("{name}: {}", said.join(", "));
        }
    };
    for category in &facets.categories {
        say!("category {}: {} ({})", category.category_id, category.name, category.count);
    }
    values("brand", &facets.brands);
    facets.attributes.iter().for_each(|(name, counted)| values(name, counted));
    if let Some(price) = facets.price {
        say!("price: {} to {}", price.from, price.to);
    }
    say!("in stock: {} here, {} anywhere", facets.stock.here, facets.stock.anywhere);
}
