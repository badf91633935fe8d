//! Search over the API: what it answers, and that a bad query is told what is wrong with it.

use super::*;

#[tokio::test]
async fn a_search_answers_with_products_counts_and_marked_names() {
    let shop = shop();
    let (status, found) = shop.get("/v1/products/search?text=te&typing=true&facets=true&limit=3").await;
    assert_eq!(status, StatusCode::OK, "{found}");
    assert_eq!((&found["how"], &found["total"]), (&json!("all_words"), &json!(1)), "{found}");
    let hit = &found["hits"][0];
    assert_eq!(hit["product_id"], json!(TEA), "{hit}");
    assert!(hit["name_parts"].as_array().is_some_and(|parts| parts.iter().any(|part| part["is_match"] == json!(true))));
    assert!(found["facets"]["stock"]["here"].is_u64(), "{found}");
    let (status, suggested) = shop.get("/v1/products/suggest?text=te").await;
    assert_eq!((status, &suggested["products"][0]["product_id"]), (StatusCode::OK, &json!(TEA)), "{suggested}");
}

#[tokio::test]
async fn what_a_search_does_not_know_is_told() {
    let shop = shop();
    let queries = [
        "colour=red",
        "sort=best",
        "stock=there",
        "limit=-1",
        "facets=perhaps",
        "price_from=cheap",
        "attribute=red",
        "category=7",
    ];
    for query in queries {
        let (status, problem) = shop.get(&format!("/v1/products/search?{query}")).await;
        assert_eq!(
            (status, &problem["code"]),
            (StatusCode::BAD_REQUEST, &json!("unreadable_query")),
            "{query} {problem}"
        );
    }
    let (status, problem) = shop.get("/v1/products/suggest?sort=price").await;
    assert_eq!((status, &problem["code"]), (StatusCode::BAD_REQUEST, &json!("unreadable_query")), "{problem}");
}

#[tokio::test]
async fn hostile_queries_are_only_text() {
    let shop = shop();
    let long = format!("text={}", "a".repeat(10_000));
    for query in [
        "text=%22",
        "text=(a%2B)%2B$",
        "text=%1b%07",
        "text=name:*",
        long.as_str(),
        "text=%E2%80%AE",
        "text=&offset=99999999",
    ] {
        let (status, found) = shop.get(&format!("/v1/products/search?{query}")).await;
        assert_eq!((status, &found["trouble"]), (StatusCode::OK, &Value::Null), "{query} {found}");
    }
}
