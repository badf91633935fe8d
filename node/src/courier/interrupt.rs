//! A remote whose waiting pull ends when the bell rings.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::FutureExt as _;
use outpost_sync::{
    file::{File, FileWanted},
    round::{Remote, Trouble},
    wire::{Born, LifeWanted, Pulled, Push, Pushed, Report, Reported, Standing},
};
use tokio::sync::Notify;

/// Rings when something waits to be pushed; a ring that nobody heard yet is heard later.
#[derive(Debug, Default)]
pub(super) struct Bell(Notify);

impl Bell {
    pub(super) fn ring(&self) {
        self.0.notify_one();
    }

    pub(super) async fn rung(&self) {
        self.0.notified().await;
    }

    /// Forgets a ring from before: the round that begins now sees what it was about.
    pub(super) fn hush(&self) {
        let _heard = self.0.notified().now_or_never();
    }
}

/// Passes everything on. A pull that may wait ends as a cut line when the bell rings.
pub(super) struct Interrupted<'a, R> {
    remote: &'a R,
    bell: &'a Bell,
    was_nudged: AtomicBool,
}

impl<'a, R> Interrupted<'a, R> {
    pub(super) fn new(remote: &'a R, bell: &'a Bell) -> Self {
        Self { remote, bell, was_nudged: AtomicBool::new(false) }
    }

    pub(super) fn was_nudged(&self) -> bool {
        self.was_nudged.load(Ordering::SeqCst)
    }
}

impl<R: Remote + Sync> Remote for Interrupted<'_, R> {
    async fn push(&self, standing: Standing, push: &Push) -> Result<Pushed, Trouble> {
        self.remote.push(standing, push).await
    }

    async fn report(&self, standing: Standing, report: &Report) -> Result<Reported, Trouble> {
        self.remote.report(standing, report).await
    }

    async fn file(&self, standing: Standing, wanted: &FileWanted) -> Result<File, Trouble> {
        self.remote.file(standing, wanted).await
    }

    async fn begin_life(&self, standing: Standing, wanted: &LifeWanted) -> Result<Born, Trouble> {
        self.remote.begin_life(standing, wanted).await
    }

    async fn pull(&self, standing: Standing, cursor: Option<&str>, wait_seconds: u64) -> Result<Pulled, Trouble> {
        if wait_seconds == 0 {
            return self.remote.pull(standing, cursor, 0).await;
        }
        tokio::select! {
            biased;
            pulled = self.remote.pull(standing, cursor, wait_seconds) => pulled,
            () = self.bell.rung() => {
                self.was_nudged.store(true, Ordering::SeqCst);
                Err(Trouble::Cut("something waits to be pushed".to_owned()))
            }
        }
    }
}
