//! Head office itself, on a real Postgres, is sent whatever the targets make: it answers, never with a failure of its
//! own, the book keeps its laws, and what it tells afterwards everybody can read.

mod asks;
mod imports;

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, Bytes},
    http::{Request, StatusCode, header},
};
use http_body_util::BodyExt as _;
use outpost_schema::{
    id::{IncarnationId, NodeId},
    journal::{Hash, Mark},
    world::Seeded,
};
use outpost_server::{api, server::Server, testing::TestDatabase};
use outpost_sync::{
    codec::{self, Form},
    wire::{ACKED_HEADER, HEAD_HEADER, NODE_HEADER, PULL_PATH, Problem, Pulled, Standing},
};
use tokio_postgres::Client;
use tower::ServiceExt as _;
use uuid::Uuid;

use crate::{
    run,
    targets::{Target, choices::Choices},
};

/// Networks, and inputs to each.
const NETWORKS: u64 = 4;
const INPUTS: u32 = 30;

/// The places, devices, lives and goods that the targets name: of the first device the second life is in use, the
/// other is alone at its home.
const NETWORK: &str = "
    insert into warehouses (warehouse_id, name, created_at)
    select format('00000000-0000-0002-0000-00000000000%s', n)::uuid, 'Place ' || n, now() from generate_series(1, 3) n;
    insert into nodes (node_id, name, kind, warehouse_id, scope, prefix, created_at)
    select format('00000000-0000-000b-0000-00000000000%s', n)::uuid, 'Till ' || n, 'till', w.warehouse_id,
           array[w.warehouse_id, '00000000-0000-0002-0000-000000000002'], 'T' || n, now()
    from (values (1, 1), (2, 3)) v (n, place) join warehouses w on w.name = 'Place ' || place;
    insert into incarnations (incarnation_id, node_id, number, state, created_at)
    select format('00000000-0000-000a-0000-00000000000%s', life)::uuid, n.node_id, number, state, now()
    from (values (1, 1, 1, 'superseded'), (2, 1, 2, 'active'), (3, 2, 1, 'active')) v (life, till, number, state)
    join nodes n on n.name = 'Till ' || till;
    update warehouses set home_of = '00000000-0000-000b-0000-000000000002' where name = 'Place 3';
    insert into products (product_id, sku, name, created_at, updated_at)
    select format('00000000-0000-0001-0000-00000000000%s', n)::uuid, 'P' || n, 'Product ' || n, now(), now()
    from generate_series(1, 3) n";

/// A network that is there only to be sent things.
struct Office {
    server: Arc<Server>,
    router: Router,
    outside: Client,
    _database: TestDatabase,
}

/// What was answered.
struct Answer {
    status: StatusCode,
    form: Form,
    is_zstd: bool,
    bytes: Bytes,
}

impl Office {
    async fn open() -> Self {
        let database = TestDatabase::create().await;
        let outside = database.connect().await;
        let server = Server::open(database.config(), Arc::new(Seeded::new(7))).await.expect("the server opens");
        outside.batch_execute(NETWORK).await.expect("a network");
        let server = Arc::new(server);
        Self { router: api::router(Arc::clone(&server)), server, outside, _database: database }
    }

    /// Where head office has a journal.
    async fn acked(&self, life: IncarnationId) -> Mark {
        let sql = "select acked_seq, acked_hash from incarnations where incarnation_id = $1";
        let row = self.outside.query_opt(sql, &[&life]).await.expect("a query");
        row.map_or(Mark::START, |row| Mark { seq: row.get(0), hash: row.get::<_, Hash>(1) })
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let answer = self.router.clone().oneshot(request).await.expect("a router always answers");
        let (parts, body) = answer.into_parts();
        let text = |name: header::HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
        Answer {
            status: parts.status,
            form: Form::of_content_type(text(header::CONTENT_TYPE)),
            is_zstd: text(header::CONTENT_ENCODING) == Some("zstd"),
            bytes: body.collect().await.expect("a body in memory").to_bytes(),
        }
    }

    /// Every page from the beginning, in both forms, to the end.
    async fn tells_everybody(&self) {
        for (life, node) in [(2, 1), (3, 2)] {
            let (life, node) = (IncarnationId(id(10, life)), NodeId(id(11, node)));
            let acked = self.acked(life).await;
            let standing = Standing { incarnation_id: life, head: acked, acked };
            for accept in ["application/msgpack", "application/json"] {
                self.tells(node, standing, accept).await;
            }
        }
    }

    async fn tells(&self, node: NodeId, standing: Standing, accept: &'static str) {
        let mut path = PULL_PATH.to_owned();
        for _ in 0..100 {
            let request = called(Request::get(&path), node, standing).header(header::ACCEPT, accept);
            let Answer { status, form, is_zstd, bytes } =
                self.send(request.body(Body::empty()).expect("a request")).await;
            assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&bytes));
            match codec::decode::<Pulled>(form, is_zstd.then_some("zstd"), &bytes).expect("everybody can read it") {
                Pulled::Page(page) if page.level => return,
                Pulled::Page(page) => path = format!("{PULL_PATH}?cursor={}", page.cursor),
                other @ (Pulled::Elsewhere { .. } | Pulled::OtherEpoch { .. } | Pulled::TooLongAway) => {
                    panic!("the two agree: {other:?}")
                }
            }
        }
        panic!("a feed of a few hundred things has an end");
    }
}

fn id(sort: u128, number: u128) -> Uuid {
    Uuid::from_u128((sort << 64) + number)
}

/// A request of that device.
fn called(request: axum::http::request::Builder, node: NodeId, standing: Standing) -> axum::http::request::Builder {
    let mark = |mark: Mark| format!("{}/{}", mark.seq, mark.hash);
    request
        .header(NODE_HEADER, format!("{node}/{}", standing.incarnation_id))
        .header(HEAD_HEADER, mark(standing.head))
        .header(ACKED_HEADER, mark(standing.acked))
}

/// What came is taken, or refused as the sender's fault with a code and a sentence.
fn judged(answer: &Answer, asked: &str) {
    let Answer { status, form, is_zstd, bytes } = answer;
    let text = String::from_utf8_lossy(bytes);
    assert!(!status.is_server_error(), "{asked}: {status} {text}");
    if !status.is_success() {
        let problem: Problem = codec::decode(*form, is_zstd.then_some("zstd"), bytes).expect("a problem");
        assert!(!problem.code.is_empty() && problem.sentence.len() > 10, "{asked}: {problem:?}");
    }
}

#[tokio::test]
async fn head_office_takes_or_refuses_whatever_is_sent_and_keeps_its_laws() {
    for network in 0..NETWORKS {
        let office = Office::open().await;
        for input in run::inputs(Target { name: "office", run: |_| {}, inputs: INPUTS }, network) {
            let choices = &mut Choices::of(&input);
            for _ in 0..=choices.place(4) {
                asks::ask(&office, choices).await;
            }
        }
        let broken = office.server.laws().await.expect("they can be checked");
        assert_eq!(broken, Vec::<String>::new(), "network {network}");
        office.tells_everybody().await;
    }
}
