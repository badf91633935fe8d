//! Sums that can be no shop's: what would be added to them is set aside, before a number overflows and takes the
//! whole batch with it.

use super::decide::Batch;
use crate::{
    fault::Fault,
    id::{ProductId, WarehouseId},
    stock::{SUM_MAX, StockKey},
    verdict::SetAside,
};

impl Batch<'_> {
    /// Whether these stock rows, and the allotments of them that an op would change, can take another op's worth.
    pub(super) fn has_room(
        &self,
        warehouse_id: WarehouseId,
        products: impl Iterator<Item = ProductId>,
    ) -> Result<(), SetAside> {
        let mut keys = products.map(|product_id| StockKey { product_id, warehouse_id });
        if keys.any(|key| self.is_beyond(key)) {
            return Err(Self::beyond_all_sums());
        }
        Ok(())
    }

    /// Why an op is set aside that a sum has no room for.
    pub(super) fn beyond_all_sums() -> SetAside {
        SetAside::Malformed { code: Fault::AmountOutOfRange { units: SUM_MAX }.code().to_owned() }
    }

    fn is_beyond(&self, key: StockKey) -> bool {
        let allotments = match self.elder {
            None => Some(&self.known.allotments),
            Some(life) => self.known.elders.get(&life).map(|elder| &elder.allotments),
        };
        let allotment = allotments.and_then(|allotments| allotments.get(&key));
        let level = self.known.levels.get(&key);
        allotment.is_some_and(|allotment| allotment.is_beyond()) || level.is_some_and(|level| level.is_beyond())
    }
}
