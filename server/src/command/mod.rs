//! The command line: one file per verb. A verb opens the network, does one thing, prints, and closes.

mod backup;
mod check;
mod concern;
mod delivery;
mod hold;
mod house;
mod import;
mod import_ops;
mod node;
mod nodes;
mod opened;
mod order;
mod price;
mod product;
mod recovery;
mod restore;
mod rule;
mod serve;
mod shelf;
mod stock;
mod synonym;
mod table;
mod transfer;
mod verify;
mod warehouse;

use std::{env, io::IsTerminal, process::ExitCode};

use clap::{Parser, Subcommand};
use outpost_schema::clock::Timestamp;
use outpost_sync::wire::Problem;
use tracing_subscriber::EnvFilter;

use crate::{
    config::{Config, ConfigError, LogFormat, Settings},
    stage,
};

use opened::Opened;

/// Head office of an Outpost network: stock, catalogue and the feed that carries news to the shops
#[derive(Parser)]
#[command(name = "outpost-server", version, arg_required_else_help = false)]
#[command(
    after_help = "Settings may also stand in the environment (OUTPOST_SERVER_DATABASE, ...) or in a TOML file (--config)."
)]
pub struct Cli {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Subcommand)]
enum Verb {
    /// Run the server (what happens if no command is given)
    Serve,
    /// Places that hold stock
    #[command(subcommand)]
    Warehouse(warehouse::Verb),
    /// Devices
    #[command(subcommand)]
    Node(node::Verb),
    /// Devices that are lost, stolen, closed or moved, and what that costs
    #[command(subcommand)]
    Nodes(nodes::Verb),
    /// The catalogue, one product at a time
    #[command(subcommand)]
    Product(product::Verb),
    /// Set prices: SKU=PRICE, or SKU=none for a price that the till asks for
    Price(price::Args),
    /// Take products or opening stock from a CSV file, plain or zstd
    #[command(subcommand)]
    Import(import::Verb),
    /// Take what a device without a line wrote with `outpost-node export`, and write the reply to carry back
    ImportOps(import_ops::Args),
    /// What is on hand, promised, moved and running low
    #[command(subcommand)]
    Stock(stock::Verb),
    /// Goods on the road between warehouses
    #[command(subcommand)]
    Transfers(transfer::Verb),
    /// Deliveries that are expected from suppliers
    #[command(subcommand)]
    Delivery(delivery::Verb),
    /// What is held for buyers
    #[command(subcommand)]
    Holds(hold::Verb),
    /// What happens at a till whose allotment does not cover a line
    #[command(subcommand)]
    Policy(rule::Policy),
    /// How the labels of the shop's own scales are laid out
    #[command(subcommand)]
    Label(rule::Label),
    /// Words by which customers ask for the same goods: who searches a till for one finds the others too
    #[command(subcommand)]
    Synonyms(synonym::Verb),
    /// What was sold
    #[command(subcommand)]
    Orders(order::Verb),
    /// Which devices head office still has to hear after a restore
    Recovery(recovery::Args),
    /// What people must look at
    #[command(subcommand)]
    Concerns(concern::Verb),
    /// Check the whole book against its laws
    Check,
    /// Check the book, what devices are told of it, and what they found when they compared themselves
    Verify(verify::Args),
    /// Write everything into a folder, while the server works
    Backup(backup::Args),
    /// Bring everything back from a backup or from the archive, into an empty place
    Restore(restore::Args),
}

/// Does what the command line says.
///
/// # Errors
/// A sentence that says what to do, with its code.
pub async fn run(cli: Cli) -> Result<ExitCode, Problem> {
    stage::check()?;
    let variables = env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let config = Config::check(cli.settings, variables).map_err(|error| told(&error, ConfigError::code))?;
    let verb = cli.verb.unwrap_or(Verb::Serve);
    start_log(&config, matches!(verb, Verb::Serve));
    if let Verb::Serve = verb {
        return serve::run(&config).await.map(|()| ExitCode::SUCCESS);
    }
    if let Verb::Restore(args) = verb {
        return restore::run(&args, &config).await.map(|()| ExitCode::SUCCESS);
    }
    let opened = Opened::open(&config).await?;
    let done = act(verb, &opened, &config).await;
    opened.close().await?;
    done
}

async fn act(verb: Verb, opened: &Opened, config: &Config) -> Result<ExitCode, Problem> {
    let server = &opened.server;
    match verb {
        Verb::Serve | Verb::Restore(_) => Ok(()),
        Verb::Warehouse(verb) => warehouse::run(verb, server).await,
        Verb::Node(verb) => node::run(verb, server, config).await,
        Verb::Nodes(verb) => nodes::run(verb, server, config).await,
        Verb::Product(verb) => product::run(verb, server).await,
        Verb::Price(args) => price::run(args, server).await,
        Verb::Import(verb) => import::run(verb, server).await,
        Verb::ImportOps(args) => import_ops::run(args, server).await,
        Verb::Stock(verb) => stock::run(verb, server).await,
        Verb::Transfers(verb) => transfer::run(verb, server).await,
        Verb::Delivery(verb) => delivery::run(verb, server).await,
        Verb::Holds(verb) => hold::run(verb, server).await,
        Verb::Policy(verb) => rule::policy(verb, server).await,
        Verb::Label(verb) => rule::label(verb, server).await,
        Verb::Synonyms(verb) => synonym::run(verb, server).await,
        Verb::Orders(verb) => order::run(verb, server).await,
        Verb::Recovery(args) => recovery::run(&args, server).await,
        Verb::Concerns(verb) => concern::run(verb, server).await,
        Verb::Backup(args) => backup::run(&args, server).await,
        Verb::Check => return check::run(server).await,
        Verb::Verify(args) => return verify::run(&args, server).await,
    }
    .map(|()| ExitCode::SUCCESS)
}

/// A verb says what went wrong; only a server tells what goes on, unless more was asked for.
fn start_log(config: &Config, is_server: bool) {
    let filter = if is_server || config.is_log_asked { config.log.as_str() } else { "error" };
    let has_colours = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt().with_env_filter(EnvFilter::new(filter)).with_writer(std::io::stderr);
    let log = log.with_ansi(has_colours);
    match config.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
}

/// An error as a sentence with its code.
fn told<E: std::fmt::Display>(error: &E, code: impl Fn(&E) -> &'static str) -> Problem {
    Problem::new(code(error), error.to_string())
}

/// Prints a value as one line of JSON.
fn print_json<T: serde::Serialize>(value: &T) -> Result<(), Problem> {
    let line = serde_json::to_string(value).map_err(|error| Problem::new("not_printed", error.to_string()))?;
    println!("{line}");
    Ok(())
}

/// Prints a line. What was done stays done, whether or not anybody reads on.
fn say(line: impl std::fmt::Display) {
    use std::io::Write as _;
    let _nobody_reads = writeln!(std::io::stdout(), "{line}");
}

/// A moment as people write it, in UTC.
pub(crate) fn moment(at: Timestamp) -> String {
    let seconds = at.micros().div_euclid(1_000_000);
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = date(days);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)
}

/// The Gregorian date of a day since 1970; its years begin in March, so that the leap day ends one.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_moment_is_written_as_people_do() {
        let cases = [
            (0, "1970-01-01 00:00:00"),
            (1_456_790_399, "2016-02-29 23:59:59"),
            (1_495_984_795, "2017-05-28 15:19:55"),
            (-1, "1969-12-31 23:59:59"),
        ];
        for (seconds, text) in cases {
            assert_eq!(moment(Timestamp::from_micros(seconds * 1_000_000)), text);
        }
    }
}
