//! The conversation between a node and its server, told in order.
//!
//! A **round** has two halves. First the node *pushes* until nothing waits: runs of journal entries
//! right after the last one that the server acknowledged, with carts beside them. The server
//! answers each op with a verdict, the same one however often it is asked; a reply that was lost
//! costs nothing. Then the node *pulls* until it is level: pages of aggregates, newest version of
//! each, that changed since its cursor. What the server says of the shop arrives only by this way;
//! the reply to a push settles the journal and nothing else.
//!
//! Between the two a node that has nothing yet, or whose tables no longer belong to the server's
//! database, is *filled*: from a ready-made [file](mod@file) if there is one, or else by reading the feed from
//! its start, and in both cases beside the tables that are in use.
//!
//! Every request says where the journal stands, its head and the last acknowledged mark. If the
//! server knows another mark it answers only that, and the node looks it up in its journal: found,
//! and the two go on from there; not found, and this device was rolled back to an old image. It then asks
//! for another *life* of its journal, which inherits nothing; what it wrote since the image is carried over.
//!
//! The server's database may begin another life, an *epoch*: it was restored, and has forgotten what it
//! told since. A node that hears of it begins a round by *reporting* what it had been granted, because
//! the server may have forgotten that; then it pushes what the server lost, from the server's mark, and
//! reads the feed anew. Until the server has heard every node it grants nothing.
//!
//! Now and then, at level, the two *compare* a slice of what was fed ([`verify`]): sums of digests over
//! ranges of keys, halved where they differ, and what differs is fetched again.
//!
//! Nothing here knows a socket, a file, a clock or a database: [`round::run`] works over two small
//! traits, and so runs over HTTP in the shop and over a line that drops and cuts in a test.
//!
//! Beside the conversation stands what both machines need to be killed at a named place ([`stage`]).
//!
//! A till that asks for two units, hears the verdict, and pulls until it is level:
//!
//! ```
//! use std::cell::RefCell;
//!
//! use outpost_schema::{
//!     catalogue::{Product, Warehouse},
//!     clock::{Hlc, Timestamp},
//!     feed::Aggregate,
//!     id::{EpochId, IncarnationId, NodeId, ProductId, WarehouseId},
//!     journal::{Entry, Mark}, op::{Goods, Line, Op},
//!     quantity::{Amount, Unit},
//!     stock::StockKey,
//!     verdict::{Grant, Verdict},
//! };
//! use outpost_sync::{
//!     model::{self, Model},
//!     round::{self, Anew, Local},
//!     wire::{Born, Caller, LifeWanted, Page, Push, Pushed, Report, Standing},
//! };
//! use uuid::Uuid;
//!
//! const LIFE: IncarnationId = IncarnationId(Uuid::from_u128(4));
//!
//! /// The least that a node's end can be: a journal, and what the feed told.
//! #[derive(Default)]
//! struct Till {
//!     journal: RefCell<Vec<Entry>>,
//!     acked: RefCell<Option<Mark>>,
//!     verdicts: RefCell<Vec<Verdict>>,
//!     cursor: RefCell<Option<String>>,
//!     fed: RefCell<Vec<Aggregate>>,
//! }
//!
//! impl Local for Till {
//!     type Error = std::convert::Infallible;
//!
//!     fn standing(&self) -> Result<Standing, Self::Error> {
//!         let head = self.journal.borrow().last().map_or(Mark::START, Entry::mark);
//!         Ok(Standing { incarnation_id: LIFE, head, acked: self.acked.borrow().unwrap_or(Mark::START) })
//!     }
//!     fn unsent(&self) -> Result<Push, Self::Error> {
//!         let acked = self.acked.borrow().map_or(0, |mark| mark.seq);
//!         let entries = self.journal.borrow().iter().filter(|entry| entry.seq > acked).cloned().collect();
//!         Ok(Push { entries, ..Push::default() })
//!     }
//!     fn settle(&self, _sent: &Push, answer: &Pushed) -> Result<(), Self::Error> {
//!         if let Pushed::Settled { acked, verdicts, .. } = answer {
//!             self.acked.replace(Some(*acked));
//!             self.verdicts.borrow_mut().extend(verdicts.iter().map(|(_, verdict)| verdict.clone()));
//!         }
//!         Ok(())
//!     }
//!     fn stand_at(&self, acked: Mark) -> Result<bool, Self::Error> {
//!         let known = acked == Mark::START || self.journal.borrow().iter().any(|entry| entry.mark() == acked);
//!         if known {
//!             self.acked.replace(Some(acked));
//!         }
//!         Ok(known)
//!     }
//!     fn freeze(&self) -> Result<(), Self::Error> {
//!         Ok(())
//!     }
//!     fn cursor(&self) -> Result<Option<String>, Self::Error> {
//!         Ok(self.cursor.borrow().clone())
//!     }
//!     fn apply(&self, _asked: Option<&str>, page: &Page) -> Result<(), Self::Error> {
//!         self.fed.borrow_mut().extend(page.aggregates.iter().cloned());
//!         self.cursor.replace(Some(page.cursor.clone()));
//!         Ok(())
//!     }
//!     fn report(&self) -> Result<Option<Report>, Self::Error> {
//!         Ok(None)
//!     }
//!     fn reported(&self, _sent: &Report) -> Result<(), Self::Error> {
//!         Ok(())
//!     }
//!     fn start_anew(&self, _why: &Anew) -> Result<(), Self::Error> {
//!         self.cursor.replace(None);
//!         Ok(())
//!     }
//!     fn life_wanted(&self) -> Result<Option<LifeWanted>, Self::Error> {
//!         Ok(None)
//!     }
//!     fn begin_life(&self, _born: &Born) -> Result<(), Self::Error> {
//!         Ok(())
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let now = Timestamp::from_micros(1_770_000_000_000_000);
//! let shop = WarehouseId(Uuid::from_u128(1));
//! let tea = ProductId(Uuid::from_u128(2));
//! let caller = Caller { node_id: NodeId(Uuid::from_u128(3)), incarnation_id: LIFE };
//!
//! let server = Model::new("EUR".parse().unwrap(), now);
//! server.add_warehouse(Warehouse { warehouse_id: shop, name: "Shop".into(), home_of: None, created_at: now });
//! # let product = Product { product_id: tea, sku: None, name: "Tea".into(), description: None, price: None,
//! #     unit: Unit::Each, price_per: 1, category_id: None, seller_id: None, image_urls: vec![],
//! #     attributes: Default::default(), barcodes: vec![], created_at: now, updated_at: now };
//! server.add_product(product, &[(shop, 5)]);
//! server.add_node(model::author(caller, shop));
//!
//! // With no line, the till writes down what it wants.
//! let till = Till::default();
//! let two = Line { product_id: tea, amount: Amount::new(2).unwrap() };
//! let ask = Op::AllotmentAsked(Goods { warehouse_id: shop, lines: vec![two] });
//! let entry = Entry::write(caller.incarnation_id, Mark::START, Hlc::ZERO.tick(now), String::new(), &ask, [0; 16]);
//! till.journal.borrow_mut().push(entry);
//!
//! // The line is there: one round brings the verdict and the news.
//! let done = round::run(&till, &server.line(caller), 0).await.unwrap();
//! assert!(done.is_level && done.pushed == 1);
//! assert_eq!(*till.verdicts.borrow(), [Verdict::Granted(vec![Grant { product_id: tea, amount: two.amount }])]);
//! let level = server.level(StockKey { product_id: tea, warehouse_id: shop });
//! assert_eq!((level.quantity(), level.reserved(), level.available()), (5, 2, 3));
//! assert!(till.fed.borrow().iter().any(|told| matches!(told, Aggregate::Allotment(granted) if granted.granted == 2)));
//!
//! // A second round has nothing to say.
//! let done = round::run(&till, &server.line(caller), 0).await.unwrap();
//! assert_eq!((done.pushed, done.received), (0, 0));
//! # }
//! ```

#![forbid(unsafe_code)]

pub mod carried;
pub mod codec;
pub mod file;
pub mod hold;
pub mod model;
pub mod retry;
pub mod round;
pub mod speak;
pub mod stage;
pub mod tolerant;
pub mod verify;
pub mod wire;
