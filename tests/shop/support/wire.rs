//! A line in memory: the bytes of the real protocol between a node and the real router, and whatever
//! may happen to them on the way.

use std::{
    collections::VecDeque,
    convert::Infallible,
    io,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, Bytes},
    http::{HeaderMap, Request, Response, StatusCode, header},
};
use futures_util::stream;
use http_body_util::BodyExt as _;
use outpost_schema::id::NodeId;
use outpost_sync::{
    codec::{self, Encoded, Form},
    file::{File, FileHead, FileWanted},
    round::{Remote, Trouble},
    verify::Referee,
    wire::{
        ACKED_HEADER, Born, DIGEST_PATH, DigestAsked, Digested, HEAD_HEADER, IMAGES_PATH, Imaged, ImagesAsked,
        LIVES_PATH, LifeWanted, NODE_HEADER, PROTOCOL, PROTOCOL_HEADER, PULL_PATH, PUSH_PATH, Problem, Pulled, Push,
        Pushed, REPORT_PATH, Report, Reported, Standing,
    },
};
use serde::{Serialize, de::DeserializeOwned};
use tower::ServiceExt as _;

pub use self::fate::{Fate, Harm};
use super::chance::Chance;

// By their paths, because this file is a module of more than one test target.
#[path = "wire/fate.rs"]
mod fate;
#[path = "wire/file.rs"]
mod file;

/// Where lines lead: head office, which may be switched off and on again behind them.
pub type Door = Arc<Mutex<Router>>;

/// One call, ready to be sent again.
#[derive(Clone)]
struct Call {
    method: &'static str,
    uri: String,
    standing: Standing,
    body: Option<Encoded>,
    /// The part of a file that is asked for, and of which file.
    range: Option<(String, String)>,
}

/// What somebody on the way does to a file.
type Tampering = Box<dyn Fn(&mut FileHead, &mut Vec<u8>) + Send + Sync>;

/// One node's line.
pub struct Wire {
    door: Door,
    node_id: NodeId,
    fates: Mutex<VecDeque<Fate>>,
    weather: Mutex<Option<(Chance, usize)>>,
    on_the_way: Mutex<Vec<Call>>,
    is_cut: Mutex<bool>,
    protocol: Mutex<u16>,
    files: Mutex<Option<Vec<u64>>>,
    tampering: Mutex<Option<Tampering>>,
    harm: Mutex<Harm>,
}

impl Wire {
    /// A good line.
    pub fn lay(router: Router, node_id: NodeId) -> Self {
        Self::lay_to(Arc::new(Mutex::new(router)), node_id)
    }

    /// A good line to whatever stands behind this door.
    pub fn lay_to(door: Door, node_id: NodeId) -> Self {
        let (fates, weather, on_the_way, is_cut, files, tampering, harm) = Default::default();
        let protocol = Mutex::new(PROTOCOL);
        Self { door, node_id, fates, weather, on_the_way, is_cut, protocol, files, tampering, harm }
    }

    /// From now on it speaks as a program of another version does.
    pub fn speak(&self, protocol: u16) {
        *self.protocol.lock().expect("sound") = protocol;
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

    /// Whether something is still on its way.
    pub fn is_late(&self) -> bool {
        !self.on_the_way.lock().expect("sound").is_empty()
    }

    /// What happened on it so far.
    pub fn harm(&self) -> Harm {
        *self.harm.lock().expect("sound")
    }

    fn count(&self, change: impl FnOnce(&mut Harm)) {
        change(&mut self.harm.lock().expect("sound"));
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
        Fate::ill(chance)
    }

    async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        standing: Standing,
        body: &impl Serialize,
    ) -> Result<T, Trouble> {
        let body = Some(codec::encode(Form::Binary, body));
        self.call(Call { method: "POST", uri: path.to_owned(), standing, body, range: None }).await
    }

    async fn call<T: DeserializeOwned>(&self, call: Call) -> Result<T, Trouble> {
        let late = std::mem::take(&mut *self.on_the_way.lock().expect("sound"));
        let answer = self.meet(call, self.fate()).await;
        for old in late {
            self.send(&old, whole(&old)).await;
            self.count(|harm| harm.reordered += 1);
        }
        answer
    }

    async fn meet<T: DeserializeOwned>(&self, call: Call, fate: Fate) -> Result<T, Trouble> {
        self.count(|harm| harm.note(fate));
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
            .header(PROTOCOL_HEADER, *self.protocol.lock().expect("sound"))
            .header(header::ACCEPT, Form::Binary.content_type())
            .header(header::ACCEPT_ENCODING, "zstd")
            .header(header::CONTENT_TYPE, Form::Binary.content_type());
        if let Some((range, tag)) = &call.range {
            request = request.header(header::RANGE, range).header(header::IF_RANGE, tag);
        }
        if call.body.as_ref().is_some_and(|body| body.is_zstd) {
            request = request.header(header::CONTENT_ENCODING, "zstd");
        }
        let router = self.door.lock().expect("sound").clone();
        Heard::of(ask(&router, request.body(body).expect("a request")).await).await
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
    /// What stood before it.
    pub headers: HeaderMap,
}

impl Heard {
    /// Reads an answer to its end.
    pub async fn of(response: Response<Body>) -> Self {
        let (head, body) = response.into_parts();
        let text = |name| head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (encoding, form) =
            (text(header::CONTENT_ENCODING), Form::of_content_type(text(header::CONTENT_TYPE).as_deref()));
        let bytes = body.collect().await.expect("a body in memory").to_bytes();
        Self { status: head.status, encoding, form, bytes, headers: head.headers }
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

    async fn report(&self, standing: Standing, report: &Report) -> Result<Reported, Trouble> {
        let body = Some(codec::encode(Form::Binary, report));
        self.call(Call { method: "POST", uri: REPORT_PATH.to_owned(), standing, body, range: None }).await
    }

    async fn pull(&self, standing: Standing, cursor: Option<&str>, wait_seconds: u64) -> Result<Pulled, Trouble> {
        let cursor = cursor.map(|cursor| format!("cursor={}&", percent(cursor))).unwrap_or_default();
        let uri = format!("{PULL_PATH}?{cursor}wait={wait_seconds}");
        self.call(Call { method: "GET", uri, standing, body: None, range: None }).await
    }

    async fn file(&self, standing: Standing, wanted: &FileWanted) -> Result<File, Trouble> {
        self.fetch(standing, wanted).await
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
