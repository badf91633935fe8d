//! The real head office: the shipped server behind its router, over a real Postgres.

mod book;
pub mod depth;
mod desk;
mod ground;
mod opening;
mod rows;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex};

use axum::Router;
use outpost_schema::{
    device::Card,
    id::{BackupId, NodeId, ProductId},
    world::{Seeded, World as _},
};
use outpost_server::db::backups::{self, Kept};

use self::{ground::Lent, rows::Rows};
use crate::{
    office::{Answer, Book, Harm, Office, Opening, Shelf, Weather},
    step::Deed,
    wire::{self, Door, Wire},
};

/// Where a restored database says that it came from.
const YESTERDAY: &str = "yesterday";

/// The shipped server over a database that the seeds of one thread share, one after the other.
pub struct PostgresOffice {
    ground: Lent,
    door: Door,
    world: Arc<Seeded>,
    cards: Vec<Card>,
    products: Vec<ProductId>,
    /// What the transaction that stays open changes.
    slow: Option<ProductId>,
    /// The book as it was looked at last.
    last: Option<Book>,
}

impl PostgresOffice {
    /// Head office's program ends, whatever it is doing: what it had not committed never happened.
    async fn end(&mut self) {
        self.end_slow(false).await;
        *self.door.lock().expect("sound") = Router::new();
        self.ground.close();
    }

    /// It starts again.
    async fn begin(&mut self) {
        *self.door.lock().expect("sound") = self.ground.open_again().await;
    }
}

impl Office for PostgresOffice {
    type Line = Wire;
    type Backup = Rows;

    async fn open(opening: &Opening, world: &Arc<Seeded>) -> Self {
        let ground = Lent::emptied(world).await;
        let (cards, products) = opening::set_up(ground.server(), opening).await;
        let door = Arc::new(Mutex::new(ground.router()));
        Self { ground, door, world: Arc::clone(world), cards, products, slow: None, last: None }
    }

    fn cards(&self) -> Vec<Card> {
        self.cards.clone()
    }

    fn products(&self) -> Vec<ProductId> {
        self.products.clone()
    }

    fn lay(&self, node: NodeId) -> Wire {
        Wire::lay_to(Arc::clone(&self.door), node)
    }

    async fn act(&mut self, deed: &Deed) -> Answer {
        match self.carry_out(deed).await {
            Ok(()) => Answer::Done,
            Err(code) => Answer::Refused(code),
        }
    }

    /// The server reads its own laws off the book again only if something in it is another than at the last look.
    async fn book(&mut self) -> Book {
        let mut book = self.ground.auditor().book().await;
        if let Some(last) = &self.last {
            book.broken.clone_from(&last.broken);
        }
        if self.last.as_ref() != Some(&book) {
            book.broken = self.ground.server().laws().await.expect("the book can be read");
            self.last = Some(book.clone());
        }
        book
    }

    async fn shelf(&mut self) -> Shelf {
        self.ground.auditor().shelf().await
    }

    /// As `outpost-server backup --keep 1` does: read as of one moment while the server works, counted when it
    /// is whole, and then alone.
    async fn back_up(&mut self) -> Rows {
        let rows = Rows::read(self.ground.auditor().client()).await;
        let (taken_at, backup_id) = (self.world.now(), BackupId::new(self.world.now(), self.world.id_chance()));
        let folder = format!("/backups/{backup_id}").into();
        let taken = &Kept { backup_id, taken_at, folder, bytes: rows.bytes() };
        let work = |tx| async move {
            let gone: Vec<BackupId> = backups::kept(&tx).await?.iter().map(|kept| kept.backup_id).collect();
            backups::forget(&tx, &gone).await?;
            // Nothing was booked since it was read, so these are its own marks.
            backups::insert(&tx, taken, &backups::marks(&tx).await?).await
        };
        self.ground.server().db.transaction(work).await.expect("a backup is counted");
        rows
    }

    /// As `outpost-server restore` does; whoever opens the database then begins its next epoch.
    async fn put_back(&mut self, backup: &Rows) {
        self.end().await;
        let client = self.ground.hand();
        backups::begin_restore(client, YESTERDAY).await.expect("a restore begins");
        backup.pour(client).await;
        backups::pass_restore(client).await.expect("a restore ends");
        self.begin().await;
    }

    async fn restart(&mut self) {
        self.end().await;
        self.begin().await;
    }
}

impl Weather for Wire {
    fn weather(&self, seed: u64, in_a_hundred: usize) {
        Self::weather(self, seed, in_a_hundred);
    }

    fn cut(&self) {
        Self::cut(self);
    }

    fn mend(&self) {
        Self::mend(self);
    }

    fn is_late(&self) -> bool {
        Self::is_late(self)
    }

    fn harm(&self) -> Harm {
        let wire::Harm { dropped, repeated, reordered, truncated, whole } = Self::harm(self);
        Harm { dropped, repeated, reordered, truncated, whole }
    }
}
