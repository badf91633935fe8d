//! A sale that was refused for want of stock: why, and what the cashier can do about it.

use outpost_schema::id::{ProductId, WarehouseId};
use serde::{Deserialize, Serialize};

use crate::{db::lookup::Row, error::Error, node::Node};

/// Other places named in one sentence; the till's page shows all.
const PLACES_NAMED: usize = 3;

/// What can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// Sell as many as are left to this device.
    SellWhatIsLeft,
    /// Ask head office for more: when the line is up, the answer takes a second.
    AskForMore,
    /// Take an order that is to be confirmed: it is promised as soon as head office has the goods for it.
    OrderToBeConfirmed,
    /// Have it held at another place, and send the customer there.
    SellElsewhere,
}

/// Another place that has some.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Elsewhere {
    /// Which.
    pub warehouse_id: WarehouseId,
    /// What people call it.
    pub name: Option<String>,
    /// Units there that are not promised to anybody, as far as this device knows.
    pub available: i64,
}

/// Why a line cannot be sold, in figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shortage {
    /// Of what.
    pub product_id: ProductId,
    /// Its name.
    pub name: Option<String>,
    /// Units left to this device.
    pub left: i64,
    /// Units on hand here.
    pub on_hand: i64,
    /// Of these, units that are promised to nobody yet: head office may allot them.
    pub available: i64,
    /// Other places that have some, the most first.
    pub elsewhere: Vec<Elsewhere>,
    /// What can be done, the quickest first.
    pub choices: Vec<Choice>,
}

impl Shortage {
    /// From a product's rows as this device knows them.
    fn of(product_id: ProductId, left: i64, here: Option<WarehouseId>, rows: Vec<Row>) -> Self {
        let is_here = |row: &Row| Some(row.key.warehouse_id) == here;
        let own = rows.iter().find(|row| is_here(row));
        let (on_hand, available) = own.map_or((0, 0), |row| (row.level.quantity(), row.level.available()));
        let name = rows.iter().find_map(|row| row.name.clone());
        let others = rows.into_iter().filter(|row| !is_here(row) && row.level.available() > 0);
        let mut elsewhere: Vec<Elsewhere> = others
            .map(|row| Elsewhere {
                warehouse_id: row.key.warehouse_id,
                name: row.warehouse,
                available: row.level.available(),
            })
            .collect();
        elsewhere.sort_by_key(|place| (-place.available, place.warehouse_id));
        let choices = [
            (left > 0).then_some(Choice::SellWhatIsLeft),
            // Nothing is sure without the line: others may have given some back.
            Some(Choice::AskForMore),
            Some(Choice::OrderToBeConfirmed),
            (!elsewhere.is_empty()).then_some(Choice::SellElsewhere),
        ];
        let choices = choices.into_iter().flatten().collect();
        Self { product_id, name, left, on_hand, available, elsewhere, choices }
    }

    /// The same in words, for the cashier.
    pub fn sentence(&self) -> String {
        let name = self.name.as_deref().unwrap_or("this product");
        let others = self.on_hand - self.available - self.left;
        let mut told = format!("only {} of {name} may be sold here without asking", self.left);
        if others > 0 {
            told += &format!("; {others} more are on hand and promised to others");
        }
        if self.available > 0 {
            told += &format!("; {} more are on hand and free", self.available);
        }
        let mut cures = vec!["ask for stock when the line is up".to_owned()];
        cures.push("take an order to be confirmed".to_owned());
        if !self.elsewhere.is_empty() {
            let place = |place: &Elsewhere| {
                format!("{} ({})", place.name.as_deref().unwrap_or("another place"), place.available)
            };
            let places: Vec<String> = self.elsewhere.iter().take(PLACES_NAMED).map(place).collect();
            cures.push(format!("have it held at {} for the customer", places.join(", ")));
        }
        format!("{told}: {}", cures.join(", or "))
    }
}

impl Node {
    /// What is known of a product that this device may not sell more of than `left`.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn shortage(&self, product_id: ProductId, left: i64) -> Result<Shortage, Error> {
        let look = self.look(product_id)?;
        Ok(Shortage::of(product_id, left, look.here, look.rows))
    }
}
