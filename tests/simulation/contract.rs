//! The model of head office is worth something only as long as it is the real one in small: the same days over
//! both come to the same. Lines are good here, because what a cut does differs byte by byte; nobody calls at
//! the same moment, because who is first is then chance; everything else happens.

use crate::{
    network::summary::{Summary, come_to},
    options::{Options, Sort},
    plan::plan,
    postgres::depth::PostgresDepth,
    search::a_runtime,
    searches::{POSTGRES, in_turn, number},
    step::Step,
    till::NodeDepth,
};

/// Days that are lived twice.
const DAYS: u64 = 40;

/// What is left out.
const APART: [Sort; 4] = [Sort::Weather, Sort::Cut, Sort::Mend, Sort::Rounds];

#[test]
fn the_model_of_head_office_decides_what_the_real_one_decides() {
    let _turn = in_turn();
    let runtime = a_runtime();
    let only = number("OUTPOST_SEED").map(|seed| seed..seed + 1);
    for seed in only.unwrap_or(0..DAYS) {
        let (options, steps) = day(seed);
        let model = runtime.block_on(come_to::<NodeDepth>(&options, &steps));
        let real = runtime.block_on(come_to::<PostgresDepth>(&options, &steps));
        let told = |lived: Result<Summary, _>| lived.unwrap_or_else(|broken| panic!("{options}\n{broken}"));
        assert_eq!(told(model), told(real), "{options}");
    }
}

fn day(seed: u64) -> (Options, Vec<Step>) {
    let mut options = Options::of(seed, POSTGRES.size);
    options.mix.retain(|(sort, _)| !APART.contains(sort));
    options.in_a_hundred = 0;
    let steps = plan(&options);
    (options, steps)
}
