//! The sync room of Outpost.
