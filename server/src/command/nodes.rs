//! `outpost-server nodes list | show | suspend | resume | write-off | reclaim | retire | move`.

use std::{env, path::PathBuf};

use outpost_schema::{
    id::{ConcernId, NodeId},
    stock::SalePolicy,
};
use outpost_sync::wire::Problem;

use super::{moment, node, print_json, say};
use crate::{
    config::Config,
    db::devices as rows,
    devices::{self, Bound, Done, Moving, Signed},
    give_up::Life,
    server::Server,
};

/// What `nodes` can do.
#[derive(clap::Subcommand)]
pub(super) enum Verb {
    /// List the devices: when they were last heard, what waits, what could be lost with them
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Show one: what could be lost with it, and what was done to it
    Show {
        /// What people call it
        name: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Give it nothing more, and tell it to sell nothing; what it tells is booked all the same
    Suspend(OfDevice),
    /// Let a suspended one go on
    Resume(OfDevice),
    /// It is lost or stolen: book what it could still sell as lost; what it tells late comes back first
    WriteOff(Taking),
    /// Let others sell what it could; too much can then be sold, up to the number shown
    Reclaim(Taking),
    /// Close one that has told all and given all back (outpost-node retire); its name stays taken
    Retire {
        #[command(flatten)]
        of: OfDevice,
        /// It is gone and will never say that it has told everything
        #[arg(long)]
        lost: bool,
    },
    /// Let one go on at another place, with a new card (it has given all back: outpost-node give-back --all)
    Move(Move),
}

/// Which device, and who says so.
#[derive(clap::Args)]
pub(super) struct OfDevice {
    /// What people call it
    name: String,
    /// Who does this [default: the user of this machine]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

/// What is taken from a device.
#[derive(clap::Args)]
pub(super) struct Taking {
    #[command(flatten)]
    of: OfDevice,
    /// Agree to whatever it may sell now; without this or --units it is only shown what would be done
    #[arg(long)]
    yes: bool,
    /// Agree to this many units, and to no other number
    #[arg(long, value_name = "N", conflicts_with = "yes")]
    units: Option<i64>,
}

/// Where a device goes.
#[derive(clap::Args)]
pub(super) struct Move {
    #[command(flatten)]
    of: OfDevice,
    /// Where it will stand
    #[arg(long, value_name = "WAREHOUSE")]
    to: String,
    /// A further warehouse that it receives news of; repeat the flag for more
    #[arg(long, value_name = "NAME")]
    scope: Vec<String>,
    /// Only this device sells from there
    #[arg(long)]
    home: bool,
    /// What happens beyond its allotment: strict or physical [default: physical at home, strict elsewhere]
    #[arg(long, value_parser = node::word::<SalePolicy>)]
    policy: Option<SalePolicy>,
    /// The address at which the device reaches this server [default: where it listens]
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// Write the card to this file instead of printing it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) async fn run(verb: Verb, server: &Server, config: &Config) -> Result<(), Problem> {
    match verb {
        Verb::List { json } => node::list(server, json).await,
        Verb::Show { name, json } => show(server, &name, json).await,
        Verb::Suspend(of) => {
            let (life, _) = devices::find(server, &of.name).await?;
            devices::suspend(server, life.node_id, &signed(server, of)).await?;
            say(format_args!(
                "{} is suspended: it is given nothing, and sells nothing once it hears of it.",
                life.node
            ));
            Ok(())
        }
        Verb::Resume(of) => {
            let (life, _) = devices::find(server, &of.name).await?;
            devices::resume(server, life.node_id, &signed(server, of)).await?;
            say(format_args!("{} goes on.", life.node));
            Ok(())
        }
        Verb::WriteOff(taking) => write_off(server, taking).await,
        Verb::Reclaim(taking) => reclaim(server, taking).await,
        Verb::Retire { of, lost } => {
            let (life, _) = devices::find(server, &of.name).await?;
            devices::retire(server, life.node_id, lost, &signed(server, of)).await?;
            say(format_args!("{} is closed; its name and its receipts' mark stay taken.", life.node));
            Ok(())
        }
        Verb::Move(moving) => relocate(server, config, moving).await,
    }
}

/// Who does something at head office's command line.
pub(super) fn by_whom(by: Option<String>) -> String {
    by.or_else(|| env::var("USER").ok()).filter(|by| !by.trim().is_empty()).unwrap_or_else(|| "head office".to_owned())
}

fn signed(server: &Server, of: OfDevice) -> Signed {
    let act_id = ConcernId::new(server.now(), server.world.id_chance()).0;
    Signed { act_id, by: by_whom(of.by), note: of.note }
}

async fn show(server: &Server, name: &str, json: bool) -> Result<(), Problem> {
    let (life, bound) = devices::find(server, name).await?;
    let node_id = life.node_id;
    let acts = server.db.snapshot(|tx| async move { rows::acts(&tx, node_id).await }).await?;
    if json {
        return print_json(
            &serde_json::json!({ "node_id": node_id, "name": life.node, "state": life.state, "bound": bound, "acts": acts }),
        );
    }
    say(of_device(&life, &bound));
    for Done { act, by, note, units, worth, at, .. } in acts {
        let taken = if units > 0 { format!(" of {units} units (worth {worth})") } else { String::new() };
        say(format!("{} {act}{taken} by {by} {}", moment(at), note.unwrap_or_default()).trim_end());
    }
    Ok(())
}

fn of_device(life: &Life, bound: &Bound) -> String {
    let heard = life.seen_at.map_or_else(|| "never".to_owned(), moment);
    format!(
        "{} (life {}, {}, last heard {heard}) may still sell {} without asking.",
        life.node,
        life.number,
        life.state,
        in_words(bound)
    )
}

fn in_words(bound: &Bound) -> String {
    let Bound { units, rows, worth, unpriced } = bound;
    let unpriced = if *unpriced > 0 { format!(", {unpriced} of them without a price") } else { String::new() };
    format!("{units} units of {rows} products (worth {worth}{unpriced})")
}

/// The bound that is agreed to, once it was shown; none if nobody agrees yet.
fn agreed(taking: &Taking, bound: &Bound) -> Option<i64> {
    let agreed = taking.units.or_else(|| taking.yes.then_some(bound.units));
    if agreed.is_none() {
        say(format_args!("Nothing was done; say it again with --units {} (or --yes).", bound.units));
    }
    agreed
}

async fn write_off(server: &Server, taking: Taking) -> Result<(), Problem> {
    let (life, bound) = devices::find(server, &taking.of.name).await?;
    say(of_device(&life, &bound));
    say("They are booked as lost, and the device is suspended. What it tells late comes back into the book first.");
    if life.report_owed {
        say("It has not reported since head office was restored, so it may hold more than that.");
    }
    let Some(agreed) = agreed(&taking, &bound) else { return Ok(()) };
    let done = devices::write_off(server, life.node_id, agreed, &signed(server, taking.of)).await?;
    say(format_args!("{} units (worth {}) are written off with {}.", done.units, done.worth, life.node));
    Ok(())
}

async fn reclaim(server: &Server, taking: Taking) -> Result<(), Problem> {
    let (life, bound) = devices::find(server, &taking.of.name).await?;
    say(of_device(&life, &bound));
    say(format_args!(
        "Others may sell them then. If it sells them too, up to {} units (worth {}) are sold that are not there; its \
         sales are booked all the same.",
        bound.units, bound.worth
    ));
    if life.report_owed {
        say("It has not reported since head office was restored, so it may hold more than that.");
    }
    let Some(agreed) = agreed(&taking, &bound) else { return Ok(()) };
    let done = devices::reclaim(server, life.node_id, agreed, &signed(server, taking.of)).await?;
    say(format_args!("{} units were taken back from {}.", done.units, life.node));
    Ok(())
}

async fn relocate(server: &Server, config: &Config, wanted: Move) -> Result<(), Problem> {
    let node_id: NodeId = devices::find(server, &wanted.of.name).await?.0.node_id;
    let to = node::place(server, &wanted.to).await?;
    let mut also = Vec::new();
    for name in &wanted.scope {
        also.push(node::place(server, name).await?);
    }
    let address = wanted.server.unwrap_or_else(|| format!("http://{}", config.listen));
    let moving = Moving { to, also, is_home: wanted.home, policy: wanted.policy, server: address };
    let out = wanted.out.as_deref().map(node::created).transpose()?;
    let card = devices::relocate(server, node_id, &moving, &signed(server, wanted.of)).await?;
    node::hand_over(&card, out)
}
