//! The one page of head office: what needs looking at first, then devices, stock and orders.

use std::sync::Arc;

use axum::{
    extract::State,
    http::StatusCode,
    response::{Html, IntoResponse, Response},
};
use maud::{DOCTYPE, Markup, html};
use outpost_schema::{clock::Timestamp, device::IncarnationState};

use crate::{
    command::moment,
    db::{
        Tx,
        nodes::Report,
        office::{self, ConcernSeen, ConcernsWanted, NodeSeen, OrderSeen, OrdersWanted, Totals, WarehouseSeen},
    },
    error::Error,
    server::Server,
};

/// Concerns shown; whoever has more begins with the newest.
const CONCERNS_SHOWN: i64 = 50;

/// Orders shown.
const ORDERS_SHOWN: i64 = 20;

/// How often the page looks again by itself, in seconds.
const REFRESH_SECONDS: u32 = 30;

/// Everything on the page, as of one moment.
struct Seen {
    totals: Totals,
    nodes: Vec<NodeSeen>,
    warehouses: Vec<WarehouseSeen>,
    concerns: Vec<ConcernSeen>,
    orders: Vec<OrderSeen>,
}

/// `GET /`
pub(super) async fn page(State(server): State<Arc<Server>>) -> Response {
    let now = server.now();
    match server.db.snapshot(|tx| look(server.clone(), tx, now)).await {
        Ok(seen) => Html(show(&server, &seen, now).into_string()).into_response(),
        Err(error) => {
            tracing::error!(code = error.code(), "{error}");
            (StatusCode::SERVICE_UNAVAILABLE, Html(frame(&failure(&error)).into_string())).into_response()
        }
    }
}

async fn look(server: Arc<Server>, tx: Tx, now: Timestamp) -> Result<Seen, Error> {
    Ok(Seen {
        totals: office::totals(&tx, server.currency).await?,
        nodes: office::nodes(&tx, day_of(now), server.currency).await?,
        warehouses: office::warehouses(&tx).await?,
        concerns: office::concerns(&tx, ConcernsWanted { limit: CONCERNS_SHOWN, ..ConcernsWanted::default() }).await?,
        orders: office::orders(&tx, OrdersWanted { limit: ORDERS_SHOWN, ..OrdersWanted::default() }).await?,
    })
}

/// When the day of a moment began, in UTC.
fn day_of(now: Timestamp) -> Timestamp {
    let day = 86_400 * 1_000_000;
    Timestamp::from_micros(now.micros().div_euclid(day) * day)
}

fn frame(content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="refresh" content=(REFRESH_SECONDS);
                title { "Outpost head office" }
                link rel="stylesheet" href="/office.css";
            }
            body { (content) }
        }
    }
}

fn failure(error: &Error) -> Markup {
    html! { main { h1 { "Head office" } p .wrong { (error) } p { "This page looks again by itself." } } }
}

fn show(server: &Server, seen: &Seen, now: Timestamp) -> Markup {
    frame(&html! {
        header {
            h1 { "Head office" }
            p { (moment(now)) " UTC, amounts in " (server.currency) }
        }
        main {
            (summary(&seen.totals))
            (concerns(&seen.concerns, seen.totals.concerns))
            (nodes(&seen.nodes, now))
            (warehouses(&seen.warehouses))
            (orders(&seen.orders))
        }
    })
}

fn summary(totals: &Totals) -> Markup {
    let figures = [
        ("orders", totals.orders.to_string()),
        ("takings", totals.takings.to_string()),
        ("products", totals.products.to_string()),
        ("ops received", totals.ops.to_string()),
        ("ops that wait", totals.set_aside.to_string()),
    ];
    html! {
        dl .figures { @for (name, figure) in figures { div { dt { (name) } dd { (figure) } } } }
    }
}

