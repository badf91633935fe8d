//! The running Postgres process, as a child of ours that is always reaped.

use std::{
    fs::File,
    io,
    process::{Command, ExitStatus},
    thread::{self, JoinHandle},
};

/// A Postgres that this process started. A thread of its own waits for its end, so that a Postgres
/// that was killed leaves no zombie, whose id would make the next one believe that it still runs.
#[derive(Debug)]
pub(super) struct Postmaster {
    pid: u32,
    end: JoinHandle<io::Result<ExitStatus>>,
}

impl Postmaster {
    /// Starts `command` with its words going to `log`.
    pub fn spawn(mut command: Command, log: File) -> io::Result<Self> {
        let mut child = command.stdout(log.try_clone()?).stderr(log).spawn()?;
        Ok(Self { pid: child.id(), end: thread::spawn(move || child.wait()) })
    }

    /// The process id.
    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// True once the process is gone.
    pub fn has_ended(&self) -> bool {
        self.end.is_finished()
    }

    /// Waits until the process is gone.
    pub fn wait(self) {
        // How it ended is in its log, and a waiter never panics.
        let _ended = self.end.join();
    }
}
