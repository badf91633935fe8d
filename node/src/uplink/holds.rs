//! Holds, over the line: what somebody at a device wants kept for a buyer is asked of head office, and only there.

use outpost_schema::{clock::Timestamp, id::HoldId};
use outpost_sync::{
    round::Trouble,
    wire::{HOLDS_PATH, HoldExtended, HoldPlaced, HoldWanted, Problem, Standing},
};
use reqwest::Url;

use super::Uplink;

impl Uplink {
    /// Places a hold, all of its lines or none. A repeat with the same id is answered as the first time.
    ///
    /// # Errors
    /// If the line breaks, or head office says no.
    pub async fn place_hold(&self, standing: Standing, wanted: &HoldWanted) -> Result<HoldPlaced, Trouble> {
        let url = self.holds(&[])?;
        self.ask(|| self.post(&url, standing, wanted)).await?.whole()
    }

    /// Lets a hold last until then. Says until when it lasts.
    ///
    /// # Errors
    /// Those of [`Self::place_hold`].
    pub async fn extend_hold(
        &self,
        standing: Standing,
        hold: HoldId,
        expires_at: Timestamp,
    ) -> Result<HoldPlaced, Trouble> {
        let url = self.holds(&[&hold.to_string(), "extend"])?;
        self.ask(|| self.post(&url, standing, &HoldExtended { expires_at })).await?.whole()
    }

    /// Turns a hold into allotment of this device; the feed then tells how much that is.
    ///
    /// # Errors
    /// Those of [`Self::place_hold`].
    pub async fn allot_hold(&self, standing: Standing, hold: HoldId) -> Result<(), Trouble> {
        let url = self.holds(&[&hold.to_string(), "allot"])?;
        self.ask(|| self.post(&url, standing, &())).await?.told_well()
    }

    /// Releases a hold: what it promised may be promised to others.
    ///
    /// # Errors
    /// Those of [`Self::place_hold`].
    pub async fn release_hold(&self, standing: Standing, hold: HoldId) -> Result<(), Trouble> {
        let url = self.holds(&[&hold.to_string()])?;
        self.ask(|| self.patient(self.client.delete(url.clone()), standing)).await?.told_well()
    }

    fn holds(&self, below: &[&str]) -> Result<Url, Trouble> {
        let path = [&[HOLDS_PATH], below].concat().join("/");
        let odd = |_| Trouble::Garbled(Problem::new("not_an_address", "this hold cannot be named in an address"));
        self.push.join(&path).map_err(odd)
    }
}
