//! Everything that goes wrong in a shop's life, in one evening: a new device in
//! a hurry, one that sleeps through it, a server that dies, a device that is put back to its morning copy.

use std::{error::Error, path::Path};

use tokio::time::Instant;

use crate::{
    plan::Plan,
    report::{chapter, note},
    story::{Ledger, all_level, level, scan, sell_baskets},
    till::Phone,
    town::Town,
};

type Done = Result<(), Box<dyn Error>>;

/// Lives the bad evening.
///
/// # Errors
/// If a device or the server fails at something it promised.
pub async fn live(town: &mut Town, plan: &Plan, ledger: &Ledger) -> Done {
    chapter("A bad evening begins: a new till is unpacked at the High Street");
    new_till(town, plan, ledger).await?;

    chapter("Head office is backed up while it works, and somebody drops the handheld into a drawer");
    let backup = town.back_up_office()?;
    town.handheld.switch_off().await?;

    chapter("The kiosk sells on; the backup knows nothing of it");
    sell_baskets(&town.kiosk.till, plan, ledger, &plan.kiosk.evening).await?;
    note(&format!("{} sales that no backup has", plan.kiosk.evening.len()));
    all_level(town).await?;

    chapter("The computer of head office dies, and the backup is put in its place");
    office_dies(town, plan, ledger, &backup).await?;

    chapter("The pop-up's disk dies too, and somebody puts this morning's copy back, with no line");
    put_back(town, plan, ledger).await?;

    chapter("Weeks later the handheld is found in the drawer");
    town.handheld.start().await?;
    all_level(town).await?;
    if town.hold_is_possible(plan).await? {
        note("head office has heard from every device, and promises again");
        return Ok(());
    }
    Err("every device has reported, and head office still promises nothing".into())
}

/// A box is opened, and a customer is waiting.
async fn new_till(town: &mut Town, plan: &Plan, ledger: &Ledger) -> Done {
    let begun = Instant::now();
    town.unpack_till().await?;
    let till = town.till.as_ref().ok_or("the till was just unpacked")?;
    level(till).await?;
    let ready = begun.elapsed();
    let mut goods = Vec::new();
    for (sku, units) in plan.needs(&plan.kiosk.last) {
        goods.push((scan(&till.till, &sku).await?, units));
    }
    till.till.ask_for(&goods).await?;
    level(till).await?;
    sell_baskets(&till.till, plan, ledger, &plan.kiosk.last).await?;
    note(&format!(
        "it had the whole catalogue after {:.1} s, and its first {} customers were served after {:.1} s",
        ready.as_secs_f64(),
        plan.kiosk.last.len(),
        begun.elapsed().as_secs_f64()
    ));
    Ok(())
}

async fn office_dies(town: &mut Town, plan: &Plan, ledger: &Ledger, backup: &Path) -> Done {
    let before = ledger.receipts().len();
    town.lose_office().await?;
    sell_baskets(&town.popup.till, plan, ledger, &plan.popup.evening).await?;
    note(&format!("the pop-up sells {} baskets meanwhile", ledger.receipts().len() - before));
    town.restore_office(backup).await?;
    all_level(town).await?;
    if town.hold_is_possible(plan).await? {
        return Err("head office promises units before it has heard from the handheld".into());
    }
    note("every till has told again what the backup did not know; nothing is promised until the handheld was heard");
    Ok(())
}

async fn put_back(town: &mut Town, plan: &Plan, ledger: &Ledger) -> Done {
    town.put_back_popup().await?;
    let state = town.popup.till.state().await?;
    if state != "rolled_back" {
        return Err(format!("the pop-up does not notice that it was put back: it says {state}").into());
    }
    note("it notices by the witness on its stick; it sells what customers bring to the counter, and asks for nothing");
    sell_baskets(&town.popup.till, plan, ledger, &plan.popup.last).await?;
    town.popup.line.mend();
    all_level(town).await?;
    let state = town.popup.till.state().await?;
    if state != "active" {
        return Err(format!("the pop-up got no other life: it is {state}").into());
    }
    note("with the line it got another life, and told what it had sold in between");
    Ok(())
}

impl Town {
    /// Whether head office would promise a unit to somebody on the phone now.
    async fn hold_is_possible(&self, plan: &Plan) -> Result<bool, Box<dyn Error>> {
        let at_the_fair = plan.needed(&plan.popup);
        let in_the_shop = plan.needed(&plan.kiosk);
        let sku = in_the_shop.keys().find(|sku| !at_the_fair.contains_key(*sku)).ok_or("both sell the same")?;
        let product_id = scan(&self.kiosk.till, sku).await?;
        let phone = Phone::at(self.office_url(), self.kiosk.caller().to_owned());
        phone.hold(product_id, &self.kiosk.till.place_of(product_id).await?).await
    }
}
