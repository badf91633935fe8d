//! Carts: what was put in and taken out, and by whom.

use outpost_schema::id::{CartId, ProductId};

use super::{Check, Network};
use crate::{depth::Depth, step::Act};

impl<D: Depth> Network<D> {
    /// A cart was begun or changed, and shows this.
    pub(super) fn filled(&mut self, number: usize, cart: CartId, act: &Act, shown: &[(ProductId, i64)]) -> Check {
        let ledger = &mut self.ledger;
        let product = match act {
            Act::BeginCart => {
                ledger.carts.push(cart);
                return Ok(());
            }
            Act::Add { product, .. } | Act::Take { product, .. } | Act::Remove { product, .. } => *product,
            Act::Sell { .. }
            | Act::ShipHeld { .. }
            | Act::Order { .. }
            | Act::CheckOut { .. }
            | Act::Receive { .. }
            | Act::ReceiveOf { .. }
            | Act::UndoReceipt
            | Act::Adjust { .. }
            | Act::Dispatch { .. }
            | Act::Arrive { .. }
            | Act::Count { .. }
            | Act::Look { .. }
            | Act::GiveBack { .. }
            | Act::Ask { .. }
            | Act::Advance { .. }
            | Act::Cancel { .. }
            | Act::TakeBack { .. }
            | Act::GiveBackAll
            | Act::Leave
            | Act::Customer { .. } => return Err(format!("{act:?} changed a cart")),
        };
        let line = ledger.filled.entry((cart, product)).or_default();
        // Two devices with one life count as one: of what both count the larger stands.
        line.is_lost |= self.spots[number].doubtful_life == Some(self.spots[number].life);
        if let Act::Add { units, .. } = act {
            line.added += units;
            line.change(number, |there| there + units);
        } else {
            let taken = if let Act::Take { units, .. } = act { *units } else { i64::MAX };
            line.change(number, |there| there.saturating_sub(taken).max(0));
            line.is_doubtful = true;
        }
        let shows = shown.iter().find(|(of, _)| *of == product).map_or(0, |(_, units)| *units);
        match line.shown {
            Some(expected) if expected != shows && !line.is_lost => {
                Err(format!("a cart that nobody else has shows {shows} after {act:?}, and not {expected}"))
            }
            Some(_) | None => Ok(()),
        }
    }
}
