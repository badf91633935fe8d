//! A second handheld: it counts in the shop during sales, is lost with goods that it may sell, is written off, and turns
//! up again.

use std::error::Error;

use outpost_schema::{money::Money, quantity::Amount};

use crate::{
    plan::Plan,
    report::{chapter, note},
    stockroom,
    story::{Ledger, level, scan},
    till::{Line, Sale},
    town::{Device, MAIN, Town},
};

type Done = Result<(), Box<dyn Error>>;

/// Units that it may sell on its way.
const TAKEN: i64 = 5;

/// Units that it sells before it is lost.
const SOLD: i64 = 2;

/// Lives it.
///
/// # Errors
/// If a device or head office fails at something it promised.
pub async fn live(town: &Town, plan: &Plan, ledger: &Ledger) -> Done {
    let mut spare = town.unpack_spare().await?;
    count_during_sales(town, &spare, plan, ledger).await?;

    chapter("That handheld goes out to a customer, sells with no line, and does not come back");
    let sku = goes_out(plan)?;
    let product_id = scan(&spare.till, sku).await?;
    spare.till.ask_for(&[(product_id, TAKEN)]).await?;
    level(&spare).await?;
    spare.line.cut();
    let unit_price: Money = "4.00".parse()?;
    let total: Money = "8.00".parse()?;
    let line = Line { product_id, amount: Amount::new(SOLD)?, unit_price };
    match spare.till.sell(&[line], total).await? {
        Sale::Done(receipt) => ledger.keep(spare.till.name, receipt),
        Sale::Refused(code) => return Err(format!("the handheld may not sell what it asked for: {code}").into()),
    }
    spare.kill().await?;
    note(&format!("it sold {SOLD} of {TAKEN} units that it might sell, and nobody at head office knows"));
    town.of_device("write-off", &spare, &["--units", &TAKEN.to_string(), "--by", "Kim", "--note", "left on a bus"])?;

    chapter("The bus company has it: what it sold is told late, and comes off the loss first");
    spare.start().await?;
    spare.line.mend();
    level(&spare).await?;
    spare.till.retire().await?;
    level(&spare).await?;
    town.of_device("retire", &spare, &["--by", "Kim"])?;
    town.of_device("show", &spare, &[])?;
    spare.switch_off().await
}

/// What the handheld takes along: goods with a price, so that people see what the loss is worth.
fn goes_out(plan: &Plan) -> Result<&String, Box<dyn Error>> {
    let with_price = plan.counted.iter().find(|sku| plan.has_price(sku));
    Ok(with_price.or(plan.counted.get(1)).ok_or("the plan counts too few products")?)
}

/// Somebody counts in the shop while the kiosk sells: what is sold after the eyes had counted and before the count is
/// written down leaves the book once.
async fn count_during_sales(town: &Town, spare: &Device, plan: &Plan, ledger: &Ledger) -> Done {
    chapter("A second handheld counts in the shop while the kiosk sells what is being counted");
    let kiosk = &town.kiosk;
    level(spare).await?;
    // Of what just came from the stockroom, and does not go out with the handheld.
    let (came, out) = (plan.counted.iter().take(stockroom::KINDS), goes_out(plan)?);
    let sku = came.rev().find(|sku| *sku != out).ok_or("the plan counts too few products")?;
    let product_id = scan(&kiosk.till, sku).await?;
    kiosk.till.ask_for(&[(product_id, SOLD)]).await?;
    level(kiosk).await?;
    let place = kiosk.till.place(MAIN).await?;
    let (booked, mark) = (kiosk.till.quantity(product_id, &place).await?, kiosk.till.mark().await?);
    // One is missing on the shelf. Then a customer takes two, and only then is it written down.
    let seen = booked - 1;
    let (unit_price, total): (Money, Money) = ("4.00".parse()?, "8.00".parse()?);
    match kiosk.till.sell(&[Line { product_id, amount: Amount::new(SOLD)?, unit_price }], total).await? {
        Sale::Done(receipt) => ledger.keep(kiosk.till.name, receipt),
        Sale::Refused(code) => return Err(format!("the kiosk may not sell what it asked for: {code}").into()),
    }
    spare.till.count_beside(product_id, seen, mark).await?;
    for device in [spare, kiosk, spare] {
        level(device).await?;
    }
    let left = spare.till.quantity(product_id, &place).await?;
    if left != seen - SOLD {
        return Err(format!("{seen} were seen and {SOLD} sold since, and the book has {left}").into());
    }
    note(&format!("the book had {booked}, {seen} were seen, {SOLD} were sold meanwhile: it has {left}, and no doubt"));
    Ok(())
}
