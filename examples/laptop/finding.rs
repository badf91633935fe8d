//! What cashiers type while there is no line, and what their tills find.

use std::{error::Error, time::Duration};

use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::{
    plan::Plan,
    report::{chapter, note},
    till::Till,
    town::Town,
};

type Done = Result<(), Box<dyn Error>>;

/// Longest wait for an index of the whole catalogue, on a slow machine and with a program built for debugging.
const INDEX_SECONDS_MAX: u64 = 120;

/// Something that a cashier types, how it is to be found, and what the first product is to be called.
const TYPED: [(&str, &str, &str); 4] = [
    ("butter peanut 18oz", "all_words", "PEANUT BUTTER"),
    ("tomatto paste", "mistyped", "TOMATO PASTE"),
    ("yogurts multi packs", "all_words", "YOGURT"),
    // No product is called so; head office says what it means.
    ("courgettes", "all_words", "ZUCCHINI"),
];

/// Searches at both tills, while their lines are cut.
///
/// # Errors
/// If a till does not find what it should.
pub async fn live(town: &Town, plan: &Plan) -> Done {
    chapter("Nobody knows the codes by heart: cashiers search, still with no line");
    for till in [&town.kiosk.till, &town.popup.till] {
        timeout(Duration::from_secs(INDEX_SECONDS_MAX), until_indexed(till)).await??;
        for (text, how, name) in TYPED {
            let found = till.search(text).await?;
            let first = found["hits"][0]["name"].as_str().unwrap_or_default();
            if found["how"] != how || !first.contains(name) {
                let (who, found) = (till.name, &found["how"]);
                return Err(format!("{who} was to find {name} for {text:?}, {how}; it found {first:?}, {found}").into());
            }
            note(&format!("{:<9} {text:?}: {} found, the first is {first}", till.name, found["total"]));
        }
        let sku = plan.last_units.first().ok_or("the plan has no last units")?;
        let found = till.search(sku).await?;
        if found["how"] != "code" || found["hits"][0]["sku"] != sku.as_str() {
            return Err(format!("{} was to find the code {sku} and nothing else: {found}", till.name).into());
        }
    }
    Ok(())
}

/// A till serves at once, and indexes its catalogue beside that.
async fn until_indexed(till: &Till) -> Done {
    loop {
        let found: Value = till.search(TYPED[0].0).await?;
        if found["how"] != "plain" {
            return Ok(());
        }
        sleep(Duration::from_millis(200)).await;
    }
}
