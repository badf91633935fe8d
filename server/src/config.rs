//! How the server is to run: from a file, the environment and flags, each stronger than the one before.
//!
//! Everything is checked before anything is started. A key that is not known is refused, wherever it
//! stands, because a misspelt setting that is passed over is found out about too late.

use std::{
    fmt, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr,
};

use clap::{Args, ValueEnum};
use outpost_schema::{fault::Fault, money::Currency};
use serde::Deserialize;
use thiserror::Error;
use tracing_subscriber::EnvFilter;

/// How every variable of the environment begins.
pub const VARIABLES: &str = "OUTPOST_SERVER_";

/// The names that follow [`VARIABLES`].
const KNOWN: [&str; 9] =
    ["CONFIG", "DATABASE", "DATA", "LISTEN", "CURRENCY", "LOG", "LOG_FORMAT", "ARCHIVE", "OUTPUT_COMMIT"];

/// Where the private cluster lies, if nothing is said.
const DATA: &str = ".outpost/server";

/// Where the server listens, if nothing is said.
const LISTEN: &str = "127.0.0.1:7070";

/// What is logged, if nothing is said.
const LOG: &str = "info";

/// Text that must not be shown.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl FromStr for Secret {
    type Err = std::convert::Infallible;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One object per line, for machines.
    Json,
}

/// Where a commit must be safe, besides the database's own disk, before it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputCommit {
    /// Nowhere else.
    Local,
    /// At a synchronous standby of the database that --database names.
    Standby,
}

/// What may be set, as flags and in the environment.
#[derive(Clone, Debug, Default, Args)]
pub struct Settings {
    /// Read settings from this TOML file; its keys are the flags' names
    #[arg(long, global = true, value_name = "FILE", env = "OUTPOST_SERVER_CONFIG")]
    pub config: Option<PathBuf>,
    /// Use this Postgres instead of a private one: postgres://user:password@host/database (a direct connection)
    #[arg(long, global = true, value_name = "URL", env = "OUTPOST_SERVER_DATABASE", hide_env_values = true)]
    pub database: Option<Secret>,
    /// Folder of the private Postgres [default: .outpost/server]
    #[arg(long, global = true, value_name = "FOLDER", env = "OUTPOST_SERVER_DATA")]
    pub data: Option<PathBuf>,
    /// Where to listen; only this machine's own addresses [default: 127.0.0.1:7070]
    #[arg(long, global = true, value_name = "ADDRESS", env = "OUTPOST_SERVER_LISTEN")]
    pub listen: Option<String>,
    /// The network's currency, such as EUR; chosen at the first start and never changed [default: USD]
    #[arg(long, global = true, value_name = "CODE", env = "OUTPOST_SERVER_CURRENCY")]
    pub currency: Option<String>,
    /// What to log: error, warn, info, debug, trace, or a filter such as outpost_server=debug [default: info]
    #[arg(long, global = true, value_name = "FILTER", env = "OUTPOST_SERVER_LOG")]
    pub log: Option<String>,
    /// How log lines look [default: text]
    #[arg(long, global = true, value_name = "FORMAT", env = "OUTPOST_SERVER_LOG_FORMAT")]
    pub log_format: Option<LogFormat>,
    /// serve: keep all that is answered in this folder too, on another disk (the private Postgres only); restore: take it from there
    #[arg(long, global = true, value_name = "FOLDER", env = "OUTPOST_SERVER_ARCHIVE")]
    pub archive: Option<PathBuf>,
    /// serve: answer only what is safe at a synchronous standby too, and refuse to start without one [default: local]
    #[arg(long, global = true, value_name = "WHERE", env = "OUTPOST_SERVER_OUTPUT_COMMIT")]
    pub output_commit: Option<OutputCommit>,
}

/// What may stand in the file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct InFile {
    database: Option<Secret>,
    data: Option<PathBuf>,
    listen: Option<String>,
    currency: Option<String>,
    log: Option<String>,
    log_format: Option<LogFormat>,
    archive: Option<PathBuf>,
    output_commit: Option<OutputCommit>,
}

/// Where the tables lie.
#[derive(Clone, Debug)]
pub enum Database {
    /// In a cluster of our own, in the data folder.
    Private,
    /// There. Its `Debug` shows no password.
    At(Box<tokio_postgres::Config>),
}

/// How the server is to run; checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the tables lie.
    pub database: Database,
    /// Folder of the private cluster.
    pub data: PathBuf,
    /// Where to listen.
    pub listen: SocketAddr,
    /// The network's currency, if it was named.
    pub currency: Option<Currency>,
    /// What to log.
    pub log: String,
    /// Whether somebody asked for that.
    pub is_log_asked: bool,
    /// How log lines look.
    pub log_format: LogFormat,
    /// The private cluster's archive, if it is to have one.
    pub archive: Option<PathBuf>,
    /// Whether commits must be safe at a standby.
    pub is_standby_required: bool,
}

