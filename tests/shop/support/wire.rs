//! A line in memory: the bytes of the real protocol between a node and the real router, and whatever
//! may happen to them on the way.

use std::{collections::VecDeque, convert::Infallible, io, sync::Mutex};

use axum::{
    Router,
    body::{Body, Bytes},
    http::{Request, Response, StatusCode, header},
};
use futures_util::stream;
use http_body_util::BodyExt as _;
use outpost_schema::id::NodeId;
use outpost_sync::{
    codec::{self, Encoded, Form},
    round::{Remote, Trouble},
    verify::Referee,
    wire::{
        ACKED_HEADER, Born, DIGEST_PATH, DigestAsked, Digested, HEAD_HEADER, IMAGES_PATH, Imaged, ImagesAsked,
        LIVES_PATH, LifeWanted, NODE_HEADER, PROTOCOL, PROTOCOL_HEADER, PULL_PATH, PUSH_PATH, Problem, Pulled, Push,
        Pushed, Standing,
    },
};
use serde::{Serialize, de::DeserializeOwned};
use tower::ServiceExt as _;

use super::chance::Chance;

/// What happens to one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrives, and so does the answer.
    Passes,
    /// It never arrives.
    Lost,
    /// The line breaks after so many bytes of the request.
    CutAsking(usize),
    /// Only so many bytes of the request arrive, as if they were all.
    ShortAsking(usize),
    /// It arrives; the answer does not.
    AnswerLost,
    /// It arrives; of the answer only so many bytes, as if they were all.
    ShortAnswer(usize),
    /// It arrives twice; the second answer is heard.
    Twice,
    /// It stays on the way, and arrives after the next call.
    Late,
}

/// One call, ready to be sent again.
#[derive(Clone)]
struct Call {
    method: &'static str,
    uri: String,
    standing: Standing,
    body: Option<Encoded>,
}

/// One node's line.
pub struct Wire {
    router: Router,
    node_id: NodeId,
    fates: Mutex<VecDeque<Fate>>,
    weather: Mutex<Option<(Chance, usize)>>,
    on_the_way: Mutex<Vec<Call>>,
    is_cut: Mutex<bool>,
}

impl Wire {
    /// A good line.
    pub fn lay(router: Router, node_id: NodeId) -> Self {
        let (fates, weather, on_the_way, is_cut) = Default::default();
        Self { router, node_id, fates, weather, on_the_way, is_cut }
    }

    /// What happens to the next calls, in order.
    pub fn next(&self, fates: impl IntoIterator<Item = Fate>) {
        self.fates.lock().expect("sound").extend(fates);
    }

    /// From now on so many calls in a hundred come to harm.
    pub fn weather(&self, seed: u64, in_a_hundred: usize) {
        *self.weather.lock().expect("sound") = Some((Chance::of(seed), in_a_hundred));
    }

    /// Nothing gets through until it is mended.
    pub fn cut(&self) {
        *self.is_cut.lock().expect("sound") = true;
    }

    /// A good line again; what was on the way arrives with the next call.
    pub fn mend(&self) {
        *self.is_cut.lock().expect("sound") = false;
        *self.weather.lock().expect("sound") = None;
        self.fates.lock().expect("sound").clear();
    }

    fn fate(&self) -> Fate {
        if *self.is_cut.lock().expect("sound") {
            return Fate::Lost;
        }
        if let Some(fate) = self.fates.lock().expect("sound").pop_front() {
            return fate;
        }
        let mut weather = self.weather.lock().expect("sound");
        let Some((chance, in_a_hundred)) = weather.as_mut() else { return Fate::Passes };
        if !chance.in_a_hundred(*in_a_hundred) {
            return Fate::Passes;
        }
        let bytes = chance.below(600);
        *chance.one_of(&[
            Fate::Lost,
            Fate::CutAsking(bytes),
            Fate::ShortAsking(bytes),
            Fate::AnswerLost,
            Fate::ShortAnswer(bytes),
            Fate::Twice,
            Fate::Late,
        ])
    }

