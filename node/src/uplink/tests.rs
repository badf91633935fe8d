use super::*;

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::HeaderMap,
    response::{IntoResponse as _, Response as Said},
};
use futures_util::stream;
use outpost_schema::{
    clock::Timestamp,
    id::{EpochId, IncarnationId, NodeId},
    journal::Mark,
};
use outpost_sync::wire::{INFLATED_MAX, MSGPACK, Page};
use uuid::Uuid;

const STANDING: Standing =
    Standing { incarnation_id: IncarnationId(Uuid::from_u128(2)), head: Mark::START, acked: Mark::START };

/// What a test server saw: path with query, headers, body.
type Seen = Arc<Mutex<Vec<(String, HeaderMap, Vec<u8>)>>>;
type Make = fn() -> Said;

async fn server(make: Make) -> (Uplink, Seen) {
    let seen = Seen::default();
    let app = Router::new().fallback(note).with_state((Arc::clone(&seen), make));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = format!("http://{}", listener.local_addr().expect("bound"));
    tokio::spawn(async move { axum::serve(listener, app).await });
    (Uplink::new(&address, NODE).expect("a loopback address"), seen)
}

async fn note(State((seen, make)): State<(Seen, Make)>, request: Request) -> Said {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, BODY_MAX).await.expect("a whole body").to_vec();
    seen.lock().expect("sound").push((head.uri.to_string(), head.headers, body));
    make()
}

const NODE: NodeId = NodeId(Uuid::from_u128(1));

fn page() -> Page {
    Page {
        epoch: EpochId(Uuid::from_u128(3)),
        cursor: "next".to_owned(),
        level: true,
        seen: "1:1:".to_owned(),
        aggregates: vec![],
        acked: vec![],
        server_time: Timestamp::from_micros(5),
        protocol: outpost_sync::wire::PROTOCOL,
        recovering: false,
        others: vec![],
    }
}

fn msgpack(body: impl Into<Body>) -> Said {
    ([(header::CONTENT_TYPE, MSGPACK)], body.into()).into_response()
}

fn good_page() -> Said {
    msgpack(codec::encode(Form::Binary, &Pulled::Page(Box::new(page()))).bytes)
}

async fn pull_trouble(make: Make) -> Trouble {
    let (uplink, _) = server(make).await;
    uplink.pull(STANDING, None, 0).await.expect_err("trouble")
}

fn code(trouble: Trouble) -> String {
    match trouble {
        Trouble::Cut(_) => "cut".to_owned(),
        Trouble::Told(problem) => format!("told {}", problem.code),
        Trouble::Busy(problem, seconds) => format!("busy {} {seconds}", problem.code),
        Trouble::Garbled(problem) => format!("garbled {}", problem.code),
    }
}

#[tokio::test]
async fn a_pull_says_who_calls_and_where_it_stands() {
    let (uplink, seen) = server(good_page).await;
    let pulled = uplink.pull(STANDING, Some("{\"since\":\"1:1:\"}&x"), 25).await.expect("a page");
    assert_eq!(pulled, Pulled::Page(Box::new(page())));
    let seen = seen.lock().expect("sound");
    let (uri, headers, _) = &seen[0];
    assert_eq!(uri, "/v1/pull?cursor=%7B%22since%22%3A%221%3A1%3A%22%7D%26x&wait=25");
    let head = format!("0/{}", Mark::START.hash);
    let node = format!("{}/{}", Uuid::from_u128(1), Uuid::from_u128(2));
    for (name, value) in [
        (NODE_HEADER, node.as_str()),
        (HEAD_HEADER, &head),
        (ACKED_HEADER, &head),
        (PROTOCOL_HEADER, "5"),
        ("accept-encoding", "zstd"),
    ] {
        assert_eq!(headers.get(name).and_then(|value| value.to_str().ok()), Some(value), "{name}");
    }
}

