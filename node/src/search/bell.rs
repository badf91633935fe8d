//! The bell between whoever commits and whoever indexes.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Changes of so long are indexed together: a commit costs a few milliseconds whatever is in it.
const GATHERED: Duration = Duration::from_millis(200);

/// Rung after each commit of the node.
#[derive(Debug, Default)]
pub(super) struct Bell {
    state: Mutex<Rung>,
    changed: Condvar,
}

#[derive(Clone, Copy, Debug, Default)]
struct Rung {
    is_rung: bool,
    is_over: bool,
}

impl Bell {
    /// Something was committed.
    pub(super) fn ring(&self) {
        held(&self.state).is_rung = true;
        self.changed.notify_all();
    }

    /// Nothing is to be indexed any more.
    pub(super) fn end(&self) {
        held(&self.state).is_over = true;
        self.changed.notify_all();
    }

    /// Waits for changes, and then a moment for those that come with them. Says whether to go on.
    pub(super) fn wait(&self) -> bool {
        let quiet = |state: &mut Rung| !state.is_rung && !state.is_over;
        let state = self.changed.wait_while(held(&self.state), quiet).unwrap_or_else(PoisonError::into_inner);
        let goes_on = |state: &mut Rung| !state.is_over;
        let waited = self.changed.wait_timeout_while(state, GATHERED, goes_on);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.is_rung = false;
        !state.is_over
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
