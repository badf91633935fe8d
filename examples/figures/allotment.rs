//! Allotments that size themselves, over real baskets: who can sell what while lines are cut.
//!
//! Shops that share one stock sell what they really sold, at their real moments, while their lines are cut by
//! chance. The arithmetic is the one that ships, [`outpost_schema::sizing`]; beside it stand two plain policies on
//! the very same days.

mod lines;
mod policy;
mod replay;
mod sales;

use std::{env, fs::File};

use self::{
    lines::Lines,
    policy::{Equal, ServerOnly, Sized},
    replay::{Came, Supply},
    sales::Sales,
};
use crate::report::{Figure, Outcome, Report};

/// See [`Figure`].
pub const FIGURE: Figure = Figure {
    name: "allotment",
    tells: "Real baskets of 24 shops that share one stock while lines are cut: what could be sold, beside plain policies.",
    means: "Aim: in all as much sold as by either plain policy or more; cut off, more than by any that strands as few units. Stranded are units open at a shop at the end of a day on which another was refused them.",
    measure,
};

/// Where the real transactions lie: `transactions-grocery.csv.zst`, of which `examples/data/README.md` tells.
const WHERE: &str = "OUTPOST_TRANSACTIONS";

/// Shops that share a stock.
const SHOPS: usize = 24;

/// Weeks that are replayed, each with one delivery.
const WEEKS: i64 = 26;

/// Of cuts, so that a run can be had again.
const SEED: u64 = 20_170_101;

/// How scarce goods are: what is delivered, in percent of what is wanted.
const SUPPLIES: [i64; 3] = [50, 90, 120];

/// Lines of a product that make it one that shops stock: two a week.
const REGULAR: usize = 2 * WEEKS as usize;

fn measure(report: &mut Report) -> Outcome {
    let path = env::var_os(WHERE).ok_or_else(|| {
        format!("the baskets are not here: set {WHERE} to transactions-grocery.csv.zst; examples/data/README.md says where it is from")
    })?;
    let every = Sales::read(File::open(&path)?, SHOPS, WEEKS)?;
    let lines = Lines::drawn(SEED, SHOPS, every.from, every.upto);
    report.note(format!(
        "{SHOPS} shops, {WEEKS} weeks; each line is cut {:.1} % of the time, for {:.0} hours on average.",
        100.0 * lines.share_cut(),
        lines.mean_hours(),
    ));
    for (which, sales) in [("regulars", every.regulars(REGULAR)), ("everything", every)] {
        let (products, of_lines, units) = (sales.products.len(), sales.count(), sales.units());
        report.note(format!("{which}: {products} products, {of_lines} lines of {units} units."));
        for percent in SUPPLIES {
            beside(report, &format!("{which}, {percent} % there"), &sales, &lines, Supply { percent, weeks: WEEKS });
        }
    }
    Ok(())
}

/// Ours beside the plain policies, with as much there for each.
fn beside(report: &mut Report, case: &str, sales: &Sales, lines: &Lines, supply: Supply) {
    let equal = |percent| replay::all(sales, lines, supply, || Box::new(Equal::new(SHOPS, percent)));
    let ours = replay::all(sales, lines, supply, || Box::new(Sized::new(SHOPS)));
    let server_only = replay::all(sales, lines, supply, || Box::new(ServerOnly::default()));
    // The largest part of the deliveries that, split equally, strands no more units than ours.
    let parts = PARTS.map(|percent| (percent, equal(percent)));
    let as_little = parts.into_iter().rev().find(|(_, came)| came.stranded_a_day() <= ours.stranded_a_day());
    let mut plain = vec![("equal split".to_owned(), equal(100)), ("no allotments".to_owned(), server_only)];
    plain.extend(as_little.map(|(percent, came)| (format!("{percent} % split equally"), came)));
    tell(report, case, &ours, &plain);
}

/// Parts of a delivery that are tried, in percent.
const PARTS: [i64; 6] = [5, 10, 15, 20, 25, 30];

/// One number of what came of it.
type Of = fn(&Came) -> f64;

const METRICS: [(&str, &str, Of); 4] = [
    ("sold cut off", "% of lines", |came| came.cut.lines.percent()),
    ("sold in all", "% of lines", |came| came.all.lines.percent()),
    ("sold in all", "% of units", |came| came.all.units.percent()),
    ("stranded", "units/day", |came| came.stranded_a_day()),
];

fn tell(report: &mut Report, case: &str, ours: &Came, plain: &[(String, Came)]) {
    for (metric, unit, of) in METRICS {
        for (name, came) in plain {
            report.say(metric, case, unit, (of(ours), of(came)), name);
        }
    }
    report.note(format!(
        "{case}: {:.0} % of lines sold without asking; {:.0} words and {:.0} rounds of their own for a hundred lines.",
        ours.unasked.percent(),
        ours.words_a_hundred(),
        ours.rounds_a_hundred(),
    ));
}
