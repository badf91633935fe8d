//! What head office does to devices, for programs: `/v1/nodes/{node}` and its acts.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, State, rejection::JsonRejection},
    http::StatusCode,
    routing::{get, post},
};
use outpost_schema::{
    clock::Timestamp,
    device::Card,
    id::{NodeId, WarehouseId},
    stock::SalePolicy,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::problem::Failure;
use crate::{
    db::{devices as rows, office},
    devices::{self, Bound, Done, Moving, Signed, Undone},
    error::Error,
    server::Server,
};

type Shared = State<Arc<Server>>;
type Answer<T> = Result<Json<T>, Failure>;
type Body<T> = Result<Json<T>, JsonRejection>;

/// The routes of this page.
pub fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route("/v1/nodes/{node}", get(show))
        .route("/v1/nodes/{node}/suspend", post(suspend))
        .route("/v1/nodes/{node}/resume", post(resume))
        .route("/v1/nodes/{node}/write-off", post(write_off))
        .route("/v1/nodes/{node}/reclaim", post(reclaim))
        .route("/v1/nodes/{node}/retire", post(retire))
        .route("/v1/nodes/{node}/move", post(relocate))
}

/// A device, what could be lost with it, and what was done to it.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    node: office::NodeSeen,
    bound: Bound,
    acts: Vec<Done>,
}

async fn show(State(server): Shared, Path(node): Path<String>) -> Answer<Shown> {
    let (node_id, currency): (NodeId, _) = (node.parse()?, server.currency);
    let look = |tx| async move {
        let nodes = office::nodes(&tx, Timestamp::from_micros(0), currency).await?;
        Ok((nodes, rows::bound(&tx, node_id).await?, rows::acts(&tx, node_id).await?))
    };
    let (nodes, bound, acts) = server.db.snapshot(look).await?;
    let found = nodes.into_iter().find(|seen| seen.node_id == node_id);
    let node = found.ok_or(Error::NotFound { what: "device", name: node })?;
    Ok(Json(Shown { node, bound, acts }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ActAsked {
    act_id: Uuid,
    by: String,
    note: Option<String>,
    /// The bound that was shown to whoever agrees to it.
    units: Option<i64>,
    /// To retire a device that will never say that it has told everything.
    #[serde(default)]
    lost: bool,
}

impl ActAsked {
    fn signed(&self) -> Signed {
        Signed { act_id: self.act_id, by: self.by.clone(), note: self.note.clone() }
    }
}

async fn suspend(State(server): Shared, Path(node): Path<String>, body: Body<ActAsked>) -> Answer<Done> {
    Ok(Json(devices::suspend(&server, node.parse()?, &body?.signed()).await?))
}

async fn resume(State(server): Shared, Path(node): Path<String>, body: Body<ActAsked>) -> Answer<Done> {
    Ok(Json(devices::resume(&server, node.parse()?, &body?.signed()).await?))
}

async fn write_off(State(server): Shared, Path(node): Path<String>, body: Body<ActAsked>) -> Answer<Done> {
    let Json(asked) = body?;
    let agreed = agreed(&asked)?;
    Ok(Json(devices::write_off(&server, node.parse()?, agreed, &asked.signed()).await?))
}

async fn reclaim(State(server): Shared, Path(node): Path<String>, body: Body<ActAsked>) -> Answer<Done> {
    let Json(asked) = body?;
    let agreed = agreed(&asked)?;
    Ok(Json(devices::reclaim(&server, node.parse()?, agreed, &asked.signed()).await?))
}

fn agreed(asked: &ActAsked) -> Result<i64, Failure> {
    asked.units.ok_or_else(|| {
        let sentence = "say in `units` how many it may take away; GET the device to see its bound";
        Failure::new(StatusCode::UNPROCESSABLE_ENTITY, "no_bound", sentence)
    })
}

async fn retire(State(server): Shared, Path(node): Path<String>, body: Body<ActAsked>) -> Answer<Done> {
    let Json(asked) = body?;
    Ok(Json(devices::retire(&server, node.parse()?, asked.lost, &asked.signed()).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MoveAsked {
    act_id: Uuid,
    by: String,
    note: Option<String>,
    to: WarehouseId,
    #[serde(default)]
    also: Vec<WarehouseId>,
    #[serde(default)]
    home: bool,
    policy: Option<SalePolicy>,
    server: String,
}

async fn relocate(State(server): Shared, Path(node): Path<String>, body: Body<MoveAsked>) -> Answer<Card> {
    let Json(MoveAsked { act_id, by, note, to, also, home, policy, server: address }) = body?;
    let moving = Moving { to, also, is_home: home, policy, server: address };
    let card = devices::relocate(&server, node.parse()?, &moving, &Signed { act_id, by, note }).await?;
    Ok(Json(card))
}

impl From<Undone> for Failure {
    fn from(undone: Undone) -> Self {
        let status = match undone {
            Undone::Server(error) => return error.into(),
            Undone::BoundChanged(_)
            | Undone::Unheard
            | Undone::StillOpen(_)
            | Undone::StandsThere { .. }
            | Undone::OpsWait(_)
            | Undone::NotClosed
            | Undone::Retired
            | Undone::ActTaken => StatusCode::CONFLICT,
        };
        Self::new(status, undone.code(), undone.to_string())
    }
}
