//! `outpost-server policy ...` and `outpost-server label ...`: what head office lays down for its shops.

use outpost_schema::{
    device::NodeKind,
    fault::Fault,
    rule::{Goods, RuleSort, Says},
    scan::Layout,
    stock::SalePolicy,
};
use outpost_sync::wire::Problem;

use super::{print_json, product, table};
use crate::{
    db::rules::{self as kept, RuleSeen},
    publish, rules,
    server::Server,
};

/// Rules in one look.
const ROWS_MAX: i64 = 10_000;

/// Which goods a policy is about, and at which devices.
#[derive(clap::Args)]
pub(super) struct About {
    /// Only at this sort of device: till, kiosk, popup, handheld
    #[arg(long, value_parser = word::<NodeKind>)]
    kind: Option<NodeKind>,
    /// Only this product: its sku, barcode or id
    #[arg(long, value_name = "SKU")]
    product: Option<String>,
    /// Only this category and those within it, such as "Food > Hot drinks"
    #[arg(long, value_name = "PATH", conflicts_with = "product")]
    category: Option<String>,
}

/// What `policy` can do.
#[derive(clap::Subcommand)]
pub(super) enum Policy {
    /// List them; where none counts, a device is strict, and physical at its home
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Say what happens at a till whose allotment does not cover a line
    Set {
        /// strict: the sale is refused; physical: the goods are in the customer's hand
        #[arg(value_parser = word::<SalePolicy>)]
        policy: SalePolicy,
        #[command(flatten)]
        about: About,
    },
    /// Take back what was said about the same goods and devices
    Clear {
        #[command(flatten)]
        about: About,
    },
}

/// What `label` can do.
#[derive(clap::Subcommand)]
pub(super) enum Label {
    /// List how the shop's own labels are laid out
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Say how labels with a prefix are laid out, such as 21IIIIIPPPPPC
    #[command(
        after_help = "13 letters: two digits (02, 20 to 29), I the product's own number, P price, W grams or N pieces, V before a price of 4 or 5 digits for its check digit, C at the end."
    )]
    Set {
        /// The layout
        #[arg(value_parser = layout)]
        layout: Layout,
    },
    /// Take back the layout of a prefix
    Clear {
        /// Its two digits
        prefix: String,
    },
}

pub(super) async fn policy(verb: Policy, server: &Server) -> Result<(), Problem> {
    match verb {
        Policy::List { json } => list(RuleSort::Policy, json, server).await,
        Policy::Set { policy, about } => {
            let says = says(about, policy, server).await?;
            told(rules::lay_down(server, &[says]).await?, "set; devices hear of it with their next news");
            Ok(())
        }
        Policy::Clear { about } => {
            let says = says(about, SalePolicy::Strict, server).await?;
            told(rules::take_back(server, &[says]).await?, "taken back");
            Ok(())
        }
    }
}

async fn says(about: About, policy: SalePolicy, server: &Server) -> Result<Says, Problem> {
    let goods = match (about.product, about.category) {
        (Some(word), _) => Goods::Product(product::find(server, &word).await?.product_id),
        (None, Some(path)) => Goods::Category(publish::category_at(server, &path).await?),
        (None, None) => Goods::All,
    };
    Ok(Says::Policy { kind: about.kind, goods, policy })
}

pub(super) async fn label(verb: Label, server: &Server) -> Result<(), Problem> {
    match verb {
        Label::List { json } => list(RuleSort::Labels, json, server).await,
        Label::Set { layout } => {
            let changed = rules::lay_down(server, &[Says::Labels { layout }]).await?;
            told(changed, "set; devices hear of it with their next news");
            Ok(())
        }
        Label::Clear { prefix } => {
            let found = all(RuleSort::Labels, server).await?.into_iter().find_map(|seen| match seen.rule.says {
                Says::Labels { layout } if layout.prefix() == prefix => Some(Says::Labels { layout }),
                Says::Labels { .. } | Says::Policy { .. } | Says::LowAt { .. } => None,
            });
            let removed = rules::take_back(server, found.as_slice()).await?;
            told(removed, "taken back");
            Ok(())
        }
    }
}

fn told(changed: u64, done: &str) {
    println!("{}", if changed > 0 { done } else { "nothing changed" });
}

async fn all(sort: RuleSort, server: &Server) -> Result<Vec<RuleSeen>, Problem> {
    Ok(server.db.snapshot(|tx| async move { kept::list(&tx, Some(sort), None, ROWS_MAX).await }).await?)
}

/// Prints the rules of a sort.
pub(super) async fn list(sort: RuleSort, json: bool, server: &Server) -> Result<(), Problem> {
    let seen = all(sort, server).await?;
    if json {
        return print_json(&seen);
    }
    let rows: Vec<_> = seen.into_iter().map(row).collect();
    let none = "nothing is laid down";
    match sort {
        RuleSort::Labels => table::print(["prefix", "layout", ""], &rows, none),
        RuleSort::Policy => table::print(["device", "goods", "policy"], &rows, none),
        RuleSort::Low => table::print(["product", "warehouse", "low at"], &rows, none),
    }
    Ok(())
}

fn row(seen: RuleSeen) -> [String; 3] {
    let RuleSeen { rule, product, category, warehouse } = seen;
    let or = |name: Option<String>, none: &str| name.unwrap_or_else(|| none.to_owned());
    match rule.says {
        Says::Labels { layout } => [layout.prefix(), layout.to_string(), String::new()],
        Says::Policy { kind, policy, .. } => {
            let kind = kind.map_or_else(|| "any".to_owned(), |kind| kind.to_string());
            [kind, or(product.or(category), "all goods"), policy.to_string()]
        }
        Says::LowAt { units, .. } => [or(product, "any product"), or(warehouse, "any place"), units.to_string()],
    }
}

/// Reads a value with the schema's own word for what is wrong.
fn word<T: std::str::FromStr<Err = Fault>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|fault: Fault| fault.to_string())
}

fn layout(text: &str) -> Result<Layout, String> {
    text.parse().map_err(|unread: outpost_schema::scan::Unread| unread.to_string())
}
