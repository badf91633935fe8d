//! How the products of a counting stand, and how much of that those who count are told.

use outpost_schema::{
    clock::Timestamp,
    count::Upto,
    counting::{CountingNumber, Judged, Look, Moment, Round, Sight, Standing, judge},
    id::ProductId,
    money::{Money, line_total},
    op::CountLine,
    quantity::Amount,
};
use rusqlite::Connection;

use super::{Counting, known, shown};
use crate::{
    db::{
        catalogue,
        countings::{self, Stored, StoredRound},
        heard,
        identity::Identity,
        inbox, outbox,
    },
    error::Error,
};

/// How a product of a counting stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Which.
    pub product_id: ProductId,
    /// Which time it is counted, from 1.
    pub round: usize,
    /// What was seen this time.
    pub looks: Vec<Look>,
    /// Bins in which it is still to be counted again.
    pub missing: Vec<String>,
    /// What that comes to; none while those who count are not to know.
    pub judged: Option<Judged>,
    /// What the difference is worth, if that is known.
    pub worth: Option<Money>,
    /// What was booked.
    pub booked: Option<CountLine>,
}

/// What somebody looks at a counting through.
pub(super) struct View<'a> {
    pub(super) conn: &'a Connection,
    pub(super) identity: &'a Identity,
    pub(super) now: Timestamp,
}

impl View<'_> {
    /// What is known to have been done just now, with the marks that were read. Those stay known for the rest of the
    /// counting.
    pub(super) fn moment(&self, number: CountingNumber, read: Vec<Upto>) -> Result<Moment, Error> {
        let own = self.identity.incarnation_id();
        let mut known = heard::of_others(self.conn)?;
        known.extend(countings::marks(self.conn, number)?);
        known.retain(|upto| upto.incarnation_id != own);
        let (heard_at, level_at) = (heard::at(self.conn)?, inbox::position(self.conn)?.level_at);
        let ahead = level_at.zip(heard_at).map(|(level, heard)| level.micros().saturating_sub(heard.micros()));
        let seq = outbox::standing(self.conn)?.head.seq;
        Ok(Moment { life: own, seq, at: self.now, ahead, heard_at, known, read, asked: Vec::new() })
    }

    /// How a product stands after its rounds.
    pub(super) fn judged(
        &self,
        stored: &Stored,
        product: ProductId,
        rounds: &[StoredRound],
        now: &Moment,
    ) -> Result<Judged, Error> {
        let rounds: Vec<Round> = rounds.iter().map(|stored| stored.round.clone()).collect();
        let looks = rounds.iter().flat_map(|round| &round.looks).filter(|look| look.from.life == now.life);
        let first = looks.map(|look| look.from.seq).min().unwrap_or(now.seq);
        let moves = countings::moved_since(self.conn, now.life, self.identity.stock_of(product), first)?;
        Ok(judge(&rounds, &moves, now, stored.terms.tolerance))
    }

    /// The counting and how its products stand.
    pub(super) fn of(&self, number: CountingNumber) -> Result<(Counting, Vec<Tally>), Error> {
        let stored = known(self.conn, number)?;
        let now = self.moment(number, Vec::new())?;
        let products = countings::products(self.conn, number)?;
        let tallies = products.into_iter().map(|product| self.tally(&stored, product, &now));
        let tallies = tallies.collect::<Result<_, Error>>()?;
        Ok((shown(self.conn, stored)?, tallies))
    }

    fn tally(&self, stored: &Stored, product: ProductId, now: &Moment) -> Result<Tally, Error> {
        let rounds = countings::rounds(self.conn, stored.number, product)?;
        let last = rounds.last();
        let (is_open, booked) = last.map_or((true, None), |last| (last.is_open, last.booked));
        let looks = last.map(|last| last.round.looks.clone()).unwrap_or_default();
        let mut judged = self.judged(stored, product, &rounds, now)?;
        let missing = match &judged.standing {
            Standing::Unfinished { bins } => bins.clone(),
            Standing::Fits | Standing::Confirmed | Standing::Recount(_) => Vec::new(),
        };
        if is_open {
            judged.standing = unfinished(judged.standing);
        }
        // Whoever counts must see what is there, not what should be.
        let is_hidden = stored.terms.blind && is_open && booked.is_none();
        let worth = match &judged.sight {
            Some(sight) if !is_hidden => self.worth(product, sight)?,
            Some(_) | None => None,
        };
        let judged = (!is_hidden).then_some(judged);
        Ok(Tally { product_id: product, round: rounds.len(), looks, missing, judged, worth, booked })
    }

    fn worth(&self, product: ProductId, sight: &Sight) -> Result<Option<Money>, Error> {
        let Some(priced) = catalogue::price(self.conn, product)? else { return Ok(None) };
        let Some(price) = priced.price else { return Ok(None) };
        let units = i64::try_from(sight.variance().unsigned_abs()).unwrap_or(i64::MAX);
        let Ok(amount) = Amount::new(units) else { return Ok((units == 0).then_some(Money::ZERO)) };
        let total = line_total(price, amount, priced.price_per, self.identity.card.currency).ok();
        Ok(total.map(|total| if sight.variance() < 0 { -total } else { total }))
    }
}

/// As long as a product is being counted, it stands as that and nothing else.
pub(super) fn unfinished(standing: Standing) -> Standing {
    match standing {
        Standing::Unfinished { .. } => standing,
        Standing::Fits | Standing::Confirmed | Standing::Recount(_) => Standing::Unfinished { bins: Vec::new() },
    }
}
