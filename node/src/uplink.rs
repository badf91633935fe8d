//! The line to the server: [`Remote`] over HTTP. It knows bytes, limits and waits, and nothing of
//! journals. Until enrolment exists it speaks plain HTTP, and to this machine alone.

mod holds;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use outpost_schema::id::NodeId;
use outpost_sync::{
    codec::{self, Form},
    file::{DIGEST_HEADER, FILE_PATH, File, FileHead, FileWanted, NextPart, Parts, SCHEMA_PARAMETER, UNPACKED_HEADER},
    round::{Remote, Trouble},
    speak::Range,
    tolerant::Tolerant,
    verify::Referee,
    wire::{
        ACKED_HEADER, BODY_MAX, Born, DIGEST_PATH, DigestAsked, Digested, HEAD_HEADER, IMAGES_PATH, Imaged,
        ImagesAsked, LIVES_PATH, LifeWanted, MARKS_PATH, Marks, NODE_HEADER, PROTOCOL, PROTOCOL_HEADER, PULL_PATH,
        PUSH_PATH, Problem, Pulled, Push, Pushed, REPORT_PATH, Report, Reported, Standing,
    },
};
use reqwest::{Client, RequestBuilder, Response, Url, header, redirect};
use serde::{Serialize, de::DeserializeOwned};

/// A server that is there accepts within this, on a slow mobile line too; beyond it the line is cut.
const CONNECT_SECONDS: u64 = 5;

/// A push and its answer: 4 MiB of entries over one megabit a second, and the server's transaction.
const PUSH_SECONDS: u64 = 60;

/// What a pull may take beyond its own wait: a full page over the same slow line.
const PULL_MARGIN_SECONDS: u64 = 60;

/// Between two parts of a file nothing may come for this long; the whole of it may take an hour.
const FILE_PAUSE_SECONDS: u64 = 30;

/// What an address must be while there is no enrolment, and why another one is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    /// Not an address.
    #[error("{0:?} is no server address; write it like http://127.0.0.1:7070")]
    NotAnAddress(String),
    /// Not this machine.
    #[error(
        "the server at {0:?} is another machine, and without enrolment nobody could tell who listens on the way; use one on 127.0.0.1"
    )]
    NotHere(String),
    /// The client could not be built.
    #[error("this device cannot make connections: {0}")]
    NoClient(String),
}

impl BadAddress {
    /// The stable code that programs match on.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotAnAddress(_) => "not_an_address",
            Self::NotHere(_) => "server_not_here",
            Self::NoClient(_) => "no_client",
        }
    }
}

/// One server, as one node calls it. Its connections belong to the runtime that first uses it.
#[derive(Clone, Debug)]
pub struct Uplink {
    client: Client,
    push: Url,
    report: Url,
    pull: Url,
    file: Url,
    lives: Url,
    digest: Url,
    images: Url,
    marks: Url,
    node_id: NodeId,
    /// The protocol that is spoken: our newest, until the server has said which it knows.
    spoken: Arc<AtomicU16>,
}

impl Uplink {
    /// A line to the server at `address`, for this device. Nothing is sent yet.
    ///
    /// # Errors
    /// [`BadAddress`].
    pub fn new(address: &str, node_id: NodeId) -> Result<Self, BadAddress> {
        let base = check_address(address)?;
        let join = |path: &str| base.join(path).map_err(|_| BadAddress::NotAnAddress(address.to_owned()));
        let client = Client::builder()
            .connect_timeout(Duration::from_secs(CONNECT_SECONDS))
            .redirect(redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| BadAddress::NoClient(chain(&error)))?;
        let spoken = Arc::new(AtomicU16::new(PROTOCOL));
        let (push, report, pull, lives) = (join(PUSH_PATH)?, join(REPORT_PATH)?, join(PULL_PATH)?, join(LIVES_PATH)?);
        let (digest, images, file) = (join(DIGEST_PATH)?, join(IMAGES_PATH)?, join(FILE_PATH)?);
        let marks = join(MARKS_PATH)?;
        Ok(Self { client, push, report, pull, file, lives, digest, images, marks, node_id, spoken })
    }

