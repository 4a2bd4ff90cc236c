//! Deciding: Cedar policies, from the text a person writes to the answer a request gets.
//!
//! | file | what it does |
//! |---|---|
//! | `model` | the tenant's directory, and the Cedar schema made of it |
//! | `offered` | what of the directory can be asked for |
//! | `entities` | the Cedar entities of the directory, and those of a question |
//! | `bounds` | how deep the syntax tree of a text may be, checked before Cedar parses it |
//! | `scan`, `text` | statements to fields and back |
//! | `flat` | scopes as the API has them |
//! | `problem` | what is wrong with a text, and where |
//! | `validate` | strict validation of a text |
//! | `stored` | a stored rule for Cedar, or what stands in for one that does not parse |
//! | `unknown` | warnings about names the directory does not know |
//! | `index` | finds the rules that can apply without looking at the others |
//! | `question` | what policy is asked: about an access, or about deciding on one |
//! | `facts`, `overrides` | the context of a question, and the values `evaluate` puts over it |
//! | `engine`, `terms` | compiles policies and decides; the strictest settings |
//! | `decision`, `permit` | the answer, and the proof of authority made of it |
//!
//! Nothing here does I/O, reads a clock or makes an id.

mod bounds;
mod decision;
mod engine;
mod entities;
mod facts;
mod flat;
mod index;
mod model;
mod offered;
mod overrides;
mod permit;
mod problem;
mod question;
mod scan;
mod stored;
mod terms;
mod text;
mod unknown;
mod validate;

pub use decision::{Determining, PolicyDecision, PolicyOutcome, RuleError};
pub use engine::{CompileError, Engine, TrialResult};
pub use flat::{ActionScopeType, FlatError, FlatScope, ScopeType, action_scope, flat_actions, parse_principal};
pub use model::{Directory, RESERVED_ACTIONS, SchemaError, TenantSchema};
pub use offered::PermissionSetError;
pub use overrides::{ContextError, named_requester};
pub use permit::{Approve, Authority, Permit, Revoke};
pub use problem::{PolicyErrors, Problem};
pub use question::{AccessQuestion, DecidedAccess, DecisionQuestion, TrialQuestion};
pub use text::{ParsedRule, RenderError, RuleFields, parse_policy_set, parse_rule, render};
pub use validate::{Report, validate};
