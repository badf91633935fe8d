//! Whatever the order in which ops of a transfer come, the same is booked, and no unit comes or goes on the way.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use uuid::Uuid;

use crate::{
    clock::{Hlc, Timestamp},
    id::{IncarnationId, NodeId, ProductId, WarehouseId},
    journal::{Entry, Mark},
    movement::Remark,
    op::{Line, Op},
    planted::{Bug, plant},
    quantity::Amount,
    settle::{Author, Known, Settled, settle},
    stock::{Allotment, Level, Reason, StockKey},
    transfer::{Arrived, CameLine, Dispatched, TransferCode},
    verdict::{ConcernKind, SetAside, Verdict},
};

const NOW: Timestamp = Timestamp::from_micros(1_770_000_000_000_000);
const TEA: ProductId = ProductId(Uuid::from_u128(1));
const JAM: ProductId = ProductId(Uuid::from_u128(2));
const DEPOT: WarehouseId = WarehouseId(Uuid::from_u128(10));
const SHOP: WarehouseId = WarehouseId(Uuid::from_u128(11));
const KIOSK: WarehouseId = WarehouseId(Uuid::from_u128(12));

fn code() -> TransferCode {
    TransferCode { prefix: "D1".to_owned(), number: 7 }
}

fn amount(units: i64) -> Amount {
    Amount::new(units).expect("a test amount")
}

fn sent(lines: &[(ProductId, i64)]) -> Op {
    let lines = lines.iter().map(|(product_id, units)| Line { product_id: *product_id, amount: amount(*units) });
    let remark = Remark { person: Some("Ann".to_owned()), note: None };
    Op::Dispatched(Dispatched { code: code(), from_id: DEPOT, to_id: SHOP, lines: lines.collect(), remark })
}

fn came(warehouse_id: WarehouseId, lines: &[(ProductId, i64, i64)], complete: bool) -> Op {
    let line = |(product_id, units, damaged): &(ProductId, i64, i64)| CameLine {
        product_id: *product_id,
        came: amount(*units),
        damaged: *damaged,
    };
    let (lines, remark) = (lines.iter().map(line).collect(), Remark::default());
    Op::Arrived(Arrived { code: code(), warehouse_id, lines, complete, remark })
}

/// The network's book, and what its ops have moved and raised so far.
struct Book {
    known: Known,
    homes: BTreeSet<WarehouseId>,
    moved: BTreeMap<(StockKey, Reason), i64>,
    open: BTreeMap<(ConcernKind, String), i64>,
    allotments: BTreeMap<StockKey, Allotment>,
}

impl Book {
    /// A hundred of everything everywhere.
    fn new(homes: &[WarehouseId]) -> Self {
        let mut known = Known::empty("EUR".parse().expect("a currency"), NOW);
        known.products.extend([TEA, JAM]);
        for warehouse_id in [DEPOT, SHOP, KIOSK] {
            known.warehouses.insert(warehouse_id);
            for product_id in [TEA, JAM] {
                known.levels.insert(StockKey { product_id, warehouse_id }, Level { balance: 100, promised: 0 });
            }
        }
        let (homes, moved, open, allotments) =
            (homes.iter().copied().collect(), BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { known, homes, moved, open, allotments }
    }

    /// Each op is another device's, at the warehouse that it acts at.
    fn tell(&mut self, op: &Op) -> Settled {
        let here = if let Op::Dispatched(told) = op {
            told.from_id
        } else if let Op::Arrived(told) = op {
            told.warehouse_id
        } else {
            panic!("{op:?} is of no transfer")
        };
        let life = IncarnationId(here.0);
        let author = Author {
            node_id: NodeId(here.0),
            incarnation_id: life,
            warehouses: [here].into(),
            former: BTreeSet::new(),
            homes: self.homes.iter().filter(|home| **home == here).copied().collect(),
            left_homes: BTreeSet::new(),
            is_closed: false,
            elders: BTreeSet::new(),
            is_superseded: false,
            skew: None,
        };
        let entry = Entry::write(life, Mark::START, Hlc { at: NOW, tick: 0 }, String::new(), op, [1; 16]);
        self.known.allotments = std::mem::take(&mut self.allotments);
        let settled = settle(&mut self.known, &author, &[entry]);
        self.allotments = std::mem::take(&mut self.known.allotments);
        for moved in &settled.movements {
            *self.moved.entry((moved.movement.key, moved.movement.why.reason)).or_default() += moved.movement.delta;
        }
        self.moved.retain(|_, units| *units != 0);
        for over in &settled.closed {
            self.open.remove(over);
        }
        for raised in &settled.opened {
            let units = raised.detail["units"].as_i64().unwrap_or_default();
            self.open.insert((raised.kind, raised.subject.clone()), units);
        }
        settled
    }

    fn tell_all<'a>(&mut self, ops: impl IntoIterator<Item = &'a Op>) {
        for op in ops {
            self.tell(op);
            self.check();
        }
    }

