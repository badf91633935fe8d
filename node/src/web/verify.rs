//! Comparing with head office, one slice a call: whoever wants all of it calls until the walk is at its end.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use outpost_schema::feed::{Key, Kind};
use outpost_sync::{
    verify::{Compared, Outcome},
    wire::{Damage, Mended},
};
use serde::{Deserialize, Serialize};

use super::{
    App, blocking,
    problem::{Answer, Failed},
    status::ROUND_WAIT,
    take::Said,
};
use crate::error::Error;

/// What is to be compared.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VerifyWanted {
    /// From the beginning; otherwise the walk goes on where it stands.
    pub anew: bool,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyShown {
    /// In figures.
    pub outcome: Outcome,
    /// What was mended, in words.
    pub mended: Vec<String>,
}

pub(super) async fn verify(
    State(app): State<Arc<App>>,
    Said(VerifyWanted { anew }): Said<VerifyWanted>,
) -> Answer<VerifyShown> {
    let outcome = tokio::time::timeout(ROUND_WAIT, app.look(anew)).await.map_err(|_| {
        let sentence = "comparing takes longer than usual and goes on; try again in a moment";
        Failed::new(StatusCode::SERVICE_UNAVAILABLE, "round_goes_on", sentence)
    })?;
    let outcome = outcome.map_err(Failed::line)?;
    let rows: Vec<Mended> = match &outcome {
        Outcome::Compared(Compared { mended, .. }) => mended.clone(),
        Outcome::NotNow | Outcome::OtherForm { .. } => Vec::new(),
    };
    let mended = blocking(&app, move |app| rows.iter().map(|row| in_words(app, row)).collect()).await?;
    Ok(Json(VerifyShown { outcome, mended }))
}

fn in_words(app: &App, mended: &Mended) -> Result<String, Error> {
    let what = name_of(app, &mended.key)?;
    Ok(match &mended.damage {
        Damage::Missing => format!("{what} was not here"),
        Damage::Ghost => format!("{what} was here and nowhere else"),
        Damage::Unreadable => format!("{what} could not be read"),
        Damage::Altered { fields } => format!("{what} had another {}", fields.join(", ").replace('_', " ")),
    })
}

/// What people call an aggregate.
fn name_of(app: &App, key: &Key) -> Result<String, Error> {
    let id = key.ids.first().copied().unwrap_or_default();
    let product =
        |id| Ok::<_, Error>(app.node.product(outpost_schema::id::ProductId(id))?.map(|offer| offer.product.name));
    let other = |word: &str| format!("the {word} {id}");
    Ok(match key.kind {
        Kind::Product => product(id)?.map_or_else(|| other("product"), |name| format!("the product {name}")),
        Kind::Stock => product(id)?.map_or_else(|| other("stock of"), |name| format!("the stock of {name}")),
        Kind::Allotment => {
            let id = key.ids.get(1).copied().unwrap_or_default();
            product(id)?.map_or_else(|| other("allotment"), |name| format!("the allotment of {name}"))
        }
        Kind::Order => {
            let order = app.node.order(outpost_schema::id::OrderId(id))?;
            order.map_or_else(|| other("order"), |order| format!("the order {}", order.receipt))
        }
        Kind::Warehouse => other("place"),
        Kind::Category => other("category"),
        Kind::User => other("customer"),
        Kind::Address => other("address"),
        Kind::Review => other("review"),
        Kind::Return => other("return"),
        Kind::Cart => other("cart"),
        Kind::Concern => other("concern"),
        Kind::Transfer => other("transfer"),
        Kind::Delivery => other("delivery"),
        Kind::Rule => other("rule"),
        Kind::Confirmation => other("confirmation of the order"),
        Kind::Synonyms => other("group of synonyms"),
        Kind::Verdict => other("verdict"),
    })
}
