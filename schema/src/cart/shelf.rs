//! What the server has of one cart: the merged state, and states that wait until what they repeat of
//! others has arrived from those themselves.

use std::collections::BTreeSet;

use super::{Belief, Cart};
use crate::{fault::Fault, id::IncarnationId};

/// What the server has of one cart, and what a push did to it.
#[derive(Clone, Debug, Default)]
pub struct Shelf {
    /// The merged state; none while nothing that was sent can be believed.
    pub known: Option<Cart>,
    /// States that are kept aside, each with who sent it.
    pub aside: Vec<(IncarnationId, Cart)>,
    /// Whether the merged state took something in.
    pub is_merged: bool,
    /// Whether other states are aside than before.
    pub is_aside_changed: bool,
    /// States that no device that works can have made, and why.
    pub refused: Vec<(IncarnationId, Fault)>,
}

impl Shelf {
    /// Takes in a state that `author` sent, who speaks for the `elders` too: it is put aside first, and then
    /// whatever can be judged is.
    pub fn take_in(&mut self, author: IncarnationId, elders: &BTreeSet<IncarnationId>, cart: Cart) {
        let aside_before = self.aside.clone();
        self.aside.retain(|(other, _)| *other != author);
        self.aside.push((author, cart));
        while let Some((place, belief)) = self.next_judged(author, elders) {
            let (author, cart) = self.aside.remove(place);
            match belief {
                Belief::Merge => self.merge(cart),
                Belief::Refuse(fault) => self.refused.push((author, fault)),
                Belief::KeepAside { .. } => unreachable!("such a state stays where it is"),
            }
        }
        self.is_aside_changed |= self.aside != aside_before;
    }

    fn next_judged(&mut self, sender: IncarnationId, elders: &BTreeSet<IncarnationId>) -> Option<(usize, Belief)> {
        if let Some(known) = &self.known {
            let speaks = |author, life| life == author || (author == sender && elders.contains(&life));
            self.aside.iter_mut().for_each(|(author, cart)| cart.repeat(known, |life| speaks(*author, life)));
        }
        let nobody = BTreeSet::new();
        let judged = self.aside.iter().map(|(author, cart)| {
            let elders = if *author == sender { elders } else { &nobody };
            cart.believable(self.known.as_ref(), *author, elders, &self.aside)
        });
        judged.enumerate().find(|(_, belief)| match belief {
            Belief::Merge | Belief::Refuse(_) => true,
            Belief::KeepAside { .. } => false,
        })
    }

    fn merge(&mut self, cart: Cart) {
        self.is_merged = true;
        match &mut self.known {
            Some(known) => known.merge(&cart),
            None => self.known = Some(cart),
        }
    }
}
