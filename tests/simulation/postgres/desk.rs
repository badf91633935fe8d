//! What head office is asked to do.

use axum::{
    body::Body,
    http::{Request, header},
};
use outpost_schema::{
    id::{HoldId, IncarnationId, NodeId, ProductId},
    world::World as _,
};
use outpost_server::{
    confirm,
    deliveries::{self, ClosedBy, Expected, ExpectedLine},
    devices::{self, Moving, Signed},
    epoch, grants, hold, nodes, publish, rules,
    settle::{self, Wanted},
    transfers::{self, GivenUp},
    withdraw,
};
use outpost_sync::wire::{Caller, HOLDS_PATH, HoldExtended, NODE_HEADER, Problem};
use serde::Serialize;

use super::PostgresOffice;
use crate::{
    goods,
    step::{Deed, SettleDeed},
    wire::{Heard, ask},
};

/// The code of a refusal.
type Code = String;

fn body(said: &impl Serialize) -> Body {
    Body::from(serde_json::to_vec(said).expect("it encodes"))
}

impl PostgresOffice {
    pub(super) async fn carry_out(&mut self, deed: &Deed) -> Result<(), Code> {
        match deed {
            Deed::Reprice { product, price } => {
                // Whoever edits what another edit holds waits for its end.
                if self.slow == Some(*product) {
                    self.end_slow(true).await;
                }
                let repriced = publish::reprice(self.ground.server(), &[(*product, Some(*price))]).await;
                repriced.map(drop).map_err(|error| Problem::from(error).code)
            }
            Deed::BeginSlow { product } => self.begin_slow(*product).await,
            Deed::EndSlow { commit } => {
                self.end_slow(*commit).await;
                Ok(())
            }
            Deed::Sweep => hold::sweep(self.ground.server()).await.map_err(|error| error.code().to_owned()),
            Deed::Settle(deed) => {
                let SettleDeed { concern_id, settlement_id, settlement, by, act } = deed.clone();
                let wanted = Wanted { settlement_id, settlement, by, note: None, act };
                let settled = settle::settle(self.ground.server(), concern_id, &wanted).await;
                settled.map(drop).map_err(|unsettled| unsettled.code().to_owned())
            }
            Deed::Confirm => {
                let confirmed = confirm::confirm(self.ground.server()).await;
                confirmed.map(drop).map_err(|error| error.code().to_owned())
            }
            Deed::LookAgain => {
                withdraw::look_again(self.ground.server()).await.map_err(|error| error.code().to_owned())
            }
            Deed::Hold { by, hold, lines, buyer, seconds } => {
                let wanted = goods::hold(*hold, lines, *buyer, *seconds).map_err(|problem| problem.code)?;
                self.ask("POST", HOLDS_PATH.to_owned(), *by, body(&wanted)).await
            }
            Deed::Extend { by, hold, until } => {
                let extended = HoldExtended { expires_at: *until };
                self.ask("POST", format!("{HOLDS_PATH}/{hold}/extend"), *by, body(&extended)).await
            }
            Deed::Release { by, hold } => self.ask("DELETE", format!("{HOLDS_PATH}/{hold}"), *by, Body::empty()).await,
            Deed::Allot { by, hold } => {
                self.ask("POST", format!("{HOLDS_PATH}/{hold}/allot"), *by, Body::empty()).await
            }
            Deed::GiveUp { node } => self.give_up(*node).await,
            Deed::Suspend { node } => {
                let done = devices::suspend(self.ground.server(), *node, &self.signed()).await;
                done.map(drop).map_err(|undone| undone.code().to_owned())
            }
            Deed::Resume { node } => {
                let done = devices::resume(self.ground.server(), *node, &self.signed()).await;
                done.map(drop).map_err(|undone| undone.code().to_owned())
            }
            Deed::WriteOff { node } => {
                let done =
                    devices::write_off(self.ground.server(), *node, self.bound(*node).await, &self.signed()).await;
                done.map(drop).map_err(|undone| undone.code().to_owned())
            }
            Deed::Reclaim { node } => {
                let done = devices::reclaim(self.ground.server(), *node, self.bound(*node).await, &self.signed()).await;
                done.map(drop).map_err(|undone| undone.code().to_owned())
            }
            Deed::Expect { reference, at, lines } => {
                let line = |(product_id, expected): &(ProductId, i64)| ExpectedLine {
                    product_id: *product_id,
                    expected: *expected,
                };
                let said = Expected {
                    warehouse: at.to_string(),
                    supplier: goods::SOMEBODY.to_owned(),
                    reference: reference.clone(),
                    due_at: None,
                    lines: lines.iter().map(line).collect(),
                };
                let expected = deliveries::expect(self.ground.server(), &said).await;
                expected.map(drop).map_err(|error| error.code().to_owned())
            }
            Deed::GiveUpTransfer { code } => {
                let said = GivenUp { by: goods::SOMEBODY.to_owned(), note: goods::WHY.to_owned() };
                let lost = transfers::write_off(self.ground.server(), &code.to_string(), &said).await;
                lost.map(drop).map_err(|error| error.code().to_owned())
            }
            Deed::CloseDelivery { delivery } => {
                let said = ClosedBy { by: goods::SOMEBODY.to_owned(), note: goods::WHY.to_owned() };
                let closed = deliveries::close(self.ground.server(), &delivery.to_string(), &said).await;
                closed.map(drop).map_err(|error| error.code().to_owned())
            }
            Deed::LayDown { says } => {
                let laid = rules::lay_down(self.ground.server(), std::slice::from_ref(says)).await;
                laid.map(drop).map_err(|error| error.code().to_owned())
            }
            Deed::TakeBack { about } => {
                let taken = rules::take_back(self.ground.server(), std::slice::from_ref(about)).await;
                taken.map(drop).map_err(|error| error.code().to_owned())
            }
            Deed::KeepBack { at, units } => {
                let kept = grants::keep_back(self.ground.server(), *at, *units).await;
                kept.map_err(|error| error.code().to_owned())
            }
            Deed::Move { node, to, is_home } => {
                let server = "http://127.0.0.1:7070".to_owned();
                let moving = Moving { to: *to, also: Vec::new(), is_home: *is_home, policy: None, server };
                let card = devices::relocate(self.ground.server(), *node, &moving, &self.signed()).await;
                card.map(drop).map_err(|undone| undone.code().to_owned())
            }
            Deed::Retire { node, is_lost } => {
                let done = devices::retire(self.ground.server(), *node, *is_lost, &self.signed()).await;
                done.map(drop).map_err(|undone| undone.code().to_owned())
            }
            Deed::Readmit { card } => {
                let taken = nodes::readmit(self.ground.server(), card).await;
                taken.map(drop).map_err(|error| error.code().to_owned())
            }
        }
    }

