//! Lines that are dead for weeks: what a device wrote down is carried to head office in a file, and its
//! answers and news are carried back.

use std::{fs, io::Cursor, path::PathBuf};

use outpost_node::carried::{Heard, NotCarried};
use outpost_schema::{id::ProductId, journal::Mark};
use outpost_server::carried::{self, NotTaken, Taken};
use outpost_sync::{
    carried::{Answer, Head, Reader, Sort, Told, Writer},
    round::Local as _,
    wire::{PROTOCOL, PROTOCOL_OLDEST, Pulled, Push, Pushed},
};

use crate::{
    golden::sample::{self, Version},
    support::{
        Rule, Shop, amount, line,
        process::{Running, run},
    },
};

/// Two tills on the high street with thirty of tea, ten of which the first may sell; its line is dead.
async fn shop_with_a_dead_line() -> (Shop, ProductId) {
    let shop = Shop::open(2).await;
    let tea = shop.product("TEA", "2.50", 30).await;
    shop.allot(0, tea, 10).await;
    shop.all_level().await;
    shop.tills[0].line.cut();
    (shop, tea)
}

fn export(shop: &Shop) -> Vec<u8> {
    shop.tills[0].node.export().expect("an export")
}

async fn take(shop: &Shop, file: &[u8]) -> Taken {
    carried::take(&shop.server, Cursor::new(file)).await.expect("it is taken")
}

async fn refused(shop: &Shop, file: &[u8]) -> &'static str {
    carried::take(&shop.server, Cursor::new(file)).await.expect_err("it is not taken").code()
}

async fn reply(shop: &Shop, taken: &Taken) -> Vec<u8> {
    let mut file = Vec::new();
    carried::reply(&shop.server, taken, &mut file).await.expect("a reply");
    file
}

fn import(shop: &Shop, till: usize, file: &[u8]) -> Result<Heard, NotCarried> {
    shop.tills[till].node.import(Cursor::new(file))
}

#[tokio::test]
async fn a_dead_line_is_carried_by_hand_both_ways() {
    let (shop, tea) = shop_with_a_dead_line().await;
    let (till, other) = (&shop.tills[0], &shop.tills[1]);
    till.sell(tea, 2).expect("allotted");
    // All there is, then one more.
    for units in [5, 500, 1] {
        till.node.ask(&[line(tea, units)]).expect("written down");
    }
    let cart = till.carts.begin(None).expect("a cart");
    till.carts.add(cart.cart_id(), tea, amount(1), None).expect("an add");
    other.node.receive(&[line(tea, 7)]).expect("goods come in");
    other.until_level().await;

    let file = export(&shop);
    assert_eq!((till.waiting(), till.open(tea)), (4, 8), "an export settles nothing");
    let taken = take(&shop, &file).await;
    assert_eq!((taken.new, taken.known, taken.carts(), taken.missing), (4, 0, 1, None));
    let heard = import(&shop, 0, &reply(&shop, &taken).await).expect("for this device");
    assert_eq!((heard.answered, heard.refused, heard.set_aside, heard.is_level), (4, 1, 0, true));
    assert_eq!((till.waiting(), till.node.status().expect("readable").carts_waiting), (0, 0));
    assert_eq!((till.open(tea), till.shown(tea).balance), (35, 35), "asked for, granted and told, with what came in");

    other.until_level().await;
    shop.agree().await;
}

#[tokio::test]
async fn files_may_come_twice_and_in_any_order() {
    let (shop, tea) = shop_with_a_dead_line().await;
    let till = &shop.tills[0];
    till.sell(tea, 1).expect("allotted");
    let early = export(&shop);
    till.sell(tea, 2).expect("allotted");
    let late = export(&shop);

    let of_late = take(&shop, &late).await;
    let reply_to_late = reply(&shop, &of_late).await;
    let of_early = take(&shop, &early).await;
    assert_eq!((of_late.new, of_early.new, of_early.known), (2, 0, 1), "the earlier file has nothing new");
    let again = take(&shop, &late).await;
    assert_eq!((again.new, again.known), (0, 2));
    assert_eq!(again.answers[0].pushed, of_late.answers[0].pushed, "the same answers");
    assert_eq!(shop.number("select count(*) from orders").await, 2);

    let reply_to_early = reply(&shop, &of_early).await;
    assert!(import(&shop, 0, &reply_to_late).expect("taken in").is_level);
    let (cursor, shown) = (till.node.cursor().expect("readable"), till.shown(tea));
    for file in [&reply_to_early, &reply_to_late, &reply_to_late] {
        let heard = import(&shop, 0, file).expect("it changes nothing");
        assert_eq!((heard.received, heard.passed_over), (0, 1));
    }
    assert_eq!((till.node.cursor().expect("readable"), till.shown(tea), till.waiting()), (cursor, shown, 0));
    till.line.mend();
    shop.all_level().await;
    shop.agree().await;
}

