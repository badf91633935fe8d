//! Head office: the model of the server, set up as a network, and its book for somebody who trusts nobody.

use std::{collections::BTreeMap, sync::Arc};

use outpost_schema::{
    catalogue::{ProductEdit, Warehouse},
    delivery::Closing,
    device::{Card, NodeKind},
    id::{DeliveryId, EpochId, IncarnationId, NodeId, ProductId, RuleId, WarehouseId},
    rule::{Rule, Says},
    settle::Author,
    world::{Seeded, World as _},
};
use outpost_sync::{
    model::{self, Backup, Ledger, Model, SettlementMade, SettlementWanted},
    wire::{Caller, Problem},
};

use super::line::ModelLine;
use crate::{
    goods,
    office::{Answer, Book, Office, Opening, Place, Settlement, Shelf},
    step::{Deed, SettleDeed},
};

/// A model of head office.
pub struct ModelOffice {
    pub(super) model: Arc<Model>,
    world: Arc<Seeded>,
    cards: Vec<Card>,
    products: Vec<ProductId>,
    /// The product that a transaction changes which is open.
    slow: Option<ProductId>,
}

impl ModelOffice {
    /// The model itself.
    pub fn model(&self) -> &Model {
        &self.model
    }

    fn enter_products(&mut self, opening: &Opening, places: &[WarehouseId]) {
        for (number, cents) in opening.prices.iter().enumerate() {
            let now = self.world.now();
            let product_id = ProductId::new(now, self.world.id_chance());
            let product = goods::product(product_id, &format!("Product {number}"), *cents, now);
            let shelves = opening.places.iter().zip(places);
            let on_hand = shelves.map(|(place, id)| (*id, place.on_hand.get(number).copied().unwrap_or_default()));
            self.products.push(product.product_id);
            self.model.add_product(product, &on_hand.collect::<Vec<_>>());
        }
        opening.rules(&self.products).into_iter().for_each(|says| self.lay_down(says));
    }

    fn lay_down(&self, says: Says) {
        let updated_at = self.world.now();
        let rule_id = RuleId::new(updated_at, self.world.id_chance());
        self.model.lay_down(Rule { rule_id, says, updated_at });
    }

    fn let_in(&mut self, place: &Place, warehouse_id: WarehouseId) {
        for policy in &place.tills {
            let now = self.world.now();
            let node_id = NodeId::new(now, self.world.id_chance());
            let incarnation_id = IncarnationId::new(now, self.world.id_chance());
            let number = self.cards.len() + 1;
            let card = Card {
                node_id,
                incarnation_id,
                name: format!("Till {number}"),
                kind: NodeKind::Till,
                warehouse_id,
                is_home: place.is_home,
                policy: *policy,
                prefix: format!("T{number}"),
                currency: currency(),
                server: "http://127.0.0.1:7070".to_owned(),
            };
            self.model.add_node(author(&card));
            self.cards.push(card);
        }
    }

    fn edit(&self, product_id: ProductId, edit: ProductEdit) -> Answer {
        answer(self.model.edit_product(product_id, edit))
    }
}

/// What the server knows of a device by its card.
fn author(card: &Card) -> Author {
    let Card { node_id, incarnation_id, warehouse_id, is_home, .. } = *card;
    let homes = is_home.then_some(warehouse_id).into_iter().collect();
    Author { homes, ..model::author(Caller { node_id, incarnation_id }, warehouse_id) }
}

fn currency() -> outpost_schema::money::Currency {
    "EUR".parse().expect("a currency")
}

fn settlement(made: &SettlementMade) -> Settlement {
    let SettlementMade { concern_id, settlement, by, closed } = made.clone();
    Settlement { concern_id, settlement, by, closed }
}

fn answer<T>(answer: Result<T, Problem>) -> Answer {
    answer.map_or_else(|problem| Answer::Refused(problem.code), |_| Answer::Done)
}

/// What is expected of each line of a delivery, known or not, and what came.
fn delivered(ledger: &Ledger) -> BTreeMap<(DeliveryId, ProductId), (i64, i64)> {
    let came = ledger.delivered().iter().map(|(line, units)| (*line, (0, *units)));
    let known = ledger.deliveries().iter().flat_map(|(id, known)| known.lines.iter().map(move |line| (*id, line)));
    came.chain(known.map(|(id, line)| ((id, line.product_id), (line.expected, line.received)))).collect()
}

impl Office for ModelOffice {
    type Line = ModelLine;
    type Backup = Backup;

    async fn open(opening: &Opening, world: &Arc<Seeded>) -> Self {
        let model = Arc::new(Model::new(currency(), world.now()));
        let (world, slow) = (Arc::clone(world), None);
        let mut office = Self { model, world, cards: Vec::new(), products: Vec::new(), slow };
        let mut places = Vec::new();
        for number in 1..=opening.places.len() {
            let now = office.world.now();
            let warehouse_id = WarehouseId::new(now, office.world.id_chance());
            let name = format!("Place {number}");
            office.model.add_warehouse(Warehouse { warehouse_id, name, home_of: None, created_at: now });
            places.push(warehouse_id);
        }
        office.enter_products(opening, &places);
        opening.places.iter().zip(places).for_each(|(place, id)| office.let_in(place, id));
        office
    }

    fn cards(&self) -> Vec<Card> {
        self.cards.clone()
    }

    fn products(&self) -> Vec<ProductId> {
        self.products.clone()
    }

    fn lay(&self, node: NodeId) -> ModelLine {
        ModelLine::lay(&self.model, &self.world, node)
    }

