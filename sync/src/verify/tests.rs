use super::*;

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use outpost_schema::{
    catalogue::Category,
    clock::Timestamp,
    feed::Aggregate,
    id::{CategoryId, EpochId, IncarnationId},
    journal::Mark,
};
use uuid::Uuid;

use crate::{
    round::Anew,
    wire::{Born, Damage, LifeWanted, Push, Pushed, Report},
};

/// Categories by number, each with a name.
type Shelf = BTreeMap<u128, String>;

fn shelf(count: u128) -> Shelf {
    (1..=count).map(|number| (number, format!("category {number}"))).collect()
}

fn category(number: u128, name: &str) -> Aggregate {
    let category_id = CategoryId(Uuid::from_u128(number));
    Aggregate::Category(Category { category_id, name: name.to_owned(), parent_id: None })
}

fn within(shelf: &Shelf, range: &KeyRange) -> Vec<(Ids, Aggregate)> {
    let all = shelf.iter().map(|(number, name)| (vec![Uuid::from_u128(*number)], category(*number, name)));
    all.filter(|(ids, _)| range.has(ids)).collect()
}

struct Node {
    shelf: Mutex<Shelf>,
    place: Mutex<Option<Ids>>,
    own: Vec<u128>,
}

impl Node {
    fn with(shelf: Shelf, own: &[u128]) -> Self {
        Self { shelf: Mutex::new(shelf), place: Mutex::default(), own: own.to_vec() }
    }

    fn piece(&self, mut range: KeyRange, rows: usize) -> Piece {
        let mut held = within(&self.shelf.lock().expect("sound"), &range);
        if held.len() > rows {
            held.truncate(rows);
            range.upto = held.last().map(|(ids, _)| ids.clone());
        }
        let own: Vec<Ids> = self.own.iter().map(|number| vec![Uuid::from_u128(*number)]).collect();
        let own: Vec<Ids> = own.into_iter().filter(|ids| range.has(ids)).collect();
        let held = held.into_iter().filter(|(ids, _)| !own.contains(ids));
        Piece { rows: held.map(|(ids, told)| (ids, Print::of(told))).collect(), range, own }
    }
}

impl Local for Node {
    type Error = Infallible;

    fn standing(&self) -> Result<Standing, Infallible> {
        Ok(Standing { incarnation_id: IncarnationId(Uuid::nil()), head: Mark::START, acked: Mark::START })
    }
    fn unsent(&self) -> Result<Push, Infallible> {
        unreachable!("nothing is pushed here")
    }
    fn settle(&self, _: &Push, _: &Pushed) -> Result<(), Infallible> {
        Ok(())
    }
    fn stand_at(&self, _: Mark) -> Result<bool, Infallible> {
        Ok(true)
    }
    fn freeze(&self) -> Result<(), Infallible> {
        Ok(())
    }
    fn cursor(&self) -> Result<Option<String>, Infallible> {
        Ok(Some("here".to_owned()))
    }
    fn apply(&self, _: Option<&str>, _: &Page) -> Result<(), Infallible> {
        Ok(())
    }
    fn start_anew(&self, _: &Anew) -> Result<(), Infallible> {
        Ok(())
    }
    fn life_wanted(&self) -> Result<Option<LifeWanted>, Infallible> {
        Ok(None)
    }
    fn begin_life(&self, _: &Born) -> Result<(), Infallible> {
        Ok(())
    }
    fn report(&self) -> Result<Option<Report>, Infallible> {
        Ok(None)
    }
    fn reported(&self, _: &Report) -> Result<(), Infallible> {
        Ok(())
    }
}