#[tokio::test]
async fn a_push_arrives_whole_and_its_answer_is_read() {
    let settled = || {
        let answer = Pushed::Settled { acked: Mark::START, verdicts: vec![], carts: vec![] };
        msgpack(codec::encode(Form::Binary, &answer).bytes)
    };
    let (uplink, seen) = server(settled).await;
    let push = Push::default();
    let pushed = uplink.push(STANDING, &push).await.expect("settled");
    assert_eq!(pushed, Pushed::Settled { acked: Mark::START, verdicts: vec![], carts: vec![] });
    let seen = seen.lock().expect("sound");
    let (uri, headers, body) = &seen[0];
    assert_eq!((uri.as_str(), &headers["content-type"]), (PUSH_PATH, &header::HeaderValue::from_static(MSGPACK)));
    assert_eq!(codec::decode::<Push>(Form::Binary, None, body), Ok(push));
}

#[tokio::test]
async fn an_answer_cut_midway_is_a_cut_line() {
    let cut = || {
        let chunks = [Ok(vec![0x81u8; 10]), Err(std::io::Error::other("the line is cut"))];
        msgpack(Body::from_stream(stream::iter(chunks)))
    };
    assert_eq!(code(pull_trouble(cut).await), "cut");
}

#[tokio::test]
async fn nobody_there_is_a_cut_line() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = format!("http://{}", listener.local_addr().expect("bound"));
    drop(listener);
    let uplink = Uplink::new(&address, NODE).expect("a loopback address");
    assert_eq!(code(uplink.pull(STANDING, None, 0).await.expect_err("nobody")), "cut");
}

#[tokio::test]
async fn what_the_server_tells_is_told() {
    let plain = || {
        let problem = Problem::new("unknown_node", "join it again");
        (reqwest::StatusCode::FORBIDDEN, axum::Json(problem)).into_response()
    };
    assert_eq!(code(pull_trouble(plain).await), "told unknown_node");
    let packed = || {
        let problem = codec::encode(Form::Binary, &Problem::new("too_much", "send less".repeat(200)));
        let heads = [(header::CONTENT_TYPE, MSGPACK), (header::CONTENT_ENCODING, "zstd")];
        (reqwest::StatusCode::PAYLOAD_TOO_LARGE, heads, problem.bytes).into_response()
    };
    assert_eq!(code(pull_trouble(packed).await), "told too_much");
    let busy = || {
        let problem = Problem::new("busy_catching_up", "ask again");
        (reqwest::StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "10")], axum::Json(problem)).into_response()
    };
    assert_eq!(code(pull_trouble(busy).await), "busy busy_catching_up 10");
}

#[tokio::test]
async fn what_cannot_be_read_is_garbled() {
    assert_eq!(code(pull_trouble(|| msgpack(vec![0xc1, 0xff])).await), "garbled unreadable_body");
    let page = || ([(header::CONTENT_TYPE, "text/html")], "<h1>Sign in to Wi-Fi</h1>").into_response();
    assert_eq!(code(pull_trouble(page).await), "garbled not_the_server");
    let proxy = || (reqwest::StatusCode::BAD_GATEWAY, "bad gateway").into_response();
    assert_eq!(code(pull_trouble(proxy).await), "garbled not_the_server");
    let moved = || (reqwest::StatusCode::FOUND, [(header::LOCATION, "http://127.0.0.1:1/")]).into_response();
    assert_eq!(code(pull_trouble(moved).await), "garbled not_the_server");
}

#[tokio::test]
async fn a_bomb_is_stopped_before_and_after_decompression() {
    let endless = || {
        let chunks = stream::repeat_with(|| Ok::<_, std::io::Error>(vec![0u8; 1 << 20]));
        msgpack(Body::from_stream(chunks))
    };
    assert_eq!(code(pull_trouble(endless).await), "garbled body_too_large");
    let bomb = || {
        let zeros = codec::encode(Form::Binary, &"0".repeat(INFLATED_MAX + 1));
        assert!(zeros.is_zstd && zeros.bytes.len() < BODY_MAX);
        let heads = [(header::CONTENT_TYPE, MSGPACK), (header::CONTENT_ENCODING, "zstd")];
        (heads, zeros.bytes).into_response()
    };
    assert_eq!(code(pull_trouble(bomb).await), "garbled body_too_large");
}