#[tokio::test]
async fn the_line_may_come_back_in_the_middle() {
    let (shop, tea) = shop_with_a_dead_line().await;
    let till = &shop.tills[0];
    till.sell(tea, 1).expect("allotted");
    let file = export(&shop);
    till.line.mend();
    till.sell(tea, 2).expect("allotted");
    till.until_level().await;

    let taken = take(&shop, &file).await;
    assert_eq!((taken.new, taken.known), (0, 1), "an old file is no sign of an old device");
    assert_eq!(shop.number("select count(*) from incarnations where state <> 'active'").await, 0);
    let reply = reply(&shop, &taken).await;
    till.sell(tea, 3).expect("allotted");
    let heard = import(&shop, 0, &reply).expect("it changes nothing");
    assert_eq!((heard.received, heard.passed_over), (0, 1), "what it tells was asked for before the round");
    assert_eq!((till.waiting(), till.shown(tea).balance), (1, 24));
    shop.all_level().await;
    assert_eq!(shop.number("select count(*) from orders").await, 3);
    shop.agree().await;
}

#[tokio::test]
async fn a_reply_from_before_the_last_sale_was_told_shows_no_old_stock() {
    let (shop, tea) = shop_with_a_dead_line().await;
    let till = &shop.tills[0];
    till.sell(tea, 1).expect("allotted");
    let reply = reply(&shop, &take(&shop, &export(&shop)).await).await;
    // The line comes back for a push, and is gone before the pull.
    till.sell(tea, 2).expect("allotted");
    till.line.mend();
    till.line.next([crate::support::wire::Fate::Passes, crate::support::wire::Fate::Passes]);
    let push = till.node.unsent().expect("readable");
    let settled = outpost_sync::round::Remote::push(&till.line, till.node.standing().expect("readable"), &push).await;
    till.node.settle(&push, &settled.expect("settled")).expect("kept");
    let heard = import(&shop, 0, &reply).expect("it changes nothing");
    assert_eq!((heard.received, heard.passed_over, till.shown(tea).balance), (0, 1, 27));
    till.line.mend();
    shop.all_level().await;
    shop.agree().await;
}

#[tokio::test]
async fn a_long_absence_is_carried_in_many_parts() {
    let (shop, tea) = shop_with_a_dead_line().await;
    let till = &shop.tills[0];
    shop.products(2_500, 3).await;
    for _ in 0..620 {
        till.node.receive(&[line(tea, 1)]).expect("goods come in");
    }
    for _ in 0..130 {
        let cart = till.carts.begin(None).expect("a cart");
        till.carts.add(cart.cart_id(), tea, amount(1), None).expect("an add");
    }
    let file = export(&shop);
    assert_eq!(Reader::open(Cursor::new(&file), Sort::Export, 1..=PROTOCOL).expect("whole").parts, 4);
    let taken = take(&shop, &file).await;
    assert_eq!((taken.new, taken.carts()), (620, 130));
    let heard = import(&shop, 0, &reply(&shop, &taken).await).expect("for this device");
    assert!(heard.received > 5_000 && heard.passed_over == 0, "{heard:?}");
    assert_eq!((till.waiting(), till.node.status().expect("readable").carts_waiting), (0, 0));
    till.line.mend();
    shop.all_level().await;
    shop.agree().await;
}

#[tokio::test]
async fn what_head_office_lost_is_asked_for_again() {
    let (shop, tea) = shop_with_a_dead_line().await;
    let till = &shop.tills[0];
    till.sell(tea, 1).expect("allotted");
    // As if head office had answered this, and then been put back to before it.
    let push = till.node.unsent().expect("readable");
    let acked = push.entries.last().expect("a sale").mark();
    let settled = Pushed::Settled { acked, verdicts: Vec::new(), carts: Vec::new() };
    till.node.settle(&push, &settled).expect("kept");
    till.sell(tea, 2).expect("allotted");

    let taken = take(&shop, &export(&shop)).await;
    assert_eq!((taken.missing, taken.new), (Some((acked.seq, acked.seq)), 0), "half of it is not taken");
    assert_eq!(shop.number("select count(*) from orders").await, 0);
    import(&shop, 0, &reply(&shop, &taken).await).expect("it is told where head office stands");
    let taken = take(&shop, &export(&shop)).await;
    assert_eq!((taken.new, taken.missing), (2, None));
    import(&shop, 0, &reply(&shop, &taken).await).expect("for this device");
    assert_eq!((till.waiting(), shop.number("select count(*) from orders").await), (0, 2));
    till.line.mend();
    shop.all_level().await;
    shop.agree().await;
}

