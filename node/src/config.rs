//! The settings of a node: from flags, then the environment, then a file, then what is usual.

use std::{
    ffi::OsString,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use clap::Args;
use outpost_schema::money::Money;
use serde::Deserialize;

use crate::returns::Caps;

/// Every variable of the environment begins so.
const PREFIX: &str = "OUTPOST_NODE_";

/// The variables there are.
const VARIABLES: [&str; 9] = [
    "OUTPOST_NODE_CONFIG",
    "OUTPOST_NODE_DATA",
    "OUTPOST_NODE_LISTEN",
    "OUTPOST_NODE_SERVER",
    "OUTPOST_NODE_WITNESS",
    "OUTPOST_NODE_REFUND_CAP",
    "OUTPOST_NODE_REFUNDS_CAP",
    "OUTPOST_NODE_LOG_FORMAT",
    "OUTPOST_NODE_LOG",
];

/// What is usual where nobody says otherwise.
const DATA: &str = ".outpost/node";
const LISTEN: &str = "127.0.0.1:7071";

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One object a line, for programs.
    Json,
}

/// What somebody said; everything may be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// A TOML file with any of these settings, under the long flags' names with _ for -
    #[arg(long, global = true, value_name = "FILE", env = "OUTPOST_NODE_CONFIG")]
    #[serde(skip)]
    pub config: Option<PathBuf>,

    /// The folder that keeps everything of this device [default: .outpost/node]
    #[arg(long, global = true, value_name = "FOLDER", env = "OUTPOST_NODE_DATA")]
    pub data: Option<PathBuf>,

    /// Where the pages and the API of this device are served; loopback only [default: 127.0.0.1:7071]
    #[arg(long, global = true, value_name = "ADDRESS", env = "OUTPOST_NODE_LISTEN")]
    pub listen: Option<String>,

    /// The server's address, instead of the one on the card
    #[arg(long, global = true, value_name = "URL", env = "OUTPOST_NODE_SERVER")]
    pub server: Option<String>,

    /// A file on another disk that remembers how far the journal has come, so that an old copy of the folder is noticed
    /// before head office is heard
    #[arg(long, global = true, value_name = "FILE", env = "OUTPOST_NODE_WITNESS")]
    pub witness: Option<PathBuf>,

    /// What is given back at most for one receipt that is not known here [default: 50.00]
    #[arg(long, global = true, value_name = "AMOUNT", env = "OUTPOST_NODE_REFUND_CAP")]
    pub refund_cap: Option<Money>,

    /// The same for all of them since head office was last heard [default: 200.00]
    #[arg(long, global = true, value_name = "AMOUNT", env = "OUTPOST_NODE_REFUNDS_CAP")]
    pub refunds_cap: Option<Money>,

    /// How log lines are written [default: text]
    #[arg(long, global = true, value_name = "FORMAT", env = "OUTPOST_NODE_LOG_FORMAT")]
    pub log_format: Option<LogFormat>,

    /// What is logged: error, warn, info, debug, trace, or a filter such as outpost_node=debug [default: info for
    /// serve, warn for the other commands]
    #[arg(long, global = true, value_name = "FILTER", env = "OUTPOST_NODE_LOG")]
    pub log: Option<String>,
}

/// The settings as they hold, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The folder that keeps everything of this device.
    pub data: PathBuf,
    /// Where pages and API are served.
    pub listen: SocketAddr,
    /// The server's address, if it is not the card's.
    pub server: Option<String>,
    /// A second witness of the journal, on another disk.
    pub witness: Option<PathBuf>,
    /// What is given back at most for receipts that are not known here.
    pub refund_caps: Caps,
    /// How log lines are written.
    pub log_format: LogFormat,
    /// What is logged, if somebody says so.
    pub log: Option<String>,
}

/// Why the settings do not hold.
#[derive(Debug, thiserror::Error)]
pub enum BadConfig {
    /// The file cannot be read.
    #[error("the settings in {} cannot be read: {reason}", path.display())]
    NoFile {
        /// Which file.
        path: PathBuf,
        /// Why not.
        reason: std::io::Error,
    },
    /// The file is not TOML, or names a setting that does not exist.
    #[error("the settings in {} are not right: {reason}", path.display())]
    BadFile {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A variable that looks like a setting and is none.
    #[error("there is no setting {name}; the ones there are: {}", VARIABLES.join(", "))]
    UnknownVariable {
        /// Its name.
        name: String,
    },
    /// Not an address to listen at.
    #[error("{0:?} is no address to listen at; write it like 127.0.0.1:7071")]
    NotAnAddress(String),
    /// An address that other machines reach.
    #[error(
        "{0} can be reached from other machines, and without enrolment this device could not tell who calls; listen at 127.0.0.1 or [::1]"
    )]
    NotLoopback(SocketAddr),
}

