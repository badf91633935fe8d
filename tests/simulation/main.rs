//! The machine that has more bad days than any shop will ever see: one seed is one history, over a
//! model, over real nodes, and over real nodes with the real server on a real Postgres.

#[path = "../shop/support/agree.rs"]
mod agree;
mod bugs;
#[path = "../shop/support/chance.rs"]
mod chance;
mod contract;
mod depth;
mod device;
mod disk;
mod goods;
mod laws;
mod ledger;
mod model;
mod network;
mod office;
mod options;
mod plan;
mod postgres;
mod power;
mod record;
mod recorded;
mod search;
mod searches;
mod step;
mod tally;
mod till;
#[path = "../shop/support/wire.rs"]
#[expect(dead_code, reason = "stories told one by one use more of it")]
mod wire;

#[test]
fn model_seeds_keep_every_law() {
    searches::run::<model::ModelDepth>(&searches::MODEL, 20_000);
}

#[test]
fn postgres_seeds_keep_every_law() {
    searches::run::<postgres::depth::PostgresDepth>(&searches::POSTGRES, 500);
}

#[test]
fn node_seeds_keep_every_law() {
    searches::run::<till::NodeDepth>(&searches::NODE, 1_000);
}
