//! The day, chapter by chapter.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    error::Error,
    path::Path,
    time::Duration,
};

use futures_util::future::try_join_all;
use outpost_schema::{id::ProductId, money::Money, quantity::Amount};
use tokio::time::{sleep, timeout};

use crate::{
    bad_day,
    baskets::{Basket, priced},
    finding, lost,
    plan::Plan,
    report::{chapter, note, progress},
    stockroom,
    till::{Line, Phone, Receipt, Sale, Till},
    town::{Device, Town},
};

type Done = Result<(), Box<dyn Error>>;

/// Longest wait until every device is level once its line is mended.
const LEVEL_SECONDS_MAX: u64 = 120;

/// An op about stock has a limit; a long wish is several asks.
const LINES_IN_AN_ASK: usize = 1_000;

/// How often a cashier tries again what the till refused because its allotment was spent: each try asks
/// for more, and the grant may take longer than the till is willing to wait.
const TRIES_MAX: usize = 3;

/// Where the kiosk's line breaks: somewhere in the first push of a day's sales.
const BREAKS_AFTER_BYTES: i64 = 20_000;

/// What really happened, kept outside the system: every receipt that a customer holds.
#[derive(Default)]
pub struct Ledger {
    receipts: RefCell<Vec<(String, Receipt)>>,
    unknown: RefCell<usize>,
    without_quantity: RefCell<usize>,
    refused: RefCell<BTreeMap<String, usize>>,
}

impl Ledger {
    /// The receipts, with the device that printed each.
    pub fn receipts(&self) -> Vec<(String, Receipt)> {
        self.receipts.borrow().clone()
    }

    /// A customer holds this receipt.
    pub fn keep(&self, node: &str, receipt: Receipt) {
        self.receipts.borrow_mut().push((node.to_owned(), receipt));
    }

    /// Writes the receipts down, for the next run.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, file: &Path) -> Result<(), Box<dyn Error>> {
        let mut writer = csv::Writer::from_path(file)?;
        for (node, receipt) in self.receipts.borrow().iter() {
            writer.write_record([node, &receipt.order_id.to_string(), &receipt.total.to_string()])?;
        }
        Ok(writer.flush()?)
    }

    /// What an earlier run wrote down.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn load(file: &Path) -> Result<Self, Box<dyn Error>> {
        let ledger = Self::default();
        for record in csv::ReaderBuilder::new().has_headers(false).from_path(file)?.into_records() {
            let record = record?;
            let field = |place| record.get(place).ok_or("a receipt has three fields");
            ledger.keep(field(0)?, Receipt { order_id: field(1)?.parse()?, total: field(2)?.parse()? });
        }
        Ok(ledger)
    }

    fn wrinkles(&self) -> String {
        format!(
            "{} lines were of products that are in no catalogue, {} had no quantity",
            self.unknown.borrow(),
            self.without_quantity.borrow()
        )
    }
}

/// Lives the whole day.
///
/// # Errors
/// If a device or the server fails at something it promised.
pub async fn live(town: &mut Town, plan: &Plan, ledger: &Ledger) -> Done {
    chapter("The devices fill themselves from the file that head office keeps");
    all_level(town).await?;

    chapter("Morning: the line is up, two tills sell real baskets");
    sell_both(town, plan, ledger, [&plan.kiosk.morning, &plan.popup.morning]).await?;
    all_level(town).await?;
    town.copy_popup().await?;
    note("somebody copies the pop-up's folder, to have it");

    stockroom::live(town, plan).await?;
    lost::live(town, plan, ledger).await?;

    chapter("A cart is begun at the kiosk and finished at the pop-up");
    wander(town, plan, ledger).await?;

    chapter("The kiosk asks ahead for what it may sell while the line is down");
    ask_ahead(town, plan).await?;

    chapter("Noon: the line is cut, and the tills go on selling");
    town.devices().iter().for_each(|device| device.line.cut());
    sell_both(town, plan, ledger, [&plan.kiosk.noon, &plan.popup.noon]).await?;
    note(&ledger.wrinkles());
    one_email_twice(town).await?;
    show_waiting(town).await?;

    finding::live(town, plan).await?;

    chapter("The kiosk loses power in the middle of a sale");
    lose_power(town, plan, ledger).await?;

    chapter("Evening: the line comes back, breaks in the middle of a round, and comes back for good");
    break_midway(&town.kiosk).await?;
    town.devices().iter().for_each(|device| device.line.mend());
    all_level(town).await?;

    chapter(
        "One unit is left of five products, and a customer at the kiosk and one on the phone want each at the same moment",
    );
    contest(town, plan, ledger).await?;
    all_level(town).await?;

    bad_day::live(town, plan, ledger).await
}

