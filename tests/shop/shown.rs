//! What a till shows of its stock is right at every moment: own sales at once and once, others' when
//! they are heard, whatever transactions are open at head office.
//!
//! The ledger knows everything and trusts no cursor: each source of movements sells in units of its own,
//! so the digits of what is shown say whose sales are in it.

use std::sync::Arc;

use outpost_schema::id::ProductId;
use outpost_server::{
    accept, epoch,
    feed::{self, Limits, cursor::Cursor},
    server::Server,
};
use outpost_sync::{
    round::{Local as _, Remote, Trouble},
    wire::{Caller, Page, Problem, Pulled, Push, Pushed, Report, Reported, Standing},
};
use tokio_postgres::Client;

use crate::support::{
    Rule, Shop, Till, caller,
    chance::{Chance, seeds},
    told::Told,
    until_level,
};

/// On hand when the book opens; nothing here ever sells as much.
const OPENING: i64 = 900_000_000;

/// What one sale of the first till, of the second, and one correction of head office take out.
const UNITS: [i64; 3] = [1, 1_000, 1_000_000];

/// Steps of one history.
const STEPS: usize = 160;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_till_shows_is_right_at_every_moment() {
    for seed in seeds(8) {
        let _told = Told(seed);
        let mut history = History::begin(seed).await;
        for _ in 0..STEPS {
            history.step().await;
            history.check();
        }
        history.end().await;
    }
}

/// A shop, and all that ever happened in it.
struct History {
    shop: Shop,
    chance: Chance,
    goods: Vec<ProductId>,
    /// Of each product, how often each source took some out.
    taken: Vec<[i64; 3]>,
    /// Of each till and product, how often others' taking had been shown.
    seen: [Vec<[i64; 3]>; 2],
    /// Pages that are still on their way, with the cursor each was asked with.
    late: [Vec<(Option<String>, Page)>; 2],
    slow: Option<Slow>,
}

/// A client of head office that takes its time.
struct Slow {
    client: Client,
    /// The product whose book it corrects; none if it only holds a number.
    product: Option<usize>,
}

impl History {
    async fn begin(seed: u64) -> Self {
        let mut shop = Shop::open(0).await;
        for _ in 0..2 {
            shop.add_till(shop.high_street, Rule::Physical).await;
        }
        let mut goods = Vec::new();
        for sku in ["TEA", "OIL", "FIG"] {
            goods.push(shop.product(sku, "1.00", OPENING).await);
        }
        shop.all_level().await;
        let none = vec![[0; 3]; goods.len()];
        let (taken, seen) = (none.clone(), [none.clone(), none]);
        Self { shop, chance: Chance::of(seed), goods, taken, seen, late: Default::default(), slow: None }
    }

    async fn step(&mut self) {
        let number = self.chance.below(2);
        match self.chance.below(12) {
            0..=2 => self.sell(number),
            3..=5 => self.push(number).await,
            6..=9 => self.pull(number).await,
            10 => self.hear_something_late(number),
            _ => self.go_slow().await,
        }
    }

    fn sell(&mut self, number: usize) {
        let product = self.chance.below(self.goods.len());
        self.shop.tills[number].sell(self.goods[product], UNITS[number]).expect("in the customer's hand");
        self.taken[product][number] += 1;
    }

    /// A push whose answer is sometimes lost.
    async fn push(&mut self, number: usize) {
        // A correction that is not committed holds its row, and a push of it would wait for ever.
        if self.slow.as_ref().is_some_and(|slow| slow.product.is_some()) {
            return;
        }
        let (till, line) = (&self.shop.tills[number], self.line(number, 2));
        let push = till.node.unsent().expect("readable");
        let answer = line.push(till.node.standing().expect("readable"), &push).await.expect("it arrives");
        if self.chance.in_a_hundred(70) {
            till.node.settle(&push, &answer).expect("noted");
        }
    }

    /// A page that is applied, or stays on its way.
    async fn pull(&mut self, number: usize) {
        let rows = *self.chance.one_of(&[2, 5, 500]);
        let (till, line) = (&self.shop.tills[number], self.line(number, rows));
        let asked = till.node.cursor().expect("readable");
        let standing = till.node.standing().expect("readable");
        match line.pull(standing, asked.as_deref(), 0).await.expect("it arrives") {
            Pulled::Page(page) if self.chance.in_a_hundred(25) => self.late[number].push((asked, *page)),
            Pulled::Page(page) => till.node.apply(asked.as_deref(), &page).expect("applied"),
            Pulled::Elsewhere { acked } => assert!(till.node.stand_at(acked).expect("noted")),
            answer @ (Pulled::OtherEpoch { .. } | Pulled::TooLongAway) => panic!("nobody was away: {answer:?}"),
        }
    }

