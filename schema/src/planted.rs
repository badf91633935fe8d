//! Mistakes on purpose, to see that a search would find them if they were made by accident.
//!
//! Each is one line at the place where somebody could make it. It is chosen at run time, for one thread,
//! and only in debug builds: a release build has none of it, because [`is_planted`] is always false there.

use std::cell::Cell;

macro_rules! bugs {
    ($($(#[doc = $doc:literal])* $name:ident,)*) => {
        /// A mistake that somebody could make.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Bug {
            $($(#[doc = $doc])* $name,)*
        }

        impl Bug {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// What is wrong, in a sentence.
            pub const fn sentence(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($doc),*).trim_ascii(),)*
                }
            }
        }
    };
}

bugs! {
    /// The node's commits do not wait for the disk.
    SynchronousNormal,
    /// The node forgets entries once they are acknowledged, not once every backup holds them.
    PrunedAtAcked,
    /// What a till gives back is told, and not taken from its own allotment.
    ReturnToldBeforeCommit,
    /// What breaks or is lost at a home stays its till's to sell.
    DamageStaysSellable,
    /// A grant is taken from the answer to a push as well as from the feed.
    GrantTakenFromAnswer,
    /// An own op is no longer laid over the image as soon as it is acknowledged.
    AckedTakenForContained,
    /// A report tells what was given back as a total, ahead of the ops that say so.
    TotalsAheadOfOps,
    /// Another life of a journal goes on counting receipts under the old prefix.
    ReceiptsOfAnotherLife,
    /// A page is applied in two transactions: the cursor first.
    CursorBeforePage,
    /// A push is answered, and then its commit fails.
    AnsweredBeforeCommit,
    /// A repeated push is answered as if everything had been accepted.
    VerdictForgotten,
    /// A push is taken whatever its entries are based on.
    NoBaseHash,
    /// The feed's cursor is a number: whatever began before it and ends later is passed over.
    SequenceAsCursor,
    /// The feed's cursor is the oldest transaction that still runs: what ended since is held back.
    WatermarkAsCursor,
    /// Stock is read without a lock, and then written.
    ReadThenWritten,
    /// Another life of a journal inherits what the old one was granted.
    LifeInherits,
    /// A grant is told to a node, and the promise it makes is not kept in the book.
    GrantToldBeforeCommit,
    /// A hold that is over counts until somebody sweeps it away.
    ExpiryLeftToSweeper,
    /// What a buyer holds already is in that buyer's own way.
    OwnHoldInTheWay,
    /// A hold of several lines that is refused is placed as far as there is something.
    HoldPlacedInPart,
    /// A hold that lies at several places becomes allotment where its device sells, and the rest of it is left out.
    ElsewhereLeftOut,
    /// An extended hold ends when it would have ended at first.
    ExtensionForgotten,
    /// A hold ends when an order uses it up, and the order opens no promise of its own.
    HoldUsedUpUnpromised,
    /// A restored server grants before it has heard its devices.
    NoBarrier,
    /// An op that is set aside leaves a part of what it did.
    LostSavepoint,
    /// The latest status of an order that is told wins, not the highest.
    LatestStatusWins,
    /// What was sold before a count and is told after it leaves the book once more.
    LateSaleCounted,
    /// Of what may have been done before a count or after it nobody is told, though the book takes it to leave fewer.
    DoubtUntold,
    /// What is sold between two bins of a product that are counted one after the other is taken to have been seen.
    BinsSeenAsOneMoment,
    /// What a return may give back is looked at return by return, not over all of them.
    RefundsCappedPerReturn,
    /// Damaged goods that come back are put on the shelf.
    DamagedPutOnShelf,
    /// What a lost device tells late leaves what was written off with it as it is.
    WriteOffKept,
    /// What head office took back from a device stays in that device's own book.
    ReclaimUnheard,
    /// A concern is opened once more whenever its figures change.
    ConcernOpenedTwice,
    /// A strict till sells beyond its allotment what the customer carries out.
    StrictnessForgotten,
    /// A removed line of a cart counts from nothing again, as a counter within a map does.
    CounterInAMap,
    /// What a device is asked to give back counts as free before it says that it gave it back.
    RecalledCountedFree,
    /// What is topped up is told to the node, and the promise it makes is not kept in the book.
    TopUpToldBeforeCommit,
    /// Fair shares are rounded up: together they are more than there is.
    SharesBeyond,
    /// A hold is withdrawn though a device that could explain the row has not been heard.
    WithdrawnTooEarly,
    /// What a row is short of is asked back from nobody.
    ShortRecallForgotten,
    /// A device that has heard that it is suspended sells all the same.
    SuspendedSells,
    /// A device that goes on after it was suspended is not asked for what fell short meanwhile.
    ResumedUnasked,
    /// A device is closed for good before all that it wrote is in the book.
    RetiredUntold,
    /// What a device could sell where it stood is still its own when it has moved.
    OpenKeptAfterMove,
    /// Of a row that is short the oldest hold is withdrawn first.
    OldestHoldWithdrawn,
    /// What arrives beyond what was sent is booked as transferred.
    ExcessTransferred,
    /// Goods on the road are counted where they are to go.
    RoadCounted,
    /// An arrival that is told again by another life of its device counts twice.
    ArrivedTwice,
    /// What arrives after it was written off is booked as found and as transferred.
    LateArrivalTwice,
    /// What comes of a delivery that head office has closed is not added to it.
    ClosedDeliveryDropped,
    /// A receipt that is told again by another life of its device counts twice for its delivery.
    DeliveredTwice,
    /// A receipt that two copies of a device take back leaves the book twice.
    UndoneTwice,
    /// A device forgets that it took a receipt back, and takes it back again.
    UndoForgotten,
    /// What is kept back for orders is granted to whoever sells there.
    KeptBackGranted,
    /// A rule that was taken back still counts at a till that had heard it.
    RuleOutlived,
    /// What an order lacks itself is taken to be lacked by orders that were taken later.
    ConfirmedBeyond,
    /// An order is confirmed once the goods of one of its lines are there.
    ConfirmedInPart,
    /// A restored server confirms orders before it has heard its devices.
    ConfirmedUnheard,
    /// An order that nobody confirmed yet takes from whoever was promised something.
    UnconfirmedPromised,
    /// A till shows an order as confirmed once head office has noted it.
    NotedTakenForConfirmed,
    /// A settlement that is asked for once more is done once more.
    SettledAgain,
    /// A concern that somebody settled stays open.
    SettledStaysOpen,
    /// An accepted loss is booked twice.
    LossBookedTwice,
    /// Whoever was one person with another is no longer known under the second id.
    MergedAway,
    /// A restored server that forgot that a device was moved goes on without asking it where it stands.
    MoveForgotten,
    /// What a device that was closed at its home, or moved from it, tells of it late is booked as anybody's.
    LeftHomeForgotten,
    /// A hold that is refused asks nobody for what he has to spare.
    RefusalAsksNobody,
    /// The search index takes its position for one of this database's, whatever past it is from.
    IndexPlaceTrusted,
    /// The search index is taken for complete as it was left: what changed meanwhile is not indexed.
    IndexTailForgotten,
    /// The counts beside what was found are of what was found without the filters.
    CountsUnfiltered,
    /// What words mean besides is searched for as it was when somebody first searched.
    SynonymsRemembered,
}

thread_local! {
    static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
}

/// Makes this mistake in this thread from now on, and no other; none makes none.
pub fn plant(bug: Option<Bug>) {
    PLANTED.set(bug);
}

/// Whether this mistake is to be made here.
pub fn is_planted(bug: Bug) -> bool {
    cfg!(debug_assertions) && PLANTED.get() == Some(bug)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_mistake_at_a_time_and_only_where_it_was_asked_for() {
        plant(Some(Bug::NoBaseHash));
        assert_eq!((is_planted(Bug::NoBaseHash), is_planted(Bug::NoBarrier)), (cfg!(debug_assertions), false));
        let elsewhere = std::thread::spawn(|| is_planted(Bug::NoBaseHash)).join();
        assert!(!elsewhere.expect("it ends"));
        plant(None);
        assert!(!is_planted(Bug::NoBaseHash));
        assert!(Bug::ALL.iter().all(|bug| bug.sentence().ends_with('.')));
    }
}