    async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        standing: Standing,
        body: &impl Serialize,
    ) -> Result<T, Trouble> {
        let body = Some(codec::encode(Form::Binary, body));
        self.call(Call { method: "POST", uri: path.to_owned(), standing, body }).await
    }

    async fn call<T: DeserializeOwned>(&self, call: Call) -> Result<T, Trouble> {
        let late = std::mem::take(&mut *self.on_the_way.lock().expect("sound"));
        let answer = self.meet(call, self.fate()).await;
        for old in late {
            self.send(&old, whole(&old)).await;
        }
        answer
    }

    async fn meet<T: DeserializeOwned>(&self, call: Call, fate: Fate) -> Result<T, Trouble> {
        match fate {
            Fate::Passes => heard(self.send(&call, whole(&call)).await, usize::MAX),
            Fate::Lost => Err(cut()),
            Fate::CutAsking(bytes) => {
                self.send(&call, broken(&call, bytes)).await;
                Err(cut())
            }
            Fate::ShortAsking(bytes) => heard(self.send(&call, shortened(&call, bytes)).await, usize::MAX),
            Fate::AnswerLost => {
                self.send(&call, whole(&call)).await;
                Err(cut())
            }
            Fate::ShortAnswer(bytes) => heard(self.send(&call, whole(&call)).await, bytes),
            Fate::Twice => {
                self.send(&call, whole(&call)).await;
                heard(self.send(&call, whole(&call)).await, usize::MAX)
            }
            Fate::Late => {
                self.on_the_way.lock().expect("sound").push(call);
                Err(cut())
            }
        }
    }

    async fn send(&self, call: &Call, body: Body) -> Heard {
        let (node_id, Standing { incarnation_id, head, acked }) = (self.node_id, call.standing);
        let mut request = Request::builder()
            .method(call.method)
            .uri(&call.uri)
            .header(header::HOST, "127.0.0.1:7070")
            .header(NODE_HEADER, format!("{node_id}/{incarnation_id}"))
            .header(HEAD_HEADER, format!("{}/{}", head.seq, head.hash))
            .header(ACKED_HEADER, format!("{}/{}", acked.seq, acked.hash))
            .header(PROTOCOL_HEADER, PROTOCOL)
            .header(header::ACCEPT, Form::Binary.content_type())
            .header(header::ACCEPT_ENCODING, "zstd")
            .header(header::CONTENT_TYPE, Form::Binary.content_type());
        if call.body.as_ref().is_some_and(|body| body.is_zstd) {
            request = request.header(header::CONTENT_ENCODING, "zstd");
        }
        Heard::of(ask(&self.router, request.body(body).expect("a request")).await).await
    }
}

/// Asks the router as if over HTTP.
pub async fn ask(router: &Router, request: Request<Body>) -> Response<Body> {
    let answer: Result<_, Infallible> = router.clone().oneshot(request).await;
    answer.expect("a router always answers")
}

/// What came back, down to its bytes.
pub struct Heard {
    /// How HTTP calls it.
    pub status: StatusCode,
    /// Whether the body is compressed.
    pub encoding: Option<String>,
    /// The body's form.
    pub form: Form,
    /// The body.
    pub bytes: Bytes,
}

impl Heard {
    /// Reads an answer to its end.
    pub async fn of(response: Response<Body>) -> Self {
        let (head, body) = response.into_parts();
        let text = |name| head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (encoding, form) =
            (text(header::CONTENT_ENCODING), Form::of_content_type(text(header::CONTENT_TYPE).as_deref()));
        let bytes = body.collect().await.expect("a body in memory").to_bytes();
        Self { status: head.status, encoding, form, bytes }
    }

    /// The problem that it tells.
    pub fn problem(&self) -> Problem {
        codec::decode(self.form, self.encoding.as_deref(), &self.bytes)
            .unwrap_or_else(|error| panic!("{}: no problem in {:?}: {error}", self.status, self.bytes))
    }
}

fn heard<T: DeserializeOwned>(heard: Heard, bytes: usize) -> Result<T, Trouble> {
    let bytes = &heard.bytes[..heard.bytes.len().min(bytes)];
    if heard.status.is_success() {
        return codec::decode(heard.form, heard.encoding.as_deref(), bytes).map_err(Trouble::Garbled);
    }
    match codec::decode::<Problem>(heard.form, heard.encoding.as_deref(), bytes) {
        Ok(problem) => Err(Trouble::Told(problem)),
        Err(problem) => Err(Trouble::Garbled(problem)),
    }
}

fn bytes_of(call: &Call) -> Bytes {
    call.body.as_ref().map(|body| Bytes::from(body.bytes.clone())).unwrap_or_default()
}

fn whole(call: &Call) -> Body {
    Body::from(bytes_of(call))
}

fn shortened(call: &Call, bytes: usize) -> Body {
    let all = bytes_of(call);
    Body::from(all.slice(..all.len().min(bytes)))
}

fn broken(call: &Call, bytes: usize) -> Body {
    let all = bytes_of(call);
    let begin = all.slice(..all.len().min(bytes));
    Body::from_stream(stream::iter([Ok(begin), Err(io::Error::from(io::ErrorKind::ConnectionReset))]))
}

fn cut() -> Trouble {
    Trouble::Cut("the line broke".to_owned())
}

impl Remote for Wire {
    async fn push(&self, standing: Standing, push: &Push) -> Result<Pushed, Trouble> {
        self.post(PUSH_PATH, standing, push).await
    }

    async fn begin_life(&self, standing: Standing, wanted: &LifeWanted) -> Result<Born, Trouble> {
        self.post(LIVES_PATH, standing, wanted).await
    }

    async fn pull(&self, standing: Standing, cursor: Option<&str>, wait_seconds: u64) -> Result<Pulled, Trouble> {
        let cursor = cursor.map(|cursor| format!("cursor={}&", percent(cursor))).unwrap_or_default();
        let uri = format!("{PULL_PATH}?{cursor}wait={wait_seconds}");
        self.call(Call { method: "GET", uri, standing, body: None }).await
    }
}

impl Referee for Wire {
    async fn digest(&self, standing: Standing, asked: &DigestAsked) -> Result<Digested, Trouble> {
        self.post(DIGEST_PATH, standing, asked).await
    }

    async fn images(&self, standing: Standing, asked: &ImagesAsked) -> Result<Imaged, Trouble> {
        self.post(IMAGES_PATH, standing, asked).await
    }
}

fn percent(text: &str) -> String {
    let escaped = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(escaped).collect()
}