    fn hear_something_late(&mut self, number: usize) {
        if let Some((asked, page)) = self.late[number].pop() {
            self.shop.tills[number].node.apply(asked.as_deref(), &page).expect("applied or passed over");
        }
    }

    /// A transaction at head office opens, or the open one ends.
    async fn go_slow(&mut self) {
        match self.slow.take() {
            Some(slow) => self.end_slow(slow).await,
            None => {
                let product = self.chance.in_a_hundred(40).then(|| self.chance.below(self.goods.len()));
                let client = self.shop.client().await;
                client.batch_execute("begin; select pg_current_xact_id()").await.expect("begun");
                if let Some(product) = product {
                    correct(&client, self.goods[product], self.shop.high_street.0).await;
                }
                self.slow = Some(Slow { client, product });
            }
        }
    }

    async fn end_slow(&mut self, slow: Slow) {
        if self.chance.in_a_hundred(75) {
            slow.client.batch_execute("commit").await.expect("committed");
            slow.product.into_iter().for_each(|product| self.taken[product][2] += 1);
        } else {
            slow.client.batch_execute("rollback").await.expect("rolled back");
        }
    }

    /// Own sales are all there, each once; others' are there once they were, and never before they happened.
    fn check(&mut self) {
        for (number, till) in self.shop.tills.iter().enumerate() {
            for (product, taken) in self.taken.iter().enumerate() {
                let shown = parts(OPENING - shown(till, self.goods[product]));
                let seen = &mut self.seen[number][product];
                assert_eq!(shown[number], taken[number], "own sales: {} shows {shown:?} of {taken:?}", till.card.name);
                for source in 0..3 {
                    let may = seen[source]..=taken[source];
                    assert!(may.contains(&shown[source]), "{} shows {shown:?}, not within {may:?}", till.card.name);
                }
                *seen = shown;
            }
        }
    }

    async fn end(mut self) {
        if let Some(slow) = self.slow.take() {
            self.end_slow(slow).await;
        }
        for _ in 0..2 {
            for number in 0..2 {
                until_level(&self.shop.tills[number].node, &self.line(number, 2)).await;
                self.check();
            }
        }
        for (number, seen) in self.seen.iter().enumerate() {
            assert_eq!(*seen, self.taken, "till {number} knows everything");
        }
        self.shop.agree().await;
    }

    fn line(&self, number: usize, rows: usize) -> SmallPages {
        SmallPages { server: Arc::clone(&self.shop.server), caller: caller(&self.shop.tills[number].card), rows }
    }
}

fn shown(till: &Till, product: ProductId) -> i64 {
    till.shown(product).balance
}

/// How often each source took some out, from the digits.
fn parts(taken: i64) -> [i64; 3] {
    [taken % 1_000, taken / 1_000 % 1_000, taken / 1_000_000]
}

async fn correct(client: &Client, product: ProductId, warehouse: uuid::Uuid) {
    let movement = "insert into stock_movements (product_id, warehouse_id, delta, reason, act_id, line, moved_at)
                    values ($1, $2, -1000000, 'corrected', gen_random_uuid(), 0, now())";
    client.execute(movement, &[&product, &warehouse]).await.expect("a movement");
    let stock = "update stock set balance = balance - 1000000 where product_id = $1 and warehouse_id = $2";
    client.execute(stock, &[&product, &warehouse]).await.expect("a correction");
}

/// The real server, whose pages end after a few aggregates, so that a run may be many pages long.
struct SmallPages {
    server: Arc<Server>,
    caller: Caller,
    rows: usize,
}

impl Remote for SmallPages {
    async fn push(&self, standing: Standing, push: &Push) -> Result<Pushed, Trouble> {
        accept::push(&self.server, self.caller, standing, push).await.map_err(|error| Trouble::Told(error.into()))
    }

    async fn report(&self, standing: Standing, report: &Report) -> Result<Reported, Trouble> {
        let taken = epoch::report::take(&self.server, self.caller, standing, report).await;
        taken.map_err(|error| Trouble::Told(error.into()))
    }

    async fn pull(&self, standing: Standing, cursor: Option<&str>, _wait: u64) -> Result<Pulled, Trouble> {
        let cursor: Option<Cursor> = cursor.map(|text| text.parse().expect("a cursor of its own"));
        let limits = Limits { rows: self.rows, ..Limits::default() };
        let served = feed::page(&self.server, self.caller, standing, cursor.as_ref(), limits).await;
        served.map(|served| served.pulled).map_err(|error| Trouble::Told(Problem::new(error.code(), error.to_string())))
    }
}
