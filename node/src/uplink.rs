//! The line to the server: [`Remote`] over HTTP. It knows bytes, limits and waits, and nothing of
//! journals. Until enrolment exists it speaks plain HTTP, and to this machine alone.

use std::time::Duration;

use outpost_schema::id::NodeId;
use outpost_sync::{
    codec::{self, Form},
    round::{Remote, Trouble},
    verify::Referee,
    wire::{
        ACKED_HEADER, BODY_MAX, Born, DIGEST_PATH, DigestAsked, Digested, HEAD_HEADER, IMAGES_PATH, Imaged,
        ImagesAsked, LIVES_PATH, LifeWanted, NODE_HEADER, PROTOCOL, PROTOCOL_HEADER, PULL_PATH, PUSH_PATH, Problem,
        Pulled, Push, Pushed, Standing,
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
    pull: Url,
    lives: Url,
    digest: Url,
    images: Url,
    node_id: NodeId,
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
        let (push, pull, lives) = (join(PUSH_PATH)?, join(PULL_PATH)?, join(LIVES_PATH)?);
        Ok(Self { client, push, pull, lives, digest: join(DIGEST_PATH)?, images: join(IMAGES_PATH)?, node_id })
    }

    fn post(&self, to: &Url, standing: Standing, body: &impl Serialize) -> RequestBuilder {
        let body = codec::encode(Form::Binary, body);
        let request = self
            .dressed(self.client.post(to.clone()), standing)
            .header(header::CONTENT_TYPE, Form::Binary.content_type())
            .timeout(Duration::from_secs(PUSH_SECONDS));
        let request = if body.is_zstd { request.header(header::CONTENT_ENCODING, "zstd") } else { request };
        request.body(body.bytes)
    }

    fn dressed(&self, request: RequestBuilder, standing: Standing) -> RequestBuilder {
        request
            .header(NODE_HEADER, format!("{}/{}", self.node_id, standing.incarnation_id))
            .header(HEAD_HEADER, format!("{}/{}", standing.head.seq, standing.head.hash))
            .header(ACKED_HEADER, format!("{}/{}", standing.acked.seq, standing.acked.hash))
            .header(PROTOCOL_HEADER, PROTOCOL)
            .header(header::ACCEPT, Form::Binary.content_type())
            .header(header::ACCEPT_ENCODING, "zstd")
    }
}

impl Remote for Uplink {
    async fn push(&self, standing: Standing, push: &Push) -> Result<Pushed, Trouble> {
        answer(self.post(&self.push, standing, push)).await
    }

    async fn begin_life(&self, standing: Standing, wanted: &LifeWanted) -> Result<Born, Trouble> {
        answer(self.post(&self.lives, standing, wanted)).await
    }

    async fn pull(&self, standing: Standing, cursor: Option<&str>, wait_seconds: u64) -> Result<Pulled, Trouble> {
        let mut url = self.pull.clone();
        if let Some(cursor) = cursor {
            url.query_pairs_mut().append_pair("cursor", cursor);
        }
        url.query_pairs_mut().append_pair("wait", &wait_seconds.to_string());
        let wait = Duration::from_secs(wait_seconds.saturating_add(PULL_MARGIN_SECONDS));
        answer(self.dressed(self.client.get(url), standing).timeout(wait)).await
    }
}

impl Referee for Uplink {
    async fn digest(&self, standing: Standing, asked: &DigestAsked) -> Result<Digested, Trouble> {
        answer(self.post(&self.digest, standing, asked)).await
    }

    async fn images(&self, standing: Standing, asked: &ImagesAsked) -> Result<Imaged, Trouble> {
        answer(self.post(&self.images, standing, asked)).await
    }
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

async fn answer<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, Trouble> {
    let response = request.send().await.map_err(cut)?;
    let told = Told::of(&response);
    let bytes = read(response).await?;
    if told.status.is_success() {
        return told.decode(&bytes).map_err(Trouble::Garbled);
    }
    match told.decode::<Problem>(&bytes) {
        Ok(problem) => Err(Trouble::Told(problem)),
        Err(_) => Err(Trouble::Garbled(told.stranger())),
    }
}

/// What an answer's head says of its body.
struct Told {
    status: reqwest::StatusCode,
    content_type: Option<String>,
    encoding: Option<String>,
}

impl Told {
    fn of(response: &Response) -> Self {
        let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Self {
            status: response.status(),
            content_type: text(header::CONTENT_TYPE),
            encoding: text(header::CONTENT_ENCODING),
        }
    }

    fn decode<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T, Problem> {
        let form = Form::of_content_type(self.content_type.as_deref());
        let named = self.content_type.as_deref().is_some_and(|text| text.trim_start().starts_with(form.content_type()));
        if named { codec::decode(form, self.encoding.as_deref(), bytes) } else { Err(self.stranger()) }
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
