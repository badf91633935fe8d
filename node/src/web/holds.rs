//! Holds: what somebody wants kept for a buyer, asked of head office over the line. Nothing is held while the line is
//! cut, and what is held is sold from here only after it became allotment, or as an order that uses it up.

use std::sync::Arc;

use axum::{Json, Router, extract::State, http::StatusCode, routing::post};
use outpost_schema::{
    id::{CartId, HoldId, OrderId, WarehouseId},
    quantity::Amount,
};
use outpost_sync::{
    round::{Local as _, Trouble},
    wire::{Buyer, HoldLine, HoldPlaced, HoldWanted, Problem, Standing},
};
use serde::{Deserialize, Serialize};

use super::{
    App, Line, blocking,
    problem::{Answer, Failed},
    take::{Named, Nothing, Said},
};
use crate::{error::Error, uplink::Uplink};

/// A product, how much of it, and where; here, if nothing is said.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldSaid {
    /// What.
    pub product_id: outpost_schema::id::ProductId,
    /// How much.
    pub amount: Amount,
    /// Where.
    #[serde(default)]
    pub warehouse_id: Option<WarehouseId>,
}

/// What is to be held, for whom and how long.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoldSaid {
    /// All of it, or nothing.
    pub lines: Vec<HeldSaid>,
    /// For this cart.
    #[serde(default)]
    pub cart: Option<CartId>,
    /// For this order.
    #[serde(default)]
    pub order: Option<OrderId>,
    /// For how long.
    pub minutes: i64,
    /// Made by whoever asks, so that a repeat is recognised; made here, if nothing is said.
    #[serde(default)]
    pub hold_id: Option<HoldId>,
}

/// How much longer a hold is to last.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LongerSaid {
    /// From now.
    pub minutes: i64,
}

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/holds", post(place))
        .route("/v1/holds/{hold}/extend", post(extend))
        .route("/v1/holds/{hold}/allot", post(allot))
        .route("/v1/holds/{hold}/release", post(release))
}

async fn place(
    State(app): State<Arc<App>>,
    Said(said): Said<HoldSaid>,
) -> Result<(StatusCode, Json<HoldPlaced>), Failed> {
    let wanted = wanted(&app, said).await?;
    let (line, standing) = line(&app).await?;
    let placed = line.place_hold(standing, &wanted).await.map_err(refused)?;
    Ok((StatusCode::CREATED, Json(placed)))
}

async fn wanted(app: &Arc<App>, said: HoldSaid) -> Result<HoldWanted, Failed> {
    let buyer = match (said.cart, said.order) {
        (Some(_), Some(_)) => {
            let sentence = "a hold is for a cart or for an order, not for both; name one";
            return Err(Failed::new(StatusCode::UNPROCESSABLE_ENTITY, "two_buyers", sentence));
        }
        (cart, order) => cart.map(Buyer::Cart).or(order.map(Buyer::Order)),
    };
    blocking(app, move |app| {
        let here = app.node.identity()?.ok_or(Error::NotJoined)?.card.warehouse_id;
        let line = |said: HeldSaid| HoldLine {
            product_id: said.product_id,
            warehouse_id: said.warehouse_id.unwrap_or(here),
            amount: said.amount,
        };
        let world = app.node.world();
        let hold_id = said.hold_id.unwrap_or_else(|| HoldId::new(world.now(), world.id_chance()));
        let lines = said.lines.into_iter().map(line).collect();
        Ok(HoldWanted { hold_id, lines, buyer, seconds: said.minutes.saturating_mul(60) })
    })
    .await
}

async fn extend(
    State(app): State<Arc<App>>,
    Named(hold): Named<HoldId>,
    Said(LongerSaid { minutes }): Said<LongerSaid>,
) -> Answer<HoldPlaced> {
    let (line, standing) = line(&app).await?;
    let until = app.node.world().now().plus_seconds(minutes.saturating_mul(60));
    Ok(Json(line.extend_hold(standing, hold, until).await.map_err(refused)?))
}

/// What the hold had is allotment then, and a round brings the news of it.
async fn allot(
    State(app): State<Arc<App>>,
    Named(hold): Named<HoldId>,
    Said(Nothing {}): Said<Nothing>,
) -> Result<StatusCode, Failed> {
    let (line, standing) = line(&app).await?;
    line.allot_hold(standing, hold).await.map_err(refused)?;
    app.round().await.map_err(Failed::line)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn release(
    State(app): State<Arc<App>>,
    Named(hold): Named<HoldId>,
    Said(Nothing {}): Said<Nothing>,
) -> Result<StatusCode, Failed> {
    let (line, standing) = line(&app).await?;
    line.release_hold(standing, hold).await.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

/// The line, and how this device stands to head office.
async fn line(app: &Arc<App>) -> Result<(Uplink, Standing), Failed> {
    let uplink = match &app.line {
        Line::Carried { questions: Some(line), .. } => (**line).clone(),
        Line::Carried { questions: None, .. } => {
            let sentence = "this device has no line, and only head office can hold anything; try again when it has one";
            return Err(Failed::line(Problem::new("line_cut", sentence)));
        }
        Line::OnCall { server } => app.uplink(server).map_err(Failed::line)?,
    };
    let standing = blocking(app, |app| app.node.standing()).await?;
    Ok((uplink, standing))
}

/// Head office says no, or cannot be heard: then nobody knows whether it was done, and a repeat is answered.
fn refused(trouble: Trouble) -> Failed {
    match trouble {
        Trouble::Told(problem) => Failed { status: status_of(&problem.code), problem, detail: None },
        Trouble::Busy(problem, _) | Trouble::Garbled(problem) => Failed::line(problem),
        Trouble::Cut(why) => {
            let sentence =
                format!("head office cannot be reached ({why}), and only it can hold anything; try again later");
            Failed::line(Problem::new("line_cut", sentence))
        }
    }
}

/// As head office itself calls it: what is not there, what cannot be wanted, and what cannot be had now.
fn status_of(code: &str) -> StatusCode {
    match code {
        "unknown_hold" | "unknown_stock" => StatusCode::NOT_FOUND,
        "bad_seconds" | "bad_lines" => StatusCode::UNPROCESSABLE_ENTITY,
        "recovering" | "database_away" | "internal" => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::CONFLICT,
    }
}
