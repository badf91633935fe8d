//! Customers, their addresses, and what they think of products.

use serde_json::json;

use super::decide::{At, Batch, Decision, nothing_lacked};
use crate::{
    id::{UserId, WarehouseId},
    op::Customer,
    people::{Address, Review},
    verdict::{ConcernKind, SetAside, Verdict},
};

impl Batch<'_> {
    pub(super) fn customer(&mut self, at: At, customer: Customer) -> Decision {
        let Customer { mut user, address } = customer;
        self.may_act_at(user.home)?;
        if self.known.users.contains(&user.user_id) {
            return Err(SetAside::IdTaken { id: user.user_id.0 });
        }
        let own_address = address.as_ref().map(|address| address.address_id);
        let known_address = |id| own_address == Some(id) || self.known.addresses.contains(&id);
        nothing_lacked(user.address_id.filter(|id| !known_address(*id)).map(|id| id.0).into_iter().collect())?;
        if let Some(address) = &address {
            self.address_may_come(address, Some(user.user_id))?;
        }

        user.email = user.email.map(|email| email.to_lowercase());
        user.alias_of = None;
        if let Some(email) = user.email.clone() {
            match self.known.emails.get(&email).copied() {
                None => _ = self.known.emails.insert(email, user.user_id),
                Some(other) if user.user_id < other => {
                    self.known.emails.insert(email, user.user_id);
                    self.demote(other, user.user_id);
                    self.email_taken(at.seq, user.user_id, other, user.home);
                }
                Some(other) => {
                    user.email = None;
                    user.alias_of = Some(other);
                    self.email_taken(at.seq, other, user.user_id, user.home);
                }
            }
        }
        self.known.users.insert(user.user_id);
        self.settled.users.push(user);
        self.keep_address(address);
        Ok(Verdict::Accepted)
    }

    fn demote(&mut self, loser: UserId, keeper: UserId) {
        for user in self.settled.users.iter_mut().filter(|user| user.alias_of == Some(loser)) {
            user.alias_of = Some(keeper);
        }
        match self.settled.users.iter_mut().find(|user| user.user_id == loser) {
            Some(user) => {
                user.email = None;
                user.alias_of = Some(keeper);
            }
            None => self.settled.demoted.push((loser, keeper)),
        }
    }

    fn email_taken(&mut self, seq: i64, keeper: UserId, alias: UserId, scope: WarehouseId) {
        let detail = json!({ "keeper": keeper, "alias": alias });
        self.raise(ConcernKind::EmailTaken, format!("{keeper}/{alias}"), detail, scope.0, Some(seq));
    }

    pub(super) fn address(&mut self, address: Address) -> Decision {
        self.address_may_come(&address, None)?;
        self.keep_address(Some(address));
        Ok(Verdict::Accepted)
    }

    fn address_may_come(&self, address: &Address, with: Option<UserId>) -> Result<(), SetAside> {
        self.may_act_at(address.home)?;
        if self.known.addresses.contains(&address.address_id) {
            return Err(SetAside::IdTaken { id: address.address_id.0 });
        }
        let is_known = with == Some(address.user_id) || self.known.users.contains(&address.user_id);
        nothing_lacked((!is_known).then_some(address.user_id.0).into_iter().collect())
    }

    fn keep_address(&mut self, address: Option<Address>) {
        self.known.addresses.extend(address.iter().map(|address| address.address_id));
        self.settled.addresses.extend(address);
    }

    pub(super) fn review(&mut self, review: Review) -> Decision {
        if self.known.reviews.contains(&review.review_id) {
            return Err(SetAside::IdTaken { id: review.review_id.0 });
        }
        let product = (!self.known.products.contains(&review.product_id)).then_some(review.product_id.0);
        let user = (!self.known.users.contains(&review.user_id)).then_some(review.user_id.0);
        nothing_lacked(product.into_iter().chain(user).collect())?;
        self.known.reviews.insert(review.review_id);
        self.settled.reviews.push(review);
        Ok(Verdict::Accepted)
    }
}
