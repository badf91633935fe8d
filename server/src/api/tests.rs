//! The api as a stranger, a person and a node meet it.
#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use http_body_util::BodyExt as _;
use outpost_schema::{clock::Timestamp, feed::Aggregate};
use outpost_sync::{
    codec::{Form, decode, encode},
    speak::Range,
    wire::{
        ACKED_HEADER, BODY_MAX, HEAD_HEADER, HoldPlaced, INFLATED_MAX, JSON, MSGPACK, NODE_HEADER, PROTOCOL_HEADER,
        Page, Problem, Pulled, Push, Pushed,
    },
};
use tower::ServiceExt as _;

use super::*;
use crate::db::fixture::{AT_START, Network, TILL};

struct Line {
    network: Network,
    router: Router,
}

struct Answer {
    status: StatusCode,
    content_type: String,
    encoding: Option<String>,
    retry_after: bool,
    bytes: Vec<u8>,
}

impl Answer {
    fn code(&self) -> String {
        assert_eq!(self.content_type, JSON);
        serde_json::from_slice::<Problem>(&self.bytes).unwrap().code
    }

    fn page(&self) -> Page {
        let form = Form::of_content_type(Some(&self.content_type));
        let pulled = decode(form, self.encoding.as_deref(), &self.bytes).unwrap();
        let Pulled::Page(page) = pulled else { panic!("a page was expected: {pulled:?}") };
        *page
    }
}

/// A request of the till's, complete.
fn request(method: Method, path: &str) -> axum::http::request::Builder {
    let mark = format!("{}/{}", AT_START.head.seq, AT_START.head.hash);
    Request::builder()
        .method(method)
        .uri(path)
        .header(NODE_HEADER, format!("{}/{}", TILL.node_id, TILL.incarnation_id))
        .header(HEAD_HEADER, &mark)
        .header(ACKED_HEADER, &mark)
        .header(PROTOCOL_HEADER, "1")
}

impl Line {
    async fn open() -> Self {
        let network = Network::open(1).await;
        let router = router(Arc::clone(&network.server));
        Self { network, router }
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let text = |name| parts.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(parts.headers[PROTOCOL_HEADER], Range::OURS.to_string());
        Answer {
            status: parts.status,
            content_type: text(header::CONTENT_TYPE).unwrap_or_default(),
            encoding: text(header::CONTENT_ENCODING),
            retry_after: parts.headers.contains_key(header::RETRY_AFTER),
            bytes: body.collect().await.unwrap().to_bytes().to_vec(),
        }
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(request(Method::GET, path).body(Body::empty()).unwrap()).await
    }

    async fn push(&self, content_type: &str, encoding: &str, body: impl Into<Body>) -> Answer {
        let request = request(Method::POST, PUSH_PATH)
            .header(header::CONTENT_TYPE, content_type)
            .header(header::CONTENT_ENCODING, encoding);
        self.send(request.body(body.into()).unwrap()).await
    }
}

fn empty_push() -> Push {
    Push::default()
}

#[tokio::test]
async fn a_node_and_a_person_push_and_pull() {
    let line = Line::open().await;
    let pushed = line.push(MSGPACK, "", encode(Form::Binary, &empty_push()).bytes).await;
    assert_eq!((pushed.status, pushed.content_type.as_str()), (StatusCode::OK, MSGPACK));
    let answer: Pushed = decode(Form::Binary, pushed.encoding.as_deref(), &pushed.bytes).unwrap();
    assert!(matches!(answer, Pushed::Settled { acked, .. } if acked == AT_START.acked), "{answer:?}");

    let pulled = line.get(PULL_PATH).await;
    assert_eq!((pulled.status, pulled.content_type.as_str()), (StatusCode::OK, JSON));
    let cursor = pulled.page().cursor;
    assert!(pulled.page().aggregates.iter().any(|it| matches!(it, Aggregate::Warehouse(_))));
    let binary = request(Method::GET, &format!("{PULL_PATH}?cursor={cursor}")).header(header::ACCEPT, MSGPACK);
    let binary = line.send(binary.body(Body::empty()).unwrap()).await;
    assert_eq!((binary.content_type.as_str(), binary.page().aggregates.len()), (MSGPACK, 0));
}

