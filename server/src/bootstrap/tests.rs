use std::path::PathBuf;

use outpost_schema::world::Seeded;
use tempfile::TempDir;

use super::*;
use crate::db::fixture::{AT_START, DEPOT, Network, OFFICE, TILL};

struct Office {
    network: Network,
    folder: TempDir,
}

impl Office {
    async fn open() -> Self {
        let (network, folder) = (Network::open(3).await, TempDir::new().unwrap());
        let epoch = network.server.epoch().await.unwrap().epoch_id;
        network.server.keep_files(folder.path(), epoch).unwrap();
        network.stock(0..10, 5).await;
        Self { network, folder }
    }

    async fn ready(&self, caller: Caller) -> Result<Arc<Ready>, NoFile> {
        ready(&self.network.server, caller, AT_START, schema::digest()).await
    }

    /// Another process over the same database and folder.
    async fn again(&self) -> Arc<Server> {
        let server = Server::open(self.network.database.config(), Arc::new(Seeded::new(4))).await.unwrap();
        let epoch = server.epoch().await.unwrap().epoch_id;
        server.keep_files(self.folder.path(), epoch).unwrap();
        Arc::new(server)
    }

    fn files(&self, ending: &str) -> Vec<PathBuf> {
        let paths = fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path());
        paths.filter(|path| path.to_string_lossy().ends_with(ending)).collect()
    }
}

#[tokio::test]
async fn a_file_is_used_again_by_the_next_process_unless_it_was_damaged() {
    let office = Office::open().await;
    let first = office.ready(TILL).await.unwrap();
    assert_eq!(first.manifest.nodes, [TILL.node_id]);
    let server = office.again().await;
    let found = ready(&server, TILL, AT_START, schema::digest()).await.unwrap();
    assert_eq!((found.manifest.clone(), server.files().unwrap().made()), (first.manifest.clone(), 0));

    let mut bytes = fs::read(&first.path).unwrap();
    bytes[50] ^= 1;
    fs::write(&first.path, bytes).unwrap();
    let server = office.again().await;
    ready(&server, TILL, AT_START, schema::digest()).await.unwrap();
    assert_eq!(server.files().unwrap().made(), 1, "what is not what it was is made anew");
}

#[tokio::test]
async fn nodes_that_receive_other_places_have_another_file() {
    let office = Office::open().await;
    let (till, wider) = (office.ready(TILL).await.unwrap(), office.ready(OFFICE).await.unwrap());
    assert_ne!(till.manifest.digest, wider.manifest.digest);
    assert!(wider.manifest.rows > till.manifest.rows, "{DEPOT} too");
}

#[tokio::test]
async fn none_is_served_behind_which_notes_of_what_is_gone_were_dropped() {
    let office = Office::open().await;
    let first = office.ready(TILL).await.unwrap();
    assert_eq!(office.ready(TILL).await.unwrap().manifest, first.manifest, "nothing has changed");
    office.network.stock(10..11, 5).await;
    let sql = "update feed_horizon set dropped = (select max(changed::text::bigint)::text::xid8 from feed)";
    office.network.client.batch_execute(sql).await.unwrap();
    let next = office.ready(TILL).await.unwrap();
    assert_ne!(next.manifest.digest, first.manifest.digest);
    assert_eq!(office.files(".zst"), std::slice::from_ref(&next.path), "the former one is gone");
}

#[tokio::test]
async fn an_old_file_is_served_once_more_and_made_anew() {
    let office = Office::open().await;
    let first = office.ready(TILL).await.unwrap();
    office.network.world.pass(2 * 60 * 60);
    office.network.stock(10..11, 5).await;
    assert_eq!(office.ready(TILL).await.unwrap().manifest, first.manifest, "nobody waits for the next one");
    let slot = office.network.server.files().unwrap().slot(&name(first.manifest.epoch, &[crate::db::fixture::SHOP]));
    let _made = slot.turn.lock().await;
    assert_ne!(office.ready(TILL).await.unwrap().manifest, first.manifest);
}

#[tokio::test]
async fn what_another_life_or_a_killed_process_left_goes_at_the_start() {
    let office = Office::open().await;
    office.ready(TILL).await.unwrap();
    fs::write(office.folder.path().join("making-of-a-killed-one.db"), b"half").unwrap();
    fs::write(office.folder.path().join("0123.db.zst"), b"nobody's").unwrap();
    office.again().await;
    assert_eq!((office.files(".zst").len(), office.files(".json").len(), office.files(".db").len()), (1, 1, 0));
    let sql = "insert into epochs (number, epoch_id, system_identifier, timeline, started_at)
        select number + 1, gen_random_uuid(), system_identifier, timeline, started_at from epochs";
    office.network.client.batch_execute(sql).await.unwrap();
    office.again().await;
    assert_eq!((office.files(".zst").len(), office.files(".json").len()), (0, 0));
}

#[tokio::test]
async fn who_is_served_no_file_is_told_why() {
    let office = Office::open().await;
    let code = |result: Result<Arc<Ready>, NoFile>| result.unwrap_err().code();
    let server = &office.network.server;
    assert_eq!(code(ready(server, TILL, AT_START, Hash::START).await), "no_file_for_schema");
    let stranger = Caller { node_id: OFFICE.node_id, ..TILL };
    assert_eq!(code(office.ready(stranger).await), "unknown_node");
    let ahead = Standing { acked: outpost_schema::journal::Mark { seq: 1, hash: Hash::START }, ..AT_START };
    assert_eq!(code(ready(server, TILL, ahead, schema::digest()).await), "not_agreed");
    let bare = Network::open(5).await;
    assert_eq!(code(ready(&bare.server, TILL, AT_START, schema::digest()).await), "no_file");
}
