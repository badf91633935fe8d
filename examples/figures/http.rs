//! Head office on a real socket, and the lightest caller there can be: what is measured is the server,
//! and both share this machine's cores.

use std::{future::IntoFuture as _, net::SocketAddr, sync::Arc};

use outpost_server::{api, server::Server};
use outpost_sync::{
    codec::{Encoded, Form, decode},
    wire::{ACKED_HEADER, HEAD_HEADER, NODE_HEADER, PROTOCOL, PROTOCOL_HEADER, Standing},
};
use serde::de::DeserializeOwned;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::{goods, report::Outcome};

/// Serves the real router on loopback until the runtime ends.
pub async fn serve(server: Arc<Server>) -> Outcome<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(axum::serve(listener, api::router(server)).into_future());
    Ok(address)
}

/// One connection that is kept open.
#[derive(Debug)]
pub struct Line {
    stream: TcpStream,
    written: Vec<u8>,
    read: Vec<u8>,
}

impl Line {
    /// Connects.
    pub async fn open(address: SocketAddr) -> Outcome<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, written: Vec::new(), read: Vec::new() })
    }

    /// Posts a body as the made-up till and reads the answer.
    pub async fn post<T: DeserializeOwned>(
        &mut self,
        path: &str,
        standing: Option<Standing>,
        body: &Encoded,
    ) -> Outcome<T> {
        self.written.clear();
        self.written.extend_from_slice(head(path, standing, body).as_bytes());
        self.written.extend_from_slice(&body.bytes);
        self.stream.write_all(&self.written).await?;
        let (is_zstd, answer) = self.answer().await?;
        Ok(decode(Form::Binary, is_zstd.then_some("zstd"), answer)?)
    }

    /// Asks for what there is at a path.
    pub async fn get(&mut self, path: &str) -> Outcome<String> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: figures\r\n\r\n");
        self.stream.write_all(request.as_bytes()).await?;
        Ok(String::from_utf8_lossy(self.answer().await?.1).into_owned())
    }

    /// The answer's body, and whether it is compressed.
    async fn answer(&mut self) -> Outcome<(bool, &[u8])> {
        self.read.clear();
        let end = loop {
            if let Some(at) = self.read.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            self.more().await?;
        };
        self.read[..end].make_ascii_lowercase();
        let head = std::str::from_utf8(&self.read[..end])?;
        let length: usize = field(head, "content-length").ok_or("an answer without its length")?.parse()?;
        let (is_good, is_zstd) = (head.starts_with("http/1.1 2"), field(head, "content-encoding") == Some("zstd"));
        while self.read.len() < end + length {
            self.more().await?;
        }
        if !is_good {
            return Err(String::from_utf8_lossy(&self.read[..end + length]).into());
        }
        Ok((is_zstd, &self.read[end..end + length]))
    }

    async fn more(&mut self) -> Outcome {
        match self.stream.read_buf(&mut self.read).await? {
            0 => Err("the server closed the line".into()),
            _ => Ok(()),
        }
    }
}

fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    fields.filter(|(field, _)| *field == name).map(|(_, value)| value.trim()).next()
}

fn head(path: &str, standing: Option<Standing>, body: &Encoded) -> String {
    let mut head = format!(
        "POST {path} HTTP/1.1\r\nhost: figures\r\ncontent-type: {}\r\ncontent-length: {}\r\n{PROTOCOL_HEADER}: {PROTOCOL}\r\n\
         {NODE_HEADER}: {}/{}\r\n",
        Form::Binary.content_type(),
        body.bytes.len(),
        goods::node_id(),
        goods::incarnation_id(),
    );
    if body.is_zstd {
        head.push_str("content-encoding: zstd\r\n");
    }
    if let Some(Standing { head: last, acked, .. }) = standing {
        head.push_str(&format!("{HEAD_HEADER}: {}/{}\r\n", last.seq, last.hash));
        head.push_str(&format!("{ACKED_HEADER}: {}/{}\r\n", acked.seq, acked.hash));
    }
    head.push_str("\r\n");
    head
}