    /// The laws that hold at any time.
    fn check(&self) {
        let road = self.known.transfers.get(&code().transfer_id());
        for product_id in [TEA, JAM] {
            let on_road = road.and_then(|known| known.totals().get(&product_id).copied()).unwrap_or_default().on_road();
            let of = |reason| {
                let moved = self.moved.iter().filter(|((key, why), _)| key.product_id == product_id && *why == reason);
                moved.map(|(_, units)| *units).sum::<i64>()
            };
            assert_eq!(of(Reason::Transferred) + on_road, 0, "what was transferred is on the road or has come");
            assert!(of(Reason::Found) >= 0 && of(Reason::Damaged) <= 0, "{:?}", self.moved);
        }
        for (key, level) in &self.known.levels {
            let moved: i64 = self.moved.iter().filter(|((moved, _), _)| moved == key).map(|(_, units)| *units).sum();
            assert_eq!(level.balance, 100 + moved, "{key:?}");
        }
    }

    fn reasons(&self, product_id: ProductId, warehouse_id: WarehouseId) -> Vec<(Reason, i64)> {
        let key = StockKey { product_id, warehouse_id };
        self.moved.iter().filter(|((moved, _), _)| *moved == key).map(|((_, why), units)| (*why, *units)).collect()
    }

    fn concerns(&self) -> Vec<(ConcernKind, i64)> {
        self.open.iter().map(|((kind, _), units)| (*kind, *units)).collect()
    }
}

fn told(ops: &[Op]) -> Book {
    let mut book = Book::new(&[]);
    book.tell_all(ops);
    book
}

#[test]
fn goods_are_on_the_road_until_they_come() {
    let mut book = told(&[sent(&[(TEA, 10)])]);
    assert_eq!(book.reasons(TEA, DEPOT), [(Reason::Transferred, -10)]);
    assert_eq!(book.known.transfers[&code().transfer_id()].totals()[&TEA].on_road(), 10);
    book.tell_all(&[came(SHOP, &[(TEA, 4, 1)], false), came(SHOP, &[(TEA, 6, 0)], false)]);
    assert_eq!(book.reasons(TEA, SHOP), [(Reason::Damaged, -1), (Reason::Transferred, 10)]);
    assert_eq!(book.concerns(), []);
    assert!(book.known.transfers[&code().transfer_id()].is_over());
}

#[test]
fn what_nobody_sent_was_found_until_somebody_says_to_have_sent_it() {
    let mut book = told(&[came(SHOP, &[(TEA, 10, 0)], false)]);
    assert_eq!(book.reasons(TEA, SHOP), [(Reason::Found, 10)]);
    assert_eq!(book.concerns(), [(ConcernKind::TransferExcess, 10)]);
    book.tell_all(&[sent(&[(TEA, 8)])]);
    assert_eq!(book.reasons(TEA, SHOP), [(Reason::Found, 2), (Reason::Transferred, 8)]);
    assert_eq!(book.concerns(), [(ConcernKind::TransferExcess, 2)]);
}

#[test]
fn what_is_missing_of_a_complete_transfer_stays_until_it_turns_up() {
    let mut book = told(&[sent(&[(TEA, 10), (JAM, 2)]), came(SHOP, &[(TEA, 9, 0)], true)]);
    assert_eq!(book.concerns(), [(ConcernKind::TransferShort, 3)]);
    book.tell_all(&[came(SHOP, &[(TEA, 1, 0)], false)]);
    assert_eq!(book.concerns(), [(ConcernKind::TransferShort, 2)]);
    book.tell_all(&[came(KIOSK, &[(JAM, 2, 0)], false)]);
    assert_eq!((book.concerns(), book.reasons(JAM, KIOSK)), (vec![], vec![(Reason::Transferred, 2)]));
}

#[test]
fn at_homes_what_leaves_counts_as_consumed_and_what_comes_as_received() {
    let mut book = Book::new(&[DEPOT, SHOP]);
    book.tell_all(&[came(SHOP, &[(TEA, 5, 2)], false), sent(&[(TEA, 4)])]);
    let own = |warehouse_id| book.allotments[&StockKey { product_id: TEA, warehouse_id }];
    assert_eq!((own(DEPOT).consumed, own(DEPOT).received), (4, 0));
    assert_eq!((own(SHOP).consumed, own(SHOP).received), (2, 5), "found or transferred is all one to the shelf");
}