/// Sells baskets at one till, and says what it refused.
///
/// # Errors
/// If the till fails.
pub async fn sell_baskets(till: &Till, plan: &Plan, ledger: &Ledger, baskets: &[Basket]) -> Done {
    for basket in baskets {
        sell_basket(till, plan, ledger, basket).await?;
    }
    for (code, times) in ledger.refused.take() {
        note(&format!("{times} baskets were refused: {code}"));
    }
    Ok(())
}

async fn sell_both(town: &Town, plan: &Plan, ledger: &Ledger, baskets: [&Vec<Basket>; 2]) -> Done {
    let bar = progress("baskets", baskets[0].len() + baskets[1].len());
    let before = ledger.receipts.borrow().len();
    let sell = async |till: &Till, baskets: &[Basket]| -> Done {
        for basket in baskets {
            sell_basket(till, plan, ledger, basket).await?;
            bar.inc(1);
        }
        Ok(())
    };
    tokio::try_join!(sell(&town.kiosk.till, baskets[0]), sell(&town.popup.till, baskets[1]))?;
    bar.finish_and_clear();
    note(&format!("{} sales", ledger.receipts.borrow().len() - before));
    for (code, times) in ledger.refused.take() {
        note(&format!("{times} baskets were refused: {code}"));
    }
    Ok(())
}

/// Rings a real basket up. Lines that cannot be are counted, each with its reason.
async fn sell_basket(till: &Till, plan: &Plan, ledger: &Ledger, basket: &Basket) -> Done {
    let mut lines = Vec::new();
    let mut total = Money::ZERO;
    for line in &basket.lines {
        let Some(product_id) = till.scan(&line.sku).await? else {
            *ledger.unknown.borrow_mut() += 1;
            continue;
        };
        let parts = priced(line.amount, line.quantity, plan.unit(&line.sku));
        if parts.is_empty() {
            *ledger.without_quantity.borrow_mut() += 1;
            continue;
        }
        lines.extend(parts.into_iter().map(|(amount, unit_price)| Line { product_id, amount, unit_price }));
        total = total.checked_add(line.amount).ok_or("a basket beyond all money")?;
    }
    if lines.is_empty() {
        return Ok(());
    }
    let mut sale = till.sell(&lines, total).await?;
    for _ in 1..TRIES_MAX {
        if let Sale::Refused(_) = sale {
            sale = till.sell(&lines, total).await?;
        }
    }
    match sale {
        Sale::Done(receipt) if receipt.total == total => ledger.keep(till.name, receipt),
        Sale::Done(receipt) => {
            return Err(format!("basket {} cost {total}, the till says {}", basket.basket_id, receipt.total).into());
        }
        Sale::Refused(code) => *ledger.refused.borrow_mut().entry(code).or_default() += 1,
    }
    Ok(())
}

async fn wander(town: &Town, plan: &Plan, ledger: &Ledger) -> Done {
    let (kiosk, popup) = (&town.kiosk.till, &town.popup.till);
    let goods = [(priced_product(plan, kiosk, 0).await?, 2), (priced_product(plan, kiosk, 1).await?, 1)];
    let cart_id = kiosk.begin_cart(&goods).await?;
    all_level(town).await?;
    popup.add_to_cart(&cart_id, &[(priced_product(plan, popup, 2).await?, 1)]).await?;
    let total = popup.cart_total(&cart_id).await?;
    let receipt = popup.check_out(&cart_id, total).await?;
    note(&format!("the customer paid {} by card at the pop-up", receipt.total));
    ledger.keep(popup.name, receipt);
    Ok(())
}

async fn ask_ahead(town: &Town, plan: &Plan) -> Done {
    let till = &town.kiosk.till;
    let mut goods = Vec::new();
    for (sku, units) in plan.needs(plan.kiosk.noon.iter().chain(&plan.kiosk.nightfall)) {
        goods.push((scan(till, &sku).await?, units));
    }
    for part in goods.chunks(LINES_IN_AN_ASK) {
        till.ask_for(part).await?;
    }
    note(&format!("{} products", goods.len()));
    level(&town.kiosk).await
}

/// Two offline devices write the same e-mail down for two people.
async fn one_email_twice(town: &Town) -> Done {
    town.kiosk.till.add_customer("Ada", "ada@example.com").await?;
    town.popup.till.add_customer("Adah", "ada@example.com").await?;
    note("both tills wrote a customer down, with one and the same e-mail");
    Ok(())
}

async fn show_waiting(town: &Town) -> Done {
    for device in town.devices() {
        note(&format!("{:<9} {} entries wait to be sent", device.till.name, device.till.waiting().await?));
    }
    Ok(())
}

