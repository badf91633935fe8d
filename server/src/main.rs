//! `outpost-server`: head office. This page only hands over to `command`.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use outpost_server::command::{Cli, run};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime.map(|runtime| runtime.block_on(run(cli))) {
        Ok(Ok(code)) => code,
        Ok(Err(problem)) => {
            eprintln!("outpost-server: {problem}");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("outpost-server: this machine cannot run more threads: {error} (no_threads)");
            ExitCode::FAILURE
        }
    }
}
