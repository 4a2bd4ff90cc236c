//! stint.
