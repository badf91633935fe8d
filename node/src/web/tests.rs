mod asking;
mod bad;
mod countings;
mod searching;
mod transfers;

use super::*;

use axum::{
    body::{Body, to_bytes},
    http::{HeaderMap, Method, header},
};
use outpost_schema::{
    feed::Aggregate,
    id::{ConcernId, OrderId},
    money::Money,
    verdict::{Concern, ConcernKind},
};
use outpost_sync::{
    round::{Remote, Trouble},
    verify::Referee,
    wire::{DigestAsked, Digested, Imaged, ImagesAsked, Page, Pulled, Push, Pushed, Report, Reported, Standing},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;
use uuid::Uuid;

use crate::carts::tests::{CHEESE, LIFE, RUG, SHOP, TEA, hear, page, till};

const HOST: &str = "127.0.0.1:7071";

/// A device without a line, and its router.
struct Shop {
    app: Arc<App>,
    router: Router,
    _folder: TempDir,
}

fn shop() -> Shop {
    shop_with(1_000, |_| Line::OnCall { server: "http://127.0.0.1:1".to_owned() })
}

fn shop_with(granted: i64, line: impl FnOnce(&Arc<Node>) -> Line) -> Shop {
    let folder = tempfile::tempdir().expect("a folder");
    let node = till(folder.path(), granted);
    let carts = Carts::open(Arc::clone(&node), folder.path()).expect("open carts");
    let line = line(&node);
    let search = Search::on_call(Arc::clone(&node));
    let app = Arc::new(App { node, carts, search, line, refund_caps: crate::returns::Caps::usual() });
    let router = router(Arc::clone(&app), HOST.parse().expect("an address"));
    Shop { app, router, _folder: folder }
}

impl Shop {
    async fn call(&self, request: Request) -> (StatusCode, HeaderMap, Vec<u8>) {
        let response = self.router.clone().oneshot(request).await.expect("it always answers");
        let (head, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.expect("a whole body").to_vec();
        (head.status, head.headers, body)
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.said(request(Method::GET, path, Body::empty())).await
    }

    async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        self.said(request(Method::POST, path, body.to_string())).await
    }

    async fn said(&self, request: Request) -> (StatusCode, Value) {
        let (status, _, body) = self.call(request).await;
        (status, serde_json::from_slice(&body).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&body))))
    }

    async fn text(&self, path: &str) -> String {
        let (status, _, body) = self.call(request(Method::GET, path, Body::empty())).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        String::from_utf8(body).expect("text")
    }

    async fn begin(&self) -> String {
        let (status, cart) = self.post("/v1/carts", &json!({})).await;
        assert_eq!(status, StatusCode::CREATED);
        format!("/v1/carts/{}", cart["cart_id"].as_str().expect("an id"))
    }
}

fn request(method: Method, path: &str, body: impl Into<Body>) -> Request {
    let request = axum::http::Request::builder().method(method).uri(path).header(header::HOST, HOST);
    request.header(header::CONTENT_TYPE, "application/json").body(body.into()).expect("a request")
}

fn sale(product: outpost_schema::id::ProductId, quantity: i64, given: &str) -> Value {
    json!({
        "lines": [{"product_id": product, "quantity": quantity}],
        "tenders": [{"cash": {"given": given}}],
    })
}

#[tokio::test]
async fn products_are_found_and_shown() {
    let shop = shop();
    let (status, found) = shop.get("/v1/products?find=4006381333931").await;
    assert_eq!((status, &found[0]["name"]), (StatusCode::OK, &json!("Earl Grey tea")));
    assert_eq!((&found[0]["quantity"], &found[0]["open"]), (&json!(10_000), &json!(1_000)));
    assert_eq!(shop.get("/v1/products?limit=2").await.1.as_array().map(Vec::len), Some(2));
    assert_eq!(shop.get(&format!("/v1/products/{TEA}")).await.1["price"], json!("2.50"));
    let (_, stock) = shop.get(&format!("/v1/stock?product={TEA}")).await;
    assert_eq!((&stock[0]["warehouse_id"], &stock[0]["reserved_quantity"]), (&json!(SHOP), &json!(1_000)));
}

