//! What no node of ours would send, over real HTTP: each is told what is wrong with it, and nothing is
//! written, not even half.

use outpost_schema::{
    clock::{Hlc, Timestamp},
    device::Card,
    id::ProductId,
    journal::{Entry, Mark},
    op::{Goods, Op},
};
use outpost_sync::{
    codec::{self, Form},
    wire::{
        ACKED_HEADER, BODY_MAX, HEAD_HEADER, HOLDS_PATH, INFLATED_MAX, JSON, MSGPACK, NODE_HEADER, PROTOCOL_HEADER,
        PULL_PATH, PUSH_ENTRIES_MAX, PUSH_PATH, Problem, Push,
    },
};
use reqwest::{Client, Method, RequestBuilder};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::support::{Serving, Shop, line, until_level};

/// A request, and what it must be told.
struct Case {
    name: &'static str,
    request: RequestBuilder,
    status: u16,
    code: &'static str,
}

/// A head office that is reached over HTTP, and one of its tills.
struct Counter {
    shop: Shop,
    tea: ProductId,
    serving: Serving,
    client: Client,
}

impl Counter {
    async fn open() -> Self {
        let shop = Shop::open(1).await;
        let tea = shop.product("TEA", "2.50", 10).await;
        shop.all_level().await;
        shop.tills[0].node.ask(&[line(tea, 1)]).expect("written down");
        let serving = Serving::begin(&shop).await;
        Self { shop, tea, serving, client: Client::builder().no_proxy().build().expect("a client") }
    }

    fn card(&self) -> &Card {
        &self.shop.tills[0].card
    }

    fn bare(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.serving.address))
    }

    fn asks(&self, method: Method, path: &str) -> RequestBuilder {
        let start = format!("0/{}", Mark::START.hash);
        let who = format!("{}/{}", self.card().node_id, self.card().incarnation_id);
        self.bare(method, path).header(NODE_HEADER, who).header(HEAD_HEADER, &start).header(ACKED_HEADER, &start)
    }

    fn push(&self, kind: &str, body: impl Into<reqwest::Body>) -> RequestBuilder {
        self.asks(Method::POST, PUSH_PATH).header("content-type", kind).body(body)
    }

    fn pushes(&self, entries: Vec<Entry>) -> RequestBuilder {
        let body = rmp_serde::to_vec_named(&Push { entries, ..Push::default() }).expect("encodes");
        self.push(MSGPACK, body)
    }

    /// Everything that a request could change, counted.
    async fn counted(&self) -> i64 {
        let tables =
            ["ops", "orders", "users", "stock_movements", "concerns", "evidence", "holds", "feed", "cart_states"];
        let counts: Vec<String> = tables.iter().map(|table| format!("(select count(*) from {table})")).collect();
        self.shop.number(&format!("select {}", counts.join(" * 1000 + "))).await
    }

    async fn check(&self, case: Case) {
        let Case { name, request, status, code } = case;
        let answer = request.send().await.unwrap_or_else(|error| panic!("{name}: {error}"));
        let told = answer.status().as_u16();
        let form = Form::of_content_type(answer.headers().get("content-type").and_then(|kind| kind.to_str().ok()));
        let bytes = answer.bytes().await.unwrap_or_else(|error| panic!("{name}: {error}"));
        let problem: Problem =
            codec::decode(form, None, &bytes).unwrap_or_else(|error| panic!("{name}: {told} {bytes:?} {error}"));
        assert_eq!((told, problem.code.as_str()), (status, code), "{name}: {}", problem.sentence);
        assert!(problem.sentence.len() > 10, "{name}: {problem}");
    }
}

#[tokio::test]
async fn whatever_a_stranger_sends_is_told_what_is_wrong_and_changes_nothing() {
    let counter = Counter::open().await;
    let before = counter.counted().await;
    for case in [bodies(&counter), headers(&counter), contents(&counter)].into_iter().flatten() {
        counter.check(case).await;
    }
    assert_eq!(counter.counted().await, before);
    let till = &counter.shop.tills[0];
    until_level(&till.node, &till.line).await;
    counter.shop.agree().await;
}

