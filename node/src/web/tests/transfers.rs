use outpost_schema::{
    catalogue::Warehouse,
    clock::Timestamp,
    delivery::{Delivery, DeliveryLine},
    id::{DeliveryId, WarehouseId},
};

use super::*;

const DEPOT: WarehouseId = WarehouseId(Uuid::from_u128(0xd0));
const ORDERED: DeliveryId = DeliveryId(Uuid::from_u128(0xd1));

/// A till that knows of a depot, and expects a delivery.
fn shop_that_expects() -> Shop {
    let shop = shop();
    let created_at = Timestamp::from_micros(0);
    let depot = Warehouse { warehouse_id: DEPOT, name: "Depot".to_owned(), home_of: None, created_at };
    let delivery = Delivery {
        delivery_id: ORDERED,
        warehouse_id: SHOP,
        supplier: "Ahmad".to_owned(),
        reference: "PO-17".to_owned(),
        due_at: None,
        created_at,
        closing: None,
        lines: vec![DeliveryLine { product_id: TEA, expected: 5, received: 0 }],
    };
    hear(&shop.app.node, &[Aggregate::Warehouse(depot), Aggregate::Delivery(Box::new(delivery))]);
    shop
}

#[tokio::test]
async fn goods_are_sent_and_come_over_the_api() {
    let shop = shop_that_expects();
    let (status, places) = shop.get("/v1/places").await;
    assert!(status == StatusCode::OK && places.to_string().contains("Depot"), "{places}");
    let send = |anyway: bool, amount: i64| json!({ "to": DEPOT, "lines": [{ "product_id": TEA, "amount": amount }], "anyway": anyway, "person": "Ann" });
    let (status, problem) = shop.post("/v1/transfers", &send(false, 999_999_999)).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("beyond_free")));
    let (status, sent) = shop.post("/v1/transfers", &send(true, 3)).await;
    assert_eq!((status, &sent["to"], &sent["on_road"][0][1]), (StatusCode::CREATED, &json!("Depot"), &json!(3)));

    let path = format!("/v1/transfers/{}", sent["code"].as_str().expect("a code"));
    let came = json!({ "lines": [{ "product_id": TEA, "came": 2, "damaged": 1 }], "complete": true });
    let (status, come) = shop.post(&format!("{path}/arrive"), &came).await;
    assert_eq!((status, &come["on_road"][0][1]), (StatusCode::CREATED, &json!(1)), "the sender takes some back");
    let (status, shown) = shop.get(&path).await;
    assert_eq!((status, &shown["transfer"]["complete"]), (StatusCode::OK, &json!(true)));
    assert_eq!(shop.get("/v1/transfers").await.1.as_array().map(Vec::len), Some(1));
    assert_eq!(shop.get("/v1/transfers/K1-T99-0").await.0, StatusCode::UNPROCESSABLE_ENTITY, "a slip of the pen");
}

#[tokio::test]
async fn goods_of_a_delivery_are_received_and_taken_back_over_the_api() {
    let shop = shop_that_expects();
    let scan = |delivery: DeliveryId| {
        json!({ "lines": [{ "product_id": TEA, "amount": 2, "lot": null, "expires": null }],
                "person": null, "note": null, "delivery": delivery })
    };
    assert_eq!(shop.post("/v1/stock/receive", &scan(ORDERED)).await.0, StatusCode::CREATED);
    let (_, expected) = shop.get("/v1/deliveries?name=PO-17").await;
    assert_eq!(expected[0]["lines"][0]["received"], 2);
    let nobody = DeliveryId(Uuid::from_u128(1));
    let (status, problem) = shop.post("/v1/stock/receive", &scan(nobody)).await;
    assert_eq!((status, &problem["code"]), (StatusCode::NOT_FOUND, &json!("unknown_delivery")));
    let (status, undone) = shop.post("/v1/stock/receive/undo", &json!({ "person": "Ann", "note": null })).await;
    assert_eq!((status, &undone["lines"][0]["amount"]), (StatusCode::CREATED, &json!(2)));
    let (status, problem) = shop.post("/v1/stock/receive/undo", &json!({ "person": null, "note": null })).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("nothing_to_undo")));
    assert_eq!(shop.get("/v1/deliveries?name=PO-99").await.0, StatusCode::NOT_FOUND);
}