impl Holder for Node {
    fn is_due(&self) -> Result<bool, Infallible> {
        Ok(true)
    }
    fn put_off(&self) -> Result<(), Infallible> {
        Ok(())
    }
    fn held(&self, anew: bool, rows: usize) -> Result<Option<Held>, Infallible> {
        let mut place = self.place.lock().expect("sound");
        if anew {
            *place = None;
        }
        let piece = self.piece(KeyRange { after: place.clone(), ..KeyRange::all(Kind::Category) }, rows);
        let next = piece.range.upto.clone().map(|upto| (Kind::Category, Some(upto)));
        Ok(Some(Held { cursor: "here".to_owned(), pieces: vec![piece], next }))
    }
    fn held_in(&self, ranges: &[KeyRange]) -> Result<Vec<Piece>, Infallible> {
        Ok(ranges.iter().map(|range| self.piece(range.clone(), usize::MAX)).collect())
    }
    fn mend(&self, _: &str, covered: &KeyRange, page: &Page) -> Result<Option<Vec<Mended>>, Infallible> {
        let mut shelf = self.shelf.lock().expect("sound");
        let mut mended = Vec::new();
        for told in &page.aggregates {
            let key = told.key();
            let number = key.ids[0].as_u128();
            assert!(covered.has(&key.ids));
            let before = shelf.remove(&number);
            if let Aggregate::Category(category) = told {
                shelf.insert(number, category.name.clone());
            }
            if before.as_ref() != shelf.get(&number) {
                mended.push(Mended { key, damage: Damage::Missing });
            }
        }
        Ok(Some(mended))
    }
    fn findings(&self) -> Result<Findings, Infallible> {
        Ok(Findings::default())
    }
    fn findings_heard(&self, _: &Findings) -> Result<(), Infallible> {
        Ok(())
    }
    fn move_on(&self, held: &Held, _: &Compared) -> Result<(), Infallible> {
        *self.place.lock().expect("sound") = held.next.clone().and_then(|(_, after)| after);
        Ok(())
    }
}

/// The server: some of what it has is just changing, and a page of it holds few.
struct Office {
    shelf: Shelf,
    moving: Vec<u128>,
    questions: AtomicUsize,
    images: AtomicUsize,
}

const A_PAGE: usize = 10;

impl Office {
    fn with(shelf: Shelf, moving: &[u128]) -> Self {
        Self { shelf, moving: moving.to_vec(), questions: AtomicUsize::new(0), images: AtomicUsize::new(0) }
    }
}

impl Referee for Office {
    async fn digest(&self, _: Standing, asked: &DigestAsked) -> Result<Digested, Trouble> {
        self.questions.fetch_add(1, Ordering::SeqCst);
        assert!(asked.ranges.len() <= DIGEST_RANGES_MAX);
        let told = |asked: &RangeAsked| {
            let here = within(&self.shelf, &asked.range);
            let here = here.into_iter().filter(|(ids, _)| !asked.except.contains(ids));
            let here: Vec<(Ids, Aggregate)> = here.collect();
            if here.iter().any(|(ids, _)| self.moving.contains(&ids[0].as_u128())) {
                return RangeTold::Moved;
            }
            RangeTold::Sum(here.into_iter().map(|(_, told)| Print::of(told)).collect())
        };
        Ok(Digested::Ranges(asked.ranges.iter().map(told).collect()))
    }

    async fn images(&self, _: Standing, asked: &ImagesAsked) -> Result<Imaged, Trouble> {
        let mut told: BTreeMap<Ids, Aggregate> = within(&self.shelf, &asked.range).into_iter().collect();
        for ids in &asked.keys {
            let key = outpost_schema::feed::Key { kind: Kind::Category, ids: ids.clone() };
            told.entry(ids.clone()).or_insert(Aggregate::Gone(key));
        }
        let upto = told.keys().nth(A_PAGE - 1).filter(|_| told.len() > A_PAGE).cloned();
        let aggregates: Vec<Aggregate> = told.into_values().take(A_PAGE).collect();
        self.images.fetch_add(aggregates.len(), Ordering::SeqCst);
        let (epoch, cursor, seen) = (EpochId(Uuid::nil()), asked.cursor.clone(), String::new());
        let server_time = Timestamp::from_micros(0);
        let (protocol, recovering) = (crate::wire::PROTOCOL, false);
        let (level, acked, others) = (false, vec![], vec![]);
        let page = Page { epoch, cursor, level, seen, aggregates, acked, others, server_time, protocol, recovering };
        Ok(Imaged::Images { page: Box::new(page), upto })
    }
}

async fn compared(node: &Node, office: &Office, anew: bool, rows: usize) -> Compared {
    let outcome = slice(node, office, anew, rows).await.expect("both ends are sound");
    let Outcome::Compared(compared) = outcome else { panic!("{outcome:?}") };
    compared
}

