//! Carts that ride beside a push: merged if they can be believed, else kept aside.

use outpost_schema::{
    cart::{Cart, Shelf},
    feed::{Aggregate, Kind},
    id::IncarnationId,
    settle::Raised,
    verdict::ConcernKind,
};
use serde_json::json;

use super::{feed::Id, ledger::Ledger};

/// What is kept of one cart.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept {
    pub(super) known: Option<Cart>,
    aside: Vec<(IncarnationId, Cart)>,
}

impl Ledger {
    /// Takes in the carts of a push; tells what people must look at.
    pub(super) fn take_carts(&mut self, life: IncarnationId, sent: &[Cart]) -> Vec<Raised> {
        let mut raised = Vec::new();
        for cart in sent {
            let (mut cart, Some(journal)) = (cart.clone(), self.journals.get(&life)) else { continue };
            let (author, now) = (&journal.author, self.known.now);
            if cart.cap(now) {
                let detail = json!({ "node": author.node_id, "what": "a cart", "server": now });
                let (kind, subject) = (ConcernKind::ClockAhead, author.node_id.to_string());
                raised.push(Raised { kind, subject, detail, scope: author.node_id.0, seq: None });
            }
            let cart_id = cart.cart_id();
            let kept = self.carts.entry(cart_id).or_default();
            let (known, aside) = (kept.known.take(), std::mem::take(&mut kept.aside));
            let mut shelf = Shelf { known, aside, ..Shelf::default() };
            shelf.take_in(life, &author.elders, cart);
            for (sender, fault) in &shelf.refused {
                let detail = json!({ "cart": cart_id, "incarnation": sender, "code": fault.code() });
                let (kind, subject) = (ConcernKind::CartNotBelievable, format!("{cart_id}/{sender}"));
                raised.push(Raised { kind, subject, detail, scope: author.node_id.0, seq: None });
            }
            if let Some(merged) = shelf.known.as_ref().filter(|_| shelf.is_merged) {
                let (id, scope) = (Id::one(Kind::Cart, cart_id.0), merged.home().0);
                self.feed.tell(id, scope, Aggregate::Cart(Box::new(merged.clone())));
            }
            *kept = Kept { known: shelf.known, aside: shelf.aside };
        }
        raised
    }
}
