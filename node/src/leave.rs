//! A device that leaves: what head office says of it, and how it gives everything back.

use outpost_schema::{
    id::NodeId,
    op::{LINES_MAX, LifeEnded, Line, Op},
    quantity::Amount,
};

use crate::{
    db::{allotments, concerns},
    error::{Error, Refused},
    node::{Node, Writing},
    stage::Work,
};

impl Node {
    /// Gives back everything that this device may sell without asking, so that it can go. Says how many units.
    ///
    /// # Errors
    /// Those of [`Node::give_back`].
    pub fn give_back_all(&self) -> Result<i64, Error> {
        self.write(Work::GiveBack, |writing| writing.give_back_all())
    }

    /// Gives everything back and closes the journal: this device is to be retired. Says how many units.
    ///
    /// # Errors
    /// `not_suspended` as long as head office has not said so, for at its home a device gets back what it gives
    /// back; those of [`Node::give_back`].
    pub fn retire(&self) -> Result<i64, Error> {
        self.write(Work::GiveBack, |writing| {
            if !writing.is_suspended()? {
                return Err(Refused::NotSuspended.into());
            }
            let units = writing.give_back_all()?;
            writing.append(&Op::LifeEnded(LifeEnded { incarnation_id: writing.identity.incarnation_id() }))?;
            Ok(units)
        })
    }

    /// Whether head office has suspended this device, as far as it has heard.
    ///
    /// # Errors
    /// `not_joined`, or if the database cannot be read.
    pub fn is_suspended(&self) -> Result<bool, Error> {
        let node_id: NodeId = self.identity()?.ok_or(Error::NotJoined)?.node_id();
        self.db().read(|conn| concerns::is_suspended(conn, node_id))
    }
}

impl Writing<'_> {
    /// Whether head office has suspended this device: then it sells nothing, whatever it may do otherwise.
    pub(crate) fn is_suspended(&self) -> Result<bool, Error> {
        concerns::is_suspended(self.conn(), self.identity.node_id())
    }

    fn give_back_all(&mut self) -> Result<i64, Error> {
        let open = allotments::open_rows(self.conn(), self.identity.incarnation_id(), self.identity.warehouse_id())?;
        let line = |(product_id, units): &(_, i64)| Ok(Line { product_id: *product_id, amount: Amount::new(*units)? });
        let lines = open.iter().map(line).collect::<Result<Vec<_>, Error>>()?;
        for part in lines.chunks(LINES_MAX) {
            self.give_back(part)?;
        }
        Ok(open.iter().map(|(_, units)| units).sum())
    }
}