fn bodies(counter: &Counter) -> Vec<Case> {
    let whole = serde_json::to_vec(&Push { entries: entries(counter, 3), ..Push::default() }).expect("encodes");
    let frame = zstd::encode_all(&whole[..], 3).expect("compresses");
    let bomb = zstd::encode_all(&vec![b' '; INFLATED_MAX + 1][..], 3).expect("compresses");
    let case = |name, request, status, code| Case { name, request, status, code };
    let zipped = |body: Vec<u8>| counter.push(JSON, body).header("content-encoding", "zstd");
    vec![
        case("nothing", counter.push(MSGPACK, ""), 400, "unreadable_body"),
        case("noise", counter.push(MSGPACK, vec![0xc1; 100]), 400, "unreadable_body"),
        case("malformed JSON", counter.push(JSON, "{\"entries\": [}"), 400, "unreadable_body"),
        case("another shape", counter.push(JSON, "{\"entries\": 7}"), 400, "unreadable_body"),
        case("truncated", counter.push(JSON, whole[..whole.len() / 2].to_vec()), 400, "unreadable_body"),
        case("deep", counter.push(JSON, "[".repeat(100_000)), 400, "unreadable_body"),
        case(
            "invalid UTF-8",
            counter.push(JSON, b"{\"entries\": [{\"seen\": \"\xff\xfe\"}]}".to_vec()),
            400,
            "unreadable_body",
        ),
        case("plain called compressed", zipped(whole.clone()), 400, "not_compressed"),
        case("half a frame", zipped(frame[..frame.len() / 2].to_vec()), 400, "not_compressed"),
        case(
            "another compression",
            counter.push(JSON, frame).header("content-encoding", "br"),
            415,
            "unknown_encoding",
        ),
        case("a bomb", zipped(bomb), 413, "body_too_large"),
        case("too long", counter.push(JSON, vec![b' '; BODY_MAX + 1]), 413, "body_too_large"),
    ]
}

fn headers(counter: &Counter) -> Vec<Case> {
    let case = |name, request, status, code| Case { name, request, status, code };
    let pull = |query: &str| counter.asks(Method::GET, &format!("{PULL_PATH}{query}"));
    let stranger = "01900000-0000-7000-8000-000000000001/01900000-0000-7000-8000-000000000002";
    let start = format!("0/{}", Mark::START.hash);
    let as_ = |who: &str| {
        let request = counter.bare(Method::GET, PULL_PATH).header(NODE_HEADER, who);
        request.header(HEAD_HEADER, &start).header(ACKED_HEADER, &start)
    };
    vec![
        case("no caller", counter.bare(Method::GET, PULL_PATH), 401, "no_caller"),
        case("no id", as_("till one"), 400, "bad_header"),
        case("a stranger", as_(stranger), 403, "unknown_node"),
        case("another's journal", as_(&format!("{}/{}", counter.card().node_id, &stranger[37..])), 403, "unknown_node"),
        case("no standing", counter.bare(Method::GET, PULL_PATH).header(NODE_HEADER, stranger), 400, "no_standing"),
        case("a newer protocol", pull("").header(PROTOCOL_HEADER, "99"), 426, "unknown_protocol"),
        case("no cursor of ours", pull("?cursor=yesterday"), 400, "bad_cursor"),
        case("a NUL", pull("?cursor=%00"), 400, "bad_cursor"),
        case("an unknown question", pull("?colour=red"), 400, "bad_query"),
        case("no number", pull("?wait=long"), 400, "bad_query"),
        case("no path", counter.asks(Method::GET, "/v1/teleport"), 404, "unknown_path"),
        case("no method", counter.asks(Method::DELETE, PUSH_PATH), 405, "unknown_method"),
    ]
}

fn contents(counter: &Counter) -> Vec<Case> {
    let case = |name, request, status, code| Case { name, request, status, code };
    let changed = |change: fn(&mut Entry)| {
        let mut entries = entries(counter, 1);
        change(&mut entries[0]);
        counter.pushes(entries)
    };
    let hold = |body: String| counter.asks(Method::POST, HOLDS_PATH).header("content-type", JSON).body(body);
    let nobody = "01900000-0000-7000-8000-000000000009";
    let wanted = |amount: i64, seconds: i64| {
        hold(format!(
            r#"{{"hold_id":"{nobody}","product_id":"{nobody}","warehouse_id":"{nobody}","amount":{amount},"seconds":{seconds}}}"#
        ))
    };
    vec![
        case("too many", counter.pushes(entries(counter, PUSH_ENTRIES_MAX + 1)), 413, "too_much"),
        case("an altered body", changed(|entry| entry.body.0[20] ^= 1), 400, "broken_chain"),
        case("an altered kind", changed(|entry| entry.kind = "teleported".to_owned()), 400, "broken_chain"),
        case("a seq of nothing", changed(|entry| entry.seq = 0), 400, "broken_chain"),
        case("the last seq there is", changed(|entry| entry.seq = i64::MAX), 400, "broken_chain"),
        case("a NUL in a text", counter.pushes(vec![entry(counter, Mark::START, "7:7:\0")]), 422, "nul_character"),
        case("a long text", counter.pushes(vec![entry(counter, Mark::START, &"7".repeat(10_000))]), 422, "too_long"),
        case("a hold of nothing known", wanted(1, 60), 404, "unknown_stock"),
        case("a hold of nothing", wanted(0, 60), 400, "unreadable_body"),
        case("a hold for ever", wanted(1, i64::MAX), 422, "bad_seconds"),
        case("no hold", counter.asks(Method::DELETE, "/v1/holds/first"), 404, "unknown_hold"),
    ]
}

