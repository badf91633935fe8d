//! Countings over the API, and what those who count are not told.

use super::*;

async fn opened(shop: &Shop, said: Value) -> (StatusCode, Value) {
    shop.post("/v1/countings", &said).await
}

#[tokio::test]
async fn bins_are_counted_reviewed_counted_again_and_approved_over_the_api() {
    let shop = shop();
    let (status, counting) = opened(&shop, json!({ "person": "Cy", "bins": ["A1", "A2"], "tolerance_units": 0 })).await;
    assert_eq!((status, &counting["counting"], &counting["blind"]), (StatusCode::CREATED, &json!(1), &json!(true)));
    let (status, problem) = opened(&shop, json!({ "person": "Dee", "bins": ["A1"] })).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("bin_taken")));
    assert_eq!(shop.get("/v1/countings/2").await.0, StatusCode::NOT_FOUND);
    assert_eq!(shop.get("/v1/countings/two").await.1["code"], "not_a_counting");

    let (_, begun) = shop.post("/v1/countings/1/bins", &json!({ "bin": "A3", "person": "Ben" })).await;
    assert_eq!(begun["bins"], json!(["A1", "A2", "A3"]));
    let scan = json!({ "bin": "A1", "person": "Ada", "product_id": TEA });
    for counted in 1..=3 {
        assert_eq!(shop.post("/v1/countings/1/scan", &scan).await.1, json!({ "counted": counted }));
    }
    let typed = json!({ "bin": "A3", "person": "Ben", "lines": [{ "product_id": TEA, "counted": 4 }], "marks": [] });
    assert_eq!(shop.post("/v1/countings/1/count", &typed).await.0, StatusCode::OK);
    let nowhere = json!({ "bin": "Z9", "person": "Ben", "lines": [{ "product_id": TEA, "counted": 4 }] });
    let (status, problem) = shop.post("/v1/countings/1/count", &nowhere).await;
    assert_eq!((status, &problem["code"]), (StatusCode::NOT_FOUND, &json!("unknown_bin")));

    let (_, reviewed) = shop.post("/v1/countings/1/review", &json!({})).await;
    let product = &reviewed["products"][0];
    assert_eq!((&reviewed["state"], &product["standing"]), (&json!("review"), &json!("count_again")));
    assert_eq!((&product["why"], &product["numbers"]["variance"]), (&json!("variance"), &json!(-9_993)));
    let approve = |reason: Option<&str>| json!({ "person": "Dee", "reason": reason });
    let (status, problem) = shop.post("/v1/countings/1/approve", &approve(None)).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("count_again")));
    let (_, again) = shop.post("/v1/countings/1/recount", &json!({ "products": [TEA] })).await;
    assert_eq!(again["products"][0]["missing"], json!(["A1", "A3"]));
    for (bin, person, counted) in [("A1", "Ben", 3), ("A3", "Ada", 4)] {
        let lines = json!([{ "product_id": TEA, "counted": counted }]);
        let typed = json!({ "bin": bin, "person": person, "lines": lines });
        assert_eq!(shop.post("/v1/countings/1/count", &typed).await.0, StatusCode::OK);
    }
    let (_, reviewed) = shop.post("/v1/countings/1/review", &json!({})).await;
    assert_eq!(reviewed["products"][0]["standing"], "confirmed");
    let (status, booked) = shop.post("/v1/countings/1/approve", &approve(None)).await;
    let line = json!([{ "product_id": TEA, "counted": 7, "delta": -9_993 }]);
    assert_eq!((status, &booked), (StatusCode::CREATED, &line));
    assert_eq!(shop.post("/v1/countings/1/approve", &approve(None)).await.1, line);

    assert_eq!(shop.get("/v1/countings").await.1, json!([]));
    let (_, all) = shop.get("/v1/countings?all=true").await;
    assert_eq!((&all[0]["state"], &all[0]["closed_by"]), (&json!("approved"), &json!("Dee")));
    assert_eq!(opened(&shop, json!({ "person": "Cy", "bins": ["A1"] })).await.0, StatusCode::CREATED);
    let (status, given_up) = shop.post("/v1/countings/2/cancel", &json!({ "person": "Cy" })).await;
    assert_eq!((status, &given_up["state"]), (StatusCode::OK, &json!("cancelled")));
}

/// Ten thousand should be there; whatever is asked while somebody counts, no answer has that number, or a word for it.
#[tokio::test]
async fn no_answer_tells_those_who_count_what_should_be_there() {
    for blind in [true, false] {
        let shop = shop();
        let mut told = vec![opened(&shop, json!({ "person": "Cy", "bins": ["A1"], "blind": blind })).await.1];
        let scan =
            |person: &str, amount: i64| json!({ "bin": "A1", "person": person, "product_id": TEA, "amount": amount });
        told.push(shop.post("/v1/countings/1/bins", &json!({ "bin": "A1", "person": "Ada" })).await.1);
        told.push(shop.post("/v1/countings/1/scan", &scan("Ada", 4)).await.1);
        told.push(shop.get("/v1/countings/1").await.1);
        told.push(shop.post("/v1/countings/1/approve", &json!({ "person": "Dee" })).await.1);
        shop.post("/v1/countings/1/review", &json!({})).await;
        told.push(shop.post("/v1/countings/1/recount", &json!({ "products": [TEA] })).await.1);
        told.push(shop.post("/v1/countings/1/scan", &scan("Ben", 5)).await.1);
        told.push(shop.post("/v1/countings/1/approve", &json!({ "person": "Dee" })).await.1);
        told.push(shop.get("/v1/countings/1").await.1);
        told.push(shop.get("/v1/countings").await.1);
        let says = |answer: &Value, words: &[&str]| words.iter().any(|word| answer.to_string().contains(word));
        let words = ["expected", "variance", "standing", "worth", "numbers", "10000"];
        let tells = told.iter().filter(|answer| says(&without_times(answer), &words)).count();
        assert_eq!(tells > 0, !blind, "{told:?}");
        let first = told.iter().skip(5).filter(|answer| says(&without_times(answer), &["\"counted\":4"])).count();
        assert!(first == 0, "the second one is not told what the first one saw: {told:?}");
    }
}

/// An answer without what is a number by chance.
fn without_times(answer: &Value) -> Value {
    match answer {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(name, _)| !name.ends_with("_at") && !name.ends_with("_id"));
            Value::Object(kept.map(|(name, value)| (name.clone(), without_times(value))).collect())
        }
        Value::Array(list) => list.iter().map(without_times).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => answer.clone(),
    }
}