fn concerns(concerns: &[ConcernSeen], count: i64) -> Markup {
    html! {
        section {
            h2 { "To look at" }
            @if concerns.is_empty() {
                p .well { "Nothing: all is well." }
            } @else {
                ul .concerns {
                    @for concern in concerns {
                        li {
                            strong title=(concern.subject) { (concern.sentence) }
                            @if let Some(about) = &concern.about { ": " (about) }
                            small {
                                "since " (moment(concern.opened_at))
                                @if let Some(node) = &concern.node { ", from " (node) }
                            }
                        }
                    }
                }
                @if count > CONCERNS_SHOWN { p { "The newest " (CONCERNS_SHOWN) " of " (count) "." } }
            }
        }
    }
}

fn nodes(nodes: &[NodeSeen], now: Timestamp) -> Markup {
    html! {
        section {
            h2 { "Devices" }
            @if nodes.is_empty() {
                p { "None yet. Add one with " code { "outpost-server node add --kind till --warehouse NAME" } "." }
            } @else {
                table {
                    thead { tr {
                        th { "Name" } th { "Kind" } th { "Place" } th { "Last heard" }
                        th .number { "Ops" } th .number { "Waiting" } th .number { "May still sell" }
                        th .number { "Orders today" } th .number { "Takings today" }
                    } }
                    tbody { @for one in nodes { (node(one, now)) } }
                }
                p { small { "\u{201c}May still sell\u{201d} is what could be oversold or lost at most if the device is." } }
            }
        }
    }
}

fn node(node: &NodeSeen, now: Timestamp) -> Markup {
    html! {
        tr {
            th scope="row" {
                (node.name)
                @if node.state != IncarnationState::Active { " " span .wrong { (node.state) } }
                @if node.report != Report::Told { " " span .wrong { (node.report) } }
            }
            td { (node.kind) }
            td { (node.warehouse) @if node.is_home { " (home)" } }
            td { (heard(node.seen_at, now)) }
            td .number { (node.ops) }
            td .number .wrong[node.set_aside > 0] { (node.set_aside) }
            td .number { (node.open_units) @if node.in_doubt > 0 { " (" (node.in_doubt) " in doubt)" } }
            td .number { (node.orders) }
            td .number { (node.takings) }
        }
    }
}

fn heard(seen_at: Option<Timestamp>, now: Timestamp) -> String {
    let Some(seen_at) = seen_at else { return "never".to_owned() };
    match now.seconds_since(seen_at) {
        0..=59 => "just now".to_owned(),
        seconds @ 60..=3_599 => format!("{} min ago", seconds / 60),
        seconds @ 3_600..=86_399 => format!("{} h ago", seconds / 3_600),
        seconds => format!("{} days ago", seconds / 86_400),
    }
}

fn warehouses(warehouses: &[WarehouseSeen]) -> Markup {
    html! {
        section {
            h2 { "Stock" }
            @if warehouses.is_empty() {
                p { "No places yet. Add one with " code { "outpost-server warehouse add NAME" } "." }
            } @else {
                table {
                    thead { tr {
                        th { "Place" } th { "Sold from by" } th .number { "Products" } th .number { "Sold out" }
                        th .number { "On hand" } th .number { "Promised" } th .number { "Owed" } th .number { "Unbacked" }
                    } }
                    tbody {
                        @for one in warehouses {
                            tr {
                                th scope="row" { (one.name) }
                                td { (one.home_of.as_deref().unwrap_or("several")) }
                                td .number { (one.products) }
                                td .number { (one.sold_out) }
                                td .number { (one.quantity) }
                                td .number { (one.reserved_quantity) }
                                td .number .wrong[one.owed > 0] { (one.owed) }
                                td .number .wrong[one.unbacked > 0] { (one.unbacked) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn orders(orders: &[OrderSeen]) -> Markup {
    html! {
        section {
            h2 { "Newest orders" }
            @if orders.is_empty() {
                p { "None yet." }
            } @else {
                table {
                    thead { tr {
                        th { "Receipt" } th { "At (UTC)" } th { "Device" } th { "Status" }
                        th .number { "Lines" } th .number { "Total" }
                    } }
                    tbody {
                        @for order in orders {
                            tr {
                                th scope="row" { (order.receipt) }
                                td { (moment(order.created_at)) }
                                td { (order.node) }
                                td { (order.status) }
                                td .number { (order.lines) }
                                td .number { (order.total_amount) }
                            }
                        }
                    }
                }
            }
        }
    }
}
