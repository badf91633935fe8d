//! A day in the stockroom: a delivery, a count, a broken case, and a transfer with the line cut at both ends.

use std::error::Error;

use outpost_schema::id::ProductId;

use crate::{
    plan::Plan,
    report::{chapter, note},
    story,
    town::{MAIN, Town},
};

type Done = Result<(), Box<dyn Error>>;

/// Products that are delivered, and then go to the shop.
pub const KINDS: usize = 3;

/// Units of each product that go to the shop.
const SENT: i64 = 6;

/// Lives it.
///
/// # Errors
/// If a device fails, or what one end sent is not what the other one finds.
pub async fn live(town: &Town, plan: &Plan) -> Done {
    let (handheld, kiosk) = (&town.handheld, &town.kiosk);
    chapter("The handheld counts goods in the stockroom, takes a delivery in, and writes a broken case down");
    let mut counted = Vec::new();
    for (sku, seen) in plan.counted.iter().zip([24, 23, 26, 24].into_iter().cycle()) {
        counted.push((story::scan(&handheld.till, sku).await?, seen));
    }
    let delivery: Vec<(ProductId, i64)> = counted.iter().take(KINDS).map(|(product_id, _)| (*product_id, 48)).collect();
    handheld.till.count(&counted).await?;
    handheld.till.receive(&delivery).await?;
    handheld.till.broke(delivery[0].0, 2).await?;
    note(&format!(
        "{} products counted, half of them not as the book says; {} more delivered, two units of one broken",
        counted.len(),
        delivery.len()
    ));

    chapter("Goods go from the stockroom to the shop while the line is cut at both ends");
    let goods: Vec<(ProductId, i64)> = delivery.iter().map(|(product_id, _)| (*product_id, SENT)).collect();
    handheld.line.cut();
    kiosk.line.cut();
    let code = handheld.till.send(&handheld.till.place(MAIN).await?, &goods).await?;
    kiosk.till.take_in(&code, &goods, 1).await?;
    note(&format!(
        "{code} is written on the box; the kiosk takes it in before head office has heard of it, one unit damaged"
    ));
    handheld.line.mend();
    kiosk.line.mend();
    story::all_level(town).await?;
    let left = kiosk.till.on_the_road(&code).await?;
    if left != 0 {
        return Err(format!("{left} units of {code} are still on the road").into());
    }
    note("both ends were heard, and nothing is left on the road");
    Ok(())
}