    async fn act(&mut self, deed: &Deed) -> Answer {
        let model = Arc::clone(&self.model);
        model.at(self.world.now());
        match deed {
            Deed::Reprice { product, price } => {
                self.edit(*product, ProductEdit { price: Some(*price), ..ProductEdit::default() })
            }
            Deed::BeginSlow { product } => {
                self.slow = Some(*product);
                Answer::Done
            }
            Deed::EndSlow { commit } => match self.slow.take().filter(|_| *commit) {
                Some(product) => {
                    let description = Some("edited while others came and went".to_owned());
                    self.edit(product, ProductEdit { description, ..ProductEdit::default() })
                }
                None => Answer::Done,
            },
            Deed::Sweep => {
                model.sweep();
                Answer::Done
            }
            Deed::Settle(deed) => {
                let SettleDeed { concern_id, settlement_id, settlement, by, act } = deed.clone();
                answer(model.settle(concern_id, &SettlementWanted { settlement_id, settlement, by, act }))
            }
            Deed::Confirm => {
                model.confirm();
                Answer::Done
            }
            Deed::LookAgain => {
                model.look_again();
                Answer::Done
            }
            Deed::Hold { by, hold, lines, buyer, seconds } => match goods::hold(*hold, lines, *buyer, *seconds) {
                Ok(wanted) => answer(model.hold(*by, &wanted)),
                Err(problem) => Answer::Refused(problem.code),
            },
            Deed::Extend { by, hold, until } => answer(model.extend(*by, *hold, *until)),
            Deed::Release { by, hold } => answer(model.release(*by, *hold)),
            Deed::Allot { by, hold } => answer(model.allot(*by, *hold)),
            Deed::GiveUp { node } => {
                model.give_up(*node);
                Answer::Done
            }
            Deed::Suspend { node } => answer(model.suspend(*node)),
            Deed::Resume { node } => answer(model.resume(*node)),
            Deed::Move { node, to, is_home } => answer(model.relocate(*node, *to, *is_home)),
            Deed::Retire { node, is_lost } => answer(model.retire(*node, *is_lost)),
            Deed::WriteOff { node } => {
                model.write_off(*node);
                Answer::Done
            }
            Deed::Reclaim { node } => {
                model.reclaim(*node);
                Answer::Done
            }
            Deed::Expect { reference, at, lines } => {
                let delivery_id = DeliveryId::new(self.world.now(), self.world.id_chance());
                model.expect(goods::delivery(delivery_id, reference, *at, lines, self.world.now()));
                Answer::Done
            }
            Deed::GiveUpTransfer { code } => answer(model.write_off_transfer(code.transfer_id())),
            Deed::CloseDelivery { delivery } => {
                let (by, note) = (goods::SOMEBODY.to_owned(), goods::WHY.to_owned());
                model.close_delivery(*delivery, Closing { at: self.world.now(), by, note });
                Answer::Done
            }
            Deed::LayDown { says } => {
                self.lay_down(says.clone());
                Answer::Done
            }
            Deed::TakeBack { about } => {
                model.take_back(about);
                Answer::Done
            }
            Deed::KeepBack { at, units } => {
                model.keep_back(*at, *units);
                Answer::Done
            }
            Deed::Readmit { card } => {
                model.readmit(author(card));
                Answer::Done
            }
        }
    }

    async fn book(&mut self) -> Book {
        self.model.read(|ledger| Book {
            levels: ledger.levels().clone(),
            promises: ledger.promises(),
            movements: ledger.movements().clone(),
            allotments: ledger.allotments().map(|(life, key, allotment)| ((life, key), allotment)).collect(),
            keep: ledger.recalls().collect(),
            written_off: ledger.written_off().filter(|(_, units)| *units > 0).collect(),
            lost: ledger.lost().clone(),
            holds: ledger.holds().map(|held| ((held.hold_id, held.key), held.amount.units())).collect(),
            prefixes: ledger.prefixes().collect(),
            retired: ledger.retired().clone(),
            is_recovering: ledger.is_recovering(),
            ops: ledger.ops().map(|(life, mark, word)| ((life, mark), word)).collect(),
            confirmations: ledger.confirmations().collect(),
            concerns: ledger.concerns().cloned().collect(),
            concern_ids: ledger.concern_ids().map(|(key, id)| (key.clone(), id)).collect(),
            settlements: ledger.settlements().iter().map(|(id, made)| (*id, settlement(made))).collect(),
            corrected: ledger.corrected().clone(),
            transfers: ledger.transfers().clone(),
            deliveries: ledger.deliveries().iter().map(|(id, known)| (*id, known.closing.is_some())).collect(),
            delivered: delivered(ledger),
            broken: ledger.broken(),
        })
    }

    async fn shelf(&mut self) -> Shelf {
        self.model.read(|ledger| Shelf {
            orders: ledger.orders().map(|order| (order.order_id, order.clone())).collect::<BTreeMap<_, _>>(),
            returns: ledger.returns().map(|back| (back.return_id, back.clone())).collect(),
            carts: ledger.carts().cloned().collect(),
            concerns: ledger.ever().clone(),
        })
    }

    async fn back_up(&mut self) -> Backup {
        self.model.at(self.world.now());
        self.model.backup()
    }

    async fn put_back(&mut self, backup: &Backup) {
        let epoch = EpochId::new(self.world.now(), self.world.id_chance());
        self.model.at(self.world.now());
        self.model.restore(backup.clone(), epoch);
    }

    /// Each change of the model is whole, so there is no middle to end it in but that of a slow edit.
    async fn restart(&mut self) {
        self.slow = None;
    }
}
