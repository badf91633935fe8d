//! The conversation between a node and its server, told in order.
//!
//! A **round** has two halves. First the node *pushes* until nothing waits: runs of journal entries
//! right after the last one that the server acknowledged, with carts beside them. The server
//! answers each op with a verdict, the same one however often it is asked; a reply that was lost
//! costs nothing. Then the node *pulls* until it is level: pages of aggregates, newest version of
//! each, that changed since its cursor. What the server says of the shop arrives only by this way;
//! the reply to a push settles the journal and nothing else.
//!
//! Every request says where the journal stands, its head and the last acknowledged mark. If the
//! server knows another mark it answers only that, and the node looks it up in its journal: found,
//! and the two go on from there; not found, and this device was rolled back to an old image.
//!
//! Nothing here knows a socket, a file, a clock or a database: [`round::run`] works over two small
//! traits, and so runs over HTTP in the shop and over a line that drops and cuts in a test.

pub mod codec;
pub mod retry;
pub mod round;
pub mod wire;
