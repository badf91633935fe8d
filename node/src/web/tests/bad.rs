//! Every kind of bad input is answered with a problem.

use super::*;

#[tokio::test]
async fn paths_and_methods() {
    let shop = shop();
    let absent = Uuid::from_u128(1);
    for (method, path, status, code) in [
        (Method::GET, "/v1/teleport", 404, "unknown_path"),
        (Method::DELETE, "/v1/carts", 405, "unknown_method"),
        (Method::PUT, "/", 405, "unknown_method"),
        (Method::GET, "/v1/carts/tomato", 422, "not_an_id"),
        (Method::GET, "/v1/carts/%ff", 400, "not_utf8"),
        (Method::GET, &format!("/v1/carts/{absent}"), 404, "unknown_cart"),
        (Method::GET, &format!("/v1/products/{absent}"), 404, "unknown_product"),
        (Method::GET, &format!("/v1/orders/{absent}"), 404, "unknown_order"),
        (Method::GET, "/v1/orders?receipt=tomato", 422, "unreadable"),
        (Method::GET, "/v1/products?find=%ff", 400, "not_utf8"),
        (Method::GET, "/v1/products?find=a%00b", 422, "nul_character"),
        (Method::GET, "/v1/products?fund=tea", 400, "unreadable_query"),
        (Method::GET, "/v1/products?limit=-1", 400, "unreadable_query"),
        (Method::GET, "/v1/stock", 400, "unreadable_query"),
    ] {
        let (found, problem) = shop.said(request(method.clone(), path, Body::empty())).await;
        assert_eq!((found.as_u16(), &problem["code"]), (status, &json!(code)), "{method} {path}: {problem}");
        assert!(problem["sentence"].as_str().is_some_and(|sentence| !sentence.is_empty()), "{path}");
    }
}

#[tokio::test]
async fn bodies() {
    let shop = shop();
    let long = format!("{{\"label\":\"{}\"}}", "a".repeat(take::BODY_MAX));
    let absent = OrderId(Uuid::from_u128(1));
    let park = format!("{}/park", shop.begin().await);
    let sell = "/v1/sales";
    for (path, body, status, code) in [
        (sell, b"{".to_vec(), 400, "unreadable_body"),
        (sell, b"".to_vec(), 400, "unreadable_body"),
        (sell, b"\xff\xfe".to_vec(), 400, "not_utf8"),
        (sell, b"{\"lines\":\0[]}".to_vec(), 400, "unreadable_body"),
        (sell, b"{\"lines\":[],\"tenders\":[],\"colour\":1}".to_vec(), 422, "unreadable_body"),
        (sell, b"{\"lines\":[],\"tenders\":[]}".to_vec(), 422, "no_lines"),
        (sell, sale(TEA, 0, "5").to_string().into_bytes(), 422, "unreadable_body"),
        (sell, sale(TEA, 1, "1e9").to_string().into_bytes(), 422, "unreadable_body"),
        (sell, sale(TEA, 3, "5").to_string().into_bytes(), 422, "tender_short"),
        (sell, sale(RUG, 1, "5").to_string().into_bytes(), 422, "no_price"),
        (sell, sale(TEA, 1_001, "9999").to_string().into_bytes(), 409, "allotment_spent"),
        (&park, long.into_bytes(), 413, "body_too_large"),
        (&park, b"{\"label\":\"a\\u0000b\"}".to_vec(), 422, "nul_character"),
        (&park, format!("[{}", "[".repeat(5_000)).into_bytes(), 422, "unreadable_body"),
        ("/v1/carts", b"{\"owner\":\"tomato\"}".to_vec(), 422, "unreadable_body"),
        (&format!("/v1/orders/{absent}/cancel"), b"{}".to_vec(), 404, "unknown_order"),
        ("/v1/stock/receive", b"{\"lines\":[]}".to_vec(), 422, "no_lines"),
        ("/v1/customers", b"{}".to_vec(), 422, "empty"),
    ] {
        let shown: String = String::from_utf8_lossy(&body).chars().take(60).collect();
        let (found, problem) = shop.said(request(Method::POST, path, body)).await;
        assert_eq!((found.as_u16(), &problem["code"]), (status, &json!(code)), "{path} {shown}: {problem}");
    }
    let form = axum::http::Request::post("/v1/round").header(header::HOST, HOST);
    let form = form.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(Body::from("{}"));
    assert_eq!(shop.said(form.expect("a request")).await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn strangers() {
    let shop = shop();
    let ask = |heads: &[(&str, &str)]| {
        let mut request = axum::http::Request::post("/v1/carts").header(header::CONTENT_TYPE, "application/json");
        for (name, value) in heads {
            request = request.header(*name, *value);
        }
        request.body(Body::from("{}")).expect("a request")
    };
    for (heads, code) in [
        (&[][..], "foreign_host"),
        (&[("host", "evil.example:7071")], "foreign_host"),
        (&[("host", "127.0.0.1:80")], "foreign_host"),
        (&[("host", HOST), ("origin", "http://evil.example")], "foreign_origin"),
        (&[("host", HOST), ("origin", "null")], "foreign_origin"),
        (&[("host", HOST), ("origin", "https://127.0.0.1:7071")], "foreign_origin"),
        (&[("host", HOST), ("sec-fetch-site", "cross-site")], "foreign_origin"),
    ] {
        let (status, problem) = shop.said(ask(heads)).await;
        assert_eq!((status, &problem["code"]), (StatusCode::FORBIDDEN, &json!(code)), "{heads:?}");
    }
    for heads in [
        &[("host", HOST)][..],
        &[("host", "localhost:7071"), ("origin", "http://localhost:7071")],
        &[("host", "[::1]:7071"), ("origin", "http://[::1]:7071"), ("sec-fetch-site", "same-origin")],
    ] {
        assert_eq!(shop.said(ask(heads)).await.0, StatusCode::CREATED, "{heads:?}");
    }
}

#[tokio::test]
async fn every_answer_carries_the_policy() {
    let shop = shop();
    for path in ["/", "/v1/status", "/v1/nowhere"] {
        let (_, headers, _) = shop.call(request(Method::GET, path, Body::empty())).await;
        let policy = headers["content-security-policy"].to_str().expect("text");
        assert!(policy.starts_with("default-src 'none'; style-src 'self'"), "{path}: {policy}");
        assert!(!policy.contains("script") && !policy.contains("unsafe"));
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert!(!headers.contains_key("access-control-allow-origin"));
    }
}
