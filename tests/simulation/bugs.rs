//! Mistakes on purpose: each is switched on in the code that ships, and must be caught within a number of
//! seeds. A search that would not notice them is worth nothing.

use outpost_schema::planted::Bug;

use crate::{
    depth::Depth,
    model::ModelDepth,
    postgres::depth::PostgresDepth,
    record,
    recorded::{BUGS, Caught},
    search::Search,
    searches::{MODEL, NODE, POSTGRES, in_turn},
    till::NodeDepth,
};

/// Starts of a search, so that the median says something, where `OUTPOST_STARTS` names no other number.
const STARTS: u64 = 1;

/// Seeds between two starts.
const APART: u64 = 1_000_000;

/// Where a mistake is to be caught.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Model,
    Node,
    Postgres,
}

/// Every mistake, the shallowest depth at which the code is run where it is made, and within how many seeds it
/// must be caught there.
const MISTAKES: [(Bug, At, u64); 69] = [
    (Bug::LostSavepoint, At::Model, 20_000),
    (Bug::LatestStatusWins, At::Model, 20_000),
    (Bug::CounterInAMap, At::Model, 20_000),
    (Bug::LateSaleCounted, At::Model, 20_000),
    (Bug::RefundsCappedPerReturn, At::Model, 20_000),
    (Bug::DamagedPutOnShelf, At::Model, 20_000),
    (Bug::StrictnessForgotten, At::Node, 500),
    (Bug::SynchronousNormal, At::Node, 500),
    (Bug::PrunedAtAcked, At::Node, 500),
    (Bug::ReturnToldBeforeCommit, At::Node, 500),
    (Bug::DamageStaysSellable, At::Node, 500),
    (Bug::GrantTakenFromAnswer, At::Node, 500),
    (Bug::AckedTakenForContained, At::Node, 500),
    (Bug::TotalsAheadOfOps, At::Node, 500),
    (Bug::ReceiptsOfAnotherLife, At::Node, 1_000),
    (Bug::CursorBeforePage, At::Node, 500),
    (Bug::AnsweredBeforeCommit, At::Postgres, 200),
    (Bug::VerdictForgotten, At::Postgres, 200),
    (Bug::NoBaseHash, At::Postgres, 500),
    (Bug::SequenceAsCursor, At::Postgres, 200),
    (Bug::WatermarkAsCursor, At::Postgres, 200),
    (Bug::ReadThenWritten, At::Postgres, 1_000),
    (Bug::LifeInherits, At::Postgres, 500),
    (Bug::GrantToldBeforeCommit, At::Postgres, 200),
    (Bug::ExpiryLeftToSweeper, At::Postgres, 1_000),
    (Bug::NoBarrier, At::Model, 20_000),
    (Bug::RecalledCountedFree, At::Model, 20_000),
    (Bug::TopUpToldBeforeCommit, At::Model, 20_000),
    (Bug::SharesBeyond, At::Model, 20_000),
    (Bug::ExcessTransferred, At::Model, 20_000),
    (Bug::RoadCounted, At::Model, 20_000),
    (Bug::ArrivedTwice, At::Model, 20_000),
    (Bug::WriteOffKept, At::Model, 20_000),
    (Bug::ConcernOpenedTwice, At::Model, 20_000),
    (Bug::ReclaimUnheard, At::Node, 500),
    (Bug::BinsSeenAsOneMoment, At::Node, 500),
    (Bug::OwnHoldInTheWay, At::Model, 20_000),
    (Bug::HoldPlacedInPart, At::Model, 20_000),
    (Bug::ExtensionForgotten, At::Model, 20_000),
    (Bug::HoldUsedUpUnpromised, At::Model, 20_000),
    (Bug::WithdrawnTooEarly, At::Model, 20_000),
    (Bug::DoubtUntold, At::Model, 20_000),
    (Bug::ElsewhereLeftOut, At::Model, 20_000),
    (Bug::LateArrivalTwice, At::Model, 20_000),
    (Bug::UndoneTwice, At::Model, 20_000),
    (Bug::UndoForgotten, At::Node, 500),
    (Bug::DeliveredTwice, At::Model, 20_000),
    (Bug::ClosedDeliveryDropped, At::Postgres, 200),
    (Bug::KeptBackGranted, At::Model, 20_000),
    (Bug::RuleOutlived, At::Node, 500),
    (Bug::ConfirmedBeyond, At::Model, 20_000),
    (Bug::ConfirmedInPart, At::Model, 20_000),
    (Bug::ConfirmedUnheard, At::Model, 20_000),
    (Bug::UnconfirmedPromised, At::Model, 20_000),
    (Bug::NotedTakenForConfirmed, At::Node, 500),
    (Bug::SettledAgain, At::Model, 20_000),
    (Bug::SettledStaysOpen, At::Model, 20_000),
    (Bug::LossBookedTwice, At::Model, 20_000),
    (Bug::MergedAway, At::Model, 20_000),
    (Bug::SuspendedSells, At::Node, 500),
    (Bug::ResumedUnasked, At::Model, 20_000),
    (Bug::OpenKeptAfterMove, At::Model, 20_000),
    (Bug::RetiredUntold, At::Model, 20_000),
    (Bug::ShortRecallForgotten, At::Model, 20_000),
    (Bug::OldestHoldWithdrawn, At::Model, 20_000),
    (Bug::MoveForgotten, At::Model, 20_000),
    (Bug::LeftHomeForgotten, At::Node, 500),
    (Bug::IndexPlaceTrusted, At::Node, 500),
    (Bug::IndexTailForgotten, At::Node, 500),
];

