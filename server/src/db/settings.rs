//! Settings of the whole network, by name.

use outpost_schema::money::Currency;

use super::Tx;
use crate::error::Error;

/// The network's currency; chosen once, because amounts in two currencies never add.
const CURRENCY: &str = "currency";

/// Units of each stock row at a home that are not granted to it.
const KEPT_BACK: &str = "kept_back";

/// The network's currency. The first caller chooses it: `wanted`, or the dollar.
///
/// # Errors
/// [`Error::OtherCurrency`] if another one than `wanted` was chosen before.
pub async fn currency(tx: &Tx, wanted: Option<Currency>) -> Result<Currency, Error> {
    let chosen = wanted.as_ref().map_or("USD", Currency::code);
    tx.execute("insert into settings (name, value) values ($1, $2) on conflict do nothing", &[&CURRENCY, &chosen])
        .await?;
    let row = tx.query_one("select value from settings where name = $1", &[&CURRENCY]).await?;
    let currency: Currency = row.try_get(0)?;
    match wanted {
        Some(wanted) if wanted != currency => Err(Error::OtherCurrency { chosen: currency }),
        Some(_) | None => Ok(currency),
    }
}

/// How many units of each stock row at a home stay with head office.
///
/// # Errors
/// If the setting is no number.
pub async fn kept_back(tx: &Tx) -> Result<i64, Error> {
    let row = tx.query_opt("select value::bigint from settings where name = $1", &[&KEPT_BACK]).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?.unwrap_or(0))
}

/// Sets how many units of each stock row at a home stay with head office from now on.
///
/// # Errors
/// If it cannot be kept.
pub async fn set_kept_back(tx: &Tx, units: i64) -> Result<(), Error> {
    tx.execute(
        "insert into settings (name, value) values ($1, $2) on conflict (name) do update set value = excluded.value",
        &[&KEPT_BACK, &units.max(0).to_string()],
    )
    .await?;
    Ok(())
}