#[tokio::test]
async fn a_body_that_cannot_be_taken_is_refused_with_its_reason() {
    let line = Line::open().await;
    let sound = encode(Form::Binary, &vec!["word"; 1_000]).bytes;
    let bomb = encode(Form::Binary, &"\0".repeat(INFLATED_MAX + 1)).bytes;
    assert!(bomb.len() < BODY_MAX);
    let cases: [(&str, &str, Vec<u8>, u16, &str); 9] = [
        (MSGPACK, "zstd", sound[..sound.len() - 3].to_vec(), 400, "not_compressed"),
        (MSGPACK, "zstd", b"plain".to_vec(), 400, "not_compressed"),
        (MSGPACK, "zstd", bomb, 413, "body_too_large"),
        (MSGPACK, "zstd", sound.clone(), 400, "unreadable_body"),
        (MSGPACK, "br", sound, 415, "unknown_encoding"),
        (MSGPACK, "", vec![0; BODY_MAX + 1], 413, "body_too_large"),
        (MSGPACK, "", vec![], 400, "unreadable_body"),
        (JSON, "", b"{\"entries\": [".to_vec(), 400, "unreadable_body"),
        (JSON, "", b"{\"entries\": [\"\xff\xfe\"]}".to_vec(), 400, "unreadable_body"),
    ];
    for (content_type, encoding, body, status, code) in cases {
        let answer = line.push(content_type, encoding, body).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{content_type} {encoding}");
    }
    let cut = futures_util::stream::iter([Ok(vec![1_u8]), Err(std::io::Error::other("cut"))]);
    let answer = line.push(MSGPACK, "", Body::from_stream(cut)).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "body_cut"));
}

#[tokio::test]
async fn a_body_without_end_is_not_read_to_its_end() {
    let line = Line::open().await;
    let read = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = Arc::clone(&read);
    let pieces = (0..4 * BODY_MAX / 65_536).map(move |_| {
        counted.fetch_add(65_536, std::sync::atomic::Ordering::Relaxed);
        Ok::<_, std::io::Error>(vec![0_u8; 65_536])
    });
    let answer = line.push(MSGPACK, "", Body::from_stream(futures_util::stream::iter(pieces))).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (413, "body_too_large"));
    assert!(read.load(std::sync::atomic::Ordering::Relaxed) <= BODY_MAX + 2 * 65_536);
}

#[tokio::test]
async fn a_header_that_is_missing_or_wrong_says_so() {
    let line = Line::open().await;
    let stranger = format!("{}/{}", TILL.node_id, TILL.node_id);
    let hash = "00".repeat(32);
    let far = format!("7/{hash}");
    for (name, value, status, code) in [
        (NODE_HEADER, None, 401, "no_caller"),
        (NODE_HEADER, Some("tomato"), 400, "bad_header"),
        (NODE_HEADER, Some("\u{e9}/1"), 400, "bad_header"),
        (NODE_HEADER, Some(stranger.as_str()), 403, "unknown_node"),
        (HEAD_HEADER, None, 400, "no_standing"),
        (ACKED_HEADER, Some("-1/00"), 400, "bad_header"),
        (ACKED_HEADER, Some("x"), 400, "bad_header"),
        (PROTOCOL_HEADER, Some("99"), 426, "unknown_protocol"),
    ] {
        let mut request = request(Method::GET, PULL_PATH).body(Body::empty()).unwrap();
        request.headers_mut().remove(name);
        if let Some(value) = value {
            request.headers_mut().insert(name, value.as_bytes().try_into().unwrap());
        }
        let answer = line.send(request).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{name} {value:?}");
    }
    let mut further = request(Method::GET, PULL_PATH).body(Body::empty()).unwrap();
    further.headers_mut().insert(ACKED_HEADER, far.parse().unwrap());
    let answer: Pulled = serde_json::from_slice(&line.send(further).await.bytes).unwrap();
    assert_eq!(answer, Pulled::Elsewhere { acked: AT_START.acked });
}