/// Mistakes which no law of stock or money can notice: each is caught by the stories of `node/src/testing/searching.rs`,
/// `node/src/testing/synonyms.rs` and `server/src/accept/tests/sizing.rs`, which switch it on.
const TOLD: [Bug; 3] = [Bug::CountsUnfiltered, Bug::SynonymsRemembered, Bug::RefusalAsksNobody];

#[test]
fn every_mistake_that_was_thought_of_is_looked_for() {
    for bug in Bug::ALL {
        let known = MISTAKES.iter().map(|(known, ..)| known).chain(&TOLD);
        assert_eq!(known.filter(|known| *known == bug).count(), 1, "{bug:?}");
    }
}

#[test]
fn planted_mistakes_are_caught() {
    let _turn = in_turn();
    let only = std::env::var("OUTPOST_BUG").ok();
    let wanted = |bug: &Bug| only.as_ref().is_none_or(|only| *only == format!("{bug:?}"));
    let mut caught = Vec::new();
    for (bug, at, most) in MISTAKES.into_iter().filter(|(bug, ..)| wanted(bug)) {
        let found = match at {
            At::Model => catch::<ModelDepth>(&MODEL, bug, most),
            At::Node => catch::<NodeDepth>(&NODE, bug, most),
            At::Postgres => catch::<PostgresDepth>(&POSTGRES, bug, most),
        };
        let Some(found) = found else { panic!("{most} seeds do not notice it: {}", bug.sentence()) };
        println!("{bug:?} is caught at the {} depth after {:?} seeds", found.depth, found.seeds);
        caught.push(found);
    }
    if only.is_none() {
        record::keep(BUGS, &caught);
    }
}

/// How many seeds it takes to catch a bug, from several starts; none if it is not caught within `most`.
fn catch<D: Depth>(search: &Search, bug: Bug, most: u64) -> Option<Caught> {
    let mut seeds = Vec::new();
    let named = std::env::var("OUTPOST_STARTS").ok().map(|text| text.parse().expect("a number"));
    for start in 1..=named.unwrap_or(STARTS) {
        let from = start * APART;
        let failure = search.with(bug).over::<D>(from..from + most).err()?;
        println!("  {bug:?}: {}", failure.broken.law);
        seeds.push(failure.options.seed - from + 1);
    }
    seeds.sort_unstable();
    Some(Caught { bug: format!("{bug:?}"), depth: search.depth.to_owned(), seeds })
}
