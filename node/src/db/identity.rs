//! Who this node is, and its clock: one row once it has joined a network.

use outpost_schema::{
    clock::{Hlc, Timestamp},
    device::{Card, LifeReason, NodeKind},
    id::{CartId, IncarnationId, NodeId, WarehouseId},
    leaving::Leaving,
    money::Currency,
    order::Receipt,
    planted::{Bug, is_planted},
    stock::{SalePolicy, StockKey},
};
use outpost_sync::wire::{Born, Stands};
use rusqlite::{
    Connection, OptionalExtension as _, Row, ToSql, params,
    types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef},
};

use super::{allotments, carts, inbox, journal};
use crate::error::{Error, Refused};

/// What has become of this node's journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is pushed and answered.
    Active,
    /// The server keeps it as evidence; the node goes on recording, unsent.
    Frozen,
    /// The device was put back to an old image: it goes on recording, unsent, and sells nothing from
    /// its allotments.
    RolledBack,
    /// The device was put back from a backup, by our own tool: the same, from the start.
    Restored,
}

impl State {
    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Frozen => "frozen",
            Self::RolledBack => "rolled_back",
            Self::Restored => "restored",
        }
    }

    /// Why the journal cannot go on; none while it does.
    pub const fn ending(self) -> Option<LifeReason> {
        match self {
            Self::Active => None,
            Self::Frozen => Some(LifeReason::Forked),
            Self::RolledBack => Some(LifeReason::RolledBack),
            Self::Restored => Some(LifeReason::Restored),
        }
    }

    /// Whether the journal may lack what it once had, so that its allotments mean nothing.
    pub const fn is_old_image(self) -> bool {
        match self {
            Self::RolledBack | Self::Restored => true,
            Self::Active | Self::Frozen => false,
        }
    }
}

impl ToSql for State {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.word().into())
    }
}

impl FromSql for State {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let word = value.as_str()?;
        let states = [Self::Active, Self::Frozen, Self::RolledBack, Self::Restored];
        states.into_iter().find(|state| state.word() == word).ok_or(FromSqlError::InvalidType)
    }
}

/// Who this node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// What its card says.
    pub card: Card,
    /// What has become of its journal.
    pub state: State,
    /// Receipts written.
    pub receipts: i64,
    /// The last stamp of its clock.
    pub hlc: Hlc,
    /// The next life, which was asked for and has not begun.
    pub next_life: Option<IncarnationId>,
}

impl Identity {
    /// The device.
    pub const fn node_id(&self) -> NodeId {
        self.card.node_id
    }

    /// The life of its journal.
    pub const fn incarnation_id(&self) -> IncarnationId {
        self.card.incarnation_id
    }

    /// Where it stands.
    pub const fn warehouse_id(&self) -> WarehouseId {
        self.card.warehouse_id
    }

    /// The stock row of a product where it stands.
    pub const fn stock_of(&self, product_id: outpost_schema::id::ProductId) -> StockKey {
        StockKey { product_id, warehouse_id: self.card.warehouse_id }
    }
}

const COLUMNS: &str = "node_id, incarnation_id, name, kind, warehouse_id, is_home, policy, prefix, currency, server, \
                       state, receipts, hlc_at, hlc_tick, next_life";

fn of_row(row: &Row<'_>) -> rusqlite::Result<Identity> {
    Ok(Identity {
        card: Card {
            node_id: row.get(0)?,
            incarnation_id: row.get(1)?,
            name: row.get(2)?,
            kind: row.get::<_, NodeKind>(3)?,
            warehouse_id: row.get(4)?,
            is_home: row.get(5)?,
            policy: row.get::<_, SalePolicy>(6)?,
            prefix: row.get(7)?,
            currency: row.get::<_, Currency>(8)?,
            server: row.get(9)?,
        },
        state: row.get(10)?,
        receipts: row.get(11)?,
        hlc: Hlc { at: row.get(12)?, tick: row.get(13)? },
        next_life: row.get(14)?,
    })
}

/// Who this node is.
///
/// # Errors
/// `not_joined`.
pub(crate) fn load(conn: &Connection) -> Result<Identity, Error> {
    find(conn)?.ok_or(Error::NotJoined)
}

/// Who this node is, if it has joined a network.
pub(crate) fn find(conn: &Connection) -> Result<Option<Identity>, Error> {
    let mut statement = conn.prepare_cached(&format!("select {COLUMNS} from identity"))?;
    Ok(statement.query_row([], of_row).optional()?)
}

/// Joins with a card. The same card again only renews the node's name and the server's address; that of another place
/// lets it move there.
///
/// # Errors
/// `other_card`, `not_left`.
pub(crate) fn join(conn: &Connection, card: &Card) -> Result<Vec<CartId>, Error> {
    if let Some(identity) = find(conn)? {
        // The card tells of the first life; the device may be in a later one.
        let Card { incarnation_id, name, prefix, server, .. } = card.clone();
        let renewed = Card { incarnation_id, name, prefix, server, ..identity.card.clone() };
        if renewed != *card {
            return move_to(conn, &identity, card);
        }
        conn.execute("update identity set name = ?1, server = ?2", params![card.name, card.server])?;
        return Ok(Vec::new());
    }
    conn.execute(
        "insert into identity (node_id, incarnation_id, name, kind, warehouse_id, is_home, policy, prefix, currency,
             server)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        params![
            card.node_id,
            card.incarnation_id,
            card.name,
            card.kind,
            card.warehouse_id,
            card.is_home,
            card.policy,
            card.prefix,
            card.currency,
            card.server
        ],
    )?;
    Ok(Vec::new())
}