#[tokio::test]
async fn a_body_that_breaks_off_writes_nothing() {
    let counter = Counter::open().await;
    let body = serde_json::to_vec(&Push { entries: entries(&counter, 20), ..Push::default() }).expect("encodes");
    let before = counter.counted().await;
    for sent in [0, 1, body.len() / 2, body.len() - 1] {
        let mut line = TcpStream::connect(counter.serving.address).await.expect("a line");
        let start = format!("0/{}", Mark::START.hash);
        let head = format!(
            "POST {PUSH_PATH} HTTP/1.1\r\nhost: 127.0.0.1\r\n{NODE_HEADER}: {}/{}\r\n{HEAD_HEADER}: {start}\r\n\
             {ACKED_HEADER}: {start}\r\ncontent-type: {JSON}\r\ncontent-length: {}\r\n\r\n",
            counter.card().node_id,
            counter.card().incarnation_id,
            body.len()
        );
        line.write_all(head.as_bytes()).await.expect("sent");
        line.write_all(&body[..sent]).await.expect("sent");
        line.shutdown().await.expect("the sender is gone");
        let mut answer = Vec::new();
        line.read_to_end(&mut answer).await.expect("closed");
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
        assert_eq!(counter.counted().await, before, "after {sent} of {} bytes", body.len());
    }
}

#[tokio::test]
async fn an_op_of_a_newer_version_is_kept_and_waits() {
    let counter = Counter::open().await;
    let newer = sealed(
        counter.card(),
        Entry { version: outpost_schema::op::VERSION + 1, ..entry(&counter, Mark::START, "7:7:") },
    );
    let strange =
        sealed(counter.card(), Entry { kind: "teleported".to_owned(), ..entry(&counter, newer.mark(), "7:7:") });
    let noise = sealed(
        counter.card(),
        Entry {
            body: outpost_schema::journal::Body(b"sixteen bytes and noise".to_vec()),
            ..entry(&counter, strange.mark(), "7:7:")
        },
    );
    let head = noise.mark();
    let request =
        counter.pushes(vec![newer, strange, noise]).header(HEAD_HEADER, format!("{}/{}", head.seq, head.hash));
    let answer = request.send().await.expect("an answer");
    assert!(answer.status().is_success(), "{}", answer.status());
    assert_eq!(counter.shop.number("select count(*) from ops where verdict = 'set_aside'").await, 3);
    assert_eq!(counter.shop.concerns().await.len(), 3);
    counter.shop.keeps_its_laws().await;
}

fn entries(counter: &Counter, count: usize) -> Vec<Entry> {
    let mut before = Mark::START;
    let next = |_| {
        let entry = entry(counter, before, "7:7:");
        before = entry.mark();
        entry
    };
    (0..count).map(next).collect()
}

fn entry(counter: &Counter, before: Mark, seen: &str) -> Entry {
    let goods = Goods { warehouse_id: counter.shop.high_street, lines: vec![line(counter.tea, 1)] };
    let hlc = Hlc { at: Timestamp::from_micros(1_770_000_000_000_000), tick: 0 };
    Entry::write(counter.card().incarnation_id, before, hlc, seen.to_owned(), &Op::AllotmentAsked(goods), [1; 16])
}

/// The entry with the hash that covers it, as a node of a newer version would write it.
pub fn sealed(card: &Card, mut entry: Entry) -> Entry {
    use sha2::{Digest as _, Sha256};
    let mut hasher = Sha256::new();
    hasher.update(entry.prev_hash.0);
    hasher.update(card.incarnation_id.0.as_bytes());
    hasher.update(entry.seq.to_be_bytes());
    hasher.update(entry.hlc.at.micros().to_be_bytes());
    hasher.update(entry.hlc.tick.to_be_bytes());
    for text in [&entry.seen, &entry.kind] {
        hasher.update((text.len() as u64).to_be_bytes());
        hasher.update(text);
    }
    hasher.update(entry.version.to_be_bytes());
    hasher.update(Sha256::digest(&entry.body.0));
    entry.hash = outpost_schema::journal::Hash(hasher.finalize().into());
    entry
}