#[tokio::test]
async fn files_that_are_not_for_here_change_nothing() {
    let (shop, tea) = shop_with_a_dead_line().await;
    let till = &shop.tills[0];
    till.sell(tea, 1).expect("allotted");
    let file = export(&shop);
    let other_network = Shop::open(0).await;
    assert_eq!(refused(&other_network, &file).await, "unknown_node");

    let mut altered = file.clone();
    let middle = altered.len() / 2;
    altered[middle] ^= 1;
    let mut newer = file.clone();
    newer[17] += 1;
    for (bytes, code) in [
        (&file[..file.len() - 40], "file_cut"),
        (&altered, "file_altered"),
        (&newer, "newer_file"),
        (b"a letter to head office", "not_carried"),
    ] {
        assert_eq!(refused(&shop, bytes).await, code);
    }
    assert_eq!(shop.number("select count(*) from orders").await, 0);

    let taken = take(&shop, &file).await;
    let reply = reply(&shop, &taken).await;
    assert_eq!(refused(&shop, &reply).await, "other_sort");
    assert_eq!(import(&shop, 0, &file).expect_err("an export").code(), "other_sort");
    assert_eq!(import(&shop, 1, &reply).expect_err("the first till's").code(), "other_device");
    assert_eq!(import(&shop, 0, &reply[..reply.len() - 1]).expect_err("cut").code(), "file_cut");
    assert_eq!(till.waiting(), 1, "nothing was settled by what was no good");
    assert!(import(&shop, 0, &reply).expect("for this device").is_level);
}

#[tokio::test]
async fn entries_that_do_not_follow_one_another_are_not_taken() {
    let (shop, tea) = shop_with_a_dead_line().await;
    for _ in 0..3 {
        shop.tills[0].sell(tea, 1).expect("allotted");
    }
    let mut file = Reader::open(Cursor::new(export(&shop)), Sort::Export, 1..=PROTOCOL).expect("whole");
    let mut push: Push = file.next_part().expect("readable").expect("a part");
    push.entries.remove(1);
    let mut forged = Writer::begin(Vec::new(), &file.head).expect("memory");
    forged.part(&push).expect("memory");
    assert_eq!(refused(&shop, &forged.end().expect("memory")).await, "disordered");
    assert_eq!(shop.number("select count(*) from orders").await, 0);
}

#[tokio::test]
async fn a_device_that_was_copied_is_noticed_by_its_file() {
    let (mut shop, tea) = shop_with_a_dead_line().await;
    let (card, folder) = (shop.tills[0].card.clone(), shop.spare_folder("copy"));
    crate::support::copy_folder(&shop.tills[0].folder, &folder);
    let copy = shop.start(card, folder, 77);
    shop.tills[0].sell(tea, 1).expect("allotted");
    copy.sell(tea, 2).expect("allotted");
    take(&shop, &export(&shop)).await;
    let taken = take(&shop, &copy.node.export().expect("an export")).await;
    assert!(taken.is_frozen(), "{taken:?}");
    let error = copy.node.import(Cursor::new(reply(&shop, &taken).await)).expect_err("its journal is over");
    assert_eq!(error.code(), "journal_over");
    assert_eq!(copy.node.export().expect_err("its journal is over").code(), "journal_over");
    assert_eq!(shop.number("select count(*) from orders").await, 1, "the other's is kept as evidence");
    shop.tills.clear();
}

#[tokio::test]
async fn a_device_that_was_away_too_long_is_told_by_the_file_too() {
    let (shop, tea) = shop_with_a_dead_line().await;
    let till = &shop.tills[0];
    till.sell(tea, 2).expect("allotted");
    shop.client().await.execute("update feed_horizon set dropped = pg_current_xact_id()", &[]).await.expect("dropped");
    let taken = take(&shop, &export(&shop)).await;
    let reply = reply(&shop, &taken).await;
    let mut file = Reader::open(Cursor::new(&reply), Sort::Reply, 1..=PROTOCOL).expect("whole");
    assert!(matches!(file.next_part::<Told>(), Ok(Some(Told::Answer(_)))), "what waited comes first");
    let told = file.next_part::<Told>().expect("readable");
    assert!(matches!(&told, Some(Told::News(pulled)) if **pulled == Pulled::TooLongAway), "{told:?}");
    let heard = import(&shop, 0, &reply).expect("for this device");
    assert_eq!((heard.answered, till.waiting()), (1, 0));
}

