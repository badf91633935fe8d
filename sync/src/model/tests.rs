//! What is not seen in the examples: ops that wait for what they lack.

use outpost_schema::{
    catalogue::{Product, Warehouse},
    clock::{Hlc, Timestamp},
    feed::{Aggregate, Ruling},
    id::{IncarnationId, NodeId, ProductId, WarehouseId},
    journal::{Entry, Mark},
    op::{Goods, Line, Op},
    quantity::{Amount, Unit},
    stock::{Level, StockKey},
    verdict::{ConcernKind, SetAside, Verdict},
};
use uuid::Uuid;

use super::{Model, author};
use crate::wire::{Caller, Pulled, Push, Pushed, Standing};

const NOW: Timestamp = Timestamp::from_micros(1_770_000_000_000_000);
const SHOP: WarehouseId = WarehouseId(Uuid::from_u128(1));
const TEA: ProductId = ProductId(Uuid::from_u128(2));
const CALLER: Caller =
    Caller { node_id: NodeId(Uuid::from_u128(3)), incarnation_id: IncarnationId(Uuid::from_u128(4)) };

fn network() -> Model {
    let model = Model::new("EUR".parse().expect("a currency"), NOW);
    model.add_warehouse(Warehouse { warehouse_id: SHOP, name: "Shop".into(), home_of: None, created_at: NOW });
    model.add_node(author(CALLER, SHOP));
    model
}

fn tea() -> Product {
    Product {
        product_id: TEA,
        sku: None,
        name: "Tea".into(),
        description: None,
        price: None,
        unit: Unit::Each,
        price_per: 1,
        category_id: None,
        seller_id: None,
        image_urls: vec![],
        attributes: serde_json::Map::default(),
        barcodes: vec![],
        created_at: NOW,
        updated_at: NOW,
    }
}

fn received(units: i64) -> Entry {
    let line = Line { product_id: TEA, amount: Amount::new(units).expect("an amount") };
    let op = Op::Received(Goods { warehouse_id: SHOP, lines: vec![line] }.into());
    Entry::write(CALLER.incarnation_id, Mark::START, Hlc { at: NOW, tick: 0 }, String::new(), &op, [7; 16])
}

#[test]
fn an_op_that_lacked_something_is_booked_when_that_arrives_and_its_author_hears() {
    let (model, entry) = (network(), received(3));
    let standing = |acked| Standing { incarnation_id: CALLER.incarnation_id, head: entry.mark(), acked };
    let push = Push { entries: vec![entry.clone()], ..Push::default() };
    let answer = model.push(CALLER.node_id, standing(Mark::START), &push).expect("taken");
    let lacks = Verdict::SetAside(SetAside::Lacks { ids: vec![TEA.0] });
    assert_eq!(answer, Pushed::Settled { acked: entry.mark(), verdicts: vec![(1, lacks)], carts: vec![] });
    assert!(model.read(|ledger| ledger.concerns().any(|(kind, _)| *kind == ConcernKind::SetAside)));

    model.add_product(tea(), &[(SHOP, 2)]);
    let key = StockKey { product_id: TEA, warehouse_id: SHOP };
    assert_eq!(model.level(key), Level { balance: 5, promised: 0 });
    assert_eq!(model.read(|ledger| (ledger.movements()[&key], ledger.concerns().count())), (5, 0));
    let Pulled::Page(page) = model.pull(CALLER.node_id, standing(entry.mark()), None).expect("heard") else {
        panic!("both know the same of the journal")
    };
    let ruling = Ruling { incarnation_id: CALLER.incarnation_id, seq: 1, verdict: Verdict::Accepted };
    assert!(page.aggregates.contains(&Aggregate::Verdict(Box::new(ruling))));
    assert!(page.acked[0].set_aside.is_empty(), "the image of the row contains it now");
}