    /// Asks, and takes note of what the server speaks. One that does not speak our protocol is asked
    /// once more in the newest that both know; each time is lower than the one before, so there is an
    /// end to it.
    async fn ask(&self, request: impl Fn() -> RequestBuilder) -> Result<Answer, Trouble> {
        loop {
            let asked = self.spoken.load(Ordering::Relaxed);
            let response = request().header(PROTOCOL_HEADER, asked).send().await.map_err(cut)?;
            let is_strange = response.status() == reqwest::StatusCode::UPGRADE_REQUIRED;
            let both = speaks(&response)
                .map_or_else(|| is_strange.then(|| asked - 1), |theirs| theirs.newest_with(Range::OURS));
            if let Some(protocol) = both.filter(|protocol| Range::OURS.has(*protocol)) {
                self.spoken.store(protocol, Ordering::Relaxed);
                if is_strange && protocol < asked {
                    continue;
                }
            }
            return Ok(Answer { told: Told::of(&response), bytes: read(response).await? });
        }
    }

    /// Asks how far the other devices of this place are, who are woken to say so.
    ///
    /// # Errors
    /// If the line breaks, or the server refuses; one of before protocol 4 knows no such question.
    pub async fn marks(&self, standing: Standing) -> Result<Marks, Trouble> {
        self.ask(|| self.post(&self.marks, standing, &())).await?.whole()
    }

    fn post(&self, to: &Url, standing: Standing, body: &impl Serialize) -> RequestBuilder {
        let body = codec::encode(Form::Binary, body);
        let request = self
            .patient(self.client.post(to.clone()), standing)
            .header(header::CONTENT_TYPE, Form::Binary.content_type());
        let request = if body.is_zstd { request.header(header::CONTENT_ENCODING, "zstd") } else { request };
        request.body(body.bytes)
    }

    /// With as much time as the largest body needs.
    fn patient(&self, request: RequestBuilder, standing: Standing) -> RequestBuilder {
        self.dressed(request, standing).timeout(Duration::from_secs(PUSH_SECONDS))
    }

    fn dressed(&self, request: RequestBuilder, standing: Standing) -> RequestBuilder {
        request
            .header(NODE_HEADER, format!("{}/{}", self.node_id, standing.incarnation_id))
            .header(HEAD_HEADER, format!("{}/{}", standing.head.seq, standing.head.hash))
            .header(ACKED_HEADER, format!("{}/{}", standing.acked.seq, standing.acked.hash))
            .header(header::ACCEPT, Form::Binary.content_type())
            .header(header::ACCEPT_ENCODING, "zstd")
    }
}

impl Remote for Uplink {
    async fn push(&self, standing: Standing, push: &Push) -> Result<Pushed, Trouble> {
        self.ask(|| self.post(&self.push, standing, push)).await?.tolerant()
    }

    async fn report(&self, standing: Standing, report: &Report) -> Result<Reported, Trouble> {
        self.ask(|| self.post(&self.report, standing, report)).await?.whole()
    }

    async fn begin_life(&self, standing: Standing, wanted: &LifeWanted) -> Result<Born, Trouble> {
        self.ask(|| self.post(&self.lives, standing, wanted)).await?.whole()
    }

    async fn pull(&self, standing: Standing, cursor: Option<&str>, wait_seconds: u64) -> Result<Pulled, Trouble> {
        let mut url = self.pull.clone();
        if let Some(cursor) = cursor {
            url.query_pairs_mut().append_pair("cursor", cursor);
        }
        url.query_pairs_mut().append_pair("wait", &wait_seconds.to_string());
        let wait = Duration::from_secs(wait_seconds.saturating_add(PULL_MARGIN_SECONDS));
        self.ask(|| self.dressed(self.client.get(url.clone()), standing).timeout(wait)).await?.tolerant()
    }

