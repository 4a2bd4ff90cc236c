//! suites.