#[tokio::test]
async fn one_row_of_a_thousand_is_found_with_few_questions_and_few_images() {
    for bad in [1, 2, 500, 999, 1_000] {
        let mut here = shelf(1_000);
        here.insert(bad, "worn".to_owned());
        let (node, office) = (Node::with(here, &[]), Office::with(shelf(1_000), &[]));
        let found = compared(&node, &office, true, 2_000).await;
        assert_eq!((found.mended.len(), found.unexplained, found.rows), (1, 0, vec![(Kind::Category, 1_000)]));
        assert_eq!(*node.shelf.lock().expect("sound"), shelf(1_000));
        let (questions, images) = (office.questions.load(Ordering::SeqCst), office.images.load(Ordering::SeqCst));
        assert!(questions <= 10 && images <= FEW, "{questions} questions, {images} images");
    }
}

#[tokio::test]
async fn whatever_is_missing_or_too_much_is_set_right() {
    let holes: [fn(u128) -> bool; 5] =
        [|_| true, |n| n > 40, |n| n % 2 == 0, |n| (20..=80).contains(&n), |n| n == 1 || n == 100];
    for (case, is_hole) in holes.into_iter().enumerate() {
        let here: Shelf = shelf(100).into_iter().filter(|(number, _)| !is_hole(*number)).collect();
        let node = Node::with(here.clone(), &[]);
        compared(&node, &Office::with(shelf(100), &[]), true, 2_000).await;
        assert_eq!(*node.shelf.lock().expect("sound"), shelf(100), "missing, case {case}");
        let node = Node::with(shelf(100), &[]);
        let found = compared(&node, &Office::with(here.clone(), &[]), true, 2_000).await;
        assert_eq!(*node.shelf.lock().expect("sound"), here, "too much, case {case}");
        assert_eq!(found.mended.len(), 100 - here.len());
    }
}

#[tokio::test]
async fn a_walk_goes_through_everything_in_slices() {
    let (node, office) = (Node::with(shelf(95), &[]), Office::with(shelf(95), &[]));
    let mut rows = Vec::new();
    loop {
        let found = compared(&node, &office, rows.is_empty(), 30).await;
        rows.push(found.rows[0].1);
        if found.is_end {
            break;
        }
    }
    assert_eq!(rows, [30, 30, 30, 5]);
}

#[tokio::test]
async fn what_moves_hides_only_its_neighbours() {
    let mut here = shelf(400);
    here.insert(10, "old".to_owned());
    here.insert(300, "worn".to_owned());
    let (node, office) = (Node::with(here, &[]), Office::with(shelf(400), &[10]));
    let found = compared(&node, &office, true, 2_000).await;
    assert_eq!(found.mended.len(), 1, "the one that moves is no fault: {found:?}");
    assert_eq!(node.shelf.lock().expect("sound")[&10], "old");
    assert!((1..=FEW).contains(&found.moving), "{found:?}");
}

#[tokio::test]
async fn what_is_own_is_left_out_on_both_sides() {
    let mut here = shelf(100);
    here.insert(50, "mine".to_owned());
    here.insert(101, "mine alone".to_owned());
    let before = here.clone();
    let (node, office) = (Node::with(here, &[50, 101]), Office::with(shelf(100), &[]));
    let found = compared(&node, &office, true, 2_000).await;
    assert_eq!((found.mended.len(), found.own, found.rows[0].1), (0, 2, 99));
    assert_eq!(*node.shelf.lock().expect("sound"), before);
}

#[tokio::test]
async fn what_cannot_be_mended_is_said() {
    struct Liar(Office);
    impl Referee for Liar {
        async fn digest(&self, standing: Standing, asked: &DigestAsked) -> Result<Digested, Trouble> {
            self.0.digest(standing, asked).await
        }
        async fn images(&self, standing: Standing, asked: &ImagesAsked) -> Result<Imaged, Trouble> {
            Office::with(shelf(100), &[]).images(standing, asked).await
        }
    }
    let mut there = shelf(100);
    there.remove(&50);
    let outcome = slice(&Node::with(shelf(100), &[]), &Liar(Office::with(there, &[])), true, 2_000).await;
    let Ok(Outcome::Compared(found)) = outcome else { panic!("{outcome:?}") };
    assert!(found.mended.is_empty() && found.unexplained > 0, "{found:?}");
}