    async fn file(&self, standing: Standing, wanted: &FileWanted) -> Result<File, Trouble> {
        let mut url = self.file.clone();
        url.query_pairs_mut().append_pair(SCHEMA_PARAMETER, &wanted.schema.to_string());
        let spoken = self.spoken.load(Ordering::Relaxed);
        let mut request = self.dressed(self.client.get(url), standing).header(PROTOCOL_HEADER, spoken);
        if let Some(begun) = &wanted.begun {
            let range = format!("bytes={}-", begun.bytes);
            request = request.header(header::RANGE, range).header(header::IF_RANGE, &begun.tag);
        }
        // The first byte may wait until the file is made.
        let response = in_time(PUSH_SECONDS, request.send()).await?.map_err(cut)?;
        let told = Told::of(&response);
        if told.status.is_success() {
            let head = head(&response).ok_or_else(|| Trouble::Garbled(told.stranger()))?;
            return Ok(File { head, parts: Box::new(Body(response)) });
        }
        let bytes = read(response).await?;
        Err(told.decode::<Problem>(&bytes).map_or_else(|_| Trouble::Garbled(told.stranger()), Trouble::Told))
    }
}

impl Referee for Uplink {
    async fn digest(&self, standing: Standing, asked: &DigestAsked) -> Result<Digested, Trouble> {
        self.ask(|| self.post(&self.digest, standing, asked)).await?.whole()
    }

    async fn images(&self, standing: Standing, asked: &ImagesAsked) -> Result<Imaged, Trouble> {
        self.ask(|| self.post(&self.images, standing, asked)).await?.whole()
    }
}

/// A body that comes in parts.
struct Body(Response);

impl Parts for Body {
    fn next(&mut self) -> NextPart<'_> {
        Box::pin(async {
            let chunk = in_time(FILE_PAUSE_SECONDS, self.0.chunk()).await?.map_err(cut)?;
            Ok(chunk.map(|bytes| bytes.to_vec()))
        })
    }
}

async fn in_time<T>(seconds: u64, work: impl Future<Output = T>) -> Result<T, Trouble> {
    let waited = tokio::time::timeout(Duration::from_secs(seconds), work).await;
    waited.map_err(|_| Trouble::Cut("no answer within the time allowed".to_owned()))
}

/// What the head of an answer says of the file that follows; none if it is no file.
fn head(response: &Response) -> Option<FileHead> {
    let text = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
    let length: u64 = text("content-length")?.parse().ok()?;
    let (from, bytes) = match text("content-range") {
        None => (0, length),
        Some(range) => {
            let (part, bytes) = range.strip_prefix("bytes ")?.split_once('/')?;
            (part.split_once('-')?.0.parse().ok()?, bytes.parse().ok()?)
        }
    };
    Some(FileHead {
        tag: text("etag")?.to_owned(),
        digest: text(DIGEST_HEADER)?.parse().ok()?,
        bytes,
        unpacked: text(UNPACKED_HEADER)?.parse().ok()?,
        from,
    })
}

/// Whether a server at this address may be called.
///
/// # Errors
/// [`BadAddress`].
pub fn check_address(address: &str) -> Result<Url, BadAddress> {
    let url = Url::parse(address).map_err(|_| BadAddress::NotAnAddress(address.to_owned()))?;
    if url.scheme() != "http" {
        return Err(BadAddress::NotAnAddress(address.to_owned()));
    }
    let host = url.host_str().unwrap_or("").trim_matches(['[', ']']);
    let is_here = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    if is_here { Ok(url) } else { Err(BadAddress::NotHere(address.to_owned())) }
}

/// The protocols that the server names, if it names any.
fn speaks(response: &Response) -> Option<Range> {
    response.headers().get(PROTOCOL_HEADER)?.to_str().ok()?.parse().ok()
}

