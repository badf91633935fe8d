//! A short day by hand, through real rounds: what a model of a till and a model of head office promise.

use std::sync::Arc;

use futures_util::FutureExt as _;
use outpost_schema::{
    id::{HoldId, ProductId},
    stock::{SalePolicy, StockKey},
    world::{Seeded, World as _},
};
use outpost_sync::{
    round::{self, Done as Round, Failure},
    wire::Caller,
};

use super::{ModelDepth, ModelLine, ModelOffice, ModelTill, ModelYard, differences, till::Dark};
use crate::{
    chance::Chance,
    depth::Depth as _,
    device::{Again, Device as _, Yard as _},
    office::{Answer, Book, Office as _, Opening, Place, Weather as _},
    step::{Act, Deed, Done, Undone},
};

/// One shared place with ten of one product and two strict tills, and a home with five.
struct Town {
    office: ModelOffice,
    yard: ModelYard,
    tills: Vec<ModelTill>,
    lines: Vec<ModelLine>,
    worlds: Vec<Arc<Seeded>>,
    office_world: Arc<Seeded>,
    product: ProductId,
}

impl Town {
    fn open() -> Self {
        let shop = Place { tills: vec![SalePolicy::Strict; 2], is_home: false, on_hand: vec![10] };
        let home = Place { tills: vec![SalePolicy::Physical], is_home: true, on_hand: vec![5] };
        let opening = Opening { places: vec![shop, home], prices: vec![250], policies: Vec::new() };
        let office_world = Arc::new(Seeded::new(1));
        let office = now(ModelOffice::open(&opening, &office_world));
        let mut yard = ModelDepth::yard();
        let worlds: Vec<_> = (0..3).map(|number| Arc::new(Seeded::new(10 + number))).collect();
        let tills = office.cards().iter().zip(&worlds).map(|(card, world)| yard.start(card, world)).collect();
        let lines = office.cards().iter().map(|card| office.lay(card.node_id)).collect();
        let product = office.products()[0];
        let town = Self { office, yard, tills, lines, worlds, office_world, product };
        // The second round reports, because an epoch was heard of in the first.
        (0..3).chain(0..3).for_each(|till| _ = town.round(till).expect("a good line"));
        town
    }

    fn round(&self, till: usize) -> Result<Round, Failure<Dark>> {
        now(round::run(&self.tills[till], &self.lines[till], 0))
    }

    fn rounds(&self) {
        (0..2).for_each(|_| (0..self.tills.len()).for_each(|till| _ = self.round(till)));
    }

    fn key(&self, till: usize) -> StockKey {
        StockKey { product_id: self.product, warehouse_id: self.tills[till].card().warehouse_id }
    }

    fn sell(&self, till: usize, units: i64) -> Result<Done, Undone> {
        self.tills[till].act(&Act::Sell { lines: vec![(self.product, units)], ship: false, customer: None })
    }

    fn ask(&self, till: usize, units: i64) {
        self.tills[till].act(&Act::Ask { product: self.product, units }).expect("an ask is always taken");
        self.round(till).expect("a good line");
    }

    fn book(&mut self) -> Book {
        now(self.office.book())
    }

    fn put_back(&mut self, till: usize, image: &<ModelYard as crate::device::Yard>::Image) {
        let world = Arc::clone(&self.worlds[till]);
        self.tills[till] = self.yard.start_from(image, None, &world);
    }

    fn all_agree(&mut self) {
        self.rounds();
        let book = self.book();
        assert_eq!(book.levels.keys().collect::<Vec<_>>(), book.movements.keys().collect::<Vec<_>>());
        for (key, level) in &book.levels {
            let promised = book.promises.get(key).copied().unwrap_or_default();
            assert_eq!((level.balance, level.promised), (book.movements[key], promised), "{key:?}");
        }
        for till in &self.tills {
            assert_eq!(differences::between(&self.office, till), [""; 0]);
            assert_eq!(till.examine(), Ok(()));
        }
    }
}

/// What never waits is there at once.
fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("nothing waits here")
}

fn code(done: Result<Done, Undone>) -> String {
    match done {
        Ok(done) => format!("{done:?}"),
        Err(Undone::Refused(code)) => code,
        Err(Undone::Dark) => "dark".to_owned(),
    }
}

#[test]
fn a_till_sells_what_it_was_granted_and_head_office_hears_of_it() {
    let mut town = Town::open();
    assert_eq!(code(town.sell(0, 1)), "allotment_spent");
    town.ask(0, 4);
    town.ask(1, 9);
    assert_eq!(
        town.tills.iter().zip([0, 1]).map(|(till, of)| till.allotment(town.key(of)).open()).collect::<Vec<_>>(),
        [4, 6]
    );
    assert!(matches!(town.sell(0, 3), Ok(Done::Sold(_))));
    assert_eq!(code(town.sell(0, 2)), "allotment_spent");
    // At a home all is the till's own from the start, and whatever is in hand can be sold.
    assert_eq!(town.tills[2].allotment(town.key(2)).open(), 5);
    assert!(matches!(town.sell(2, 7), Ok(Done::Sold(_))));
    assert_eq!(town.tills[2].level(town.key(2)).balance, -2);
    town.all_agree();
    let (shop, home) = (town.key(0), town.key(2));
    let book = town.book();
    assert_eq!((book.levels[&shop].balance, book.levels[&shop].promised), (7, 7));
    assert_eq!((book.levels[&home].owed(), book.concerns.len()), (2, 1));
}

