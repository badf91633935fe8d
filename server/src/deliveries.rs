//! Deliveries that head office expects at a warehouse. The devices there are told, and compare what comes with it.

use outpost_schema::{
    clock::Timestamp,
    delivery::{Closing, Delivery, DeliveryLine},
    fault::Fault,
    id::{DeliveryId, ProductId},
    text,
};
use serde::Deserialize;

use crate::{
    db::{Tx, catalogue, deliveries, import},
    error::Error,
    server::Server,
};

/// What is expected of one product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedLine {
    /// Of what.
    pub product_id: ProductId,
    /// How many.
    pub expected: i64,
}

/// A delivery to be expected.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// The name or id of the warehouse.
    pub warehouse: String,
    /// From whom.
    pub supplier: String,
    /// What is written on its papers.
    pub reference: String,
    /// When it is due.
    #[serde(default)]
    pub due_at: Option<Timestamp>,
    /// What.
    pub lines: Vec<ExpectedLine>,
}

/// How a delivery is closed by hand.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClosedBy {
    /// By whom.
    pub by: String,
    /// Why, such as what became of what is short.
    pub note: String,
}

/// Expects a delivery.
///
/// # Errors
/// [`Error::NotFound`] for a warehouse or product that is not there, [`Error::NameTaken`] for a reference that is
/// expected there from that supplier already, [`Error::Fault`], or the database's.
pub async fn expect(server: &Server, said: &Expected) -> Result<Delivery, Error> {
    let (at, chance) = (server.now(), server.world.id_chance());
    let expected = server.db.transaction(|tx| async move {
        let delivery = delivery(&tx, said, DeliveryId::new(at, chance), at).await?;
        deliveries::expect(&tx, &delivery).await.map_err(|error| match error.constraint() {
            Some("deliveries_reference_key") => {
                Error::NameTaken { what: "delivery of this supplier", name: said.reference.clone() }
            }
            Some(_) | None => error,
        })?;
        Ok(delivery)
    });
    let expected = expected.await?;
    server.ring();
    Ok(expected)
}

async fn delivery(tx: &Tx, said: &Expected, delivery_id: DeliveryId, at: Timestamp) -> Result<Delivery, Error> {
    let not_found = |what, name: &str| Error::NotFound { what, name: name.to_owned() };
    let warehouse = import::warehouse(tx, &said.warehouse).await?;
    let line = |line: &ExpectedLine| DeliveryLine { product_id: line.product_id, expected: line.expected, received: 0 };
    let mut lines: Vec<_> = said.lines.iter().map(line).collect();
    lines.sort_by_key(|line| line.product_id);
    if !lines.is_sorted_by(|one, next| one.product_id < next.product_id) {
        return Err(Fault::IdTwice.into());
    }
    let delivery = Delivery {
        delivery_id,
        warehouse_id: warehouse.ok_or_else(|| not_found("warehouse", &said.warehouse))?,
        supplier: said.supplier.trim().to_owned(),
        reference: said.reference.trim().to_owned(),
        due_at: said.due_at,
        created_at: at,
        closing: None,
        lines,
    };
    delivery.check()?;
    let products: Vec<_> = delivery.lines.iter().map(|line| line.product_id).collect();
    let known = catalogue::known_ids(tx, &products).await?;
    match products.iter().find(|id| !known.contains(id)) {
        Some(missing) => Err(not_found("product", &missing.to_string())),
        None => Ok(delivery),
    }
}

/// The one delivery of that reference or id.
///
/// # Errors
/// [`Error::NotFound`] if there is none, or several of that reference; or the database's.
pub async fn find(tx: &Tx, name: &str) -> Result<Delivery, Error> {
    let mut found = deliveries::named(tx, name).await?;
    match (found.pop(), found.is_empty()) {
        (Some(delivery), true) => Ok(delivery),
        (Some(_), false) => Err(Error::NotFound { what: "single delivery", name: name.to_owned() }),
        (None, _) => Err(Error::NotFound { what: "delivery", name: name.to_owned() }),
    }
}

/// Closes a delivery of which no more will come.
///
/// # Errors
/// Those of [`find`], [`Error::Fault`] without a name or a reason, or the database's.
pub async fn close(server: &Server, name: &str, said: &ClosedBy) -> Result<Delivery, Error> {
    text::require("by", &said.by, text::LINE_MAX)?;
    text::require("the note", &said.note, text::PROSE_MAX)?;
    let closing = &Closing { at: server.now(), by: said.by.clone(), note: said.note.clone() };
    let closed = server.db.transaction(|tx| async move {
        let delivery_id = find(&tx, name).await?.delivery_id;
        deliveries::close(&tx, delivery_id, closing).await?;
        find(&tx, &delivery_id.to_string()).await
    });
    let closed = closed.await?;
    server.ring();
    Ok(closed)
}
