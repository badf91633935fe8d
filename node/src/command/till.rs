//! The verbs' way to the device's API, whoever serves it.

use std::{net::SocketAddr, thread, time::Duration};

use outpost_sync::wire::Problem;
use reqwest::{Client, RequestBuilder, Url, header};
use serde::{Serialize, de::DeserializeOwned};
use tokio::runtime::{Builder, Runtime};

use super::{
    Exit, Failure,
    house::{House, Sign},
};
use crate::{config::Config, error::Error, web::status::StatusShown};

/// An answer takes at most this: a round that somebody waits for is given 30 seconds.
const ANSWER_SECONDS: u64 = 40;

/// A file of the largest size is taken in within this, on the slowest of disks.
const FILE_SECONDS: u64 = 30 * 60;

/// Tries to find a door while another process starts or ends: 5 seconds in all.
const TRIES: u32 = 50;
const TRY_PAUSE: Duration = Duration::from_millis(100);

/// Between two looks at the status of something that takes a while.
const WATCH_PAUSE: Duration = Duration::from_millis(100);

/// An open way to the API.
pub(super) struct Till {
    runtime: Runtime,
    client: Client,
    base: Url,
    is_own: bool,
}

impl Till {
    /// Finds the serving process, or serves the API itself for as long as this lives.
    pub(super) fn open(config: &Config) -> Result<Self, Failure> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Problem::new("no_runtime", error.to_string()))?;
        let client = Client::builder().no_proxy().timeout(Duration::from_secs(ANSWER_SECONDS)).build();
        let client = client.map_err(|error| Problem::new("no_client", error.to_string()))?;
        let (address, is_own) = find_door(&runtime, &client, config)?;
        let base = Url::parse(&format!("http://{address}")).expect("an address makes a URL");
        Ok(Self { runtime, client, base, is_own })
    }

    /// Whether nobody else serves the device: then nothing goes to the server by itself.
    pub(super) const fn is_own(&self) -> bool {
        self.is_own
    }

    /// Looks something up.
    pub(super) fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, &str)]) -> Result<T, Failure> {
        read(&self.send(self.client.get(self.url(path, query)))?)
    }

    /// Looks up text for people.
    pub(super) fn text(&self, path: &str) -> Result<String, Failure> {
        let bytes = self.send(self.client.get(self.url(path, &[])))?;
        String::from_utf8(bytes).map_err(|_| unreadable("it is no text"))
    }

    /// Fetches a file.
    pub(super) fn bytes(&self, path: &str) -> Result<Vec<u8>, Failure> {
        self.send(self.client.get(self.url(path, &[])))
    }

    /// Hands a file over.
    pub(super) fn hand_over<T: DeserializeOwned>(&self, path: &str, file: Vec<u8>) -> Result<T, Failure> {
        let request = self.client.post(self.url(path, &[])).header(header::CONTENT_TYPE, "application/octet-stream");
        read(&self.send(request.timeout(Duration::from_secs(FILE_SECONDS)).body(file))?)
    }

    /// Does something.
    pub(super) fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Failure> {
        let body = serde_json::to_vec(body).expect("our own types always encode into memory");
        let request = self.client.post(self.url(path, &[])).header(header::CONTENT_TYPE, "application/json");
        read(&self.send(request.body(body))?)
    }

    /// Does something of which nothing is answered but that it is done.
    pub(super) fn tell(&self, path: &str, body: &impl Serialize) -> Result<(), Failure> {
        let body = serde_json::to_vec(body).expect("our own types always encode into memory");
        let request = self.client.post(self.url(path, &[])).header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(body)).map(drop)
    }

    fn url(&self, path: &str, query: &[(&str, &str)]) -> Url {
        let mut url = self.base.clone();
        url.set_path(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    fn send(&self, request: RequestBuilder) -> Result<Vec<u8>, Failure> {
        self.runtime.block_on(exchange(request))
    }

    /// Does something that may take a while, and shows the device's status to `watch` meanwhile.
    pub(super) fn post_watched<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        mut watch: impl FnMut(&StatusShown),
    ) -> Result<T, Failure> {
        let body = serde_json::to_vec(body).expect("our own types always encode into memory");
        let request = self.client.post(self.url(path, &[])).header(header::CONTENT_TYPE, "application/json");
        let bytes = self.runtime.block_on(async {
            let mut work = std::pin::pin!(exchange(request.body(body)));
            loop {
                tokio::select! {
                    done = &mut work => return done,
                    () = tokio::time::sleep(WATCH_PAUSE) => {}
                }
                let status = exchange(self.client.get(self.url("/v1/status", &[]))).await;
                if let Ok(status) = status.and_then(|bytes| read(&bytes)) {
                    watch(&status);
                }
            }
        })?;
        read(&bytes)
    }
}

async fn exchange(request: RequestBuilder) -> Result<Vec<u8>, Failure> {
    let response = request.send().await.map_err(gone)?;
    let status = response.status();
    let bytes = response.bytes().await.map_err(gone)?;
    if status.is_success() {
        return Ok(bytes.to_vec());
    }
    let problem: Problem = read(&bytes)?;
    let exit = if status == reqwest::StatusCode::SERVICE_UNAVAILABLE { Exit::Line } else { Exit::Failed };
    Err(Failure { problem, exit })
}

fn find_door(runtime: &Runtime, client: &Client, config: &Config) -> Result<(SocketAddr, bool), Failure> {
    let mut locked = None;
    for _ in 0..TRIES {
        match runtime.block_on(House::open(config, SocketAddr::from(([127, 0, 0, 1], 0)), false)) {
            Ok(house) => {
                let address = house.address;
                let (listener, router) = house.into_service();
                drop(runtime.spawn(async move { axum::serve(listener, router).await }));
                return Ok((address, true));
            }
            Err(failure) if failure.problem.code == "locked" => locked = Some(failure),
            Err(failure) => return Err(failure),
        }
        if let Some(address) = Sign::read(&config.data)
            && runtime.block_on(answers(client, address))
        {
            return Ok((address, false));
        }
        thread::sleep(TRY_PAUSE);
    }
    Err(locked.unwrap_or_else(|| Error::Locked { folder: config.data.clone() }.into()))
}

async fn answers(client: &Client, address: SocketAddr) -> bool {
    let answer = client.get(format!("http://{address}/healthz")).send().await;
    answer.is_ok_and(|response| response.status().is_success())
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(bytes).map_err(|error| unreadable(&error))
}

fn unreadable(why: impl std::fmt::Display) -> Failure {
    let sentence = format!("the device answered something that cannot be read ({why}); is it an older program?");
    Problem::new("unreadable_answer", sentence).into()
}

fn gone(error: reqwest::Error) -> Failure {
    let error = error.without_url();
    let sentence = format!("the process that serves this device did not answer ({error}); look whether it still runs");
    Problem::new("no_answer", sentence).into()
}
