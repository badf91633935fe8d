//! What seeds stand on: one database and one server for each thread, which a seed borrows and leaves for the
//! next. Connections are dear, and so is what each of them has prepared; an emptied database is like a fresh
//! one, and a server keeps nothing of its own but the world that it reads.

use std::{
    cell::RefCell,
    sync::{Arc, Mutex},
};

use axum::Router;
use outpost_schema::{
    clock::Timestamp,
    world::{Seeded, World},
};
use outpost_server::{api, db::settings, epoch, server::Server, testing::TestDatabase};
use tokio_postgres::{Client, Config};

use super::{book::Auditor, rows::Rows};

/// Seeds after which what earlier ones left behind in the tables is cleared away.
const SEEDS_BETWEEN_SWEEPS: u32 = 64;

thread_local! {
    static GROUND: RefCell<Option<Ground>> = const { RefCell::new(None) };
}

/// The world of whichever seed is on.
#[derive(Clone)]
struct Present(Arc<Mutex<Arc<Seeded>>>);

impl Present {
    fn seed(&self) -> Arc<Seeded> {
        Arc::clone(&self.0.lock().expect("sound"))
    }
}

impl World for Present {
    fn now(&self) -> Timestamp {
        self.seed().now()
    }

    fn chance(&self) -> [u8; 16] {
        self.seed().chance()
    }
}

/// A server that runs, and how it is reached.
struct Running {
    server: Arc<Server>,
    router: Router,
}

/// One thread's database and what is connected to it.
struct Ground {
    running: Option<Running>,
    present: Present,
    auditor: Auditor,
    hand: Client,
    fresh: Rows,
    seeds: u32,
    database: TestDatabase,
}

impl Ground {
    async fn new() -> Self {
        let database = TestDatabase::create().await;
        let (auditor, hand) = (Auditor::new(database.connect().await).await, database.connect().await);
        hand.batch_execute("set synchronous_commit = off").await.expect("a session's setting");
        let fresh = Rows::read(&hand).await;
        // What the first server draws while it opens is no seed's.
        let present = Present(Arc::new(Mutex::new(Arc::new(Seeded::new(0)))));
        let running = Some(run(unhurried(&database), &present).await);
        Self { running, present, auditor, hand, fresh, seeds: 0, database }
    }

    /// Begins a network in the emptied database, as a server does that opens a fresh one.
    async fn empty(&mut self, world: &Arc<Seeded>) {
        self.seeds += 1;
        if self.seeds.is_multiple_of(SEEDS_BETWEEN_SWEEPS) {
            self.hand.batch_execute("vacuum").await.expect("the tables are swept");
        }
        // A seed that failed half-way may have left one open.
        self.hand.batch_execute("rollback").await.expect("nothing is open");
        self.fresh.pour(&self.hand).await;
        *self.present.0.lock().expect("sound") = Arc::clone(world);
        let Running { server, .. } = self.running.as_ref().expect("it runs between seeds");
        let begun = server.db.transaction(|tx| async move {
            epoch::present(&tx, &*server.world).await?;
            settings::currency(&tx, None).await
        });
        begun.await.expect("a network begins");
    }

    /// Whether it may be used again: the server runs, and what was connected still is. It is not if the runtime
    /// is gone that it was connected on.
    fn is_sound(&self) -> bool {
        self.running.is_some() && !self.hand.is_closed() && !self.auditor.client().is_closed()
    }
}

/// Commits need not wait for a disk that nobody pulls out.
fn unhurried(database: &TestDatabase) -> Config {
    let mut config = database.config();
    config.options("-c synchronous_commit=off");
    config
}

async fn run(config: Config, present: &Present) -> Running {
    let server = Arc::new(Server::open(config, Arc::new(present.clone())).await.expect("the server opens"));
    Running { router: api::router(Arc::clone(&server)), server }
}

/// The thread's ground, for one seed.
pub struct Lent(Option<Ground>);

impl Lent {
    /// The ground with nothing on it, for the seed of this world.
    pub async fn emptied(world: &Arc<Seeded>) -> Self {
        let mut ground = match GROUND.take().filter(Ground::is_sound) {
            Some(ground) => ground,
            None => Ground::new().await,
        };
        ground.empty(world).await;
        Self(Some(ground))
    }

    fn ground(&self) -> &Ground {
        self.0.as_ref().expect("it is given back only at the end")
    }

    fn running(&self) -> &Running {
        self.ground().running.as_ref().expect("the server is closed only for a moment")
    }

    /// The server.
    pub fn server(&self) -> &Arc<Server> {
        &self.running().server
    }

    /// How it is reached.
    pub fn router(&self) -> Router {
        self.running().router.clone()
    }

    /// Who reads the book.
    pub fn auditor(&self) -> &Auditor {
        &self.ground().auditor
    }

    /// A connection for whatever else is done to the database.
    pub fn hand(&self) -> &Client {
        &self.ground().hand
    }

    /// Ends the server, with its connections.
    pub fn close(&mut self) {
        self.0.as_mut().expect("it is given back only at the end").running = None;
    }

    /// Starts it again.
    pub async fn open_again(&mut self) -> Router {
        let ground = self.0.as_mut().expect("it is given back only at the end");
        ground.running = Some(run(unhurried(&ground.database), &ground.present).await);
        self.router()
    }
}

impl Drop for Lent {
    /// What a failed seed leaves is not trusted.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            GROUND.set(self.0.take());
        }
    }
}