#[test]
fn a_till_that_was_put_back_begins_another_life_and_loses_nothing_that_is_on_a_disk() {
    let mut town = Town::open();
    town.ask(0, 5);
    let image = town.yard.copy(&town.tills[0]);
    assert!(matches!(town.sell(0, 2), Ok(Done::Sold(_))));
    town.round(0).expect("a good line");
    let old = town.tills[0].life();
    town.put_back(0, &image);
    town.lines[0].cut();
    // It looks like its younger self, until head office is heard.
    assert!(matches!(town.sell(0, 1), Ok(Done::Sold(_))));
    town.lines[0].mend();
    town.round(0).expect("another life is begun in the same round");
    assert_ne!(town.tills[0].life(), old);
    assert_eq!(code(town.sell(0, 1)), "allotment_spent");
    town.all_agree();
    let book = town.book();
    let shop = town.key(0);
    assert_eq!(book.levels[&shop].balance, 7, "both sales are booked");
    assert_eq!(book.allotments[&(old, shop)].open(), 2, "what is in doubt stays promised");
}

#[test]
fn two_of_one_till_are_a_fork_and_both_are_booked() {
    let mut town = Town::open();
    town.ask(0, 5);
    let image = town.yard.copy(&town.tills[0]);
    let (world, node_id) = (Arc::new(Seeded::new(99)), town.tills[0].card().node_id);
    let twin = town.yard.start_from(&image, None, &world);
    town.tills.push(twin);
    town.lines.push(town.office.lay(node_id));
    assert!(matches!(town.sell(0, 2), Ok(Done::Sold(_))));
    assert!(matches!(town.sell(3, 1), Ok(Done::Sold(_))));
    town.rounds();
    assert_ne!(town.tills[0].life(), town.tills[3].life());
    town.all_agree();
    let shop = town.key(0);
    assert_eq!(town.book().levels[&shop].balance, 7);
}

#[test]
fn head_office_that_was_put_back_hears_everybody_before_it_grants() {
    let mut town = Town::open();
    let backup = now(town.office.back_up());
    town.ask(0, 6);
    assert!(matches!(town.sell(0, 2), Ok(Done::Sold(_))));
    town.round(0).expect("a good line");
    now(town.office.put_back(&backup));
    let shop = town.key(0);
    assert!(town.book().is_recovering && town.book().levels[&shop].balance == 10);
    town.ask(1, 9);
    assert_eq!(town.tills[1].allotment(shop).open(), 0, "refused while head office hears");
    town.rounds();
    assert!(!town.book().is_recovering);
    town.ask(1, 9);
    assert_eq!(town.tills[1].allotment(shop).open(), 4, "what the first till has is known again");
    town.all_agree();
    assert_eq!(town.book().levels[&shop].balance, 8);
}

#[test]
fn nobody_is_refused_for_the_sake_of_a_hold_that_is_over() {
    let mut town = Town::open();
    let card = town.tills[0].card();
    let by = Caller { node_id: card.node_id, incarnation_id: card.incarnation_id };
    let (key, hold) = (town.key(0), |town: &Town| HoldId::new(town.office_world.now(), town.office_world.id_chance()));
    let first = hold(&town);
    let wanted = |hold, units| Deed::Hold { by, hold, lines: vec![(key, units)], buyer: None, seconds: 60 };
    assert_eq!(now(town.office.act(&wanted(first, 8))), Answer::Done);
    let second = hold(&town);
    assert_eq!(now(town.office.act(&wanted(second, 3))), Answer::Refused("nothing_left".to_owned()));
    town.ask(0, 9);
    assert_eq!(town.tills[0].allotment(key).open(), 2);
    town.office_world.pass(61);
    assert_eq!(town.book().promises[&key], 10, "it counts until it is released");
    assert_eq!(now(town.office.act(&wanted(second, 3))), Answer::Done);
    assert_eq!(now(town.office.act(&Deed::Allot { by, hold: second })), Answer::Done);
    town.all_agree();
    assert_eq!(town.tills[0].allotment(key).open(), 2 + 5 + 3, "what it had asked for came as soon as it was free");
    assert!(town.book().holds.is_empty());
}

#[test]
fn after_a_power_cut_a_commit_is_there_whole_or_not_at_all() {
    let (mut kept, mut dropped) = (0, 0);
    for seed in 0..20 {
        let mut town = Town::open();
        let world = Arc::new(Seeded::new(seed));
        let till = town.tills.pop().expect("the home");
        let (till, _) = town.yard.restart(till, Again::InOrder, &world, &mut Chance::of(seed));
        town.yard.arm(&till, 2);
        town.tills.push(till);
        assert!(matches!(town.sell(2, 1), Ok(Done::Sold(_))), "the first change is made");
        assert_eq!(code(town.sell(2, 1)), "dark");
        assert!(town.tills[2].is_dark() && town.round(2).is_err());
        let till = town.tills.pop().expect("the home");
        let (till, damage) = town.yard.restart(till, Again::AfterCut, &world, &mut Chance::of(seed));
        let left = till.level(StockKey { product_id: town.product, warehouse_id: till.card().warehouse_id }).balance;
        assert_eq!(left, if damage.kept == 1 { 3 } else { 4 });
        (kept, dropped) = (kept + damage.kept, dropped + damage.dropped);
        town.tills.push(till);
        town.all_agree();
    }
    assert!(kept > 0 && dropped > 0 && kept + dropped == 20);
}
