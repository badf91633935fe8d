//! `hold`: goods kept for a buyer, which head office alone can promise.

use outpost_schema::{
    catalogue::Warehouse,
    id::{CartId, HoldId, OrderId, WarehouseId},
};
use outpost_sync::wire::HoldPlaced;
use serde_json::json;

use super::{Failure, sell::amount, till::Till, wanted};
use crate::{
    config::Config,
    web::{
        holds::{HeldSaid, HoldSaid, LongerSaid},
        receipt::moment,
    },
};

/// Goods kept for a buyer, over the line
#[derive(Debug, clap::Subcommand)]
pub enum Hold {
    /// Have goods kept, all of them or none
    Place(Place),
    /// Let a hold last longer
    Extend {
        /// Which
        hold: HoldId,
        /// How long it lasts from now
        #[arg(long, value_name = "N", default_value_t = MINUTES, value_parser = clap::value_parser!(i64).range(1..=1440))]
        minutes: i64,
    },
    /// Turn a hold into what this device may sell without asking, also with no line
    Allot {
        /// Which
        hold: HoldId,
    },
    /// Release a hold: others may have the goods
    Release {
        /// Which
        hold: HoldId,
    },
}

/// Until a customer has come to the shop, if nobody says how long.
const MINUTES: i64 = 30;

/// What `hold place` takes.
#[derive(Debug, clap::Args)]
pub struct Place {
    /// A barcode or sku, with xN for more than one unit
    #[arg(required = true, value_name = "CODE[xN]")]
    pub products: Vec<String>,
    /// Where they are kept [default: here]
    #[arg(long, value_name = "PLACE")]
    pub at: Option<String>,
    /// For this cart
    #[arg(long, value_name = "ID")]
    pub cart: Option<CartId>,
    /// For this order
    #[arg(long, value_name = "ID", conflicts_with = "cart")]
    pub order: Option<OrderId>,
    /// For how long
    #[arg(long, value_name = "N", default_value_t = MINUTES, value_parser = clap::value_parser!(i64).range(1..=1440))]
    pub minutes: i64,
}

/// Does it.
///
/// # Errors
/// What head office says, or that it cannot be reached.
pub fn run(config: &Config, verb: &Hold) -> Result<(), Failure> {
    let till = Till::open(config)?;
    match verb {
        Hold::Place(wanted) => place(&till, wanted),
        Hold::Extend { hold, minutes } => {
            let said = LongerSaid { minutes: *minutes };
            let lasts: HoldPlaced = till.post(&format!("/v1/holds/{hold}/extend"), &said)?;
            say!("{hold} lasts until {}.", moment(lasts.expires_at));
            Ok(())
        }
        Hold::Allot { hold } => {
            till.tell(&format!("/v1/holds/{hold}/allot"), &json!({}))?;
            say!("What it kept may be sold here now, with or without a line.");
            Ok(())
        }
        Hold::Release { hold } => {
            till.tell(&format!("/v1/holds/{hold}/release"), &json!({}))?;
            say!("{hold} is released.");
            Ok(())
        }
    }
}

fn place(till: &Till, place: &Place) -> Result<(), Failure> {
    let at = place.at.as_deref().map(|name| place_called(till, name)).transpose()?;
    let wanted = wanted::each(till, &place.products)?;
    let line = |wanted: &wanted::Wanted| {
        let (product_id, amount) = (wanted.offer.product.product_id, amount(wanted.units)?);
        Ok(HeldSaid { product_id, amount, warehouse_id: at })
    };
    let lines = wanted.iter().map(line).collect::<Result<_, Failure>>()?;
    let said = HoldSaid { lines, cart: place.cart, order: place.order, minutes: place.minutes, hold_id: None };
    let placed: HoldPlaced = till.post("/v1/holds", &said)?;
    for wanted in &wanted {
        say!("Held {} of {}", wanted.units, wanted.offer.product.name);
    }
    say!("Until {}: {}", moment(placed.expires_at), placed.hold_id);
    Ok(())
}

/// The place of that name, or with that id.
pub(super) fn place_called(till: &Till, name: &str) -> Result<WarehouseId, Failure> {
    let places: Vec<Warehouse> = till.get("/v1/places", &[])?;
    let named = places.iter().find(|place| place.name == name || place.warehouse_id.to_string() == name);
    named.map(|place| place.warehouse_id).ok_or_else(|| {
        let names: Vec<_> = places.iter().map(|place| place.name.as_str()).collect();
        Failure::usage("unknown_warehouse", format!("no place is called {name:?}; use one of: {}", names.join(", ")))
    })
}
