use std::sync::atomic::{AtomicI64, Ordering};

use outpost_schema::{
    clock::{Hlc, Timestamp},
    device::LifeReason,
    id::IncarnationId,
    journal::{Body, Entry, Hash, Mark},
};
use uuid::Uuid;

use super::*;
use crate::wire::{Born, LifeWanted, Page, Problem, Report, Standing};

/// A till at which the same entry waits for ever, while its clock goes on. Its life may be over.
struct Stuck {
    clock: AtomicI64,
    is_over: bool,
}

impl Local for Stuck {
    type Error = std::convert::Infallible;

    fn standing(&self) -> Result<Standing, Self::Error> {
        Ok(Standing { incarnation_id: IncarnationId(Uuid::nil()), head: Mark::START, acked: Mark::START })
    }

    fn unsent(&self) -> Result<Push, Self::Error> {
        let entry = Entry {
            seq: 1,
            hlc: Hlc::ZERO,
            seen: String::new(),
            kind: "sale".to_owned(),
            version: 1,
            body: Body(vec![]),
            prev_hash: Hash::START,
            hash: Hash::START,
        };
        let shown = Timestamp::from_micros(self.clock.fetch_add(1, Ordering::Relaxed));
        Ok(Push { entries: vec![entry], clock: Some(shown), ..Push::default() })
    }

    fn settle(&self, _: &Push, _: &Pushed) -> Result<(), Self::Error> {
        Ok(())
    }

    fn stand_at(&self, _: Mark) -> Result<bool, Self::Error> {
        Ok(true)
    }

    fn report(&self) -> Result<Option<Report>, Self::Error> {
        Ok(None)
    }

    fn reported(&self, _: &Report) -> Result<(), Self::Error> {
        Ok(())
    }

    fn freeze(&self) -> Result<(), Self::Error> {
        Ok(())
    }

    fn cursor(&self) -> Result<Option<String>, Self::Error> {
        Ok(None)
    }

    fn apply(&self, _: Option<&str>, _: &Page) -> Result<(), Self::Error> {
        Ok(())
    }

    fn start_anew(&self, _: &Anew) -> Result<(), Self::Error> {
        Ok(())
    }

    fn life_wanted(&self) -> Result<Option<LifeWanted>, Self::Error> {
        let (incarnation_id, reason) = (IncarnationId(Uuid::max()), LifeReason::RolledBack);
        Ok(self.is_over.then_some(LifeWanted { incarnation_id, reason, unsettled: vec![], stands: None }))
    }

    fn begin_life(&self, _: &Born) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// Head office that takes every push for settled and stays where it is; it is asked so often and not more. To who
/// asks for another life it says this.
struct Unmoved {
    patience: AtomicI64,
    of_lives: Problem,
}

impl Unmoved {
    fn new(of_lives: Problem) -> Self {
        Self { patience: AtomicI64::new(9), of_lives }
    }
}

impl Remote for Unmoved {
    async fn push(&self, _: Standing, _: &Push) -> Result<Pushed, Trouble> {
        match self.patience.fetch_sub(1, Ordering::Relaxed) {
            0 => Err(Trouble::Cut("it was asked the same again and again".to_owned())),
            _ => Ok(Pushed::Settled { acked: Mark::START, verdicts: vec![], carts: vec![] }),
        }
    }

    async fn pull(&self, _: Standing, _: Option<&str>, _: u64) -> Result<Pulled, Trouble> {
        Err(Trouble::Cut("nothing was asked".to_owned()))
    }

    async fn begin_life(&self, _: Standing, _: &LifeWanted) -> Result<Born, Trouble> {
        Err(Trouble::Told(self.of_lives.clone()))
    }
}

#[tokio::test]
async fn what_was_settled_and_still_waits_is_not_sent_for_ever_though_the_clock_goes_on() {
    let till = Stuck { clock: AtomicI64::new(7), is_over: false };
    assert_eq!(run(&till, &Unmoved::new(not_spoken()), 0).await, Err(Failure::NoAgreement));
}

#[tokio::test]
async fn a_till_whose_life_is_over_does_nothing_before_the_next_one_is_begun() {
    let till = Stuck { clock: AtomicI64::new(7), is_over: true };
    for code in ["unreadable", LIFE_TAKEN] {
        let refused = Problem::new(code, "ask again");
        assert_eq!(run(&till, &Unmoved::new(refused.clone()), 0).await, Err(Failure::Remote(Trouble::Told(refused))));
    }
}

#[tokio::test]
async fn at_a_head_office_that_knows_no_other_lives_it_goes_on_recording() {
    let till = Stuck { clock: AtomicI64::new(7), is_over: true };
    assert_eq!(run(&till, &Unmoved::new(not_spoken()), 0).await, Err(Failure::NoAgreement), "it went on to push");
}
