//! The shipped programs as processes: started, asked, killed, and ended with the example.

use std::{
    error::Error,
    ffi::OsStr,
    fs::File,
    io,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use tokio::{
    process::Child,
    time::{sleep, timeout},
};

/// How long a program may take until it answers: Postgres makes its cluster on the first start.
const READY_SECONDS_MAX: u64 = 90;

/// How often a starting program is asked.
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// One of the programs, beside this one.
///
/// # Errors
/// If this program does not know where it is.
pub fn program(name: &str) -> io::Result<PathBuf> {
    let here = std::env::current_exe()?;
    let folder =
        here.parent().and_then(Path::parent).ok_or_else(|| io::Error::other("examples lie below a target folder"))?;
    let path = folder.join(name);
    if path.is_file() {
        Ok(path)
    } else {
        Err(io::Error::other(format!("{} is not built; run examples/laptop.sh, which builds it", path.display())))
    }
}

/// Runs a program to its end and gives back what it printed.
///
/// # Errors
/// If it cannot be started or fails; its own words are in the error.
pub fn run<A: AsRef<OsStr>>(name: &str, arguments: impl IntoIterator<Item = A>) -> Result<String, Box<dyn Error>> {
    let output = Command::new(program(name)?).args(arguments).stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(String::from_utf8(output.stdout)?);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{name} ended with {}: {}", output.status, said.trim()).into())
}

/// Runs a program that talks to the person at the screen itself, such as one with a progress bar.
///
/// # Errors
/// If it cannot be started or fails.
pub fn show<A: AsRef<OsStr>>(name: &str, arguments: impl IntoIterator<Item = A>) -> Result<(), Box<dyn Error>> {
    let status = Command::new(program(name)?).args(arguments).stdin(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err(format!("{name} ended with {status}").into()) }
}

/// A loopback address that is free now.
///
/// # Errors
/// If there is none.
pub fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

/// A program that goes on running. Dropping it kills it.
pub struct Machine {
    name: String,
    address: SocketAddr,
    child: Child,
}

impl Machine {
    /// Starts a program that serves at `address`, and waits until it does. What it logs goes to `log`.
    ///
    /// # Errors
    /// If it does not answer in time, or ends.
    pub async fn start<A: AsRef<OsStr>>(
        program_name: &str,
        arguments: impl IntoIterator<Item = A>,
        address: SocketAddr,
        log: &Path,
    ) -> Result<Self, Box<dyn Error>> {
        let log_file = File::options().create(true).append(true).open(log)?;
        let child = tokio::process::Command::from(Command::new(program(program_name)?))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(log_file.try_clone()?)
            .stderr(log_file)
            .kill_on_drop(true)
            .spawn()?;
        let mut machine = Self { name: program_name.to_owned(), address, child };
        match timeout(Duration::from_secs(READY_SECONDS_MAX), machine.answers()).await {
            Ok(Ok(())) => Ok(machine),
            Ok(Err(error)) => Err(format!("{error}; {}", last_words(log)).into()),
            Err(_) => {
                Err(format!("{program_name} did not answer within {READY_SECONDS_MAX} s; {}", last_words(log)).into())
            }
        }
    }

    async fn answers(&mut self) -> Result<(), Box<dyn Error>> {
        let client = reqwest::Client::new();
        let url = format!("http://{}/healthz", self.address);
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("{} ended with {status} before it answered", self.name).into());
            }
            if client.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            sleep(ASK_AGAIN).await;
        }
    }

    /// Ends it as a power switch would: kill -9.
    ///
    /// # Errors
    /// If the system will not.
    pub async fn kill(mut self) -> io::Result<()> {
        self.child.kill().await
    }

    /// Ends it as a person would, and waits until it has.
    ///
    /// # Errors
    /// If it does not end in time.
    pub async fn stop(mut self) -> Result<(), Box<dyn Error>> {
        use nix::{
            sys::signal::{Signal, kill},
            unistd::Pid,
        };
        if let Some(pid) = self.child.id() {
            kill(Pid::from_raw(i32::try_from(pid)?), Signal::SIGTERM)?;
        }
        timeout(Duration::from_secs(READY_SECONDS_MAX), self.child.wait()).await??;
        Ok(())
    }
}

fn last_words(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().rev().take(5).collect();
    format!("the end of {}: {}", log.display(), lines.into_iter().rev().collect::<Vec<_>>().join(" | "))
}
