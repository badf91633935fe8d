//! The shipped programs as processes: started, killed at a stage or by the switch, and never left behind.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{ExitStatus, Output, Stdio},
    time::Duration,
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

/// A program that serves. Dropping it kills it.
pub struct Running {
    child: Child,
    /// Where it serves.
    pub url: String,
}

impl Running {
    /// Starts a program, and waits for the line in which it says where it serves.
    pub async fn start<A: AsRef<OsStr>>(name: &str, arguments: &[A], die_at: Option<&str>) -> Self {
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

    /// Waits until it has died by itself.
    pub async fn dies(mut self) -> ExitStatus {
        timeout(PATIENCE, self.child.wait()).await.expect("it dies in time").expect("its end is known")
    }
}

/// Runs a program to its end, or to the stage at which it dies.
pub async fn run<A: AsRef<OsStr>>(name: &str, arguments: &[A], die_at: Option<&str>) -> Output {
    let mut command = command(name, arguments, die_at);
    command.stderr(Stdio::piped());
    timeout(PATIENCE, command.output()).await.expect("it ends in time").expect("a program runs")
}

fn command<A: AsRef<OsStr>>(name: &str, arguments: &[A], die_at: Option<&str>) -> Command {
    let mut command = Command::new(program(name));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    match die_at {
        Some(stage) => command.env(DIE_AT, stage),
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
