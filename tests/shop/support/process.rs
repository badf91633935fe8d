//! The shipped programs as processes: started, killed at a stage or by the switch, and never left behind.

use std::{
    ffi::OsStr,
    fmt,
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{ExitStatus, Output, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// Longer than any program here takes to start or end, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(60);

/// Names the stage at which a program is to die.
const DIE_AT: &str = outpost_node::stage::VARIABLE;

/// A stage of either program, at which it is to die.
#[derive(Clone, Copy, Debug)]
pub enum DieAt {
    /// A device's.
    Till(outpost_node::stage::Stage),
    /// Head office's.
    Office(outpost_server::stage::Stage),
}

impl From<outpost_node::stage::Stage> for DieAt {
    fn from(stage: outpost_node::stage::Stage) -> Self {
        Self::Till(stage)
    }
}

impl From<outpost_server::stage::Stage> for DieAt {
    fn from(stage: outpost_server::stage::Stage) -> Self {
        Self::Office(stage)
    }
}

impl DieAt {
    /// The program that knows it.
    const fn program(self) -> &'static str {
        match self {
            Self::Till(_) => "outpost-node",
            Self::Office(_) => "outpost-server",
        }
    }
}

impl fmt::Display for DieAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Till(stage) => stage.fmt(f),
            Self::Office(stage) => stage.fmt(f),
        }
    }
}

/// A program that serves. Dropping it kills it.
pub struct Running {
    child: Child,
    /// Where it serves.
    pub url: String,
}

impl Running {
    /// Starts a program, and waits for the line in which it says where it serves.
    pub async fn start<A: AsRef<OsStr>>(name: &str, arguments: &[A], die_at: Option<DieAt>) -> Self {
        let mut child = command(name, arguments, die_at).spawn().expect("a program starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its words are piped")).lines();
        let said =
            timeout(PATIENCE, lines.next_line()).await.expect("it speaks in time").expect("its words can be read");
        let said = said.unwrap_or_else(|| panic!("{name} ended before it served"));
        let url = said.split_whitespace().find(|word| word.starts_with("http://"));
        let url = url.unwrap_or_else(|| panic!("{name} says {said:?}")).trim_end_matches('/').to_owned();
        // Somebody must go on listening, or its next word would end it.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { child, url }
    }

    /// Ends it as a power switch would.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("it can be killed");
    }

    /// Tells it to end, as a service manager would, and waits until it has.
    pub async fn stop(mut self) {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok()).expect("it runs");
        kill(Pid::from_raw(id), Signal::SIGTERM).expect("it can be told");
        let status = timeout(PATIENCE, self.child.wait()).await.expect("it ends in time").expect("its end is known");
        assert!(status.success(), "it ended otherwise: {status}");
    }

    /// Waits until it has died at its stage.
    pub async fn dies(mut self) {
        let status = timeout(PATIENCE, self.child.wait()).await.expect("it dies in time").expect("its end is known");
        assert!(is_killed(status), "it ended otherwise: {status}");
    }
}

/// Runs a program until it dies at this stage; ending in any other way, also well, fails the story.
pub async fn dies_at<A: AsRef<OsStr>>(stage: impl Into<DieAt>, arguments: &[A]) -> Output {
    let stage = stage.into();
    let died = run(stage.program(), arguments, Some(stage)).await;
    let words = [&died.stdout, &died.stderr].map(|said| String::from_utf8_lossy(said).into_owned());
    assert!(is_killed(died.status), "it was to die at {stage}: {}, {words:?}", died.status);
    died
}

/// Whether it died at a stage, and did not merely fail.
fn is_killed(status: ExitStatus) -> bool {
    status.signal() == Some(Signal::SIGABRT as i32)
}

/// Runs a program to its end, or to the stage at which it dies.
pub async fn run<A: AsRef<OsStr>>(name: &str, arguments: &[A], die_at: Option<DieAt>) -> Output {
    let mut command = command(name, arguments, die_at);
    command.stderr(Stdio::piped());
    timeout(PATIENCE, command.output()).await.expect("it ends in time").expect("a program runs")
}

fn command<A: AsRef<OsStr>>(name: &str, arguments: &[A], die_at: Option<DieAt>) -> Command {
    let mut command = Command::new(program(name));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    match die_at {
        Some(stage) => command.env(DIE_AT, stage.to_string()),
        None => command.env_remove(DIE_AT),
    };
    command
}

/// One of the programs, beside this one.
pub fn program(name: &str) -> PathBuf {
    let here = std::env::current_exe().expect("this program is somewhere");
    let path = here.parent().and_then(Path::parent).expect("tests lie below a target folder").join(name);
    assert!(path.is_file(), "{} is not built; run `cargo build --workspace --bins`", path.display());
    path
}
