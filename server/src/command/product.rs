//! `outpost-server product add | edit | show | remove`.

use outpost_schema::{
    barcode::Barcode,
    catalogue::{Product, ProductEdit},
    fault::Fault,
    id::CategoryId,
    money::Money,
    quantity::Unit,
};
use outpost_sync::wire::Problem;
use serde_json::{Map, Value};

use super::{moment, print_json};
use crate::{
    db::catalogue,
    publish::{self, ProductNew},
    server::Server,
};

/// What `product` can do.
#[derive(clap::Subcommand)]
pub(super) enum Verb {
    /// Make a product
    Add {
        /// The shop's own code
        #[arg(long)]
        sku: Option<String>,
        /// The smallest unit it is counted in: each, gram, millilitre, milligallon
        #[arg(long, value_parser = word::<Unit>)]
        unit: Option<Unit>,
        /// What the customer reads
        #[arg(long)]
        name: String,
        #[command(flatten)]
        parts: Parts,
    },
    /// Change what is named; all else stays
    Edit {
        /// The product's sku, barcode or id
        product: String,
        /// A new sku
        #[arg(long)]
        sku: Option<String>,
        /// A new name
        #[arg(long)]
        name: Option<String>,
        /// Take the price away, so that the till asks
        #[arg(long, conflicts_with = "price")]
        without_price: bool,
        #[command(flatten)]
        parts: Parts,
    },
    /// Show all that is known of a product
    Show {
        /// The product's sku, barcode or id
        product: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Delete a product that has no stock, orders or promises
    Remove {
        /// The product's sku, barcode or id
        product: String,
    },
}

/// What both making and editing may say.
#[derive(clap::Args)]
pub(super) struct Parts {
    /// The price: of one, or of a kilogram, litre or gallon
    #[arg(long, value_parser = word::<Money>, allow_negative_numbers = true)]
    price: Option<Money>,
    /// A GTIN; repeat the flag for more. An edit names them all
    #[arg(long = "barcode", value_parser = word::<Barcode>)]
    barcodes: Vec<Barcode>,
    /// Where it lies: "Food > Hot drinks"
    #[arg(long)]
    category: Option<String>,
    /// The long text
    #[arg(long)]
    description: Option<String>,
    /// Whatever else is known: brand=Ada; an empty value removes it
    #[arg(long = "attribute", value_name = "NAME=VALUE", value_parser = attribute)]
    attributes: Vec<(String, Value)>,
}

pub(super) async fn run(verb: Verb, server: &Server) -> Result<(), Problem> {
    match verb {
        Verb::Add { sku, unit, name, parts } => add(sku, unit, name, parts, server).await,
        Verb::Edit { product, sku, name, without_price, parts } => {
            let product_id = find(server, &product).await?.product_id;
            let edit = edit(sku, name, without_price, parts, server).await?;
            show(&publish::edit(server, product_id, edit).await?);
            Ok(())
        }
        Verb::Show { product, json } => {
            let product = find(server, &product).await?;
            if json {
                return print_json(&product);
            }
            show(&product);
            Ok(())
        }
        Verb::Remove { product } => {
            let product = find(server, &product).await?;
            publish::remove(server, product.product_id).await?;
            println!("{} is no longer in the catalogue", product.name);
            Ok(())
        }
    }
}

async fn add(
    sku: Option<String>,
    unit: Option<Unit>,
    name: String,
    parts: Parts,
    server: &Server,
) -> Result<(), Problem> {
    let new = ProductNew {
        sku,
        name,
        unit,
        category_id: placed(parts.category.as_deref(), server).await?,
        price: parts.price,
        description: parts.description,
        barcodes: parts.barcodes,
        attributes: parts.attributes.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        image_urls: Vec::new(),
    };
    show(&publish::create(server, new).await?);
    Ok(())
}

async fn edit(
    sku: Option<String>,
    name: Option<String>,
    without_price: bool,
    parts: Parts,
    server: &Server,
) -> Result<ProductEdit, Problem> {
    Ok(ProductEdit {
        sku,
        name,
        without_price,
        price: parts.price,
        category_id: placed(parts.category.as_deref(), server).await?,
        description: parts.description,
        barcodes: Some(parts.barcodes).filter(|barcodes| !barcodes.is_empty()),
        attributes: Some(parts.attributes.into_iter().collect::<Map<_, _>>()).filter(|all| !all.is_empty()),
    })
}

async fn placed(path: Option<&str>, server: &Server) -> Result<Option<CategoryId>, Problem> {
    match path {
        Some(path) => Ok(Some(publish::category_at(server, path).await?)),
        None => Ok(None),
    }
}

/// The product that a sku, a barcode or an id names.
pub(super) async fn find(server: &Server, word: &str) -> Result<Product, Problem> {
    let found = server.db.snapshot(|tx| async move { catalogue::by_word(&tx, word).await }).await?;
    found.ok_or_else(|| Problem::new("not_found", format!("no product has the sku, barcode or id {word:?}")))
}

fn show(product: &Product) {
    let none = || "none".to_owned();
    let price = product.price.map_or_else(|| "asked for at the till".to_owned(), |price| price.to_string());
    let per = if product.price_per == 1 { String::new() } else { format!(" for {}", product.price_per) };
    let digits: Vec<&str> = product.barcodes.iter().map(Barcode::digits).collect();
    println!("{}", product.name);
    println!("  id        {}", product.product_id);
    println!("  sku       {}", product.sku.clone().unwrap_or_else(none));
    println!("  price     {price}{per}, counted in {}", product.unit);
    println!("  barcodes  {}", if digits.is_empty() { none() } else { digits.join(", ") });
    for (name, value) in &product.attributes {
        println!("  {name:<9} {}", value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    }
    println!("  edited    {}", moment(product.updated_at));
}

/// Reads a value with the schema's own word for what is wrong.
fn word<T: std::str::FromStr<Err = Fault>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|fault: Fault| fault.to_string())
}

fn attribute(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("write it like brand=Ada")?;
    let value = if value.is_empty() { Value::Null } else { Value::from(value) };
    Ok((name.to_owned(), value))
}
