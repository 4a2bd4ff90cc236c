//! What an answer names, and which operations take it: the links of the document.

use utoipa::openapi::link::Link;
use utoipa::openapi::path::Operation;
use utoipa::openapi::{OpenApi, RefOr};

/// Of an operation's answer, a value for a parameter of others.
struct Named {
    of: &'static str,
    /// Parameters and where their values are.
    values: &'static [(&'static str, &'static str)],
    taken_by: &'static [&'static str],
}

const ABOUT_A_REQUEST: &[&str] = &[
    "getRequest",
    "getAccessRequestStatus",
    "approveRequest",
    "denyRequest",
    "cancelRequest",
    "listRequestMessages",
    "createRequestMessage",
];
const ABOUT_A_GRANT: &[&str] = &["getGrant", "updateGrant", "extendGrant", "revokeGrant"];
const ABOUT_A_POLICY: &[&str] =
    &["getPolicy", "updatePolicy", "deletePolicy", "listPolicyRules", "createPolicyRule", "reorderPolicyRules"];
const ABOUT_A_RULE: &[&str] = &["getPolicyRule", "updatePolicyRule", "deletePolicyRule"];

const NAMED: &[Named] = &[
    Named { of: "createRequest", values: &[("id", "$response.body#/id")], taken_by: ABOUT_A_REQUEST },
    Named { of: "createRequest", values: &[("id", "$response.body#/grant_ids/0")], taken_by: ABOUT_A_GRANT },
    Named { of: "approveRequest", values: &[("id", "$response.body#/grant_ids/0")], taken_by: ABOUT_A_GRANT },
    Named { of: "listRequests", values: &[("id", "$response.body#/data/0/id")], taken_by: ABOUT_A_REQUEST },
    Named { of: "listRequests", values: &[("cursor", "$response.body#/next_cursor")], taken_by: &["listRequests"] },
    Named {
        of: "ensureAccess",
        values: &[("id", "$response.body#/grants/0/access_request_id")],
        taken_by: &["getAccessRequestStatus"],
    },
    Named { of: "listGrants", values: &[("id", "$response.body#/data/0/id")], taken_by: ABOUT_A_GRANT },
    Named { of: "listGrants", values: &[("cursor", "$response.body#/next_cursor")], taken_by: &["listGrants"] },
    Named { of: "createPolicy", values: &[("policyId", "$response.body#/id")], taken_by: ABOUT_A_POLICY },
    Named {
        of: "createPolicy",
        values: &[("policyId", "$response.body#/id"), ("ruleId", "$response.body#/rules/0/id")],
        taken_by: ABOUT_A_RULE,
    },
    Named { of: "listPolicies", values: &[("policyId", "$response.body#/data/0/id")], taken_by: ABOUT_A_POLICY },
    Named { of: "listPolicies", values: &[("cursor", "$response.body#/next_cursor")], taken_by: &["listPolicies"] },
    Named {
        of: "createPolicyRule",
        values: &[("policyId", "$request.path.policyId"), ("ruleId", "$response.body#/id")],
        taken_by: ABOUT_A_RULE,
    },
    Named { of: "listAuditLog", values: &[("id", "$response.body#/data/0/id")], taken_by: &["getAuditLogEntry"] },
    Named { of: "listAuditLog", values: &[("cursor", "$response.body#/next_cursor")], taken_by: &["listAuditLog"] },
    Named {
        of: "exportAuditLog",
        values: &[("cursor", "$response.header.X-Next-Cursor")],
        taken_by: &["exportAuditLog"],
    },
];

/// Writes the links into the document.
pub(super) fn add(document: &mut OpenApi) {
    for operation in super::operations(document) {
        for named in NAMED {
            if operation.operation_id.as_deref() == Some(named.of) {
                link(operation, named);
            }
        }
    }
}

fn link(operation: &mut Operation, named: &Named) {
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response
            && status.starts_with('2')
        {
            for taker in named.taken_by {
                let link = Link::builder().operation_id(*taker);
                let link = named.values.iter().fold(link, |link, (name, value)| link.parameter(*name, *value));
                response.links.insert((*taker).to_owned(), link.build().into());
            }
        }
    }
}
