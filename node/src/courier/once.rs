//! A round without a courier, for a verb that runs by itself.

use outpost_sync::{
    round::{self, Done, Failure, Remote},
    verify::{self, Outcome, Referee},
    wire::{DIGEST_ROWS_MAX, Problem},
};

use super::{Origin, look_if_due, problem_of};

/// One round on a runtime of its own, for a verb that runs without a courier.
///
/// # Errors
/// What the round failed with.
pub fn round_once<L: Origin, R: Remote + Referee>(node: &L, uplink: &R) -> Result<Done, Problem> {
    on_call(async {
        let result = round::run(node, uplink, 0).await.map_err(|failure| problem_of::<L>(&failure));
        node.note(result.as_ref().err());
        if result.as_ref().is_ok_and(|done| done.is_level) {
            look_if_due(node, uplink).await;
        }
        result
    })
}

/// One round and one comparison, for a verb that runs without a courier.
///
/// # Errors
/// What the round or the comparison failed with.
pub fn look_once<L: Origin, R: Remote + Referee>(node: &L, uplink: &R, anew: bool) -> Result<Outcome, Problem> {
    on_call(async {
        let result = match round::run(node, uplink, 0).await {
            // A frozen journal hears the news all the same, and what it holds of it can be compared.
            Ok(_) | Err(Failure::Frozen) => verify::slice(node, uplink, anew, DIGEST_ROWS_MAX).await,
            Err(failure) => Err(failure),
        };
        result.map_err(|failure| problem_of::<L>(&failure))
    })
}

fn on_call<T>(work: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Problem::new("no_runtime", format!("no round can be run: {error}")))?;
    runtime.block_on(work)
}
