//! Devices and head office as people use them: by the shipped programs' command lines, and by HTTP.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{
    Shop,
    process::{Running, run},
};

/// A device of a story: a folder, and head office's address.
pub struct Device<'a> {
    /// Its folder.
    pub folder: PathBuf,
    /// Where head office is.
    pub server: &'a str,
}

impl Device<'_> {
    /// What a command said, and whether it did what it was told.
    pub async fn says(&self, words: &str) -> (bool, String) {
        let folder = self.folder.to_string_lossy().into_owned();
        said("outpost-node", ["--data", &folder, "--server", self.server], words).await
    }

    /// What a command said that did what it was told.
    pub async fn does(&self, words: &str) -> String {
        done(words, self.says(words).await)
    }

    /// A command that does not, for a reason with this code.
    pub async fn refuses(&self, words: &str, code: &str) {
        refused(words, code, self.says(words).await);
    }

    /// It is on, and has a courier.
    pub async fn serves(&self) -> Running {
        let folder = self.folder.to_string_lossy().into_owned();
        let arguments = ["--data", &folder, "--server", self.server, "--listen", "127.0.0.1:0", "serve"];
        Running::start("outpost-node", &arguments, None).await
    }

    /// How far it is, for a count at another one.
    pub async fn mark(&self) -> String {
        self.does("mark").await.trim().to_owned()
    }
}

/// Head office of a shop: its command line, and, while it serves, its address.
pub struct Office {
    database: String,
    data: String,
    serving: Running,
}

impl Office {
    /// Serves the shop's database.
    pub async fn open(shop: &Shop) -> Self {
        let (database, data) = (shop.database.url().to_owned(), shop.spare_folder("head office"));
        let serving = head_office(shop, &data).await;
        Self { database, data: data.to_string_lossy().into_owned(), serving }
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.serving.url
    }

    /// What a command said that did what it was told.
    pub async fn does(&self, words: &str) -> String {
        done(words, self.says(words).await)
    }

    /// A command that does not, for a reason with this code.
    pub async fn refuses(&self, words: &str, code: &str) {
        refused(words, code, self.says(words).await);
    }

    async fn says(&self, words: &str) -> (bool, String) {
        said("outpost-server", ["--database", &self.database, "--data", &self.data], words).await
    }

    /// What it answers to a program that looks.
    pub async fn shows(&self, path: &str) -> Value {
        let (status, answer) = self.answers(client().get(format!("{}{path}", self.url()))).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    /// What it answers to a program that wants something: the status, and what it says.
    pub async fn takes(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = client().post(format!("{}{path}", self.url()));
        self.answers(request.header("content-type", "application/json").body(body.to_string())).await
    }

    /// The same, where something is laid down.
    pub async fn keeps(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = client().put(format!("{}{path}", self.url()));
        self.answers(request.header("content-type", "application/json").body(body.to_string())).await
    }

    async fn answers(&self, request: reqwest::RequestBuilder) -> (u16, Value) {
        let answer = request.send().await.expect("it answers");
        let (status, bytes) = (answer.status().as_u16(), answer.bytes().await.expect("it answers whole"));
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    /// It is told to end.
    pub async fn closes(self) {
        self.serving.stop().await;
    }
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().expect("a client")
}

/// Head office's program over a shop's database.
pub async fn head_office(shop: &Shop, data: &Path) -> Running {
    let data = data.to_str().expect("a path in text");
    let arguments = ["--database", shop.database.url(), "--listen", "127.0.0.1:0", "--data", data, "serve"];
    Running::start("outpost-server", &arguments, None).await
}

async fn said<const N: usize>(program: &str, settings: [&str; N], words: &str) -> (bool, String) {
    // A word may have spaces where the command has tildes.
    let words = words.split_whitespace().map(|word| word.replace('~', " "));
    let arguments: Vec<String> = settings.into_iter().map(str::to_owned).chain(words).collect();
    let done = run(program, &arguments, None).await;
    (done.status.success(), String::from_utf8([done.stdout, done.stderr].concat()).expect("text"))
}

fn done(words: &str, (is_done, text): (bool, String)) -> String {
    assert!(is_done, "{words}: {text}");
    text
}

fn refused(words: &str, code: &str, (is_done, text): (bool, String)) {
    assert!(!is_done && text.contains(&format!("({code})")), "{words}: {text}");
}
