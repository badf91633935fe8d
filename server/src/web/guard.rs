//! Who may ask: a browser's request counts only if it was meant for this machine.

use axum::{
    Json,
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use outpost_sync::wire::Problem;

/// What a page may do: show itself and its own style, and nothing else.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Refuses requests for another host, and those that another site's page makes: a name that somebody
/// else points at this machine must not open it to a browser.
pub async fn guard(request: Request, next: Next) -> Response {
    let host = host_of(request.headers(), request.uri());
    if !host.as_deref().is_some_and(is_here) {
        return refused("wrong_host", "this server answers to 127.0.0.1, [::1] and localhost; ask for one of these");
    }
    match request.headers().get(header::ORIGIN) {
        Some(origin) if !is_own(origin, host.as_deref().unwrap_or_default()) => {
            refused("wrong_origin", "another site's page asked; open the server's own pages instead")
        }
        Some(_) | None => next.run(request).await,
    }
}

fn refused(code: &str, sentence: &str) -> Response {
    (StatusCode::FORBIDDEN, Json(Problem::new(code, sentence))).into_response()
}

fn host_of(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let named = headers.get(header::HOST).and_then(|host| host.to_str().ok()).map(str::to_owned);
    named.or_else(|| uri.authority().map(ToString::to_string))
}

/// Whether a host, with or without a port, is this machine.
fn is_here(host: &str) -> bool {
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    let name = if has_port { host.rsplit_once(':').map_or(host, |(name, _)| name) } else { host };
    ["127.0.0.1", "[::1]", "localhost"].contains(&name)
}

fn is_own(origin: &HeaderValue, host: &str) -> bool {
    origin.to_str().is_ok_and(|origin| origin == format!("http://{host}"))
}

/// Tells the browser what a page may do.
pub async fn safe(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let rules: [(HeaderName, &'static str); 4] = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, rule) in rules {
        response.headers_mut().insert(name, HeaderValue::from_static(rule));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_s_names_are_answered() {
        for host in ["127.0.0.1", "127.0.0.1:7070", "[::1]:7070", "[::1]", "localhost:1"] {
            assert!(is_here(host), "{host}");
        }
        for host in ["outpost.example", "127.0.0.1.example:7070", "localhost.example", "", ":7070", "127.0.0.1:x"] {
            assert!(!is_here(host), "{host}");
        }
    }
}
