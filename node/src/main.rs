//! `outpost-node`: one device of the shop on the command line.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use outpost_node::{
    command::{
        Failure, adjust, backup, card, carry, concerns, count, counting, deliveries, find, goods, hold, join, orders,
        restore, round, salvage, scarce, search, sell, serve, status, stock, take_back, transfer, verify,
    },
    config::{Config, LogFormat, Settings},
    stage,
};
use outpost_sync::wire::Problem;
use tracing_subscriber::EnvFilter;

/// One device of a shop: it sells, counts and looks up without a network, and tells head office when it can
#[derive(Parser)]
#[command(
    version,
    after_help = "Exit codes: 1 the shop says no or the machine failed, 2 the command or the settings are \
wrong, 3 head office could not be reached (nothing is lost)."
)]
struct Cli {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Subcommand)]
enum Verb {
    Join(join::Join),
    Card(card::Card),
    /// Serve the pages and the API and keep the line; what happens if no command is given
    Serve,
    Sell(sell::Sell),
    Return(take_back::Return),
    Find(find::Find),
    Search(search::Search),
    Stock(stock::Stock),
    /// List of what little may be sold here without asking
    Scarce,
    Receive(adjust::Receive),
    Adjust(adjust::Adjust),
    Count(count::Count),
    /// Count bin by bin, by several people; nothing is booked until somebody approves it
    #[command(subcommand)]
    Counting(counting::Counting),
    /// Show how far this device is, for a count at another one
    Mark,
    Deliveries(deliveries::Deliveries),
    /// Goods on the road between warehouses
    #[command(subcommand)]
    Transfer(transfer::Transfer),
    /// Ask for more to sell
    Ask(goods::Goods),
    /// Give back what is not needed, so that others may sell it
    GiveBack(goods::Back),
    /// Give everything back and close the journal: head office has said that this device is to go
    Retire,
    /// Goods kept for a buyer, over the line
    #[command(subcommand)]
    Hold(hold::Hold),
    Orders(orders::Orders),
    /// Send and fetch now, and say what happened
    Round,
    Export(carry::Export),
    Import(carry::Import),
    Salvage(salvage::Salvage),
    /// Compare everything that is kept here with head office, and mend what differs
    Verify,
    /// Show how this device stands with head office
    Status,
    Concerns(concerns::Concerns),
    Backup(backup::Backup),
    Restore(restore::Restore),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("outpost-node: {}", failure.problem);
            ExitCode::from(failure.exit.code())
        }
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    stage::check()?;
    let config = cli.settings.settle(std::env::vars_os())?;
    let verb = cli.verb.unwrap_or(Verb::Serve);
    let usual = if matches!(verb, Verb::Serve) { "info" } else { "warn" };
    log(&config, usual)?;
    match verb {
        Verb::Join(join) => join::run(&config, &join),
        Verb::Card(card) => card::run(&config, &card),
        Verb::Serve => serve::run(&config),
        Verb::Sell(sell) => sell::run(&config, &sell),
        Verb::Return(back) => take_back::run(&config, &back),
        Verb::Find(find) => find::run(&config, &find),
        Verb::Search(search) => search::run(&config, &search),
        Verb::Stock(stock) => stock::run(&config, &stock),
        Verb::Scarce => scarce::run(&config),
        Verb::Receive(wanted) => adjust::receive(&config, &wanted),
        Verb::Adjust(wanted) => adjust::adjust(&config, &wanted),
        Verb::Count(count) => count::run(&config, &count),
        Verb::Counting(verb) => counting::run(&config, &verb),
        Verb::Mark => count::mark(&config),
        Verb::Deliveries(wanted) => deliveries::run(&config, &wanted),
        Verb::Transfer(verb) => transfer::run(&config, &verb),
        Verb::Ask(goods) => goods::run(&config, &goods, goods::Deed::Ask),
        Verb::GiveBack(back) => goods::give_back(&config, back),
        Verb::Retire => goods::retire(&config),
        Verb::Hold(verb) => hold::run(&config, &verb),
        Verb::Orders(orders) => orders::run(&config, &orders),
        Verb::Round => round::run(&config),
        Verb::Export(export) => carry::export(&config, &export),
        Verb::Import(import) => carry::import(&config, &import),
        Verb::Salvage(salvage) => salvage::run(&config, &salvage),
        Verb::Verify => verify::run(&config),
        Verb::Status => status::run(&config),
        Verb::Concerns(wanted) => concerns::run(&config, &wanted),
        Verb::Backup(wanted) => backup::run(&config, &wanted),
        Verb::Restore(wanted) => restore::run(&config, &wanted),
    }
}

/// Log lines go to the error output; the answers of a command stay alone on the other.
fn log(config: &Config, usual: &str) -> Result<(), Failure> {
    let level = config.log.as_deref().unwrap_or(usual);
    let filter = EnvFilter::try_new(level)
        .map_err(|error| Problem::new("bad_log_level", format!("{level:?} is no log level ({error}); try info")))?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match config.log_format {
        LogFormat::Text => lines.init(),
        LogFormat::Json => lines.json().init(),
    }
    Ok(())
}
