//! The node room of Outpost.