#[tokio::test]
async fn goods_come_back_once_however_often_it_is_asked() {
    let shop = shop();
    let (_, sold) = shop.post("/v1/sales", &sale(TEA, 3, "20")).await;
    let id = sold["order"]["order_id"].as_str().expect("an id").to_owned();
    let wanted = json!({
        "return_id": Uuid::from_u128(70), "receipt": sold["order"]["receipt"]["prefix"].as_str().map(|it| format!("{it}-1")),
        "lines": [{"product_id": TEA, "quantity": 2, "damaged": true}], "reason": "leaked",
    });
    let (status, back) = shop.post("/v1/returns", &wanted).await;
    assert_eq!((status, &back["cash"], &back["card"]), (StatusCode::CREATED, &json!("5.00"), &json!("0.00")), "{back}");
    assert_eq!(shop.post("/v1/returns", &wanted).await, (StatusCode::CREATED, back.clone()));
    let (_, order) = shop.get(&format!("/v1/orders/{id}")).await;
    assert_eq!((&order["refundable"], &order["returnable"][0]["left"]), (&json!("2.50"), &json!(1)));
    assert_eq!((&order["returns"][0], &order["total_amount"]), (&back["return"], &json!("7.50")));
    assert_eq!(shop.get("/v1/returns").await.1, json!([back["return"]]));
    let path = format!("/v1/returns/{}", Uuid::from_u128(70));
    assert_eq!(shop.get(&path).await.1, back);
    let printed = shop.text(&format!("{path}/receipt")).await;
    for said in ["RETURN", "Of receipt", "damaged", "GIVEN BACK", "Why: leaked"] {
        assert!(printed.contains(said), "{printed}");
    }
    let again = json!({"order_id": id, "lines": [{"product_id": TEA, "quantity": 2}]});
    let (status, problem) = shop.post("/v1/returns", &again).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("more_than_bought")));
    assert_eq!(shop.get(&format!("/v1/returns/{}", Uuid::nil())).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_scan_is_read_and_makes_a_line() {
    let shop = shop();
    let (status, scan) = shop.get("/v1/scan?code=(01)04006381333931(10)LOT").await;
    assert_eq!((status, &scan["scan"]["lot"]), (StatusCode::OK, &json!("LOT")), "{scan}");
    assert_eq!(scan["found"][0]["line"], json!({"product_id": TEA, "quantity": 1, "price": null}));
    let (status, problem) = shop.get("/v1/scan?code=4006381333932").await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("wrong_check_digit")));
    for asked in ["scan=%5DC10104006381333931", "barcode=4006381333931", "find=earl"] {
        let (_, stock) = shop.get(&format!("/v1/stock?{asked}")).await;
        assert_eq!((&stock[0]["product_id"], &stock[0]["is_here"]), (&json!(TEA), &json!(true)), "{asked}: {stock}");
        assert_eq!((&stock[0]["open"], &stock[0]["available"]), (&json!(1_000), &json!(9_000)), "{asked}");
        assert!(stock[0]["age_seconds"].is_i64() && stock[0]["as_of"].is_i64(), "{stock}");
    }
    assert_eq!(shop.get("/v1/stock/low").await, (StatusCode::OK, json!([])));
}

#[tokio::test]
async fn a_refused_sale_says_why_and_an_order_may_be_taken() {
    let shop = shop();
    let (status, refused) = shop.post("/v1/sales", &sale(TEA, 1_001, "5000")).await;
    assert_eq!((status, &refused["code"]), (StatusCode::CONFLICT, &json!("allotment_spent")), "{refused}");
    let detail = &refused["detail"];
    assert_eq!((&detail["left"], &detail["available"]), (&json!(1_000), &json!(9_000)), "{refused}");
    assert_eq!(detail["choices"], json!(["sell_what_is_left", "ask_for_more", "order_to_be_confirmed"]));
    let mut order = sale(TEA, 1_001, "5000");
    (order["fulfilment"], order["to_be_confirmed"]) = (json!("ship"), json!(true));
    let (status, sold) = shop.post("/v1/sales", &order).await;
    assert_eq!((status, &sold["to_be_confirmed"]), (StatusCode::CREATED, &json!(true)), "{sold}");
    let id = sold["order"]["order_id"].as_str().expect("an id").to_owned();
    assert_eq!(shop.get(&format!("/v1/orders/{id}")).await.1["confirmation"], json!("awaited"));
    assert!(shop.text(&format!("/v1/orders/{id}/receipt")).await.contains("TO BE CONFIRMED by head office"));
}