/// Goes on at another place, with the card that head office gave for it: the feed is read anew from there. Nothing
/// may be left behind, neither news nor goods that could be sold. Carts of the place stay there: head office has them, and
/// this device has them no longer. Says which these are.
///
/// # Errors
/// `other_card` if it is no card of this life, `not_left`.
fn move_to(conn: &Connection, identity: &Identity, card: &Card) -> Result<Vec<CartId>, Error> {
    let Card { warehouse_id, is_home, policy, name, server, .. } = card.clone();
    let moved = Card { warehouse_id, is_home, policy, name, server, ..identity.card.clone() };
    if moved != *card || warehouse_id == identity.card.warehouse_id {
        return Err(Error::OtherCard);
    }
    let life = identity.incarnation_id();
    let waiting = journal::unbooked(conn, life)? + carts::waiting(conn)?;
    // What it was granted where it goes it has there.
    let open = allotments::open_units_beside(conn, life, warehouse_id)?;
    // Whoever gave the card has heard it.
    if (Leaving { open, waiting, is_unheard: false }).keeps_it_here().is_some() {
        return Err(Refused::NotLeft { waiting, open }.into());
    }
    conn.execute(
        "update identity set warehouse_id = ?1, is_home = ?2, policy = ?3, name = ?4, server = ?5",
        params![card.warehouse_id, card.is_home, card.policy, card.name, card.server],
    )?;
    conn.execute("insert or ignore into stood (warehouse_id) values (?1)", [identity.card.warehouse_id])?;
    inbox::start_elsewhere(conn)?;
    carts::leave_behind(conn, card.warehouse_id)
}

/// Where it stands, and stood.
pub(crate) fn stands(conn: &Connection, identity: &Identity) -> Result<Stands, Error> {
    let Card { warehouse_id, is_home, .. } = identity.card;
    let sql = "select warehouse_id from stood where warehouse_id <> ?1 order by warehouse_id";
    let mut statement = conn.prepare_cached(sql)?;
    let former = statement.query_map([warehouse_id], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(Stands { warehouse_id, is_home, former })
}

/// Names the next life, unless one was named before: a repeat must ask for the same.
pub(crate) fn name_next_life(conn: &Connection, fresh: IncarnationId) -> Result<IncarnationId, Error> {
    let sql = "update identity set next_life = coalesce(next_life, ?1) returning next_life";
    Ok(conn.prepare_cached(sql)?.query_row([fresh], |row| row.get(0))?)
}

/// Names it anew the next time.
pub(crate) fn forget_next_life(conn: &Connection, life: IncarnationId) -> Result<(), Error> {
    conn.execute("update identity set next_life = null where next_life = ?1", [life])?;
    Ok(())
}

/// Goes on as another life, whose receipts count anew under a prefix of their own.
pub(crate) fn begin_life(conn: &Connection, identity: &mut Identity, born: &Born) -> Result<(), Error> {
    identity.card.incarnation_id = born.incarnation_id;
    if !is_planted(Bug::ReceiptsOfAnotherLife) {
        identity.card.prefix.clone_from(&born.prefix);
    }
    (identity.state, identity.receipts, identity.next_life) = (State::Active, 0, None);
    conn.execute(
        "update identity set incarnation_id = ?1, prefix = ?2, state = ?3, receipts = 0, next_life = null",
        params![born.incarnation_id, identity.card.prefix, identity.state],
    )?;
    Ok(())
}

/// The next stamp of the node's clock, kept so that none is used twice.
pub(crate) fn tick(conn: &Connection, identity: &mut Identity, now: Timestamp) -> Result<Hlc, Error> {
    identity.hlc = identity.hlc.tick(now);
    conn.prepare_cached("update identity set hlc_at = ?1, hlc_tick = ?2")?
        .execute(params![identity.hlc.at, identity.hlc.tick])?;
    Ok(identity.hlc)
}

/// The next receipt's number.
pub(crate) fn next_receipt(conn: &Connection, identity: &mut Identity) -> Result<Receipt, Error> {
    identity.receipts += 1;
    conn.prepare_cached("update identity set receipts = ?1")?.execute([identity.receipts])?;
    Ok(Receipt { prefix: identity.card.prefix.clone(), number: identity.receipts })
}

/// The server took the journal for one that went on in two ways. A rolled-back device stays one.
pub(crate) fn freeze(conn: &Connection) -> Result<(), Error> {
    conn.execute("update identity set state = ?1 where state = ?2", [State::Frozen, State::Active])?;
    Ok(())
}

/// This is an older copy of the device: `state` says how that is known. Which receipt numbers its younger
/// self gave away it cannot know, so it counts on under a mark that chance makes its own.
pub(crate) fn set_back(conn: &Connection, state: State, chance: [u8; 16]) -> Result<(), Error> {
    let [high, low, ..] = chance;
    conn.execute(
        "update identity set state = ?1, prefix = prefix || ?2 where state not in (?3, ?4)",
        params![state, format!("R{high:02X}{low:02X}"), State::RolledBack, State::Restored],
    )?;
    Ok(())
}
