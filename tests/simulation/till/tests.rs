//! A real till over a model of head office: what must be true of every till of every history.

use std::{collections::BTreeSet, sync::Arc};

use outpost_schema::{
    catalogue::Warehouse,
    clock::Timestamp,
    device::{Card, NodeKind},
    id::{IncarnationId, NodeId, ProductId, WarehouseId},
    journal::Mark,
    order::Order,
    settle::Author,
    stock::{Allotment, Level, SalePolicy, StockKey},
    world::{Seeded, World as _},
};
use outpost_sync::{
    model::Model,
    round::{self, Local as _},
    wire::Caller,
};
use uuid::Uuid;

use super::{Image, RealTill, RealYard};
use crate::{
    chance::Chance,
    device::{Again, Device as _, Yard as _},
    goods,
    step::{Act, Done, Name, Undone},
};

const TEA: ProductId = ProductId(Uuid::from_u128(1));
const HERE: WarehouseId = WarehouseId(Uuid::from_u128(10));
const ROW: StockKey = StockKey { product_id: TEA, warehouse_id: HERE };

fn card() -> Card {
    Card {
        node_id: NodeId(Uuid::from_u128(31)),
        incarnation_id: IncarnationId(Uuid::from_u128(30)),
        name: "Till 1".to_owned(),
        kind: NodeKind::Till,
        warehouse_id: HERE,
        is_home: false,
        policy: SalePolicy::Strict,
        prefix: "K1".to_owned(),
        currency: "USD".parse().expect("a currency"),
        server: "http://127.0.0.1:7070".to_owned(),
    }
}

/// Head office, a yard, and a world for whatever stands in it.
struct Scene {
    office: Model,
    yard: RealYard,
    world: Arc<Seeded>,
}

impl Scene {
    /// A hundred packets of tea, and nobody who sells them.
    fn new() -> Self {
        let (world, card) = (Arc::new(Seeded::new(1)), card());
        let office = Model::new(card.currency, world.now());
        let (name, created_at) = ("High Street".to_owned(), Timestamp::from_micros(0));
        office.add_warehouse(Warehouse { warehouse_id: HERE, name, home_of: None, created_at });
        office.add_product(goods::product(TEA, "Tea", 250, created_at), &[(HERE, 100)]);
        office.add_node(Author {
            node_id: card.node_id,
            incarnation_id: card.incarnation_id,
            warehouses: BTreeSet::from([HERE]),
            former: BTreeSet::new(),
            homes: BTreeSet::new(),
            left_homes: BTreeSet::new(),
            is_closed: false,
            elders: BTreeSet::new(),
            is_superseded: false,
            skew: None,
        });
        Self { office, yard: RealYard::default(), world }
    }

    /// A till that may sell fifty packets.
    fn till(&mut self) -> RealTill {
        let till = self.yard.start(&card(), &self.world);
        self.round(&till);
        act(&till, &Act::Ask { product: TEA, units: 50 });
        self.round(&till);
        assert_eq!(till.allotment(ROW).open(), 50);
        till
    }

    fn round(&self, till: &RealTill) {
        let caller = Caller { node_id: card().node_id, incarnation_id: till.life() };
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let done = runtime.block_on(round::run(till, &self.office.line(caller), 0));
        assert!(done.unwrap_or_else(|failure| panic!("{failure}")).is_level);
    }

    fn restart(&mut self, till: RealTill, how: Again, seed: u64) -> RealTill {
        let (till, _) = self.yard.restart(till, how, &self.world, &mut Chance::of(seed));
        assert_eq!((till.is_dark(), till.examine()), (false, Ok(())));
        till
    }

    fn clone_of(&mut self, image: &Image) -> RealTill {
        self.yard.start_from(image, None, &self.world)
    }
}

fn act(till: &RealTill, act: &Act) -> Done {
    till.act(act).unwrap_or_else(|undone| panic!("{act:?}: {undone:?}"))
}

fn two_packets() -> Act {
    Act::Sell { lines: vec![(TEA, 2)], ship: false, customer: None }
}

fn sell(till: &RealTill) -> Order {
    match act(till, &two_packets()) {
        Done::Sold(order) => *order,
        Done::Noted { .. }
        | Done::Sent { .. }
        | Done::Cart(..)
        | Done::Looked
        | Done::Ordered(_)
        | Done::Nothing
        | Done::Customer(_)
        | Done::Returned(_)
        | Done::Advanced(_) => {
            panic!("a sale prints a receipt")
        }
    }
}

/// All that a sale changes, in one view.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    head: Mark,
    level: Level,
    allotment: Allotment,
    waiting: usize,
    receipts: BTreeSet<String>,
}

fn seen(till: &RealTill) -> Seen {
    let orders = till.node().orders(None, None, 200).expect("readable");
    Seen {
        head: till.standing().expect("readable").head,
        level: till.level(ROW),
        allotment: till.allotment(ROW),
        waiting: till.waiting(),
        receipts: orders.iter().map(|order| order.receipt.to_string()).collect(),
    }
}

