#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use axum::{
    body::Body,
    http::{Request, Response, StatusCode},
};
use http_body_util::BodyExt as _;
use outpost_schema::world::Seeded;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::*;
use crate::{api, nodes, testing::TestDatabase};

struct Office {
    router: Router,
    server: Arc<Server>,
    database: TestDatabase,
}

impl Office {
    async fn open() -> Self {
        let database = TestDatabase::create().await;
        let server = Arc::new(Server::open(database.config(), Arc::new(Seeded::new(5))).await.unwrap());
        let all = router(server.clone()).merge(api::router(server.clone()));
        Self { router: all.layer(middleware::from_fn(guard)), server, database }
    }

    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Value) -> Response<Body> {
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", "127.0.0.1:7070");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = if body.is_null() {
            Body::empty()
        } else {
            request = request.header("content-type", "application/json");
            Body::from(body.to_string())
        };
        self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap()
    }

    async fn told(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let response = self.ask(method, path, &[], body).await;
        let status = response.status().as_u16();
        (status, serde_json::from_str(&text(response).await).unwrap_or_default())
    }
}

async fn text(response: Response<Body>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn the_page_shows_an_empty_network_and_says_what_to_do() {
    let office = Office::open().await;
    let response = office.ask("GET", "/", &[], Value::Null).await;
    assert_eq!(response.status(), StatusCode::OK);
    let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    let page = text(response).await;
    assert!(page.contains("all is well") && page.contains("warehouse add NAME"), "{page}");
    assert!(!page.contains("<script") && !page.contains(" style="), "nothing that the policy would stop");
    assert!(text(office.ask("GET", "/office.css", &[], Value::Null).await).await.contains("--ink"));
}

#[tokio::test]
async fn names_are_shown_and_never_obeyed() {
    let office = Office::open().await;
    nodes::add_warehouse(&office.server, "<script>alert(1)</script>").await.unwrap();
    let page = text(office.ask("GET", "/", &[], Value::Null).await).await;
    assert!(page.contains("&lt;script&gt;alert(1)") && !page.contains("<script>alert"), "{page}");
}

#[tokio::test]
async fn concerns_and_sums_are_shown() {
    let office = Office::open().await;
    let warehouse = nodes::add_warehouse(&office.server, "Market hall").await.unwrap();
    let outside = office.database.connect().await;
    let sql = "with p as (insert into products (product_id, name, created_at, updated_at)
            values (gen_random_uuid(), 'Oat milk', now(), now()) returning product_id),
        s as (insert into stock (product_id, warehouse_id, balance, promised, updated_at)
            select product_id, $1, -3, 0, now() from p returning product_id)
        insert into concerns (concern_id, kind, subject, detail, scope, opened_at)
        select gen_random_uuid(), 'owed', product_id || '/' || $1::uuid, '{}', $1, now() from s";
    outside.execute(sql, &[&warehouse.warehouse_id]).await.unwrap();
    let page = text(office.ask("GET", "/", &[], Value::Null).await).await;
    assert!(page.contains("Oat milk") && page.contains("count the goods"), "{page}");
    assert!(page.contains("Market hall") && page.contains(">3<"), "{page}");
    let (_, concerns) = office.told("GET", "/v1/concerns", Value::Null).await;
    assert_eq!((&concerns[0]["kind"], &concerns[0]["about"]), (&json!("owed"), &json!("Oat milk")));
    let (_, stock) = office.told("GET", "/v1/stock", Value::Null).await;
    assert_eq!((&stock[0]["quantity"], &stock[0]["owed"]), (&json!(0), &json!(3)));
    let (_, totals) = office.told("GET", "/v1/totals", Value::Null).await;
    assert_eq!((&totals["owed"], &totals["concerns"], &totals["takings"]), (&json!(3), &json!(1), &json!("0.00")));
}

#[tokio::test]
async fn another_site_s_page_is_refused() {
    let office = Office::open().await;
    let status = async |headers: &[(&str, &str)]| office.ask("GET", "/", headers, Value::Null).await.status().as_u16();
    assert_eq!(status(&[("origin", "http://127.0.0.1:7070")]).await, 200);
    assert_eq!(status(&[("origin", "http://evil.example")]).await, 403);
    assert_eq!(status(&[("origin", "null")]).await, 403);
    assert_eq!(status(&[("host", "evil.example:7070")]).await, 403);
}

#[tokio::test]
async fn the_catalogue_is_edited_over_http() {
    let office = Office::open().await;
    let pen = json!({ "sku": "PEN", "name": "Pen", "price": "1.20", "barcodes": ["4006381333931"] });
    let (status, made) = office.told("POST", "/v1/products", pen.clone()).await;
    assert_eq!((status, &made["price"]), (201, &json!("1.20")));
    let code = |told: (u16, Value)| (told.0, told.1["code"].as_str().unwrap_or_default().to_owned());
    assert_eq!(code(office.told("POST", "/v1/products", pen).await), (409, "barcode_taken".to_owned()));
    let unknown = json!({ "name": "X", "prise": "1" });
    assert_eq!(code(office.told("POST", "/v1/products", unknown).await), (422, "unreadable_body".to_owned()));
    let blank = json!({ "name": "" });
    assert_eq!(code(office.told("PATCH", "/v1/products/PEN", blank).await), (422, "empty".to_owned()));
    let (_, edited) = office.told("PATCH", "/v1/products/4006381333931", json!({ "price": "1.30" })).await;
    assert_eq!(edited["price"], json!("1.30"));
    let price = json!([{ "product_id": made["product_id"], "price": null }]);
    assert_eq!(office.told("POST", "/v1/prices", price).await, (200, json!({ "changed": 1 })));
    assert_eq!(office.told("GET", "/v1/products/PEN", Value::Null).await.1["price"], Value::Null);
    assert_eq!(office.told("DELETE", "/v1/products/PEN", Value::Null).await.0, 204);
    assert_eq!(code(office.told("GET", "/v1/products/PEN", Value::Null).await), (404, "not_found".to_owned()));
    let food = office.told("POST", "/v1/categories", json!({ "name": "Food" })).await;
    assert_eq!((food.0, office.told("GET", "/v1/categories", Value::Null).await.1), (201, json!([food.1])));
}
