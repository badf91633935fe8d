//! The line between a node and the server, as a person could cut it with scissors: a TCP relay on
//! loopback that carries bytes until it is cut, and again once it is mended.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinHandle,
};

/// Bytes that an unlimited line may carry: more than any run does.
const UNLIMITED: i64 = i64::MAX;

/// A line that can be cut and mended. Dropping it cuts it for good.
pub struct Line {
    address: SocketAddr,
    state: Arc<State>,
    accepting: JoinHandle<()>,
}

struct State {
    to: SocketAddr,
    is_cut: watch::Sender<bool>,
    /// How many bytes, of both directions together, may still pass before the line cuts itself.
    budget: AtomicI64,
    carried: AtomicI64,
}

impl Line {
    /// Lays a line to `to`.
    ///
    /// # Errors
    /// If no loopback port is free.
    pub async fn lay(to: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (is_cut, _) = watch::channel(false);
        let state = Arc::new(State { to, is_cut, budget: AtomicI64::new(UNLIMITED), carried: AtomicI64::new(0) });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&state)));
        Ok(Self { address, state, accepting })
    }

    /// Where the node's end is.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Cuts it: what is under way breaks off, and nothing new gets through.
    pub fn cut(&self) {
        self.state.is_cut.send_replace(true);
    }

    /// Mends it.
    pub fn mend(&self) {
        self.state.budget.store(UNLIMITED, Ordering::SeqCst);
        self.state.is_cut.send_replace(false);
    }

    /// Lets `bytes` more pass, then cuts itself at exactly that byte.
    pub fn cut_after(&self, bytes: i64) {
        self.state.budget.store(bytes, Ordering::SeqCst);
    }

    /// Bytes carried so far, both ways.
    pub fn carried(&self) -> i64 {
        self.state.carried.load(Ordering::SeqCst)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    while let Ok((near, _)) = listener.accept().await {
        if *state.is_cut.borrow() {
            continue;
        }
        tokio::spawn(carry(near, Arc::clone(&state)));
    }
}

async fn carry(near: TcpStream, state: Arc<State>) {
    let Ok(far) = TcpStream::connect(state.to).await else { return };
    let mut is_cut = state.is_cut.subscribe();
    let (near_reads, near_writes) = near.into_split();
    let (far_reads, far_writes) = far.into_split();
    tokio::select! {
        _ = is_cut.wait_for(|cut| *cut) => {}
        () = relay(near_reads, far_writes, &state) => {}
        () = relay(far_reads, near_writes, &state) => {}
    }
}

async fn relay(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, state: &State) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let wanted = i64::try_from(read).expect("a buffer's length");
        let left = state.budget.fetch_sub(wanted, Ordering::SeqCst);
        let passes = usize::try_from(wanted.min(left).max(0)).expect("not negative");
        state.carried.fetch_add(wanted.min(left).max(0), Ordering::SeqCst);
        if to.write_all(&buffer[..passes]).await.is_err() {
            return;
        }
        if passes < read {
            state.is_cut.send_replace(true);
            return;
        }
    }
}
