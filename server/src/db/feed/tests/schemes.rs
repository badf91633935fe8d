//! Readers of the feed: the product's own, and two that look as good and are not.

use outpost_schema::feed::{Aggregate, Key, Kind};
use outpost_sync::wire::{Caller, Pulled};
use tokio_postgres::Row;
use uuid::Uuid;

use super::shop::{Shown, apply};
use crate::{
    db::{
        feed::Scopes,
        fixture::{AT_START, Network},
        images,
    },
    feed::{Limits, page},
};

/// How a reader remembers where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    /// The product's: a pair of snapshots.
    Snapshots,
    /// A number from a sequence on every row of the feed: all after the last one seen.
    Sequence,
    /// All below the oldest running transaction, after the last one seen.
    Watermark,
}

/// What the sequence's reader needs: a number on every row, taken whenever it changes.
pub(super) const NUMBERED: &str = "create sequence feed_numbers;
    alter table feed add column number bigint;
    create function feed_number() returns trigger language plpgsql as
        $$ begin new.number := nextval('feed_numbers'); return new; end $$;
    create trigger number before insert or update on feed for each row execute function feed_number();
    update feed set gone = gone";

const SEQUENCE: &str = "select f.number as place, f.kind, f.key from feed f
    where f.scope = any($1) and f.number > $2 and $3::smallint is not null and $4::bytea is not null
    order by f.number limit $5";

const WATERMARK: &str = "select f.changed::text::bigint as place, f.kind, f.key from feed f
    where f.scope = any($1) and (f.changed, f.kind, f.key) > ($2::bigint::text::xid8, $3::smallint, $4::bytea)
        and f.changed < pg_snapshot_xmin(pg_current_snapshot())
    order by f.changed, f.kind, f.key limit $5";

/// Small pages, so that runs are long.
pub(super) const PAGE: usize = 7;

/// A node that reads the feed.
pub(super) struct Reader {
    pub(super) scheme: Scheme,
    pub(super) caller: Caller,
    pub(super) scopes: Scopes,
    pub(super) shown: Shown,
    cursor: Option<String>,
    place: (i64, i16, Vec<u8>),
    /// Whether the page just read is the first of its run.
    is_first: bool,
}

/// What reading one page came to.
pub(super) struct Read {
    pub(super) aggregates: usize,
    pub(super) is_level: bool,
}

impl Reader {
    pub(super) fn new(scheme: Scheme, caller: Caller, scopes: Scopes) -> Self {
        let (shown, place) = (Shown::new(), (0, 0, Vec::new()));
        Self { scheme, caller, scopes, shown, cursor: None, place, is_first: true }
    }

    /// Reads a page; with `is_lost` the answer never arrives, and nothing of it is kept.
    pub(super) async fn read(&mut self, network: &Network, is_lost: bool) -> Read {
        let before = (self.cursor.clone(), self.place.clone(), self.is_first);
        let (aggregates, is_level) = match self.scheme {
            Scheme::Snapshots => self.by_snapshots(network).await,
            Scheme::Sequence => self.by_number(network, SEQUENCE).await,
            Scheme::Watermark => self.by_number(network, WATERMARK).await,
        };
        if is_lost {
            (self.cursor, self.place, self.is_first) = before;
            return Read { aggregates: 0, is_level: false };
        }
        aggregates.iter().for_each(|aggregate| apply(&mut self.shown, aggregate));
        Read { aggregates: aggregates.len(), is_level }
    }

    async fn by_snapshots(&mut self, network: &Network) -> (Vec<Aggregate>, bool) {
        let cursor = self.cursor.as_deref().map(|text| text.parse().unwrap());
        let limits = Limits { rows: PAGE, ..Limits::default() };
        let served = page(&network.server, self.caller, AT_START, cursor.as_ref(), limits).await.unwrap();
        assert_eq!(served.scopes, self.scopes);
        let Pulled::Page(page) = served.pulled else { panic!("the two agree") };
        assert!(page.aggregates.len() <= PAGE);
        self.cursor = Some(page.cursor);
        (page.aggregates, page.level)
    }

    async fn by_number(&mut self, network: &Network, sql: &str) -> (Vec<Aggregate>, bool) {
        let (scopes, limit) = (self.scopes.all(), i64::try_from(PAGE).unwrap() + 1);
        let (changed, kind, key) = &self.place;
        let rows = network.client.query(sql, &[&scopes, changed, kind, key, &limit]).await.unwrap();
        let is_longer = rows.len() > PAGE;
        let keys: Vec<Key> = rows.iter().take(PAGE).map(key_of).collect();
        if let Some(last) = rows.iter().take(PAGE).last() {
            self.place = (last.get("place"), last.get("kind"), last.get("key"));
        }
        let is_level = self.is_first && !is_longer;
        self.is_first = !is_longer;
        (content(network, &self.scopes, keys).await, is_level)
    }
}

fn key_of(row: &Row) -> Key {
    let ids: Vec<u8> = row.get("key");
    let ids = ids.chunks(16).map(|id| Uuid::from_slice(id).unwrap()).collect();
    Key { kind: Kind::of_number(row.get("kind")).unwrap(), ids }
}

async fn content(network: &Network, scopes: &Scopes, keys: Vec<Key>) -> Vec<Aggregate> {
    let wanted = &keys;
    let loaded = network.server.db.snapshot(|tx| async move { images::load(&tx, scopes, wanted).await });
    let mut images = loaded.await.unwrap();
    keys.iter().map(|key| images.remove(key).unwrap_or_else(|| Aggregate::Gone(key.clone()))).collect()
}