#[test]
fn a_till_does_what_people_do_there() {
    let mut scene = Scene::new();
    let till = scene.till();
    let order = sell(&till);
    assert_eq!(till.order(order.order_id), Some(order));
    assert_eq!((till.level(ROW).balance, till.allotment(ROW).open(), till.waiting()), (98, 48, 1));
    let Done::Cart(cart, _) = act(&till, &Act::BeginCart) else { panic!("a cart") };
    let Done::Cart(_, lines) = act(&till, &Act::Add { cart, product: TEA, units: 3 }) else { panic!("a cart") };
    assert_eq!(lines, [(TEA, 3)]);
    act(&till, &Act::Take { cart, product: TEA, units: 1 });
    assert_eq!((till.carts()[0].quantity(TEA), till.waiting()), (2, 2));
    let Done::Sold(order) = act(&till, &Act::CheckOut { cart }) else { panic!("a receipt") };
    assert_eq!(order.items[0].quantity.units(), 2);
    let Done::Noted { key, delta } = act(&till, &Act::Receive { product: TEA, units: 5 }) else { panic!("noted") };
    assert_eq!((key, delta, till.level(ROW).balance), (Some(ROW), 5, 101));
    let (spent, none) =
        (Act::Sell { lines: vec![(TEA, 47)], ship: true, customer: None }, Act::Remove { cart, product: TEA });
    assert_eq!(till.act(&spent).map(drop), Err(Undone::Refused("allotment_spent".to_owned())));
    act(&till, &none);
    scene.round(&till);
    assert_eq!((till.waiting(), till.examine()), (0, Ok(())));
    assert!(till.verdicts().values().all(|word| ["accepted", "granted"].contains(&word.as_str())));
    assert_eq!(till.verdicts().len(), 5, "what was short was asked for");
}

#[test]
fn what_was_acknowledged_survives_every_restart() {
    let mut scene = Scene::new();
    let mut till = scene.till();
    for seed in 0..30 {
        let order = sell(&till);
        let Done::Cart(cart, _) = act(&till, &Act::BeginCart) else { panic!("a cart") };
        let Done::Cart(_, lines) = act(&till, &Act::Add { cart, product: TEA, units: 1 }) else { panic!("a cart") };
        act(&till, &Act::Receive { product: TEA, units: 2 });
        act(&till, &Act::Ask { product: TEA, units: 2 });
        let before = seen(&till);
        let name = Name { life: till.life(), mark: before.head };
        let how = if seed % 2 == 0 { Again::InOrder } else { Again::AfterCut };
        till = scene.restart(till, how, seed);
        assert_eq!((seen(&till), till.order(order.order_id)), (before, Some(order)));
        let kept = till.carts().into_iter().find(|kept| kept.cart_id() == cart).expect("the cart is there");
        assert_eq!((kept.quantity(TEA), lines.len(), till.has(name)), (1, 1, true));
        act(&till, &Act::Remove { cart, product: TEA });
        assert_eq!((till.is_old_image(), till.examine()), (false, Ok(())));
        scene.round(&till);
    }
}

#[test]
fn a_till_without_power_does_nothing_and_says_so() {
    let mut scene = Scene::new();
    let till = scene.till();
    scene.yard.arm(&till, 0);
    assert!(till.is_dark() && till.standing().is_err());
    for refused in [two_packets(), Act::BeginCart, Act::Ask { product: TEA, units: 1 }] {
        assert_eq!(till.act(&refused).map(drop), Err(Undone::Dark));
    }
    assert_eq!(till.tidy(), Err(Undone::Dark));
    sell(&scene.restart(till, Again::InOrder, 1));
}

/// Every other one by its own witness, the others when head office is heard.
#[test]
fn a_copy_that_is_put_back_is_noticed() {
    let mut scene = Scene::new();
    let till = scene.till();
    let image = scene.yard.copy(&till);
    sell(&till);
    scene.round(&till);
    let elder = till.life();
    let till = scene.yard.start_from(&image, Some(till), &scene.world);
    assert!(!till.is_old_image(), "the whole folder was put back, its witness too");
    assert!(is_noticed(&scene, &till, elder));
    sell(&till);
    let elder = till.life();
    let till = scene.yard.start_from(&image, Some(till), &scene.world);
    assert!(till.is_old_image(), "its witness had seen more");
    assert_eq!(till.act(&two_packets()).map(drop), Err(Undone::Refused("rolled_back".to_owned())));
    assert!(is_noticed(&scene, &till, elder));
}

/// Whether a round gives another life.
fn is_noticed(scene: &Scene, till: &RealTill, elder: IncarnationId) -> bool {
    scene.round(till);
    act(till, &Act::Ask { product: TEA, units: 10 });
    scene.round(till);
    till.life() != elder && !till.is_old_image()
}

mod differing;
mod power;
