//! A node with its carts, its line and its API: what `serve` runs for good, and a verb for a moment.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use axum::Router;
use outpost_sync::wire::Problem;
use tokio::net::TcpListener;

use super::Failure;
use crate::{
    carts::Carts,
    config::Config,
    courier::Courier,
    error::Error,
    node::Node,
    search::Search,
    time::Real,
    uplink::Uplink,
    web::{self, App, Line},
};

/// Where the serving process writes its address.
const SERVING: &str = "serving";

/// An open house: its API has an address and waits to be served.
pub(super) struct House {
    pub(super) app: Arc<App>,
    pub(super) name: String,
    pub(super) address: SocketAddr,
    listener: TcpListener,
}

impl House {
    /// Opens the folder and the door. With a courier if it is to stay.
    pub(super) async fn open(config: &Config, at: SocketAddr, stays: bool) -> Result<Self, Failure> {
        if !config.data.is_dir() {
            return Err(Error::NotJoined.into());
        }
        let node = Arc::new(Node::open_with(&config.data, config.witness.as_deref(), Arc::new(Real))?);
        let identity = node.identity()?.ok_or(Error::NotJoined)?;
        let server = config.server.clone().unwrap_or_else(|| identity.card.server.clone());
        let uplink = Uplink::new(&server, identity.node_id())?;
        let carts = Carts::open(Arc::clone(&node), &config.data)?;
        let listener = TcpListener::bind(at).await.map_err(|error| cannot_listen(at, &error))?;
        let address = listener.local_addr().map_err(|error| cannot_listen(at, &error))?;
        let line = if stays {
            let questions = Some(Box::new(Uplink::new(&server, identity.node_id())?));
            let courier = Courier::start(Arc::clone(&node), uplink).map_err(|error| no_courier(&error))?;
            Line::Carried { courier, questions }
        } else {
            Line::OnCall { server }
        };
        let search = if stays { Search::open } else { Search::on_call }(Arc::clone(&node));
        let app = App { node, carts, search, line, refund_caps: config.refund_caps };
        Ok(Self { app: Arc::new(app), name: identity.card.name, address, listener })
    }

    /// What is to be served, and where.
    pub(super) fn into_service(self) -> (TcpListener, Router) {
        let router = web::router(self.app, self.address);
        (self.listener, router)
    }
}

/// The sign at the door: the address of the process that serves the folder. A sign that a killed
/// process left behind misleads nobody: then the folder is not locked.
pub(super) struct Sign(PathBuf);

impl Sign {
    /// Puts the sign up.
    pub(super) fn put_up(folder: &Path, address: SocketAddr) -> Result<Self, Failure> {
        let path = folder.join(SERVING);
        match fs::write(&path, address.to_string()).map_err(|cause| Error::files(&path, cause)) {
            // What waits can still be sent; the verbs alone do not find the way.
            Err(Error::DiskFull) => tracing::warn!("the disk is full; commands will not find this process"),
            written => written?,
        }
        Ok(Self(path))
    }

    /// Reads the sign.
    pub(super) fn read(folder: &Path) -> Option<SocketAddr> {
        fs::read_to_string(folder.join(SERVING)).ok().and_then(|text| text.trim().parse().ok())
    }
}

impl Drop for Sign {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0) {
            tracing::debug!(%error, "the sign could not be taken down");
        }
    }
}

fn cannot_listen(at: SocketAddr, error: &std::io::Error) -> Failure {
    let sentence = format!("this device cannot listen at {at} ({error}); name another address with --listen");
    Problem::new("cannot_listen", sentence).into()
}

fn no_courier(error: &std::io::Error) -> Failure {
    Problem::new("no_courier", format!("the courier cannot start ({error}); restart the machine")).into()
}
