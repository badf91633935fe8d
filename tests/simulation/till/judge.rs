//! The model's end of a comparison: sums and images of what it feeds to a node.

use std::collections::{BTreeMap, BTreeSet};

use outpost_schema::{
    digest::{Ids, KeyRange, Print, Sum, counts},
    feed::{Aggregate, Key},
};
use outpost_sync::{
    round::{Remote as _, Trouble},
    verify::Referee,
    wire::{DigestAsked, Digested, Imaged, ImagesAsked, Page, Pulled, RangeAsked, RangeTold, Standing},
};

use crate::model::ModelLine;

/// Answers for the model, over a node's line.
pub struct Judge<'a>(pub &'a ModelLine);

impl Judge<'_> {
    /// The page after this cursor, if there is nothing on it: then both stand at one place.
    async fn nothing_new(&self, standing: Standing, cursor: &str) -> Result<Option<Page>, Trouble> {
        // What harms calls harms this one; what was late has arrived behind it, so it is asked again.
        self.0.pull(standing, Some(cursor), 0).await?;
        match self.0.model().pull(self.0.node_id(), standing, Some(cursor)).map_err(Trouble::Told)? {
            Pulled::Page(page) => Ok(Some(*page).filter(|page| page.level && page.aggregates.is_empty())),
            Pulled::Elsewhere { .. } | Pulled::OtherEpoch { .. } | Pulled::TooLongAway => Ok(None),
        }
    }

    fn fed(&self, range: &KeyRange) -> BTreeMap<Ids, Aggregate> {
        let is_asked = |key: &Key| key.kind == range.kind && range.has(&key.ids);
        self.0.model().read(|ledger| {
            let fed = ledger.fed(self.0.node_id()).filter(|told| counts(told)).map(|told| (told.key(), told));
            fed.filter(|(key, _)| is_asked(key)).map(|(key, told)| (key.ids, told.clone())).collect()
        })
    }

    fn sum(&self, RangeAsked { range, except }: &RangeAsked) -> RangeTold {
        let mut fed = self.fed(range);
        except.iter().for_each(|ids| _ = fed.remove(ids));
        RangeTold::Sum(fed.into_values().map(Print::of).collect::<Sum>())
    }
}

impl Referee for Judge<'_> {
    async fn digest(&self, standing: Standing, asked: &DigestAsked) -> Result<Digested, Trouble> {
        Ok(match self.nothing_new(standing, &asked.cursor).await? {
            Some(_) => Digested::Ranges(asked.ranges.iter().map(|range| self.sum(range)).collect()),
            None => Digested::PullFirst,
        })
    }

    async fn images(&self, standing: Standing, asked: &ImagesAsked) -> Result<Imaged, Trouble> {
        let Some(page) = self.nothing_new(standing, &asked.cursor).await? else { return Ok(Imaged::PullFirst) };
        let fed = self.fed(&asked.range);
        let gone: BTreeSet<&Ids> = asked.keys.iter().filter(|ids| !fed.contains_key(*ids)).collect();
        let gone = gone.into_iter().map(|ids| Aggregate::Gone(Key { kind: asked.range.kind, ids: ids.clone() }));
        let aggregates = gone.chain(fed.values().cloned()).collect();
        Ok(Imaged::Images { page: Box::new(Page { aggregates, level: false, ..page }), upto: None })
    }
}