#[test]
fn a_code_that_was_written_twice_is_one_transfer_of_all_of_it() {
    let mut book = told(&[sent(&[(TEA, 4)]), came(SHOP, &[(TEA, 7, 0)], false), sent(&[(TEA, 5)])]);
    assert_eq!(book.reasons(TEA, DEPOT), [(Reason::Transferred, -9)]);
    assert_eq!(book.reasons(TEA, SHOP), [(Reason::Transferred, 7)]);
    let written_off = book.known.transfers.values_mut().next().expect("it is known").write_off();
    assert_eq!(written_off, [(StockKey { product_id: TEA, warehouse_id: DEPOT }, 2)]);
    assert_eq!(book.known.transfers.values_mut().next().expect("it is known").write_off(), []);
}

#[test]
fn nothing_goes_where_nobody_is() {
    let nowhere = WarehouseId(Uuid::from_u128(99));
    let lines = vec![Line { product_id: JAM, amount: amount(1) }];
    let remark = Remark::default();
    let op = Op::Dispatched(Dispatched { code: code(), from_id: DEPOT, to_id: nowhere, lines, remark });
    let lacks = Verdict::SetAside(SetAside::Lacks { ids: vec![nowhere.0] });
    assert_eq!(Book::new(&[]).tell(&op).verdicts, [(1, lacks)]);
}

/// Every order of a handful of ops.
fn orders<T: Clone>(ops: &[T]) -> Vec<Vec<T>> {
    if ops.is_empty() {
        return vec![Vec::new()];
    }
    let first = |at: usize| {
        let mut rest = ops.to_vec();
        let op = rest.remove(at);
        orders(&rest).into_iter().map(move |order| [vec![op.clone()], order].concat())
    };
    (0..ops.len()).flat_map(first).collect()
}

#[test]
fn every_order_ends_the_same() {
    let ops = [
        sent(&[(TEA, 10), (JAM, 5)]),
        came(SHOP, &[(TEA, 4, 0)], false),
        came(SHOP, &[(TEA, 8, 2), (JAM, 1, 0)], false),
        came(KIOSK, &[(JAM, 1, 0), (TEA, 3, 1)], true),
        came(SHOP, &[], true),
    ];
    let expected = told(&ops);
    assert_eq!(expected.concerns(), [(ConcernKind::TransferExcess, 5), (ConcernKind::TransferShort, 3)]);
    for order in orders(&ops) {
        let book = told(&order);
        assert_eq!(book.moved, expected.moved);
        assert_eq!(book.known.transfers, expected.known.transfers);
        assert_eq!(book.known.levels, expected.known.levels);
        assert_eq!(book.concerns(), expected.concerns());
    }
}

#[test]
fn planted_mistakes_break_what_must_hold() {
    for bug in [Bug::ExcessTransferred, Bug::RoadCounted] {
        plant(Some(bug));
        let broken = std::panic::catch_unwind(|| told(&[sent(&[(TEA, 3)]), came(SHOP, &[(TEA, 4, 0)], false)]));
        plant(None);
        assert!(broken.is_err(), "{}", bug.sentence());
    }
}

fn arrival() -> impl Strategy<Value = Op> {
    let line = (prop_oneof![Just(TEA), Just(JAM)], 1_i64..20, 0_i64..3)
        .prop_map(|(product_id, units, damaged)| (product_id, units, damaged.min(units)));
    let place = prop_oneof![3 => Just(SHOP), 1 => Just(KIOSK), 1 => Just(DEPOT)];
    (place, proptest::collection::vec(line, 1..4), any::<bool>())
        .prop_map(|(place, lines, complete)| came(place, &lines, complete))
}

proptest! {
    #[test]
    fn any_arrivals_before_and_after_the_dispatch_end_the_same(
        arrivals in proptest::collection::vec(arrival(), 0..7),
        left in proptest::collection::vec((prop_oneof![Just(TEA), Just(JAM)], 1_i64..40), 1..3),
        place in 0_usize..7,
        turn in 0_usize..7,
    ) {
        let mut told_first = vec![sent(&left)];
        told_first.extend(arrivals.iter().cloned());
        let mut other = arrivals;
        let by = turn % other.len().max(1);
        other.rotate_left(by);
        other.insert(place.min(other.len()), sent(&left));
        let homes = [DEPOT, KIOSK];
        let (mut one, mut two) = (Book::new(&homes), Book::new(&homes));
        one.tell_all(&told_first);
        two.tell_all(&other);
        prop_assert_eq!(&one.moved, &two.moved);
        prop_assert_eq!(&one.known.transfers, &two.known.transfers);
        prop_assert_eq!(&one.known.levels, &two.known.levels);
        prop_assert_eq!(&one.allotments, &two.allotments);
        prop_assert_eq!(one.concerns(), two.concerns());
    }
}
