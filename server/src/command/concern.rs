//! `outpost-server concerns list | show | settle`.

use std::collections::BTreeMap;

use outpost_schema::{fault::Fault, id::ConcernId, settlement::Settlement};
use outpost_sync::wire::Problem;
use uuid::Uuid;

use super::{moment, nodes::by_whom, print_json, say, table};
use crate::{
    db::office::{self, ConcernShown, ConcernsWanted, Touched},
    error::Error,
    server::Server,
    settle::{self, Settled, Wanted},
};

/// Concerns in one look: nobody reads more.
const CONCERNS_MAX: i64 = 500;

/// What `concerns` can do.
#[derive(clap::Subcommand)]
pub(super) enum Verb {
    /// List what people must look at
    List {
        /// Those that are over, too
        #[arg(long)]
        all: bool,
        /// Only those that name this order, product, person, device or place
        #[arg(long, value_name = "ID")]
        about: Option<Uuid>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Show one: what it touches, how it can be settled, what was done about it
    Show {
        /// Which
        #[arg(value_parser = id)]
        concern: ConcernId,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Settle one, or write down what will be done about it
    Settle(Settling),
}

/// How a concern is settled.
#[derive(clap::Args)]
pub(super) struct Settling {
    /// Which
    #[arg(value_parser = id)]
    concern: ConcernId,
    /// How: see `outpost-server concerns show`
    #[arg(value_parser = super::node::word::<Settlement>)]
    how: Settlement,
    /// Who settles it [default: the user of this machine]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// What there is to say of it
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// What put it right, where that was done elsewhere: a receipt, a transfer, a refund
    #[arg(long, value_name = "WHAT")]
    act: Option<String>,
}

pub(super) async fn run(verb: Verb, server: &Server) -> Result<(), Problem> {
    match verb {
        Verb::List { all, about, json } => list(server, all, about, json).await,
        Verb::Show { concern, json } => show(server, concern, json).await,
        Verb::Settle(settling) => settle(server, settling).await,
    }
}

fn id(text: &str) -> Result<ConcernId, String> {
    text.parse().map_err(|fault: Fault| fault.to_string())
}

async fn list(server: &Server, all: bool, about: Option<Uuid>, json: bool) -> Result<(), Problem> {
    let wanted = ConcernsWanted { with_closed: all, concern_id: None, about, limit: CONCERNS_MAX };
    let concerns = server.db.snapshot(|tx| async move { office::concerns(&tx, wanted).await }).await?;
    if json {
        return print_json(&concerns);
    }
    let rows: Vec<_> = concerns
        .into_iter()
        .map(|concern| {
            let planned = concern.settlements.last().map(|made| format!("open ({})", made.settlement));
            let open = planned.unwrap_or_else(|| "open".to_owned());
            let state = concern.closed_at.map_or(open, |at| format!("over since {}", moment(at)));
            let about = concern.about.unwrap_or(concern.subject);
            let id = concern.concern_id.to_string();
            [moment(concern.opened_at), state, about, concern.node.unwrap_or_default(), concern.sentence.to_owned(), id]
        })
        .collect();
    let is_cut = rows.len() as i64 == CONCERNS_MAX;
    table::print(["since (UTC)", "state", "about", "device", "what", "id"], &rows, "nothing: all is well");
    if is_cut {
        say(format_args!(
            "the newest {CONCERNS_MAX}; --about shows those of one order, product, person, device or place"
        ));
    }
    Ok(())
}

async fn show(server: &Server, concern_id: ConcernId, json: bool) -> Result<(), Problem> {
    let shown = server.db.snapshot(|tx| async move { office::show_concern(&tx, concern_id).await }).await?;
    let shown = shown.ok_or_else(|| Error::NotFound { what: "concern", name: concern_id.to_string() })?;
    if json {
        return print_json(&shown);
    }
    for line in told(&shown) {
        say(line);
    }
    Ok(())
}

fn told(ConcernShown { concern, touches, waits_for }: &ConcernShown) -> Vec<String> {
    let over = concern.closed_at.map_or_else(|| "open".to_owned(), |at| format!("over since {}", moment(at)));
    let mut lines = vec![
        format!("{}: {}", concern.kind, concern.sentence),
        format!("since {}, {over}", moment(concern.opened_at)),
        format!("figures: {}", concern.detail),
    ];
    // An order that the figures name may wait for the goods, too.
    let once: BTreeMap<_, _> = touches.iter().map(|touched| ((&touched.what, touched.id), &touched.name)).collect();
    lines.extend(once.into_iter().map(|((what, id), name)| format!("touches {what} {name} ({id})")));
    let waits = |device: &Touched| format!("nothing is withdrawn before {} is heard, or given up", device.name);
    lines.extend(waits_for.iter().map(waits));
    lines.extend(concern.settlements.iter().map(made));
    if concern.closed_at.is_none() {
        lines.push("it can be settled by:".to_owned());
        lines.extend(concern.possible.iter().map(|how| format!("  {how}: {}", how.sentence())));
    }
    lines
}

fn made(made: &Settled) -> String {
    let (note, act) = (made.note.as_deref().unwrap_or_default(), made.act.as_deref().unwrap_or_default());
    format!("{} by {} at {} {act} {note}", made.settlement, made.by, moment(made.at)).trim_end().to_owned()
}

async fn settle(server: &Server, settling: Settling) -> Result<(), Problem> {
    let settlement_id = ConcernId::new(server.now(), server.world.id_chance()).0;
    let Settling { concern, how, by, note, act } = settling;
    let wanted = Wanted { settlement_id, settlement: how, by: by_whom(by), note, act };
    let made = settle::settle(server, concern, &wanted).await?;
    say(match made.closed {
        true => "It is over.",
        false => {
            "It is written down. The concern stays open until the figures close it, or --act names what put it right."
        }
    });
    Ok(())
}
