//! What a scanner sent: what it says, and which products it means.

use std::sync::Arc;

use axum::{Json, Router, extract::State, routing::get};
use outpost_schema::scan::{Scan, Unread};
use outpost_sync::wire::Problem;
use serde::{Deserialize, Serialize};

use super::{App, blocking, problem::Answer, products::OfferShown, sales::LineSaid, take::Asked};
use crate::scan::{Found, Scanned};

/// A scan, read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScanShown {
    /// What it says.
    pub scan: Scan,
    /// The products that it may mean; one, as a rule.
    pub found: Vec<FoundShown>,
}

/// A product that a scan may mean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FoundShown {
    /// The product.
    #[serde(flatten)]
    pub offer: OfferShown,
    /// The line of a sale that the scan makes of it, ready to be posted.
    pub line: Option<LineSaid>,
    /// Why there is none.
    pub problem: Option<Problem>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Code {
    code: String,
}

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/v1/scan", get(scan))
}

async fn scan(State(app): State<Arc<App>>, Asked(Code { code }): Asked<Code>) -> Answer<ScanShown> {
    Ok(Json(blocking(&app, move |app| app.node.scan(&code)).await?.into()))
}

impl From<Scanned> for ScanShown {
    fn from(Scanned { scan, found }: Scanned) -> Self {
        Self { scan, found: found.into_iter().map(FoundShown::from).collect() }
    }
}

impl From<Found> for FoundShown {
    fn from(Found { offer, line }: Found) -> Self {
        let product_id = offer.product.product_id;
        let problem = line.as_ref().err().map(told);
        let line = line.ok().map(|line| LineSaid { product_id, quantity: line.quantity, price: line.price });
        Self { offer: offer.into(), line, problem }
    }
}

fn told(unread: &Unread) -> Problem {
    Problem::new(unread.code(), unread.to_string())
}
