//! What the feed must hold.
