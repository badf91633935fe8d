//! A handheld is lost with goods on it that it may sell, is written off, and turns up again.

use std::error::Error;

use outpost_schema::{money::Money, quantity::Amount};

use crate::{
    plan::Plan,
    report::{chapter, note},
    story::{Ledger, level, scan},
    till::{Line, Sale},
    town::Town,
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
    chapter("A second handheld goes out to a customer, sells with no line, and does not come back");
    let mut spare = town.unpack_spare().await?;
    level(&spare).await?;
    // One with a price, so that people see what the loss is worth.
    let with_price = plan.counted.iter().find(|sku| plan.has_price(sku));
    let sku = with_price.or(plan.counted.get(1)).ok_or("the plan counts too few products")?;
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
