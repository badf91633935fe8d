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
    policy::{Equal, Policy, ServerOnly, Sized},
    replay::{Came, Supply},
    sales::Sales,
};
use crate::report::{Figure, Outcome, Report};

/// See [`Figure`].
pub const FIGURE: Figure = Figure {
    name: "allotment",
    tells: "Real baskets of 24 shops that share one stock while lines are cut: what could be sold, beside plain policies.",
    means: "Aim: more sold than by either plain policy, cut off and in all, with no more units left where nobody wants them than by an equal split.",
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

fn measure(report: &mut Report) -> Outcome {
    let path = env::var_os(WHERE).ok_or_else(|| {
        format!("the baskets are not here: set {WHERE} to transactions-grocery.csv.zst; examples/data/README.md says where it is from")
    })?;
    let sales = Sales::read(File::open(&path)?, SHOPS, WEEKS)?;
    let lines = Lines::drawn(SEED, SHOPS, sales.from, sales.upto);
    let (of_lines, of_units) = (sales.count(), sales.units());
    report.note(format!(
        "{SHOPS} shops, {WEEKS} weeks, {} products, {of_lines} lines of {of_units} units; each line is cut {:.1} % of the time, for {:.0} hours on average.",
        sales.products.len(),
        100.0 * lines.share_cut(),
        lines.mean_hours(),
    ));
    for percent in SUPPLIES {
        let supply = Supply { percent, weeks: WEEKS };
        let run = |policy: fn() -> Box<dyn Policy>| replay::all(&sales, &lines, supply, policy);
        let ours = run(|| Box::new(Sized::new(SHOPS)));
        let plain = [
            ("equal split", run(|| Box::new(Equal::new(SHOPS)))),
            ("no allotments", run(|| Box::new(ServerOnly::default()))),
        ];
        tell(report, percent, &ours, &plain);
    }
    Ok(())
}

/// One number of what came of it.
type Of = fn(&Came) -> f64;

const METRICS: [(&str, &str, Of); 8] = [
    ("sold cut off, lines", "%", |came| came.cut.lines.percent()),
    ("sold cut off, units", "%", |came| came.cut.units.percent()),
    ("sold in all, lines", "%", |came| came.all.lines.percent()),
    ("sold in all, units", "%", |came| came.all.units.percent()),
    ("sold without asking, lines", "%", |came| came.unasked.percent()),
    ("stranded while others were refused", "units/day", |came| came.stranded_a_day()),
    ("words told and heard, a hundred lines", "words", |came| came.words_a_hundred()),
    ("rounds that nothing else needed, a hundred lines", "rounds", |came| came.rounds_a_hundred()),
];

fn tell(report: &mut Report, percent: i64, ours: &Came, plain: &[(&str, Came); 2]) {
    let case = format!("{percent} % of what is wanted");
    for (metric, unit, of) in METRICS {
        for (name, came) in plain {
            report.say(metric, &case, unit, (of(ours), of(came)), name);
        }
    }
}