/// An answer that arrived whole.
struct Answer {
    told: Told,
    bytes: Vec<u8>,
}

impl Answer {
    /// Reads it, all of it.
    fn whole<T: DeserializeOwned>(&self) -> Result<T, Trouble> {
        self.told_well()?;
        self.told.decode(&self.bytes).map_err(Trouble::Garbled)
    }

    /// Reads what of it is known here.
    fn tolerant<T: Tolerant>(&self) -> Result<T, Trouble> {
        self.told_well()?;
        let (form, encoding) = self.told.form().map_err(Trouble::Garbled)?;
        let (known, passed_over) = T::read(form, encoding, &self.bytes).map_err(Trouble::Garbled)?;
        if passed_over > 0 {
            tracing::warn!(
                passed_over,
                "head office told of things that this program does not know; they are told again once it is updated"
            );
        }
        Ok(known)
    }

    fn told_well(&self) -> Result<(), Trouble> {
        if self.told.status.is_success() {
            return Ok(());
        }
        match self.told.decode::<Problem>(&self.bytes) {
            Ok(problem) => Err(match self.told.retry_after {
                Some(seconds) => Trouble::Busy(problem, seconds),
                None => Trouble::Told(problem),
            }),
            Err(_) => Err(Trouble::Garbled(self.told.stranger())),
        }
    }
}

/// What an answer's head says of its body.
struct Told {
    status: reqwest::StatusCode,
    content_type: Option<String>,
    encoding: Option<String>,
    /// After how many seconds to ask again, if it says so.
    retry_after: Option<u64>,
}

impl Told {
    fn of(response: &Response) -> Self {
        let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Self {
            status: response.status(),
            content_type: text(header::CONTENT_TYPE),
            encoding: text(header::CONTENT_ENCODING),
            retry_after: text(header::RETRY_AFTER).and_then(|seconds| seconds.trim().parse().ok()),
        }
    }

    fn decode<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T, Problem> {
        let (form, encoding) = self.form()?;
        codec::decode(form, encoding, bytes)
    }

    /// The form of its body, and how that is compressed.
    fn form(&self) -> Result<(Form, Option<&str>), Problem> {
        let form = Form::of_content_type(self.content_type.as_deref());
        let named = self.content_type.as_deref().is_some_and(|text| text.trim_start().starts_with(form.content_type()));
        if named { Ok((form, self.encoding.as_deref())) } else { Err(self.stranger()) }
    }

    /// A proxy's error page, or the sign-in page of a guest network.
    fn stranger(&self) -> Problem {
        let (status, kind) = (self.status.as_u16(), self.content_type.as_deref().unwrap_or("no content type"));
        Problem::new(
            "not_the_server",
            format!(
                "something else answered in its place (status {status}, {kind}); check the address and the network"
            ),
        )
    }
}

/// Reads a body as it comes and stops at the limit, whatever its head promised.
async fn read(mut response: Response) -> Result<Vec<u8>, Trouble> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(cut)? {
        if bytes.len() + chunk.len() > BODY_MAX {
            let sentence = format!("the answer is larger than {BODY_MAX} bytes; update this device or the server");
            return Err(Trouble::Garbled(Problem::new("body_too_large", sentence)));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn cut(error: reqwest::Error) -> Trouble {
    let error = error.without_url();
    let innermost = std::iter::successors(std::error::Error::source(&error), |error| error.source()).last();
    let cause = innermost.map_or_else(|| error.to_string(), ToString::to_string);
    Trouble::Cut(if error.is_timeout() {
        "no answer within the time allowed".to_owned()
    } else if error.is_connect() {
        format!("nobody answers at the server's address ({cause})")
    } else {
        cause
    })
}

/// The error with its causes: reqwest keeps the telling part innermost.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string);
    causes.collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests;
