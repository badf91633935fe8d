//! Named stages at which a test may end the process as kill -9 would. Only in debug builds.

/// The environment variable that names the stage.
pub const VARIABLE: &str = "OUTPOST_DIE_AT";

/// Ends the process here, with nothing flushed and nothing dropped, if a test asked for it.
pub fn reach(stage: &str) {
    if cfg!(debug_assertions) && std::env::var_os(VARIABLE).is_some_and(|wanted| wanted == *stage) {
        std::process::abort();
    }
}

/// Reaches the stage `work.moment`, such as `migration.0007_some.before_commit`.
pub fn reach_in(work: &str, moment: &str) {
    if cfg!(debug_assertions) {
        reach(&format!("{work}.{moment}"));
    }
}
