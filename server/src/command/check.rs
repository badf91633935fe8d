//! `outpost-server check`: the whole book against its laws.

use std::process::ExitCode;

use outpost_sync::wire::Problem;

use crate::server::Server;

pub(super) async fn run(server: &Server) -> Result<ExitCode, Problem> {
    let broken = server.laws().await?;
    if broken.is_empty() {
        println!("all is well: every unit is where the book says, and nothing is promised twice");
        return Ok(ExitCode::SUCCESS);
    }
    for law in &broken {
        println!("broken: {law}");
    }
    println!("{} laws are broken; keep this database as it is, and ask whoever looks after it", broken.len());
    Ok(ExitCode::FAILURE)
}