#[tokio::test]
async fn a_cart_goes_from_begin_to_checkout() {
    let shop = shop();
    let cart = shop.begin().await;
    let add = |units| json!({"product_id": TEA, "amount": units});
    assert_eq!(shop.post(&format!("{cart}/add"), &add(5)).await.1["total"], json!("12.50"));
    assert_eq!(shop.post(&format!("{cart}/take"), &add(1)).await.1["total"], json!("10.00"));
    let set = json!({"product_id": CHEESE, "quantity": 250});
    assert_eq!(shop.post(&format!("{cart}/set"), &set).await.1["total"], json!("14.98"));
    let rug = json!({"product_id": RUG, "price": "80.00"});
    assert_eq!(shop.post(&format!("{cart}/add"), &rug).await.1["lines"].as_array().map(Vec::len), Some(3));
    let gone = json!({"product_id": RUG});
    assert_eq!(shop.post(&format!("{cart}/remove"), &gone).await.1["lines"].as_array().map(Vec::len), Some(2));
    assert_eq!(shop.post(&format!("{cart}/park"), &json!({"label": "red hat"})).await.1["is_parked"], json!(true));
    assert_eq!(shop.get("/v1/carts").await.1[0]["label"], json!("red hat"));
    assert_eq!(shop.post(&format!("{cart}/resume"), &json!({})).await.1["is_parked"], json!(false));
    let owner = Uuid::from_u128(9);
    assert_eq!(shop.post(&format!("{cart}/hand-over"), &json!({"owner": owner})).await.1["owner"], json!(owner));

    let (status, sold) = shop.post(&format!("{cart}/checkout"), &json!({"tenders": [{"cash": {"given": "20"}}]})).await;
    assert_eq!((status, &sold["change"]), (StatusCode::CREATED, &json!("5.02")));
    assert_eq!(sold["order"]["total_amount"], json!("14.98"));
    assert_eq!(shop.get("/v1/carts").await.1, json!([]));
    assert_eq!(shop.get(&cart).await.1["lines"], json!([]));
    let (status, again) = shop.post(&format!("{cart}/checkout"), &json!({"tenders": []})).await;
    assert_eq!((status, &again["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("no_lines")));
    shop.post(&format!("{cart}/add"), &add(1)).await;
    assert_eq!(shop.post(&format!("{cart}/clear"), &json!({})).await.1["lines"], json!([]));
}

#[tokio::test]
async fn a_sale_is_made_listed_and_printed() {
    let shop = shop();
    let body = json!({
        "lines": [{"product_id": TEA, "quantity": 3}, {"product_id": CHEESE, "quantity": 250}],
        "tenders": [{"cash": {"given": "10", "amount": "10"}}, {"card": {"reference": "T-77"}}],
    });
    let (status, sold) = shop.post("/v1/sales", &body).await;
    assert_eq!(status, StatusCode::CREATED, "{sold}");
    let id = sold["order"]["order_id"].as_str().expect("an id").to_owned();
    assert_eq!(shop.get("/v1/orders?limit=1").await.1[0]["order_id"], json!(id));
    assert_eq!(shop.get(&format!("/v1/orders?before={id}")).await.1, json!([]));
    assert_eq!(shop.get("/v1/orders?receipt=K1-000001").await.1[0]["order_id"], json!(id));
    assert_eq!(shop.get(&format!("/v1/orders/{id}")).await.1["status"], json!("delivered"));
    let receipt = shop.text(&format!("/v1/orders/{id}/receipt")).await;
    for line in [
        "K1-000001",
        "Earl Grey tea\n  3 x 2.50                            7.50",
        "  0.250 kg x 19.90/kg                 4.98",
        "TOTAL EUR                            12.48",
        "Cash                                 10.00",
        "Card                                  2.48\n  T-77",
    ] {
        assert!(receipt.contains(line), "{line:?} in\n{receipt}");
    }
    let (status, refused) = shop.post(&format!("/v1/orders/{id}/cancel"), &json!({})).await;
    assert_eq!((status, &refused["code"]), (StatusCode::CONFLICT, &json!("already_there")));
}

#[tokio::test]
async fn an_order_to_be_handed_over_moves_on() {
    let shop = shop();
    let mut body = sale(TEA, 2, "5");
    body["fulfilment"] = json!("ship");
    let (_, sold) = shop.post("/v1/sales", &body).await;
    let order = format!("/v1/orders/{}", sold["order"]["order_id"].as_str().expect("an id"));
    assert_eq!(shop.post(&format!("{order}/cancel"), &json!({})).await.0, StatusCode::OK);
    assert_eq!(
        shop.post(&format!("{order}/status"), &json!({"status": "shipped"})).await.1["status"],
        json!("shipped")
    );
    let (status, problem) = shop.post(&format!("{order}/status"), &json!({"status": "teleported"})).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(problem["sentence"].as_str().expect("a sentence").contains("shipped, delivered"), "{problem}");
}

#[tokio::test]
async fn people_are_written_down_and_speak() {
    let shop = shop();
    let ada = json!({"email": "Ada@example.com", "first_name": "Ada"});
    let (status, user) = shop.post("/v1/customers", &ada).await;
    assert_eq!(status, StatusCode::CREATED, "{user}");
    let (status, known) = shop.post("/v1/customers", &ada).await;
    assert_eq!((status, &known["code"]), (StatusCode::CONFLICT, &json!("email_known")));
    assert_eq!(shop.get("/v1/customers?find=ada").await.1[0]["user_id"], user["user_id"]);
    let addresses = format!("/v1/customers/{}/addresses", user["user_id"].as_str().expect("an id"));
    let address = json!({"street": "Long Row 1", "city": "Ulm", "country": "DE"});
    assert_eq!(shop.post(&addresses, &address).await.0, StatusCode::CREATED);
    assert_eq!(shop.get(&addresses).await.1[0]["city"], json!("Ulm"));
    let review = json!({"product_id": TEA, "user_id": user["user_id"], "rating": 5, "comment": "Good."});
    assert_eq!(shop.post("/v1/reviews", &review).await.0, StatusCode::CREATED);
    assert_eq!(shop.get(&format!("/v1/products/{TEA}/reviews")).await.1[0]["rating"], json!(5));
}

#[tokio::test]
async fn goods_come_in_and_are_asked_for_and_given_back() {
    let shop = shop();
    let goods = json!({"lines": [{"product_id": TEA, "amount": 5}]});
    for verb in ["receive", "ask", "give-back"] {
        assert_eq!(shop.post(&format!("/v1/stock/{verb}"), &goods).await.0, StatusCode::CREATED, "{verb}");
    }
    let count = json!({"lines": [{"product_id": TEA, "counted": 7}]});
    let (status, moved) = shop.post("/v1/stock/count", &count).await;
    assert_eq!((status, &moved[0]["counted"]), (StatusCode::CREATED, &json!(7)));
    let marked = json!({"lines": [{"product_id": TEA, "counted": 6}], "marks": ["nonsense"]});
    let (status, refused) = shop.post("/v1/stock/count", &marked).await;
    assert_eq!((status, &refused["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("unreadable_body")));
    let long = json!({"lines": [{"product_id": TEA, "counted": 6}], "since": 1_767_258_000_000_000_i64});
    let (status, refused) = shop.post("/v1/stock/count", &long).await;
    assert_eq!((status, &refused["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("unreadable_body")));
    let (_, mark) = shop.get("/v1/mark").await;
    let own = json!({"lines": [{"product_id": TEA, "counted": 6}], "marks": [mark], "person": "Ada"});
    assert_eq!(shop.post("/v1/stock/count", &own).await.0, StatusCode::CREATED);
    let (status, refused) =
        shop.post("/v1/stock/give-back", &json!({"lines": [{"product_id": TEA, "amount": 5_000}]})).await;
    assert_eq!((status, &refused["code"]), (StatusCode::CONFLICT, &json!("more_than_open")));
}

#[tokio::test]
async fn the_status_tells_what_waits() {
    let shop = shop();
    shop.post("/v1/sales", &sale(TEA, 3, "10")).await;
    let (_, status) = shop.get("/v1/status").await;
    assert_eq!((&status["waiting"], &status["worth"], &status["currency"]), (&json!(1), &json!("7.50"), &json!("EUR")));
    let metrics = shop.text("/metrics").await;
    for line in ["outpost_node_unsent_entries 1\n", "outpost_node_worth{currency=\"EUR\"} 7.50\n"] {
        assert!(metrics.contains(line), "{metrics}");
    }
    for name in ["oldest_seconds", "level_age_seconds", "contact_age_seconds", "round_failures", "concerns"] {
        assert!(metrics.contains(&format!("# TYPE outpost_node_{name} gauge\n")), "{name}");
    }
    let page = shop.text("/").await;
    for text in ["1 waiting", "7.50", "EUR", "Selling from allotments", "http-equiv=\"refresh\""] {
        assert!(page.contains(text), "{text} in {page}");
    }
    assert!(!page.contains("<script") && !page.contains("style="), "nothing that the policy forbids");
    assert_eq!(shop.get("/healthz").await, (StatusCode::OK, json!({"alive": true})));
    assert_eq!(shop.get("/readyz").await, (StatusCode::OK, json!({"ready": true})));
    assert!(shop.text("/style.css").await.contains("--ink"));
}

#[tokio::test]
async fn concerns_are_told_in_plain_words() {
    let shop = shop();
    let concern = Concern {
        concern_id: ConcernId(Uuid::from_u128(1)),
        kind: ConcernKind::Owed,
        subject: TEA.to_string(),
        detail: json!({}),
        scope: SHOP.0,
        opened_at: outpost_schema::clock::Timestamp::from_micros(1_770_000_000_000_000),
        closed_at: None,
    };
    hear(&shop.app.node, &[Aggregate::Concern(Box::new(concern))]);
    let sentence = ConcernKind::Owed.sentence();
    assert_eq!(shop.get("/v1/concerns").await.1[0]["sentence"], json!(sentence));
    let page = shop.text("/").await;
    assert!(page.contains(sentence) && page.contains("since 2026-02-02"), "{page}");
}

#[tokio::test]
async fn a_round_without_a_line_says_so() {
    let shop = shop();
    let (status, problem) = shop.post("/v1/round", &json!({})).await;
    assert_eq!((status, &problem["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("line_cut")));
    assert!(shop.get("/v1/status").await.1["problem"].as_str().expect("kept").contains("the line is cut"));
    assert!(shop.text("/").await.contains("Offline"));
}

#[tokio::test]
async fn a_device_that_has_not_joined_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let world = Arc::new(outpost_schema::world::Seeded::new(1));
    let node = Arc::new(Node::open(folder.path(), world).expect("an open node"));
    let carts = Carts::open(Arc::clone(&node), folder.path()).expect("open carts");
    let app = Arc::new(App {
        search: Search::on_call(Arc::clone(&node)),
        node,
        carts,
        line: Line::OnCall { server: String::new() },
        refund_caps: crate::returns::Caps::usual(),
    });
    let shop = Shop { router: router(Arc::clone(&app), HOST.parse().expect("an address")), app, _folder: folder };
    let code = async |path| shop.get(path).await.1["code"].clone();
    assert_eq!(shop.get("/readyz").await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(code("/readyz").await, json!("not_joined"));
    assert_eq!(code("/v1/status").await, json!("not_joined"));
    assert_eq!(shop.post("/v1/carts", &json!({})).await.1["code"], json!("not_joined"));
    assert_eq!(shop.post("/v1/round", &json!({})).await.1["code"], json!("not_joined"));
}
