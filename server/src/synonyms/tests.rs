#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::sync::Arc;

use outpost_schema::{
    synonym::{GROUPS_OF_ONE_MAX, Synonyms},
    world::Seeded,
};
use tokio_postgres::Client;

use super::*;
use crate::testing::TestDatabase;

struct Office {
    server: Server,
    outside: Client,
    _database: TestDatabase,
}

impl Office {
    async fn open() -> Self {
        let database = TestDatabase::create().await;
        let server = Server::open(database.config(), Arc::new(Seeded::new(3))).await.unwrap();
        let outside = database.connect().await;
        Self { server, outside, _database: database }
    }

    async fn all(&self) -> Vec<Synonyms> {
        self.server.db.snapshot(|tx| async move { synonyms::list(&tx, None, 100).await }).await.unwrap()
    }

    /// What is kept, as people write it.
    async fn lines(&self) -> Vec<String> {
        let mut lines: Vec<_> = self.all().await.iter().map(|kept| kept.group.to_string()).collect();
        lines.sort();
        lines
    }

    /// Of how many groups the feed says that they are there, and of how many that they are gone.
    async fn feed(&self) -> (i64, i64) {
        let sql = "select count(*) filter (where not gone), count(*) filter (where gone) from feed
            where kind = 22 and scope = '00000000-0000-0000-0000-000000000000'";
        let row = self.outside.query_one(sql, &[]).await.unwrap();
        (row.get(0), row.get(1))
    }
}

fn groups(lines: &[&str]) -> Vec<Group> {
    lines.iter().map(|line| line.parse().unwrap()).collect()
}

#[tokio::test]
async fn groups_are_added_once_and_taken_out_and_everyone_is_told() {
    let office = Office::open().await;
    let lines = ["soft drink, soda, pop", "trainers => sneakers"];
    let changed = add(&office.server, &groups(&lines)).await.unwrap();
    assert_eq!(changed, Changed { added: 2, removed: 0 });
    let changed = add(&office.server, &groups(&["POP, Soft Drink, soda"])).await.unwrap();
    assert_eq!(changed, Changed { added: 0, removed: 0 }, "it is there already");
    assert_eq!((office.lines().await, office.feed().await), (lines.map(str::to_owned).to_vec(), (2, 0)));

    let [first, _] = office.all().await.try_into().unwrap();
    remove(&office.server, first.synonyms_id).await.unwrap();
    assert_eq!(office.feed().await, (1, 1));
    assert_eq!(remove(&office.server, first.synonyms_id).await.map_err(|error| error.code()), Err("not_found"));
    assert_eq!(office.server.laws().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_file_is_all_that_there_is_or_changes_nothing() {
    let office = Office::open().await;
    add(&office.server, &groups(&["soda, pop", "couch, sofa"])).await.unwrap();
    let sofa = office.all().await.into_iter().find(|kept| kept.group.to_string() == "couch, sofa").unwrap();
    let changed = replace(&office.server, &groups(&["couch, sofa", "trainers, sneakers"])).await.unwrap();
    assert_eq!(changed, Changed { added: 1, removed: 1 });
    assert_eq!(office.lines().await, ["couch, sofa", "trainers, sneakers"]);
    assert!(office.all().await.contains(&sofa), "what stays is not told again");

    let too_often: Vec<String> =
        (b'a'..).take(GROUPS_OF_ONE_MAX + 1).map(|letter| format!("pop, p{}", char::from(letter))).collect();
    let too_often = groups(&too_often.iter().map(String::as_str).collect::<Vec<_>>());
    let refused = replace(&office.server, &too_often).await.map_err(|error| error.code());
    assert_eq!((refused, office.lines().await.len()), (Err("synonym_too_often"), 2));
    assert_eq!(office.feed().await, (2, 1));
}

#[tokio::test]
async fn two_who_add_at_once_keep_the_limits() {
    let office = Office::open().await;
    let one = |from: usize| -> Vec<Group> {
        let letters = (b'a'..).skip(from).take(GROUPS_OF_ONE_MAX);
        letters.map(|letter| format!("pop, p{}", char::from(letter)).parse().unwrap()).collect()
    };
    let (first, second) = (one(0), one(GROUPS_OF_ONE_MAX));
    let (first, second) = tokio::join!(add(&office.server, &first), add(&office.server, &second));
    assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
    assert_eq!(office.lines().await.len(), GROUPS_OF_ONE_MAX);
}