#[tokio::test]
async fn a_path_a_method_or_a_query_that_is_none_says_so() {
    let line = Line::open().await;
    for (method, path, status, code) in [
        (Method::GET, "/v1/tomato", 404, "unknown_path"),
        (Method::DELETE, PULL_PATH, 405, "unknown_method"),
        (Method::GET, "/v1/pull?cursor=tomato", 400, "bad_cursor"),
        (Method::GET, "/v1/pull?cursor=%00%ff", 400, "bad_cursor"),
        (Method::GET, "/v1/pull?wait=-1", 400, "bad_query"),
        (Method::GET, "/v1/pull?curser=x", 400, "bad_query"),
        (Method::DELETE, "/v1/holds/tomato", 404, "unknown_hold"),
        (Method::POST, "/v1/holds/00000000-0000-0000-0000-000000000001/allot", 404, "unknown_hold"),
    ] {
        let answer = line.send(request(method, path).body(Body::empty()).unwrap()).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{path}");
    }
}

#[tokio::test]
async fn a_hold_is_placed_released_and_turned_into_allotment_by_hand() {
    let line = Line::open().await;
    line.network.stock(0..1, 5).await;
    let place = |id: u128, amount: i64| {
        let body = format!(
            r#"{{"hold_id": "{}", "product_id": "{}", "warehouse_id": "{}", "amount": {amount}, "seconds": 60}}"#,
            uuid::Uuid::from_u128(id),
            crate::db::fixture::product(0),
            crate::db::fixture::SHOP,
        );
        line.send(request(Method::POST, HOLDS_PATH).header(header::CONTENT_TYPE, JSON).body(body.into()).unwrap())
    };
    assert_eq!(place(1, 3).await.status, StatusCode::CREATED);
    let refused = place(2, 3).await;
    assert_eq!((refused.status, refused.code().as_str()), (StatusCode::CONFLICT, "nothing_left"));
    assert!(String::from_utf8(refused.bytes).unwrap().contains("2 are available"));
    for amount in [0, -1, 1_000_000_001] {
        assert_eq!(place(3, amount).await.code(), "unreadable_body", "an amount is at least 1");
    }
    let id = uuid::Uuid::from_u128(1);
    let extended = async |until: Timestamp| {
        let body = format!(r#"{{"expires_at": {}}}"#, serde_json::to_string(&until).unwrap());
        let sent = request(Method::POST, &format!("/v1/holds/{id}/extend")).header(header::CONTENT_TYPE, JSON);
        line.send(sent.body(body.into()).unwrap()).await
    };
    let now = line.network.server.now();
    let lasts: HoldPlaced = serde_json::from_slice(&extended(now.plus_seconds(600)).await.bytes).unwrap();
    assert_eq!(lasts.expires_at, now.plus_seconds(600));
    let too_long = extended(now.plus_seconds(90_000)).await;
    assert_eq!((too_long.status.as_u16(), too_long.code().as_str()), (422, "bad_seconds"));
    let allotted = request(Method::POST, &format!("/v1/holds/{id}/allot")).body(Body::empty()).unwrap();
    assert_eq!(line.send(allotted).await.status, StatusCode::NO_CONTENT);
    assert_eq!(place(4, 2).await.status, StatusCode::CREATED);
    let id = uuid::Uuid::from_u128(4);
    let released = request(Method::DELETE, &format!("/v1/holds/{id}")).body(Body::empty()).unwrap();
    assert_eq!(line.send(released).await.status, StatusCode::NO_CONTENT);
    let metrics = String::from_utf8(line.get("/metrics").await.bytes).unwrap();
    assert!(metrics.contains("\noutpost_holds_placed_total 2\n"), "{metrics}");
}

#[tokio::test]
async fn several_lines_are_refused_together_and_each_says_what_there_is() {
    let line = Line::open().await;
    line.network.stock(0..2, 5).await;
    let place = |id: u128, units: [i64; 2]| {
        let (one, other, shop) =
            (crate::db::fixture::product(0), crate::db::fixture::product(1), crate::db::fixture::SHOP);
        let [few, many] = units;
        let id = uuid::Uuid::from_u128(id);
        let body = format!(
            r#"{{"hold_id": "{id}", "seconds": 60, "order_id": "{id}", "lines": [
                {{"product_id": "{one}", "warehouse_id": "{shop}", "amount": {few}}},
                {{"product_id": "{other}", "warehouse_id": "{shop}", "amount": {many}}}]}}"#
        );
        line.send(request(Method::POST, HOLDS_PATH).header(header::CONTENT_TYPE, JSON).body(body.into()).unwrap())
    };
    assert_eq!(place(1, [2, 4]).await.status, StatusCode::CREATED);
    let refused = place(2, [3, 2]).await;
    let problem: Problem = serde_json::from_slice(&refused.bytes).unwrap();
    assert_eq!((refused.status, problem.code.as_str()), (StatusCode::CONFLICT, "nothing_left"));
    let told: Vec<_> = problem.available.iter().map(|line| (line.wanted, line.available)).collect();
    assert_eq!(told, [(3, 3), (2, 1)]);
    assert_eq!(place(1, [2, 4]).await.status, StatusCode::CREATED, "a repeat hears the same");
}