/// Kills the kiosk while sales are under way: a receipt that was printed is kept, and a sale whose
/// receipt was not printed may or may not have happened.
async fn lose_power(town: &mut Town, plan: &Plan, ledger: &Ledger) -> Done {
    let before = ledger.receipts.borrow().len();
    let kiosk = &mut town.kiosk;
    let till = Till::at("kiosk", kiosk.url());
    tokio::select! {
        // The switch falls after the third receipt, in the middle of the fourth sale.
        _ = async {
            for basket in &plan.kiosk.nightfall {
                if sell_basket(&till, plan, ledger, basket).await.is_err() {
                    return;
                }
            }
        } => {}
        _ = async {
            while ledger.receipts.borrow().len() < before + 3 {
                tokio::task::yield_now().await;
            }
        } => {}
    }
    kiosk.kill().await?;
    note(&format!("{} more receipts were printed before the light went out", ledger.receipts.borrow().len() - before));
    kiosk.start().await?;
    note("it is back, and sells again");
    Ok(())
}

/// The line carries some bytes of a push and then breaks: neither end knows what the other has.
async fn break_midway(device: &Device) -> Done {
    let before = device.line.carried();
    device.line.mend();
    device.line.cut_after(BREAKS_AFTER_BYTES);
    if device.till.round().await? {
        return Err("a round went through a line that breaks".into());
    }
    note(&format!("the {}'s line broke after {} bytes", device.till.name, device.line.carried() - before));
    Ok(())
}

/// A customer at the kiosk and one on the phone want the last unit at the same moment; one gets it.
/// Of two products the kiosk had asked for the unit before, so it is not to be had by phone.
async fn contest(town: &Town, plan: &Plan, ledger: &Ledger) -> Done {
    let (mut sold, mut held) = (0, 0);
    for sku in plan.last_units.iter().take(2) {
        town.kiosk.till.ask_for(&[(scan(&town.kiosk.till, sku).await?, 1)]).await?;
    }
    level(&town.kiosk).await?;
    let phone = Phone::at(town.office_url(), town.handheld.caller().to_owned());
    for sku in &plan.last_units {
        let kiosk = &town.kiosk.till;
        let product_id = scan(kiosk, sku).await?;
        let unit_price: Money = "1.00".parse()?;
        let line = [Line { product_id, amount: Amount::ONE, unit_price }];
        let place = kiosk.place_of(product_id).await?;
        let (sale, hold) = tokio::try_join!(kiosk.sell(&line, unit_price), phone.hold(product_id, &place))?;
        match (sale, hold) {
            (Sale::Done(receipt), false) => {
                sold += 1;
                ledger.keep(kiosk.name, receipt);
            }
            (Sale::Refused(_), true) => held += 1,
            (Sale::Done(_), true) => return Err(format!("the last unit of {sku} was promised twice").into()),
            (Sale::Refused(_), false) => return Err(format!("nobody got the last unit of {sku}").into()),
        }
    }
    note(&format!("{sold} went to the kiosk, {held} to the phone, none to both"));
    Ok(())
}

/// Waits until every device that is on equals the server and has nothing left to send.
///
/// # Errors
/// If a device does not get there in time.
pub async fn all_level(town: &Town) -> Done {
    // What one sent in its last round, another may have missed in its own.
    for _ in 0..2 {
        let awake = town.devices().into_iter().filter(|device| device.is_on());
        try_join_all(awake.map(level)).await?;
    }
    Ok(())
}

/// Waits until a device equals the server and has nothing left to send.
///
/// # Errors
/// If it does not get there in time.
pub async fn level(device: &Device) -> Done {
    let until_level = async {
        while !(device.till.round().await? && device.till.waiting().await? == 0) {
            sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    };
    let out_of_time = |_| format!("{} was not level after {LEVEL_SECONDS_MAX} s", device.till.name);
    timeout(Duration::from_secs(LEVEL_SECONDS_MAX), until_level).await.map_err(out_of_time)?
}

/// The product of a sku, which the till must know.
///
/// # Errors
/// If it does not.
pub async fn scan(till: &Till, sku: &str) -> Result<ProductId, Box<dyn Error>> {
    Ok(till.scan(sku).await?.ok_or_else(|| format!("{} does not know {sku}", till.name))?)
}

/// The nth product of the pop-up's morning, which both places know; it has a price and a stock.
async fn priced_product(plan: &Plan, till: &Till, nth: usize) -> Result<ProductId, Box<dyn Error>> {
    let needs = plan.needs(&plan.popup.morning);
    let skus: BTreeSet<&String> = needs.keys().filter(|sku| plan.has_price(sku)).collect();
    let sku = skus.into_iter().nth(nth).ok_or("the plan has too few products")?;
    scan(till, sku).await
}
