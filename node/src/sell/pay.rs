//! How tenders become payments: cash as it was given with the change beside it, cards as the
//! terminal took them.

use outpost_schema::{
    clock::Timestamp,
    id::PaymentId,
    money::{Currency, Money},
    order::{Payment, PaymentStatus, Tender},
    text,
    world::World,
};

use crate::error::{Error, Refused};

/// By what means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Paying {
    /// Notes and coins.
    Cash {
        /// What the customer handed over.
        given: Money,
    },
    /// A card, charged before the sale is written down.
    Card {
        /// The terminal's reference; never a card's number.
        reference: String,
    },
}

/// One means of payment, and how much of the total it pays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tendered {
    /// By what means.
    pub paying: Paying,
    /// How much of the total; none for all that is left, or as far as the cash goes.
    pub amount: Option<Money>,
}

impl Tendered {
    /// Cash for what is left; the rest is given back.
    pub const fn cash(given: Money) -> Self {
        Self { paying: Paying::Cash { given }, amount: None }
    }

    /// A card for what is left.
    pub fn card(reference: impl Into<String>) -> Self {
        Self { paying: Paying::Card { reference: reference.into() }, amount: None }
    }

    /// The same means for this much of the total.
    #[must_use]
    pub fn of(self, amount: Money) -> Self {
        Self { amount: Some(amount), ..self }
    }
}

/// What the tenders come to.
#[derive(Debug)]
pub(super) struct Paid {
    pub(super) payments: Vec<Payment>,
    pub(super) change: Money,
    pub(super) missing: Money,
}

/// Pays `total` with the tenders, one after another.
pub(super) fn pay(
    total: Money,
    tenders: &[Tendered],
    currency: Currency,
    at: Timestamp,
    world: &dyn World,
) -> Result<Paid, Error> {
    let mut paid = Paid { payments: Vec::new(), change: Money::ZERO, missing: total };
    let payment = |amount, tender, transaction_ref| Payment {
        payment_id: PaymentId::new(at, world.id_chance()),
        amount,
        currency,
        tender,
        status: PaymentStatus::Succeeded,
        transaction_ref,
        created_at: at,
        updated_at: at,
    };
    for tendered in tenders {
        let amount = part(tendered, paid.missing)?;
        let (taken, back) = match &tendered.paying {
            Paying::Cash { given } => (payment(*given, Tender::Cash, None), *given - amount),
            Paying::Card { reference } => {
                text::require("transaction_ref", reference, text::LINE_MAX)?;
                (payment(amount, Tender::Card, Some(reference.clone())), Money::ZERO)
            }
        };
        paid.missing = paid.missing - amount;
        paid.change = [paid.change, back].into_iter().sum();
        // Nothing taken is no payment; a free sale has none.
        paid.payments.extend((taken.amount > Money::ZERO).then_some(taken));
        paid.payments.extend((back > Money::ZERO).then(|| payment(-back, Tender::Change, None)));
    }
    Ok(paid)
}

/// How much of what is missing this tender pays.
fn part(tendered: &Tendered, missing: Money) -> Result<Money, Refused> {
    let (amount, given) = match &tendered.paying {
        Paying::Cash { given } => (tendered.amount.unwrap_or(missing.min(*given)), Some(*given)),
        Paying::Card { .. } => (tendered.amount.unwrap_or(missing), None),
    };
    if amount.is_negative() || given.is_some_and(Money::is_negative) {
        return Err(Refused::NegativeTender);
    }
    if amount > missing {
        return Err(Refused::TenderOver { over: amount - missing });
    }
    match given {
        Some(given) if given < amount => Err(Refused::CashShort { missing: amount - given }),
        Some(_) | None => Ok(amount),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use outpost_schema::world::Seeded;

    fn money(text: &str) -> Money {
        text.parse().expect("money")
    }

    fn paid(total: &str, tenders: &[Tendered]) -> Result<(Vec<String>, String, String), &'static str> {
        let usd = "USD".parse().expect("currency");
        let paid = pay(money(total), tenders, usd, Timestamp::from_micros(0), &Seeded::new(1));
        let shown = |payment: &Payment| format!("{} {}", payment.tender, payment.amount);
        paid.map(|paid| (paid.payments.iter().map(shown).collect(), paid.change.to_string(), paid.missing.to_string()))
            .map_err(|error| error.code())
    }

    #[test]
    fn cash_is_kept_as_given_with_its_change_beside_it() {
        let (payments, change, missing) = paid("17.30", &[Tendered::cash(money("20"))]).expect("pays");
        assert_eq!(payments, ["cash 20.00", "change -2.70"]);
        assert_eq!((change.as_str(), missing.as_str()), ("2.70", "0.00"));
    }

    #[test]
    fn tenders_share_a_total() {
        let split = [Tendered::cash(money("5")), Tendered::card("T-1")];
        assert_eq!(paid("17.30", &split).expect("pays").0, ["cash 5.00", "card 12.30"]);
        let split = [Tendered::card("T-1").of(money("10")), Tendered::cash(money("10")).of(money("7.30"))];
        assert_eq!(paid("17.30", &split).expect("pays").0, ["card 10.00", "cash 10.00", "change -2.70"]);
        assert_eq!(paid("17.30", &[Tendered::card("T-1").of(money("10"))]).expect("part").2, "7.30");
    }

    #[test]
    fn a_free_sale_has_no_payments() {
        assert_eq!(paid("0", &[]), Ok((vec![], "0.00".to_owned(), "0.00".to_owned())));
        assert_eq!(paid("0", &[Tendered::card("T-1")]).expect("nothing to charge").0, Vec::<String>::new());
    }

    #[test]
    fn tenders_that_cannot_be_are_refused() {
        let cases = [
            (Tendered::card("T-1").of(money("18")), "tender_over"),
            (Tendered::cash(money("20")).of(money("18")), "tender_over"),
            (Tendered::cash(money("5")).of(money("17.30")), "cash_short"),
            (Tendered::cash(money("-5")), "negative_tender"),
            (Tendered::card("T-1").of(money("-1")), "negative_tender"),
            (Tendered::card(" "), "empty"),
        ];
        for (tendered, code) in cases {
            assert_eq!(paid("17.30", std::slice::from_ref(&tendered)), Err(code), "{tendered:?}");
        }
    }
}