#[tokio::test]
async fn the_programs_carry_it_too() {
    let mut shop = Shop::open(0).await;
    shop.add_till(shop.high_street, Rule::Physical).await;
    let tea = shop.product("TEA", "2.50", 30).await;
    shop.all_level().await;
    shop.tills[0].sell(tea, 2).expect("sold");
    let till = shop.tills.remove(0);
    let (card, folder) = (till.card.clone(), till.folder.clone());
    drop(till);

    let (file, back) = (shop.spare_folder("out.outpost"), shop.spare_folder("back.outpost"));
    let [file, back] = [&file, &back].map(|path| path.to_string_lossy().into_owned());
    let data = folder.to_string_lossy().into_owned();
    let node = ["--data", &data, "--server", "http://127.0.0.1:9", "--listen", "127.0.0.1:0"];
    let office = ["--database", shop.database.url()];

    // Through the process that serves the device, whose line is dead.
    let serving = Running::start("outpost-node", &[&node[..], &["serve"]].concat(), None).await;
    told(&[&node[..], &["export", &file]].concat(), "outpost-node", "1 entries and 0 carts").await;
    let taking = [&office[..], &["import-ops", &file, "--reply", &back]].concat();
    told(&taking, "outpost-server", "1 entries were taken, 0 were known already").await;
    assert!(!run("outpost-server", &taking, None).await.status.success(), "a reply is not written over");
    told(&[&node[..], &["import", &back]].concat(), "outpost-node", "1 entries are in head office's book").await;
    serving.kill().await;

    // And without one.
    told(&[&node[..], &["import", &back]].concat(), "outpost-node", "has heard the rest already").await;
    assert!(!run("outpost-node", &[&node[..], &["import", &file]].concat(), None).await.status.success());
    shop.tills.push(shop.start(card, folder, 70));
    assert_eq!(shop.tills[0].waiting(), 0);
    shop.all_level().await;
    shop.agree().await;
}

async fn told(arguments: &[&str], program: &str, words: &str) {
    let output = run(program, arguments, None).await;
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains(words), "{program} {arguments:?} says {said:?}");
}

/// The files of format 1, as protocol 2 wrote them, read for ever.
#[test]
fn files_of_format_1_read() {
    let export = golden("export", || {
        let mut file = Writer::begin(Vec::new(), &head(Sort::Export)).expect("memory");
        file.part(&sample::push(Version::Second)).expect("memory");
        file.end().expect("memory")
    });
    let mut file = Reader::open(Cursor::new(export), Sort::Export, PROTOCOL_OLDEST..=PROTOCOL).expect("whole");
    assert_eq!((&file.head, file.parts), (&head(Sort::Export), 1));
    assert_eq!(file.next_part::<Push>().expect("readable"), Some(sample::push(Version::Second)));

    let told = [
        Told::Answer(Box::new(Answer {
            after: 0,
            last: Some(Mark::START),
            carts: Vec::new(),
            pushed: sample::pushed(Version::Second),
        })),
        Told::News(Box::new(Pulled::TooLongAway)),
        Told::News(Box::new(sample::page(Version::Second))),
    ];
    let reply = golden("reply", || {
        let mut file = Writer::begin(Vec::new(), &head(Sort::Reply)).expect("memory");
        told.iter().for_each(|told| file.part(told).expect("memory"));
        file.end().expect("memory")
    });
    let mut file = Reader::open(Cursor::new(reply), Sort::Reply, PROTOCOL_OLDEST..=PROTOCOL).expect("whole");
    assert_eq!((&file.head, file.parts), (&head(Sort::Reply), 3));
    for told in told {
        assert_eq!(file.next_part::<Told>().expect("readable"), Some(told));
    }
}

fn head(sort: Sort) -> Head {
    let push = sample::push(Version::Second);
    Head {
        sort,
        protocol: 2,
        node_id: Some(outpost_schema::id::NodeId(uuid::Uuid::from_u128(1))),
        incarnation_id: sample::INCARNATION,
        head: push.entries.last().expect("entries").mark(),
        acked: Mark::START,
        cursor: Some("1.a.b.c".to_owned()),
        epoch: (sort == Sort::Reply).then(|| outpost_schema::id::EpochId(uuid::Uuid::from_u128(40))),
        made_at: outpost_schema::clock::Timestamp::from_micros(1_770_000_000_000_000),
    }
}

/// The kept file; written anew if somebody asks for it.
fn golden(name: &str, made: impl FnOnce() -> Vec<u8>) -> Vec<u8> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/v2"));
    let path = folder.join(format!("{name}.outpost"));
    if std::env::var("OUTPOST_GOLDEN").is_ok_and(|value| value == "write") {
        fs::create_dir_all(folder).expect("a folder");
        fs::write(&path, made()).expect("the golden folder can be written");
    }
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_reason_has_its_code() {
    assert_eq!(NotTaken::Disordered { seq: 3 }.code(), "disordered");
    assert_eq!(NotCarried::OtherLife.code(), "other_life");
}