/// Why the settings cannot be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the settings in {}; check its name and who may read it: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the machine said.
        source: std::io::Error,
    },
    /// The file says something that is not understood.
    #[error("{} says, in line {line}, what is not understood: {message}", path.display())]
    NotUnderstood {
        /// Which file.
        path: PathBuf,
        /// Where.
        line: usize,
        /// What is wrong with it.
        message: String,
    },
    /// A variable that begins as ours do and is none of them.
    #[error("{name} is set in the environment and is no setting; correct it, or unset it")]
    UnknownVariable {
        /// Which.
        name: String,
    },
    /// Not a database's address. It is not repeated, for it may hold a password.
    #[error("--database is no address of a Postgres; write it like postgres://user:password@host/database")]
    NotADatabase,
    /// Not an address to listen at.
    #[error("{text:?} is no address to listen at; write it like 127.0.0.1:7070")]
    NotAnAddress {
        /// What was given.
        text: String,
    },
    /// An address that others can reach.
    #[error(
        "{address} can be reached from other machines, and this version has neither enrolment nor TLS to know them by; \
         listen at 127.0.0.1 or [::1]"
    )]
    NotLoopback {
        /// What was given.
        address: SocketAddr,
    },
    /// Not a currency.
    #[error("--currency: {0}")]
    Currency(#[from] Fault),
    /// An archive of somebody else's database.
    #[error(
        "--archive keeps the private Postgres; for the one that --database names, set up a standby and give --output-commit standby"
    )]
    NotArchived,
    /// A standby of the private cluster.
    #[error(
        "--output-commit standby is for the Postgres that --database names; for the private one give --archive FOLDER"
    )]
    NoStandby,
    /// Not a filter for the log.
    #[error("--log {text:?} is no filter; use error, warn, info, debug or trace")]
    NotAFilter {
        /// What was given.
        text: String,
    },
}

impl ConfigError {
    /// The stable code that programs match on.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "config_unreadable",
            Self::NotUnderstood { .. } => "config_not_understood",
            Self::UnknownVariable { .. } => "unknown_setting",
            Self::NotADatabase => "not_a_database",
            Self::NotAnAddress { .. } => "not_an_address",
            Self::NotLoopback { .. } => "not_loopback",
            Self::Currency(fault) => fault.code(),
            Self::NotArchived => "not_archived",
            Self::NoStandby => "no_standby",
            Self::NotAFilter { .. } => "not_a_filter",
        }
    }
}

impl Config {
    /// Checks what was set; `variables` are the names in the environment.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(settings: Settings, variables: impl Iterator<Item = String>) -> Result<Self, ConfigError> {
        known(variables)?;
        let file = settings.config.as_deref().map(read).transpose()?.unwrap_or_default();
        let log = settings.log.or(file.log);
        let is_log_asked = log.is_some();
        let currency = settings.currency.or(file.currency).map(|code| code.parse()).transpose()?;
        let database = settings.database.or(file.database).map_or(Ok(Database::Private), |url| database(&url))?;
        let archive = settings.archive.or(file.archive);
        let is_standby_required = settings.output_commit.or(file.output_commit) == Some(OutputCommit::Standby);
        match &database {
            Database::At(_) if archive.is_some() => return Err(ConfigError::NotArchived),
            Database::Private if is_standby_required => return Err(ConfigError::NoStandby),
            Database::At(_) | Database::Private => {}
        }
        Ok(Self {
            database,
            archive,
            is_standby_required,
            data: settings.data.or(file.data).unwrap_or_else(|| DATA.into()),
            listen: listen(&settings.listen.or(file.listen).unwrap_or_else(|| LISTEN.to_owned()))?,
            currency,
            log: filter(log.unwrap_or_else(|| LOG.to_owned()))?,
            is_log_asked,
            log_format: settings.log_format.or(file.log_format).unwrap_or_default(),
        })
    }
}

fn known(mut variables: impl Iterator<Item = String>) -> Result<(), ConfigError> {
    let is_unknown = |name: &String| name.strip_prefix(VARIABLES).is_some_and(|rest| !KNOWN.contains(&rest));
    variables.find(is_unknown).map_or(Ok(()), |name| Err(ConfigError::UnknownVariable { name }))
}

fn read(path: &Path) -> Result<InFile, ConfigError> {
    let text = fs::read_to_string(path).map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
    toml::from_str(&text).map_err(|error| {
        // The error's own display quotes the line, which may hold a password.
        let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        ConfigError::NotUnderstood { path: path.to_owned(), line, message: error.message().to_owned() }
    })
}

