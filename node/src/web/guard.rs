//! Who may speak to this device: pages and programs on the machine itself, nobody else.
//!
//! Any page that somebody opens may send requests to loopback, and a name may be made to point there
//! (DNS rebinding). So the Host must be ours, and an Origin, if there is one, too.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use super::problem::Failed;

/// Nothing but our own style and forms to ourselves; no script at all.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
                                       base-uri 'none'; frame-ancestors 'none'";

/// On every answer.
const HEADERS: [(HeaderName, HeaderValue); 6] = [
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY)),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
];

/// The names by which this device may be called.
#[derive(Clone, Debug)]
pub struct Names(Arc<[String; 4]>);

impl Names {
    /// Those of loopback at this address's port, and the address itself.
    pub fn at(address: SocketAddr) -> Self {
        let named = |host: &str| format!("{host}:{}", address.port());
        Self(Arc::new([named("127.0.0.1"), named("localhost"), named("[::1]"), address.to_string()]))
    }

    fn have(&self, name: &str) -> bool {
        self.0.iter().any(|own| own == name)
    }
}

/// Refuses strangers, and puts the headers on every answer.
pub async fn guard(State(names): State<Names>, request: Request, next: Next) -> Response {
    let mut response = match check(&names, &request) {
        Ok(()) => next.run(request).await,
        Err(failed) => failed.into_response(),
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, value);
    }
    response
}

fn check(names: &Names, request: &Request) -> Result<(), Failed> {
    let said = |name: HeaderName| request.headers().get(name).map(|value| value.to_str().unwrap_or(""));
    let refused = |code, sentence: &str| Err(Failed::new(StatusCode::FORBIDDEN, code, sentence));
    if !said(header::HOST).is_some_and(|host| names.have(host)) {
        return refused("foreign_host", "this device answers to 127.0.0.1 and localhost alone; use that address");
    }
    let is_own = |origin: &str| origin.strip_prefix("http://").is_some_and(|host| names.have(host));
    if said(header::ORIGIN).is_some_and(|origin| !is_own(origin)) {
        return refused("foreign_origin", "another site's page sent this; open this device's own page");
    }
    let site = said(HeaderName::from_static("sec-fetch-site"));
    if !request.method().is_safe() && matches!(site, Some("cross-site" | "same-site")) {
        return refused("foreign_origin", "another site's page sent this; open this device's own page");
    }
    Ok(())
}