impl BadConfig {
    /// The stable code that programs match on.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoFile { .. } => "no_settings_file",
            Self::BadFile { .. } => "bad_settings_file",
            Self::UnknownVariable { .. } => "unknown_setting",
            Self::NotAnAddress(_) => "not_an_address",
            Self::NotLoopback(_) => "not_loopback",
        }
    }
}

impl Settings {
    /// The settings as they hold: what was said by flag or variable (`self`), then by the file.
    ///
    /// # Errors
    /// [`BadConfig`], for unknown settings too.
    pub fn settle(self, variables: impl Iterator<Item = (OsString, OsString)>) -> Result<Config, BadConfig> {
        check_variables(variables)?;
        let file = self.config.as_deref().map_or_else(|| Ok(Self::default()), read)?;
        let usual = Caps::usual();
        let listen = self.listen.or(file.listen).unwrap_or_else(|| LISTEN.to_owned());
        Ok(Config {
            data: self.data.or(file.data).unwrap_or_else(|| DATA.into()),
            listen: loopback(&listen)?,
            server: self.server.or(file.server),
            witness: self.witness.or(file.witness),
            refund_caps: Caps {
                each: self.refund_cap.or(file.refund_cap).unwrap_or(usual.each),
                since_contact: self.refunds_cap.or(file.refunds_cap).unwrap_or(usual.since_contact),
            },
            log_format: self.log_format.or(file.log_format).unwrap_or_default(),
            log: self.log.or(file.log),
        })
    }
}

fn check_variables(variables: impl Iterator<Item = (OsString, OsString)>) -> Result<(), BadConfig> {
    let mut names = variables.map(|(name, _)| name.to_string_lossy().into_owned());
    match names.find(|name| name.starts_with(PREFIX) && !VARIABLES.contains(&name.as_str())) {
        Some(name) => Err(BadConfig::UnknownVariable { name }),
        None => Ok(()),
    }
}

fn read(path: &Path) -> Result<Settings, BadConfig> {
    let text = std::fs::read_to_string(path).map_err(|reason| BadConfig::NoFile { path: path.to_owned(), reason })?;
    toml::from_str(&text)
        .map_err(|error| BadConfig::BadFile { path: path.to_owned(), reason: error.message().to_owned() })
}

fn loopback(text: &str) -> Result<SocketAddr, BadConfig> {
    let address: SocketAddr = text.parse().map_err(|_| BadConfig::NotAnAddress(text.to_owned()))?;
    if address.ip().is_loopback() { Ok(address) } else { Err(BadConfig::NotLoopback(address)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(settings: Settings) -> Result<Config, BadConfig> {
        settings.settle(std::iter::empty())
    }

    fn in_file(text: &str) -> (tempfile::TempDir, Settings) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("node.toml");
        std::fs::write(&path, text).expect("written");
        (folder, Settings { config: Some(path), ..Settings::default() })
    }

    #[test]
    fn what_nobody_says_is_as_usual() {
        let config = settled(Settings::default()).expect("holds");
        assert_eq!((config.data, config.listen.to_string()), (DATA.into(), LISTEN.to_owned()));
        assert_eq!((config.server, config.log_format, config.log), (None, LogFormat::Text, None));
    }

    #[test]
    fn a_flag_wins_over_the_file() {
        let (_folder, said) = in_file("data = \"/srv/till\"\nlisten = \"[::1]:9\"\nlog_format = \"json\"\n");
        let config = settled(Settings { data: Some("/srv/other".into()), ..said }).expect("holds");
        assert_eq!((config.data, config.listen.to_string()), ("/srv/other".into(), "[::1]:9".to_owned()));
        assert_eq!(config.log_format, LogFormat::Json);
    }

    #[test]
    fn unknown_settings_are_refused() {
        let (_folder, said) = in_file("datta = \"/srv/till\"\n");
        let error = settled(said).expect_err("no such setting");
        assert_eq!(error.code(), "bad_settings_file");
        assert!(error.to_string().contains("datta"), "{error}");
        let variable = |name: &str| [(OsString::from(name), OsString::from("x"))].into_iter();
        let error = Settings::default().settle(variable("OUTPOST_NODE_DATTA")).expect_err("no such variable");
        assert_eq!(error.code(), "unknown_setting");
        assert!(Settings::default().settle(variable("OUTPOST_NODE_DATA")).is_ok());
        assert!(Settings::default().settle(variable("PATH")).is_ok());
    }

    #[test]
    fn other_machines_are_not_served() {
        let code = |listen: &str| {
            settled(Settings { listen: Some(listen.to_owned()), ..Settings::default() }).expect_err("refused").code()
        };
        assert_eq!(code("0.0.0.0:7071"), "not_loopback");
        assert_eq!(code("192.168.1.4:7071"), "not_loopback");
        assert_eq!(code("localhost"), "not_an_address");
    }

    #[test]
    fn a_missing_file_is_told() {
        let said = Settings { config: Some("/nowhere/node.toml".into()), ..Settings::default() };
        assert_eq!(settled(said).expect_err("no file").code(), "no_settings_file");
    }
}
