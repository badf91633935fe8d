//! A roll call: somebody has counted, and asks how far the other devices of the place are.
//!
//! Those that are in contact wait here for news. They are answered, say with their next pull where their journals stand,
//! and wait again. That pull was made after the question, so whatever they write beyond it was done after the eyes had
//! counted. Who does not answer in time is not in contact. A device that waits at another process of head
//! office is not woken either, and is silent: then its ops are put before or after the count by their time.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use outpost_schema::{
    count::Upto,
    id::{IncarnationId, WarehouseId},
};
use outpost_sync::wire::{Caller, Marks, Standing};
use tokio::sync::Notify;

use crate::{db::nodes, error::Error, feed::Pulls, server::Server};

/// How long who asks waits: a device on a line that is up answers in a fraction of it.
const PATIENCE: Duration = Duration::from_secs(1);

/// Calls that are open.
#[derive(Debug, Default)]
pub struct RollCalls(Mutex<Book>);

#[derive(Debug, Default)]
struct Book {
    next: u64,
    open: HashMap<u64, Call>,
}

#[derive(Debug)]
struct Call {
    place: WarehouseId,
    /// Whom something was answered since: whatever they say next, they say after the question.
    woken: BTreeSet<IncarnationId>,
    answered: BTreeMap<IncarnationId, i64>,
    bell: Arc<Notify>,
}

/// A call, until this is dropped.
struct Calling<'a> {
    calls: &'a RollCalls,
    number: u64,
    bell: Arc<Notify>,
}

impl Drop for Calling<'_> {
    fn drop(&mut self) {
        self.calls.book().open.remove(&self.number);
    }
}

impl Calling<'_> {
    fn answered(&self) -> BTreeMap<IncarnationId, i64> {
        self.calls.book().open.get(&self.number).map(|call| call.answered.clone()).unwrap_or_default()
    }
}

impl RollCalls {
    /// Somebody who hears of these places says where its journal stands.
    pub fn hear(&self, places: &[WarehouseId], standing: Standing) {
        let life = standing.incarnation_id;
        let mut book = self.book();
        let asked = book.open.values_mut().filter(|call| places.contains(&call.place) && call.woken.contains(&life));
        for call in asked {
            call.answered.entry(life).or_insert(standing.head.seq);
            call.bell.notify_one();
        }
    }

    /// Whether somebody waits for this life to say where it stands, so that it must be answered now.
    pub fn wakes(&self, places: &[WarehouseId], life: IncarnationId) -> bool {
        let mut book = self.book();
        let asks = |call: &&mut Call| places.contains(&call.place) && !call.answered.contains_key(&life);
        book.open.values_mut().filter(asks).map(|call| call.woken.insert(life)).count() > 0
    }

    fn open(&self, place: WarehouseId) -> Calling<'_> {
        let bell = Arc::new(Notify::new());
        let mut book = self.book();
        let number = book.next;
        book.next += 1;
        book.open
            .insert(number, Call { place, woken: BTreeSet::new(), answered: BTreeMap::new(), bell: Arc::clone(&bell) });
        Calling { calls: self, number, bell }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks every other device of the caller's place how far it is, and waits a moment for the answers.
///
/// # Errors
/// If the caller is unknown, or Postgres fails.
pub async fn ask(server: &Server, pulls: &Pulls, caller: Caller) -> Result<Marks, Error> {
    let place = server.db.snapshot(|tx| async move { nodes::beside(&tx, caller).await }).await?;
    let nodes::Beside { warehouse_id, others } = place.ok_or(Error::UnknownNode)?;
    let call = pulls.calls.open(warehouse_id);
    pulls.waiting.ring(warehouse_id.0);
    let time_is_up = tokio::time::sleep(PATIENCE);
    tokio::pin!(time_is_up);
    let is_everybody =
        |answered: &BTreeMap<IncarnationId, i64>| others.iter().all(|(life, _)| answered.contains_key(life));
    while !is_everybody(&call.answered()) {
        tokio::select! {
            () = &mut time_is_up => break,
            () = call.bell.notified() => {}
        }
    }
    let answered = call.answered();
    let silent = others.iter().filter(|(life, _)| !answered.contains_key(life)).map(|(_, name)| name.clone()).collect();
    let of_others = answered.into_iter().filter(|(life, _)| *life != caller.incarnation_id);
    let marks = of_others.map(|(incarnation_id, seq)| Upto { incarnation_id, seq }).collect();
    Ok(Marks { marks, silent })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]
mod tests {
    use outpost_schema::journal::Mark;

    use super::*;
    use crate::{
        db::fixture::{AT_START, Network, OFFICE, SHOP, TILL},
        feed,
    };

    /// The office's device, whose journal is so long.
    fn at(seq: i64) -> Standing {
        let head = Mark { seq, ..AT_START.head };
        Standing { incarnation_id: OFFICE.incarnation_id, head, acked: AT_START.acked }
    }

    #[test]
    fn only_what_is_said_after_the_question_is_an_answer() {
        let calls = RollCalls::default();
        let (call, life) = (calls.open(SHOP), OFFICE.incarnation_id);
        calls.hear(&[SHOP], at(3));
        assert!(call.answered().is_empty(), "that was on its way before");
        assert!(calls.wakes(&[SHOP], life));
        calls.hear(&[SHOP], at(4));
        assert!(!calls.wakes(&[SHOP], life), "nobody is asked twice");
        calls.hear(&[SHOP], at(5));
        assert_eq!(call.answered(), BTreeMap::from([(life, 4)]));
        drop(call);
        let _another = calls.open(WarehouseId(uuid::Uuid::nil()));
        assert!(!calls.wakes(&[SHOP], life), "that is another place");
    }

    #[tokio::test]
    async fn who_waits_for_news_says_how_far_it_is_and_who_does_not_is_named() {
        let network = Network::open(1).await;
        network.all_stand_in(SHOP).await;
        let (server, pulls) = (&network.server, Pulls::default());
        let first = feed::page(server, OFFICE, at(3), None, feed::Limits::default()).await.unwrap();
        let outpost_sync::wire::Pulled::Page(page) = first.pulled else { panic!("a page") };
        let cursor = page.cursor.parse().unwrap();
        let device = async {
            // Far longer than anybody waits for its answer: it returns because it is asked.
            let wait = 20 * PATIENCE;
            feed::follow(server, &pulls, (OFFICE, at(3)), Some(&cursor), wait).await.unwrap();
            feed::follow(server, &pulls, (OFFICE, at(4)), Some(&cursor), Duration::ZERO).await.unwrap();
        };
        let (told, ()) = tokio::join!(ask(server, &pulls, TILL), device);
        let marks = vec![Upto { incarnation_id: OFFICE.incarnation_id, seq: 4 }];
        assert_eq!(told.unwrap(), Marks { marks, silent: Vec::new() });
        let told = ask(server, &pulls, TILL).await.unwrap();
        assert_eq!(told, Marks { marks: Vec::new(), silent: vec!["Office".to_owned()] });
    }
}
