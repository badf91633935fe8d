//! Which payments money is given back of, and how.

use outpost_schema::{
    clock::Timestamp,
    id::PaymentId,
    money::{Currency, Money},
    order::{Order, Payment, PaymentStatus, Tender},
    returned::{Bought, Refund},
    world::World,
};

use crate::error::{Error, Refused};

/// How money is given back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Back {
    /// Notes and coins.
    Cash,
    /// To a card, through the terminal.
    Card {
        /// The terminal's reference of the refund; none for that of the payment.
        reference: Option<String>,
    },
}

impl Back {
    const fn tender(&self) -> Tender {
        match self {
            Self::Cash => Tender::Cash,
            Self::Card { .. } => Tender::Card,
        }
    }
}

/// What is to be given for goods that come back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RefundWanted {
    /// How much; none for what they cost, as far as it was paid.
    pub amount: Option<Money>,
    /// How; none for how it was paid, to cards first.
    pub back: Option<Back>,
    /// Whether it may be given in another way than it was paid; the return must then say why.
    pub otherwise: bool,
}

impl RefundWanted {
    /// Shares what is given among the payments of an order of which something is left.
    pub(super) fn share(
        &self,
        left: &Bought,
        worth: Money,
        reason: &str,
        (order, now, world): (&Order, Timestamp, &dyn World),
    ) -> Result<Vec<Refund>, Error> {
        let refundable = left.refundable();
        let amount = checked(self.amount.unwrap_or(worth.min(refundable)))?;
        if amount > refundable {
            return Err(Refused::RefundTooMuch { left: refundable }.into());
        }
        if self.otherwise && reason.trim().is_empty() {
            return Err(outpost_schema::fault::Fault::Empty { field: "reason" }.into());
        }
        let tender = self.back.as_ref().map(Back::tender);
        let is_paid_so = |paid: Tender| self.otherwise || tender.is_none_or(|tender| tender == paid);
        let mut rest = amount;
        let mut refunds = Vec::new();
        // Cards first: what goes back to a card leaves no drawer.
        for paid in left.payments.iter().rev().filter(|paid| is_paid_so(paid.tender)) {
            let part = paid.left().min(rest);
            if part > Money::ZERO {
                rest = rest - part;
                let original = order.payments.iter().find(|payment| payment.payment_id == paid.payment_id);
                let reference = original.and_then(|payment| payment.transaction_ref.clone());
                let (tender, reference) = self.given(paid.tender, reference);
                let currency = original.map_or(order.payments[0].currency, |payment| payment.currency);
                let payment = made(part, (tender, reference), currency, now, world);
                refunds.push(Refund { refunds: Some(paid.payment_id), payment });
            }
        }
        match tender {
            Some(tender) if rest > Money::ZERO => Err(Refused::OtherTender { tender, left: amount - rest }.into()),
            Some(_) | None => Ok(refunds),
        }
    }

    fn given(&self, paid: Tender, reference: Option<String>) -> (Tender, Option<String>) {
        match &self.back {
            Some(Back::Cash) => (Tender::Cash, None),
            Some(Back::Card { reference: given }) => (Tender::Card, given.clone().or(reference)),
            None if paid == Tender::Card => (Tender::Card, reference),
            None => (Tender::Cash, None),
        }
    }

    /// What is given where nobody here can say what was paid: somebody must.
    pub(super) fn blind_amount(&self) -> Result<Money, Refused> {
        self.amount.ok_or(Refused::RefundUnknown).and_then(checked)
    }

    pub(super) fn blind(&self, amount: Money, currency: Currency, now: Timestamp, world: &dyn World) -> Vec<Refund> {
        let how = self.given(Tender::Cash, None);
        let refund = || Refund { refunds: None, payment: made(amount, how, currency, now, world) };
        (amount > Money::ZERO).then(refund).into_iter().collect()
    }
}

fn checked(amount: Money) -> Result<Money, Refused> {
    if amount.is_negative() { Err(Refused::NegativeTender) } else { Ok(amount) }
}

fn made(
    amount: Money,
    (tender, transaction_ref): (Tender, Option<String>),
    currency: Currency,
    now: Timestamp,
    world: &dyn World,
) -> Payment {
    Payment {
        payment_id: PaymentId::new(now, world.id_chance()),
        amount: -amount,
        currency,
        tender,
        status: PaymentStatus::Succeeded,
        transaction_ref,
        created_at: now,
        updated_at: now,
    }
}
