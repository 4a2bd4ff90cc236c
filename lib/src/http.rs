//! HTTP: one router an endpoint, one call a call, one match from errors to answers.
//!
//! | file | what it does |
//! |---|---|
//! | `endpoint/` | the operations by area, one file each |
//! | `convert/` | input on the wire becomes domain types, which is where it is checked; answers are made of domain types |
//! | `call` | the credential and the tenant; the only way to the table |
//! | `body` | parses input once, naming what is wrong with it |
//! | `cursor` | pages |
//! | `size` | how large an answer may be |
//! | `precondition` | entity tags |
//! | `listing` | lists of what belongs to somebody |
//! | `error` | errors as callers read them |
//! | `app` | what every answer carries, and routes that do not exist |
//! | `openapi` | the description of it all |

mod app;
mod body;
mod call;
mod convert;
mod cursor;
pub mod endpoint;
mod error;
mod listing;
mod openapi;
mod precondition;
mod size;

pub use app::{Api, SourceIp, app};
#[cfg(fuzzing)]
pub use cursor::fuzz_cursor;
pub use error::{Error, ErrorCode};
pub use openapi::{TABLE_EXTENSION, annotated_document, document};
pub use stint_api::ErrorBody;
