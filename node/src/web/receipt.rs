//! A receipt as text, for a printer of 42 columns and for the terminal.

use outpost_schema::{
    clock::Timestamp,
    money::{Currency, Money, line_total},
    order::{Fulfilment, Order, OrderItem, Tender},
    quantity::Unit,
    returned::{Condition, Refund, Return},
};
use rust_decimal::Decimal;

use crate::{error::Error, node::Node, orders::Awaiting};

/// Columns of the usual 80 mm paper.
const WIDTH: usize = 42;

/// The receipt of an order.
pub(super) fn of(node: &Node, order: &Order) -> Result<String, Error> {
    let identity = node.identity()?.ok_or(Error::NotJoined)?;
    let places = node.warehouses()?;
    let shop = places.into_iter().find(|place| place.warehouse_id == order.warehouse_id).map(|place| place.name);
    let mut lines = vec![centred(shop.as_deref().unwrap_or(&identity.card.name)), String::new()];
    lines.push(beside(&order.receipt.to_string(), &moment(order.created_at)));
    lines.push("-".repeat(WIDTH));
    for item in &order.items {
        let product = node.product(item.product_id)?.map(|offer| (offer.product.name, offer.product.unit));
        let (name, unit) = product.unwrap_or_else(|| ("A product no longer known here".to_owned(), Unit::Each));
        lines.push(shortened(&name, WIDTH));
        lines.push(line(item, unit, identity.card.currency)?);
    }
    lines.push("-".repeat(WIDTH));
    lines.extend(sums(order, identity.card.currency));
    lines.extend(node.confirmation(order)?.map(confirmed));
    lines.push(String::new());
    Ok(lines.join("\n"))
}

/// The receipt of a return.
pub(super) fn of_return(node: &Node, back: &Return) -> Result<String, Error> {
    let identity = node.identity()?.ok_or(Error::NotJoined)?;
    let places = node.warehouses()?;
    let shop = places.into_iter().find(|place| place.warehouse_id == back.warehouse_id).map(|place| place.name);
    let mut lines = vec![centred(shop.as_deref().unwrap_or(&identity.card.name)), centred("RETURN"), String::new()];
    lines.push(beside(&back.receipt.to_string(), &moment(back.created_at)));
    lines.push(beside("Of receipt", &back.order_receipt.to_string()));
    lines.push("-".repeat(WIDTH));
    for line in &back.lines {
        let product = node.product(line.product_id)?.map(|offer| (offer.product.name, offer.product.unit));
        let (name, unit) = product.unwrap_or_else(|| ("A product no longer known here".to_owned(), Unit::Each));
        lines.push(shortened(&name, WIDTH));
        let fate = match line.condition {
            Condition::Shelf => "back to the shelf",
            Condition::Damaged => "damaged",
        };
        lines.push(beside(&format!("  {}", units(line.quantity.units(), unit)), fate));
    }
    lines.push("-".repeat(WIDTH));
    let total = back.refunds.iter().map(|refund| -refund.payment.amount).sum::<Money>();
    lines.push(beside(&format!("GIVEN BACK {}", identity.card.currency), &total.to_string()));
    for Refund { payment, .. } in &back.refunds {
        lines.push(beside(tender(payment.tender), &(-payment.amount).to_string()));
        lines.extend(payment.transaction_ref.as_ref().map(|text| format!("  {}", shortened(text, WIDTH - 2))));
    }
    lines.extend((!back.reason.is_empty()).then(|| shortened(&format!("Why: {}", back.reason), WIDTH)));
    lines.push(String::new());
    Ok(lines.join("\n"))
}

/// `3`, or `0.250 kg`.
fn units(units: i64, unit: Unit) -> String {
    match large(unit) {
        None => units.to_string(),
        Some(large) => format!("{} {large}", Decimal::new(units, 3)),
    }
}

const fn large(unit: Unit) -> Option<&'static str> {
    match unit {
        Unit::Each => None,
        Unit::Gram => Some("kg"),
        Unit::Millilitre => Some("l"),
        Unit::Milligallon => Some("gal"),
    }
}

const fn tender(tender: Tender) -> &'static str {
    match tender {
        Tender::Cash => "Cash",
        Tender::Card => "Card",
        Tender::Change => "Change",
    }
}

fn confirmed(awaiting: Awaiting) -> String {
    match awaiting {
        Awaiting::Awaited => "TO BE CONFIRMED by head office".to_owned(),
        Awaiting::Confirmed => "Confirmed: the goods are there".to_owned(),
    }
}

fn line(item: &OrderItem, unit: Unit, currency: Currency) -> Result<String, Error> {
    let total = line_total(item.unit_price, item.quantity, item.price_per, currency)?;
    let amount = amount(item, unit);
    Ok(beside(&format!("  {amount}"), &total.to_string()))
}

/// `3 x 2.50`, or `0.250 kg x 19.90/kg` where the price buys a thousand of a small unit.
fn amount(item: &OrderItem, unit: Unit) -> String {
    let (units, price) = (item.quantity.units(), item.unit_price);
    let Some(large) = large(unit) else { return format!("{units} x {price}{}", per(item.price_per)) };
    if item.price_per == 1000 {
        format!("{} {large} x {price}/{large}", Decimal::new(units, 3))
    } else {
        format!("{units} {unit} x {price}{}", per(item.price_per))
    }
}

fn per(price_per: i64) -> String {
    if price_per == 1 { String::new() } else { format!(" for {price_per}") }
}

fn sums(order: &Order, currency: Currency) -> Vec<String> {
    let mut lines = vec![beside(&format!("TOTAL {currency}"), &order.total_amount.to_string())];
    for payment in &order.payments {
        let amount = if payment.amount.is_negative() { -payment.amount } else { payment.amount };
        lines.push(beside(tender(payment.tender), &amount.to_string()));
        lines.extend(payment.transaction_ref.as_ref().map(|text| format!("  {}", shortened(text, WIDTH - 2))));
    }
    match order.fulfilment {
        Fulfilment::CarryOut => {}
        Fulfilment::Ship => lines.push(beside("To be handed over", &format!("({})", order.status))),
    }
    lines
}

fn beside(left: &str, right: &str) -> String {
    let room = WIDTH.saturating_sub(right.chars().count() + 1);
    let left = shortened(left, room);
    format!("{left:room$} {right}")
}

fn centred(text: &str) -> String {
    let text = shortened(text, WIDTH);
    format!("{text:^WIDTH$}").trim_end().to_owned()
}

fn shortened(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let kept: String = text.chars().take(max.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// `2026-11-23 09:05 UTC`; days by Hinnant's civil_from_days (2013).
pub(crate) fn moment(at: Timestamp) -> String {
    let minutes = at.micros().div_euclid(60_000_000);
    let (days, minute) = (minutes.div_euclid(1440), minutes.rem_euclid(1440));
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02} UTC", minute / 60, minute % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_people_write_them() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00 UTC"),
            (951_782_400, "2000-02-29 00:00 UTC"),
            (1_795_424_700, "2026-11-23 09:05 UTC"),
            (-60, "1969-12-31 23:59 UTC"),
        ] {
            assert_eq!(moment(Timestamp::from_micros(seconds * 1_000_000)), text);
        }
    }

    #[test]
    fn columns_hold_whatever_a_name_is() {
        assert_eq!(beside("a", "1.00").chars().count(), WIDTH);
        assert_eq!(beside(&"ä".repeat(99), "1.00").chars().count(), WIDTH);
        assert_eq!(shortened("Käse vom Berg", 6), "Käse…");
        assert_eq!(centred("Shop"), format!("{}Shop", " ".repeat(19)));
    }
}