fn database(url: &Secret) -> Result<Database, ConfigError> {
    let config: tokio_postgres::Config = url.0.parse().map_err(|_| ConfigError::NotADatabase)?;
    if config.get_hosts().is_empty() {
        return Err(ConfigError::NotADatabase);
    }
    Ok(Database::At(Box::new(config)))
}

fn listen(text: &str) -> Result<SocketAddr, ConfigError> {
    let address: SocketAddr = text
        .replacen("localhost:", "127.0.0.1:", 1)
        .parse()
        .map_err(|_| ConfigError::NotAnAddress { text: text.to_owned() })?;
    if address.ip().is_loopback() { Ok(address) } else { Err(ConfigError::NotLoopback { address }) }
}

fn filter(text: String) -> Result<String, ConfigError> {
    match EnvFilter::try_new(&text) {
        Ok(_) if !text.trim().is_empty() => Ok(text),
        Ok(_) | Err(_) => Err(ConfigError::NotAFilter { text }),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]
mod tests {
    use super::*;

    fn none() -> impl Iterator<Item = String> {
        std::iter::empty()
    }

    fn in_file(text: &str, settings: Settings) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("server.toml");
        fs::write(&path, text).unwrap();
        Config::check(Settings { config: Some(path), ..settings }, none())
    }

    #[test]
    fn nothing_need_be_set() {
        let config = Config::check(Settings::default(), none()).unwrap();
        assert!(matches!(config.database, Database::Private));
        assert_eq!((config.listen.to_string(), config.currency), (LISTEN.to_owned(), None));
    }

    #[test]
    fn a_flag_is_stronger_than_the_file() {
        let flags = Settings { listen: Some("[::1]:1".to_owned()), ..Settings::default() };
        let config = in_file("listen = '127.0.0.1:9'\ncurrency = 'EUR'\n", flags).unwrap();
        assert_eq!((config.listen.to_string(), config.currency.unwrap().code()), ("[::1]:1".to_owned(), "EUR"));
    }

    #[test]
    fn what_is_misspelt_is_refused_and_not_passed_over() {
        let error = in_file("log = 'info'\nlisten_at = 1\n", Settings::default()).unwrap_err();
        assert_eq!(error.code(), "config_not_understood");
        assert!(error.to_string().contains("line 2") && error.to_string().contains("listen_at"), "{error}");
        let variables = ["HOME", "OUTPOST_SERVER_LOG", "OUTPOST_SERVER_DATABSE"].map(str::to_owned);
        let error = Config::check(Settings::default(), variables.into_iter()).unwrap_err();
        assert!(error.to_string().contains("OUTPOST_SERVER_DATABSE"), "{error}");
    }

    #[test]
    fn every_wrong_value_has_its_word() {
        let code = |settings| Config::check(settings, none()).unwrap_err().code();
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(code(Settings { listen: some("0.0.0.0:7070"), ..Settings::default() }), "not_loopback");
        assert_eq!(code(Settings { listen: some("here"), ..Settings::default() }), "not_an_address");
        assert_eq!(code(Settings { currency: some("euro"), ..Settings::default() }), "not_a_currency");
        assert_eq!(code(Settings { log: some("a=b=c"), ..Settings::default() }), "not_a_filter");
        assert_eq!(code(Settings { config: Some("/nowhere".into()), ..Settings::default() }), "config_unreadable");
        let database = || "postgres://u@h/d".parse().ok();
        let archive = Some("/mnt/archive".into());
        assert_eq!(code(Settings { database: database(), archive, ..Settings::default() }), "not_archived");
        let output_commit = Some(OutputCommit::Standby);
        assert_eq!(code(Settings { output_commit, ..Settings::default() }), "no_standby");
        for url in ["tomato", "postgres://", "mysql://u:p@h/d"] {
            let settings = Settings { database: url.parse().ok(), ..Settings::default() };
            assert_eq!(code(settings), "not_a_database", "{url}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        let url = "postgres://shop:tomato-soup@db.example/outpost";
        let settings = Settings { database: url.parse().ok(), ..Settings::default() };
        assert!(!format!("{settings:?}").contains("tomato"));
        let config = Config::check(settings, none()).unwrap();
        assert!(!format!("{config:?}").contains("tomato"), "{config:?}");
        let broken = in_file("database = 'postgres://shop:tomato-soup@h/d'\ndatabase = 2\n", Settings::default());
        assert!(!broken.unwrap_err().to_string().contains("tomato"));
        let settings = Settings { database: "postgres://u:tomato@h:port/d".parse().ok(), ..Settings::default() };
        assert!(!Config::check(settings, none()).unwrap_err().to_string().contains("tomato"));
    }
}
