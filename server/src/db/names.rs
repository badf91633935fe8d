//! What people call warehouses and products, for tables that show ids of many.

use std::collections::HashMap;

use outpost_schema::id::{ProductId, WarehouseId};

use super::Tx;
use crate::error::Error;

/// Names by id. Whatever has none is shown by its id.
#[derive(Clone, Debug, Default)]
pub struct Names {
    warehouses: HashMap<WarehouseId, String>,
    products: HashMap<ProductId, String>,
}

impl Names {
    /// Those of every warehouse and of these products.
    ///
    /// # Errors
    /// If Postgres fails.
    pub async fn load(tx: &Tx, products: &[ProductId]) -> Result<Self, Error> {
        let mut names = Self::default();
        for row in tx.query("select warehouse_id, name from warehouses", &[]).await? {
            names.warehouses.insert(row.try_get(0)?, row.try_get(1)?);
        }
        for row in tx.query("select product_id, name from products where product_id = any($1)", &[&products]).await? {
            names.products.insert(row.try_get(0)?, row.try_get(1)?);
        }
        Ok(names)
    }

    /// A warehouse's.
    pub fn warehouse(&self, id: WarehouseId) -> String {
        self.warehouses.get(&id).cloned().unwrap_or_else(|| id.to_string())
    }

    /// A product's.
    pub fn product(&self, id: ProductId) -> String {
        self.products.get(&id).cloned().unwrap_or_else(|| id.to_string())
    }
}
