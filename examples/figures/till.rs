//! A till on a real disk, filled by the feed's own pages, and how its durable work is measured: each piece
//! of it followed by one page written to the same disk.

use std::{path::Path, sync::Arc, thread::sleep, time::Duration};

use outpost_node::{Node, time::Real};
use outpost_schema::{
    device::{Card, NodeKind},
    stock::SalePolicy,
};
use outpost_sync::round::Local as _;

use crate::{
    disk::Probe,
    goods,
    numbers::{Spread, micros},
    report::{Outcome, Report},
    watch::timed,
};

/// Rounds of turns.
const ROUNDS: usize = 5;

/// A moment between two customers, in which the till's checkpoint runs unseen.
pub const A_MOMENT: Duration = Duration::from_millis(8);

/// A till that has joined and heard the first `pages` pages of the made-up shop.
pub fn open(folder: &Path, pages: usize) -> Outcome<Arc<Node>> {
    std::fs::create_dir_all(folder)?;
    let node = Node::open(folder, Arc::new(Real))?;
    node.join(&card()?)?;
    for (asked, page) in goods::pages().take(pages) {
        node.apply(asked.as_deref(), &page)?;
    }
    Ok(Arc::new(node))
}

/// What it joins with.
pub fn card() -> Outcome<Card> {
    Ok(Card {
        node_id: goods::node_id(),
        incarnation_id: goods::incarnation_id(),
        name: "Till".to_owned(),
        kind: NodeKind::Till,
        warehouse_id: goods::warehouse_id(),
        is_home: true,
        policy: SalePolicy::Strict,
        prefix: "F".to_owned(),
        currency: "USD".parse()?,
        server: "http://127.0.0.1:7070".to_owned(),
    })
}

/// How a piece of work is repeated.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Times in a round.
    pub times: usize,
    /// What passes before each of it.
    pub pause: Duration,
}

/// Measures durable work beside the disk's own limit, by turns, and says its p50 and p99 in milliseconds.
pub fn beside_disk(
    report: &mut Report,
    probe: &mut Probe,
    case: &str,
    pace: Pace,
    mut work: impl FnMut() -> Outcome,
) -> Outcome {
    let mut spread = Spread::default();
    for _ in 0..ROUNDS {
        let (mut ours, mut disk) = (Vec::new(), Vec::new());
        for _ in 0..pace.times {
            sleep(pace.pause);
            let (passed, done) = timed(&mut work);
            done?;
            ours.push(micros(passed) / 1e3);
            sleep(pace.pause);
            disk.push(micros(probe.sync_one()?) / 1e3);
        }
        spread.note(&ours, &disk);
    }
    report.say("p50", case, "ms", spread.p50.medians(), "fdatasync p50");
    report.say("p99", case, "ms", spread.p99.medians(), "fdatasync p99");
    Ok(())
}
