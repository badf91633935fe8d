//! What a page tells of the aggregates it names, as far as its bytes go.

use std::{
    collections::{HashMap, HashSet},
    io,
};

use outpost_schema::feed::{Aggregate, Key};
use serde::Serialize as _;

use crate::{
    db::{Tx, feed::Scopes, images},
    error::Error,
};

/// The content of a page as it is encoded, before compression: a page of short orders fits, a page of
/// orders with a thousand lines each is cut, and JSON, three times as long, stays below the line's limit.
pub(crate) const PAGE_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Aggregates that are loaded at once: a page that is cut early has read little beyond its end.
pub(crate) const LOT: usize = 500;

/// The aggregates of a page.
pub(crate) struct Content {
    pub(crate) aggregates: Vec<Aggregate>,
    /// How many of the keys they tell.
    pub(crate) told: usize,
}

/// Loads what these keys name, in their order, until the bytes are used up.
pub(crate) async fn content(tx: &Tx, scopes: &Scopes, keys: &[Key], bytes_max: usize) -> Result<Content, Error> {
    let mut content = Content { aggregates: Vec::with_capacity(keys.len()), told: 0 };
    let (mut bytes, mut named) = (0, HashSet::with_capacity(keys.len()));
    for lot in keys.chunks(LOT) {
        let mut images = images::load(tx, scopes, lot).await?;
        for key in lot {
            // What stands twice in a page (it left one scope of the node's for another) is told once.
            if named.contains(key) {
                content.told += 1;
                continue;
            }
            let aggregate = take(&mut images, key);
            bytes += encoded_len(&aggregate);
            if bytes > bytes_max && content.told > 0 {
                return Ok(content);
            }
            named.insert(key);
            content.aggregates.push(aggregate);
            content.told += 1;
        }
    }
    Ok(content)
}

fn take(images: &mut HashMap<Key, Aggregate>, key: &Key) -> Aggregate {
    images.remove(key).unwrap_or_else(|| Aggregate::Gone(key.clone()))
}

/// How many bytes an aggregate takes in a page.
fn encoded_len(aggregate: &Aggregate) -> usize {
    let mut counted = Counted(0);
    let written = aggregate.serialize(&mut rmp_serde::Serializer::new(&mut counted).with_struct_map());
    written.map_or(usize::MAX / 2, |()| counted.0)
}

/// Counts what is written to it.
struct Counted(usize);

impl io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
