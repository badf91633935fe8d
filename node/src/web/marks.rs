//! How far this device is, and how far the others of its place are, for whoever counts while they sell.

use std::{sync::Arc, time::Duration};

use axum::{Json, Router, extract::State, routing::get};
use outpost_schema::count::Upto;
use outpost_sync::{round::Local as _, wire::Marks};

use super::{App, Line, blocking, problem::Answer};

/// How long somebody who has counted waits for the others: head office gives up a second before.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/v1/mark", get(own)).route("/v1/marks", get(all))
}

async fn own(State(app): State<Arc<App>>) -> Answer<Upto> {
    Ok(Json(blocking(&app, |app| app.node.mark()).await?))
}

async fn all(State(app): State<Arc<App>>) -> Answer<Marks> {
    Ok(Json(of_others(&app).await))
}

/// What the others say of themselves; nothing while the line is down. A count is no worse without it: what they did
/// around then is put before or after it by its time.
pub(super) async fn of_others(app: &Arc<App>) -> Marks {
    let Line::Carried { courier, questions: Some(line) } = &app.line else { return Marks::default() };
    let health = courier.health();
    if health.failures > 0 || health.contact_at.is_none() {
        return Marks::default();
    }
    let Ok(standing) = blocking(app, |app| app.node.standing()).await else { return Marks::default() };
    match tokio::time::timeout(PATIENCE, line.marks(standing)).await {
        Ok(Ok(marks)) => marks,
        Ok(Err(trouble)) => {
            tracing::info!(%trouble, "nobody was asked how far the others are");
            Marks::default()
        }
        Err(_) => Marks::default(),
    }
}

/// The marks that somebody read off their screens; if nobody did, what they say of themselves.
pub(super) async fn or_asked(app: &Arc<App>, read: Vec<Upto>) -> Vec<Upto> {
    if read.is_empty() { of_others(app).await.marks } else { read }
}