#[tokio::test]
async fn a_waiting_pull_hears_of_news_from_this_process_and_from_others() {
    let line = Line::open().await;
    let mut cursor = line.get(PULL_PATH).await.page().cursor;
    let other = crate::server::Server::open(line.network.database.config(), line.network.world.clone()).await.unwrap();
    let other_router = router(Arc::new(other));
    for is_ours in [true, false] {
        // Shorter than the poll, which would find the news too.
        let path = format!("{PULL_PATH}?wait=2&cursor={cursor}");
        let waiting = line.get(&path);
        let acting = async {
            // Whatever comes first: the pull that finds it, or the wake-up.
            line.network.stock(u64::from(is_ours)..u64::from(is_ours) + 1, 5).await;
            if is_ours {
                line.network.server.ring();
            } else {
                let _alive = &other_router;
                line.network.client.batch_execute("notify outpost_feed").await.unwrap();
            }
        };
        let (answer, ()) = tokio::join!(waiting, acting);
        assert_eq!(answer.page().aggregates.len(), 2, "a product and its stock in the shop");
        cursor = answer.page().cursor;
    }
}

#[tokio::test]
async fn who_waits_for_nothing_is_told_so_in_time() {
    let line = Line::open().await;
    let cursor = line.get(PULL_PATH).await.page().cursor;
    let page = line.get(&format!("{PULL_PATH}?wait=1&cursor={cursor}")).await.page();
    assert!(page.level && page.aggregates.is_empty());
}

#[tokio::test]
async fn a_database_that_goes_away_is_told_and_its_return_is_noticed() {
    let line = Line::open().await;
    assert_eq!(line.get("/healthz").await.status, StatusCode::OK);
    assert_eq!(line.get("/readyz").await.status, StatusCode::OK);
    line.network.close_the_door().await;
    for path in [PULL_PATH, "/readyz"] {
        let answer = line.get(path).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "database_away"), "{path}");
        assert!(answer.retry_after);
    }
    let pushed = line.push(MSGPACK, "", encode(Form::Binary, &empty_push()).bytes).await;
    assert_eq!(pushed.code(), "database_away");
    assert_eq!(line.get("/healthz").await.status, StatusCode::OK, "the process runs");
    line.network.open_the_door().await;
    assert_eq!(line.get(PULL_PATH).await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_fails_inside_is_not_shown() {
    let line = Line::open().await;
    line.network.break_a_table().await;
    let answer = line.get(PULL_PATH).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (500, "internal"));
    let shown = String::from_utf8(answer.bytes).unwrap();
    assert!(!shown.contains("feed") && !shown.contains("relation"), "{shown}");
}

#[tokio::test]
async fn who_was_away_too_long_is_told_in_the_words_of_its_protocol() {
    let line = Line::open().await;
    let cursor = line.get(PULL_PATH).await.page().cursor;
    line.network.client.execute("update feed_horizon set dropped = pg_current_xact_id()", &[]).await.unwrap();
    let path = format!("{PULL_PATH}?cursor={cursor}");
    let asked = |protocol: &str| {
        let mut request = request(Method::GET, &path).body(Body::empty()).unwrap();
        request.headers_mut().insert(PROTOCOL_HEADER, protocol.parse().unwrap());
        request
    };
    let old = line.send(asked("1")).await;
    assert_eq!((old.status, old.code().as_str()), (StatusCode::GONE, "too_long_away"));
    let new = line.send(asked("2")).await;
    let pulled: Pulled = decode(Form::Json, None, &new.bytes).unwrap();
    assert_eq!((new.status, pulled), (StatusCode::OK, Pulled::TooLongAway));
}
