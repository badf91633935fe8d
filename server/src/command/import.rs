//! `outpost-server import products | stock`: shows how far it is, then says what came of it.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use outpost_sync::wire::Problem;

use super::{print_json, told};
use crate::{
    import::{self, ImportError, Options, Progress, Report, Source, SourceError},
    server::Server,
};

/// What `import` can do.
#[derive(clap::Subcommand)]
pub(super) enum Verb {
    /// Products. Columns: name, and sku or barcode; also brand, manufacturer, category_path (levels joined by " > "),
    /// price, currency, package_size, description, unit. Products are known by their sku; what is empty stays as it is
    Products {
        /// The CSV file, plain or zstd
        file: PathBuf,
        /// Make in-store barcodes from numeric skus, for products that come without one
        #[arg(long)]
        in_store_barcodes: bool,
        #[command(flatten)]
        common: Common,
    },
    /// What is on hand on opening day. Columns: quantity, and sku or barcode. A book that has begun is left alone
    Stock {
        /// The CSV file, plain or zstd
        file: PathBuf,
        /// Where the goods are
        #[arg(long, value_name = "NAME")]
        warehouse: String,
        #[command(flatten)]
        common: Common,
    },
}

/// What both take.
#[derive(clap::Args)]
pub(super) struct Common {
    /// Change nothing; say what would happen
    #[arg(long)]
    dry_run: bool,
    /// Write the rows that did not go in to this file, each with its reason; mend it and import it
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Say what came of it as JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(verb: Verb, server: &Server) -> Result<(), Problem> {
    let (report, common, what) = match verb {
        Verb::Products { file, in_store_barcodes, common } => {
            let (source, bar, options) = begin(&file, &common, in_store_barcodes)?;
            (import::products(server, source, options, moved(bar)).await, common, "products")
        }
        Verb::Stock { file, warehouse, common } => {
            let (source, bar, options) = begin(&file, &common, false)?;
            (import::stock(server, source, &warehouse, options, moved(bar)).await, common, "stock rows")
        }
    };
    let report = report.map_err(|error| told(&error, ImportError::code))?;
    if common.json {
        return print_json(&report);
    }
    sentences(&report, what, common.rejects.as_deref()).iter().for_each(|line| println!("{line}"));
    Ok(())
}

fn begin(path: &Path, common: &Common, in_store_barcodes: bool) -> Result<(Source, ProgressBar, Options), Problem> {
    let source = Source::open(path).map_err(|error| told(&error, SourceError::code))?;
    let rejects = common.rejects.as_deref().map(created).transpose()?;
    let options = Options { is_dry_run: common.dry_run, in_store_barcodes, rejects };
    let bar = ProgressBar::with_draw_target(source.bytes(), ProgressDrawTarget::stderr());
    bar.set_style(style());
    Ok((source, bar, options))
}

fn created(path: &Path) -> Result<Box<dyn Write + Send>, Problem> {
    let file = File::create(path).map_err(|error| told(&SourceError::Rejects(error), SourceError::code))?;
    Ok(Box::new(file))
}

/// Hidden by itself where there is no terminal.
fn style() -> ProgressStyle {
    ProgressStyle::with_template("{bar:40} {percent:>3}%  {msg}").unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn moved(bar: ProgressBar) -> impl FnMut(Progress) {
    move |progress| {
        bar.set_position(progress.bytes);
        bar.set_message(format!("{} rows", progress.rows));
        if bar.length() == Some(progress.bytes) {
            bar.tick();
        }
    }
}

fn sentences(report: &Report, what: &str, rejects: Option<&Path>) -> Vec<String> {
    let mut lines = Vec::new();
    let mut say = |line: String, if_any: bool| lines.extend(Some(line).filter(|_| if_any));
    let begin = if report.is_dry_run { "dry run, nothing was changed: of " } else { "of " };
    let (rows, new, changed, unchanged) = (report.rows, report.new, report.changed, report.unchanged);
    let rejected = report.rejected;
    say(
        format!("{begin}{rows} rows: {new} new {what}, {changed} changed, {unchanged} unchanged, {rejected} rejected"),
        true,
    );
    say(format!("{} units came into the book", report.units), report.units > 0);
    say(format!("{} categories made", report.categories), report.categories > 0);
    say(format!("{} products have no price; the till asks for it", report.without_price), report.without_price > 0);
    let fuel = report.fuel;
    say(format!("{fuel} of them are fuel priced 0.00, now counted in thousandths of a gallon"), fuel > 0);
    say(format!("{} in-store barcodes made", report.barcodes_made), report.barcodes_made > 0);
    let not_made = report.barcodes_not_made;
    say(
        format!(
            "{not_made} products got no in-store barcode: their sku is no number of at most 11 digits, or is taken"
        ),
        not_made > 0,
    );
    let ignored = &report.ignored_columns;
    say(format!("columns that were passed over: {}", ignored.join(", ")), !ignored.is_empty());
    for (code, count) in &report.reasons {
        say(format!("rejected as {code}: {count}"), true);
    }
    for reject in &report.first_rejects {
        say(format!("  line {}: {} ({})", reject.line, reject.reason, reject.code), true);
    }
    let more = report.rejected.saturating_sub(report.first_rejects.len() as u64);
    let place = rejects.map_or_else(
        || "give --rejects FILE to get them all".to_owned(),
        |path| format!("all of them are in {}", path.display()),
    );
    say(format!("  and {more} more; {place}"), more > 0);
    lines
}
