//! `GET /v1/pull?cursor=..&wait=25`: a page of the feed, or the word that there is no news. `POST /v1/marks`: how far
//! those are that wait so.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::StatusCode,
    response::Response,
};
use outpost_sync::{
    speak,
    wire::{Pulled, WAIT_SECONDS_MAX},
};
use serde::Deserialize;

use super::{Api, body::Wanted, caller::Calling, problem::Failure};
use crate::{
    feed::{self, Unserved, cursor::Cursor},
    roll_call,
};

/// What a pull asks for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    cursor: Option<String>,
    #[serde(default)]
    wait: u64,
}

pub(super) async fn pull(
    State(api): State<Arc<Api>>,
    wanted: Wanted,
    calling: Calling,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Failure> {
    let Query(asked) =
        asked.map_err(|rejection| Failure::new(StatusCode::BAD_REQUEST, "bad_query", rejection.body_text()))?;
    let cursor: Option<Cursor> =
        asked.cursor.as_deref().map(str::parse).transpose().map_err(|bad| Failure::from(Unserved::BadCursor(bad)))?;
    let caller = (calling.caller, calling.standing()?);
    let wait = Duration::from_secs(asked.wait.min(WAIT_SECONDS_MAX));
    let pulled = match feed::follow(&api.server, &api.pulls, caller, cursor.as_ref(), wait).await {
        // Whatever the cause, the device begins the feed anew.
        Err(Unserved::TooLongAway | Unserved::OtherPlaces) => Pulled::TooLongAway,
        pulled => pulled?,
    };
    if let Pulled::Page(page) = &pulled {
        api.counted.pages.add(1);
        api.counted.aggregates.add(page.aggregates.len());
    }
    let told = speak::pulled(calling.protocol, pulled);
    let told = told.map_err(|problem| Failure { status: StatusCode::GONE, problem })?;
    Ok(wanted.answer(StatusCode::OK, &told))
}

pub(super) async fn marks(State(api): State<Arc<Api>>, wanted: Wanted, calling: Calling) -> Result<Response, Failure> {
    let told = roll_call::ask(&api.server, &api.pulls, calling.caller).await?;
    Ok(wanted.answer(StatusCode::OK, &told))
}
