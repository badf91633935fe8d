//! The server room of Outpost.
