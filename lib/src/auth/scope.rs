//! Scopes: what a credential may ask the API for, before any policy is asked.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::Role;

/// The text is no scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of the scopes, such as `access:request`")]
pub struct ScopeError;

/// A scope a use case requires, as a type: a function that takes the proof of one cannot be called with another.
pub trait RequiredScope {
    /// The scope that is required.
    const SCOPE: ApiScope;
}

macro_rules! scopes {
    ($($(#[$doc:meta])+ $name:ident = $wire:literal)+) => {
        /// A permission of an API key, or of a person by their role in the tenant.
        ///
        /// Scopes do not imply one another: a key is good for exactly the ones it lists.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
        pub enum ApiScope {
            $($(#[$doc])+ #[serde(rename = $wire)] $name,)+
        }

        impl ApiScope {
            /// Every scope.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The name on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $wire,)+
                }
            }
        }

        impl std::str::FromStr for ApiScope {
            type Err = ScopeError;

            fn from_str(text: &str) -> Result<Self, ScopeError> {
                match text {
                    $($wire => Ok(Self::$name),)+
                    _ => Err(ScopeError),
                }
            }
        }

        $(
            $(#[$doc])+
            #[derive(Debug, Clone, Copy, PartialEq, Eq)]
            pub struct $name;

            impl RequiredScope for $name {
                const SCOPE: ApiScope = ApiScope::$name;
            }
        )+
    };
}

scopes! {
    /// Ask for access.
    AccessRequest = "access:request"
    /// Ask for access in somebody else's name.
    AccessImpersonate = "access:impersonate"
    /// Read access requests.
    RequestsRead = "requests:read"
    /// Approve and deny access requests.
    RequestsDecide = "requests:decide"
    /// Read grants.
    GrantsRead = "grants:read"
    /// End a grant early.
    GrantsRevoke = "grants:revoke"
    /// Change the settings of a grant.
    GrantsWrite = "grants:write"
    /// Read and evaluate policies.
    PoliciesRead = "policies:read"
    /// Change policies.
    PoliciesWrite = "policies:write"
    /// Read the audit log.
    AuditRead = "audit:read"
    /// Administer the tenant: keys, people, channels, integrations.
    Admin = "admin"
}

impl std::fmt::Display for ApiScope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The scopes a role gives.
///
/// Everybody may ask for access, decide and end grants as far as policy lets them: whose request and whose grant it is,
/// the use case asks policy. No role gives `access:impersonate`: acting for others is for machines that were given just
/// that.
#[must_use]
pub const fn scopes_of(role: Role) -> &'static [ApiScope] {
    match role {
        Role::User => &[
            ApiScope::AccessRequest,
            ApiScope::RequestsRead,
            ApiScope::RequestsDecide,
            ApiScope::GrantsRead,
            ApiScope::GrantsRevoke,
        ],
        Role::Approver => &[
            ApiScope::AccessRequest,
            ApiScope::RequestsRead,
            ApiScope::RequestsDecide,
            ApiScope::GrantsRead,
            ApiScope::GrantsRevoke,
            ApiScope::PoliciesRead,
        ],
        Role::Auditor => &[ApiScope::RequestsRead, ApiScope::GrantsRead, ApiScope::PoliciesRead, ApiScope::AuditRead],
        Role::Admin => &[
            ApiScope::AccessRequest,
            ApiScope::RequestsRead,
            ApiScope::RequestsDecide,
            ApiScope::GrantsRead,
            ApiScope::GrantsRevoke,
            ApiScope::GrantsWrite,
            ApiScope::PoliciesRead,
            ApiScope::PoliciesWrite,
            ApiScope::AuditRead,
            ApiScope::Admin,
        ],
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn one_name_reads_and_writes_everywhere() {
        for scope in ApiScope::ALL {
            let name = scope.to_string();
            assert_eq!(name.parse(), Ok(*scope));
            assert_eq!(serde_json::to_value(scope).unwrap(), name);
            assert_eq!(serde_json::from_value::<ApiScope>(name.into()).unwrap(), *scope);
        }
        for text in ["", "Admin", "access", "access:request ", "*"] {
            assert_eq!(text.parse::<ApiScope>(), Err(ScopeError), "{text}");
        }
    }

    #[test]
    fn a_marker_names_its_scope() {
        assert_eq!(AccessRequest::SCOPE, ApiScope::AccessRequest);
        assert_eq!(PoliciesWrite::SCOPE, ApiScope::PoliciesWrite);
    }

    #[test]
    fn roles_and_scopes() {
        let table: String = [Role::User, Role::Approver, Role::Auditor, Role::Admin]
            .map(|role| {
                let scopes: Vec<_> = scopes_of(role).iter().map(ApiScope::to_string).collect();
                format!("{}: {}\n", serde_json::to_value(role).unwrap().as_str().unwrap(), scopes.join(" "))
            })
            .concat();
        insta::assert_snapshot!(table, @r"
        user: access:request requests:read requests:decide grants:read grants:revoke
        approver: access:request requests:read requests:decide grants:read grants:revoke policies:read
        auditor: requests:read grants:read policies:read audit:read
        admin: access:request requests:read requests:decide grants:read grants:revoke grants:write policies:read policies:write audit:read admin
        ");
    }

    #[test]
    fn an_admin_may_everything_but_impersonate() {
        let missing: Vec<_> = ApiScope::ALL.iter().filter(|scope| !scopes_of(Role::Admin).contains(scope)).collect();
        assert_eq!(missing, [&ApiScope::AccessImpersonate]);
    }
}