    /// Somebody at head office.
    fn signed(&self) -> Signed {
        let act_id = HoldId::new(self.world.now(), self.world.id_chance()).0;
        Signed { act_id, by: "somebody".to_owned(), note: None }
    }

    /// What a device may sell, as it is shown to whoever agrees.
    async fn bound(&self, node: NodeId) -> i64 {
        devices::find(self.ground.server(), &node.to_string()).await.expect("a device").1.units
    }

    /// A transaction that writes what an edit of the catalogue writes, and is not over for a while. It takes no
    /// turn among the edits, so that others go on.
    async fn begin_slow(&mut self, product: ProductId) -> Result<(), Code> {
        self.end_slow(false).await;
        let (hand, at) = (self.ground.hand(), self.world.now());
        hand.batch_execute("begin").await.expect("a transaction");
        let sql = "update products set description = 'Edited at ' || $2, updated_at = $3 where product_id = $1";
        let edited = hand.execute(sql, &[&product, &at.micros().to_string(), &at]).await.expect("an edit");
        if edited == 0 {
            hand.batch_execute("rollback").await.expect("nothing is open");
            return Err("not_found".to_owned());
        }
        self.slow = Some(product);
        Ok(())
    }

    /// Ends it, if it is open.
    pub(super) async fn end_slow(&mut self, commit: bool) {
        if self.slow.take().is_some() {
            self.ground.hand().batch_execute(if commit { "commit" } else { "rollback" }).await.expect("it ends");
            self.ground.server().ring();
        }
    }

    /// Asks the router, as somebody at a device with a good line.
    async fn ask(&self, method: &str, uri: String, by: Caller, body: Body) -> Result<(), Code> {
        let request = Request::builder()
            .method(method)
            .uri(uri)
            .header(header::HOST, "127.0.0.1:7070")
            .header(NODE_HEADER, format!("{}/{}", by.node_id, by.incarnation_id))
            .header(header::CONTENT_TYPE, "application/json")
            .body(body)
            .expect("a request");
        let heard = Heard::of(ask(&self.ground.router(), request).await).await;
        if heard.status.is_success() { Ok(()) } else { Err(heard.problem().code) }
    }

    /// Nobody waits any longer for any life of this device.
    async fn give_up(&self, node: NodeId) -> Result<(), Code> {
        let sql = "select incarnation_id from incarnations where node_id = $1 order by number";
        let lives = self.ground.auditor().client().query(sql, &[&node]).await.expect("lives");
        if lives.is_empty() {
            return Err("not_found".to_owned());
        }
        for life in lives {
            let given_up = epoch::give_up(self.ground.server(), IncarnationId(life.get(0))).await;
            given_up.map_err(|error| error.code().to_owned())?;
        }
        Ok(())
    }
}
