//! Postgres's own programs that speak to a running server, such as `pg_dump`.
//!
//! Everybody on a machine can read a command line, so they are told how to connect by their environment,
//! and the password by a file of its own that nobody else can read and that goes with the value.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::{self, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use tokio_postgres::{Config, config::Host};

use super::{CONNECT_WAIT, ClusterError, binaries::Binaries};

/// The programs, and the server that they are to speak to.
#[derive(Debug)]
pub(crate) struct Client {
    binaries: Binaries,
    config: Config,
    password: Option<PasswordFile>,
}

impl Client {
    /// Programs of `major` or newer, for the server at `config`.
    pub fn at_least(major: u32, config: &Config) -> Result<Self, ClusterError> {
        Self::new(Binaries::at_least(major)?, config)
    }

    pub(super) fn new(binaries: Binaries, config: &Config) -> Result<Self, ClusterError> {
        let password = config.get_password().map(PasswordFile::write).transpose()?;
        Ok(Self { binaries, config: config.clone(), password })
    }

    /// A program, told how to connect. The value must live as long as it runs.
    pub fn command(&self, program: &'static str) -> Result<Command, ClusterError> {
        let mut command = Command::new(self.binaries.client(program)?);
        command.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C").stdin(Stdio::null());
        connect_by(&mut command, &self.config);
        if let Some(password) = &self.password {
            command.env("PGPASSFILE", &password.0);
        }
        Ok(command)
    }

    /// The database that it speaks to.
    pub fn database(&self) -> String {
        let user = self.config.get_user().unwrap_or_default();
        self.config.get_dbname().unwrap_or(user).to_owned()
    }
}

/// Tells a program how to connect, the password aside.
pub(super) fn connect_by(command: &mut Command, config: &Config) {
    let hosts = config.get_hosts().iter().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(folder) => folder.to_string_lossy().into_owned(),
    });
    let ports = config.get_ports().iter().map(u16::to_string);
    let addresses = config.get_hostaddrs().iter().map(ToString::to_string);
    let mut tell = |name: &str, value: String| {
        if !value.is_empty() {
            command.env(name, value);
        }
    };
    tell("PGHOST", hosts.collect::<Vec<_>>().join(","));
    tell("PGPORT", ports.collect::<Vec<_>>().join(","));
    tell("PGHOSTADDR", addresses.collect::<Vec<_>>().join(","));
    tell("PGUSER", config.get_user().unwrap_or_default().to_owned());
    tell("PGDATABASE", config.get_dbname().unwrap_or_default().to_owned());
    tell("PGCONNECT_TIMEOUT", CONNECT_WAIT.as_secs().to_string());
}

/// A password in a file that only we can read, removed with this value.
#[derive(Debug)]
struct PasswordFile(PathBuf);

impl PasswordFile {
    fn write(password: &[u8]) -> Result<Self, ClusterError> {
        let path = free_name();
        Self::write_to(&path, password).map_err(ClusterError::file("write", &path))?;
        Ok(Self(path))
    }

    fn write_to(path: &Path, password: &[u8]) -> io::Result<()> {
        let mut line = b"*:*:*:*:".to_vec();
        for byte in password {
            if b":\\".contains(byte) {
                line.push(b'\\');
            }
            line.push(*byte);
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(&line)
    }
}

impl Drop for PasswordFile {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "a file with a password could not be removed; remove it");
        }
    }
}

fn free_name() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("outpost-pass-{}-{number}", process::id()))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_password_is_in_no_command_and_goes_with_its_value() {
        let config: Config = "postgres://shop:to%3Amato@db.example:5433/books".parse().unwrap();
        let client = Client::new(Binaries::at_least(13).unwrap(), &config).unwrap();
        let shown = format!("{:?}", client.command("pg_dump").unwrap());
        assert!(!shown.contains("mato"), "{shown}");
        for told in ["PGHOST=\"db.example\"", "PGPORT=\"5433\"", "PGUSER=\"shop\"", "PGDATABASE=\"books\""] {
            assert!(shown.contains(told), "{told}: {shown}");
        }
        let path = client.password.as_ref().unwrap().0.clone();
        assert_eq!(fs::read_to_string(&path).unwrap(), "*:*:*:*:to\\:mato");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        drop(client);
        assert!(!path.exists());
    }
}