#[test]
fn only_this_machine_is_called_before_enrolment() {
    for good in ["http://127.0.0.1:7070", "http://localhost:7070", "http://[::1]:7070/", "http://127.9.9.9"] {
        assert!(Uplink::new(good, NODE).is_ok(), "{good}");
    }
    let code = |address: &str| Uplink::new(address, NODE).expect_err("refused").code();
    for (bad, expected) in [
        ("http://10.0.0.1:7070", "server_not_here"),
        ("http://head.office.example", "server_not_here"),
        ("https://127.0.0.1:7070", "not_an_address"),
        ("127.0.0.1:7070", "not_an_address"),
        ("", "not_an_address"),
    ] {
        assert_eq!(code(bad), expected, "{bad}");
    }
}

/// What this program and a server of each sort settle on, and how often they ask for it.
#[tokio::test]
async fn the_newest_protocol_that_both_speak_is_found_at_once_and_kept() {
    fn asked_for(seen: &Seen) -> Vec<String> {
        let seen = seen.lock().expect("sound");
        seen.iter().map(|(_, headers, _)| headers[PROTOCOL_HEADER].to_str().expect("text").to_owned()).collect()
    }
    fn strange(speaks: Option<&'static str>) -> Said {
        let problem = Problem::new("unknown_protocol", "update whichever of the two is older");
        let status = axum::http::StatusCode::UPGRADE_REQUIRED;
        let mut answer =
            (status, [(header::CONTENT_TYPE, "application/json")], serde_json::to_vec(&problem).expect("encodes"))
                .into_response();
        if let Some(speaks) = speaks {
            answer.headers_mut().insert(PROTOCOL_HEADER, header::HeaderValue::from_static(speaks));
        }
        answer
    }
    fn named(speaks: &'static str) -> Said {
        let mut answer = good_page();
        answer.headers_mut().insert(PROTOCOL_HEADER, header::HeaderValue::from_static(speaks));
        answer
    }
    // A server of version 1 names itself; one behind a meddling proxy names nothing; one is far ahead.
    for (make, asked, code) in [
        ((|| strange(Some("1"))) as Make, vec!["5", "1"], "told unknown_protocol"),
        (|| strange(None), vec!["5", "4", "3", "2", "1"], "told unknown_protocol"),
        (|| strange(Some("6-7")), vec!["5"], "told unknown_protocol"),
        (|| strange(Some("1-5")), vec!["5"], "told unknown_protocol"),
    ] {
        let (uplink, seen) = server(make).await;
        assert_eq!(super::tests::code(uplink.pull(STANDING, None, 0).await.expect_err("strange")), code);
        assert_eq!(asked_for(&seen), asked, "it asks no more often");
    }
    for (make, asked) in [
        ((|| named("1")) as Make, ["5", "1", "1"]),
        (|| named("1-2"), ["5", "2", "2"]),
        (|| named("2-6"), ["5", "5", "5"]),
        (|| named("nonsense"), ["5", "5", "5"]),
    ] {
        let (uplink, seen) = server(make).await;
        for _ in 0..3 {
            uplink.pull(STANDING, None, 0).await.expect("a page");
        }
        assert_eq!(asked_for(&seen), asked);
    }
    // Head office is updated: the next answer says so, and the one after it is in the newer protocol.
    let (uplink, seen) = server(|| named("1-2")).await;
    uplink.spoken.store(1, Ordering::Relaxed);
    for _ in 0..2 {
        uplink.pull(STANDING, None, 0).await.expect("a page");
    }
    assert_eq!(asked_for(&seen), ["1", "2"]);
}
