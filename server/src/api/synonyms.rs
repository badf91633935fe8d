//! Synonyms that head office keeps, for programs.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{
        Path, Query, State,
        rejection::{JsonRejection, QueryRejection},
    },
    http::StatusCode,
    routing::{delete, get},
};
use outpost_schema::{
    id::SynonymsId,
    synonym::{GROUPS_MAX, Group, Synonyms},
};
use serde::Deserialize;

use super::problem::Failure;
use crate::{
    db::synonyms as kept,
    error::Error,
    server::Server,
    synonyms::{self, Changed},
};

type Shared = State<Arc<Server>>;
type Answer<T> = Result<Json<T>, Failure>;

/// The routes of this page.
pub fn routes() -> Router<Arc<Server>> {
    Router::new().route("/v1/synonyms", get(list).post(add).put(replace)).route("/v1/synonyms/{group}", delete(remove))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListAsked {
    after: Option<SynonymsId>,
    limit: Option<i64>,
}

async fn list(State(server): Shared, asked: Result<Query<ListAsked>, QueryRejection>) -> Answer<Vec<Synonyms>> {
    let Query(ListAsked { after, limit }) = asked?;
    let most = i64::try_from(GROUPS_MAX).unwrap_or(i64::MAX);
    let limit = limit.unwrap_or(most).clamp(1, most);
    Ok(Json(server.db.snapshot(|tx| async move { kept::list(&tx, after, limit).await }).await?))
}

/// A group as it is asked for: what is wrong with a word of it is told with a code.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupAsked {
    phrases: Vec<String>,
    #[serde(default)]
    also: Vec<String>,
}

type Asked = Result<Json<Vec<GroupAsked>>, JsonRejection>;

fn groups(asked: Asked) -> Result<Vec<Group>, Failure> {
    let Json(asked) = asked?;
    let groups = asked.iter().map(|group| Group::of(&group.phrases, &group.also));
    Ok(groups.collect::<Result<_, _>>().map_err(Error::Fault)?)
}

/// Adds groups, all of them or none.
async fn add(State(server): Shared, asked: Asked) -> Answer<Changed> {
    Ok(Json(synonyms::add(&server, &groups(asked)?).await?))
}

/// Makes these all that there are.
async fn replace(State(server): Shared, asked: Asked) -> Answer<Changed> {
    Ok(Json(synonyms::replace(&server, &groups(asked)?).await?))
}

async fn remove(State(server): Shared, Path(group): Path<String>) -> Result<StatusCode, Failure> {
    synonyms::remove(&server, group.parse().map_err(Error::Fault)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
