//! Random directories, rule sets and questions.

use proptest::prelude::*;
use proptest::sample::select;
use stint::domain::{
    AccountId, AwsResource, Policy, Principal, PrincipalKind, PrincipalRef, ResourceRef, ResourceType,
};

use super::fixture::{ADMIN, DATABASE, PROD, PRODUCTION, READ_ONLY, ROOT, SANDBOX, WORKLOADS, known, policy};

/// The questions asked of each rule set.
const QUESTIONS: usize = 16;

pub(crate) const GROUPS: [&str; 3] = ["g0", "g1", "g2"];
const ACTIONS: [&str; 7] = ["ReadOnlyAccess", "AdministratorAccess", "read", "connect", "assume", "approve", "revoke"];

const PRINCIPALS: [&str; 11] = [
    "principal",
    "principal",
    "principal == User::\"alice\"",
    "principal == ServiceAccount::\"key\"",
    "principal == User::\"group:g0\"",
    "principal in Group::\"g0\"",
    "principal in User::\"group:g1\"",
    "principal in User::\"bob\"",
    "principal is User",
    "principal is ServiceAccount in Group::\"g1\"",
    "principal is User in Group::\"g2\"",
];

const ACTION_SCOPES: [&str; 7] = [
    "action",
    "action",
    "action == Action::\"ReadOnlyAccess\"",
    "action == Action::\"read\"",
    "action in Action::\"approve\"",
    "action in [Action::\"ReadOnlyAccess\", Action::\"connect\", Action::\"assume\", Action::\"ReadOnlyAccess\"]",
    "action in []",
];

const RESOURCES: [&str; 12] = [
    "resource",
    "resource",
    "resource == AwsAccount::\"111111111111\"",
    "resource == AwsAccount::\"999999999999\"",
    "resource in AwsAccount::\"333333333333\"",
    "resource in AwsOrganizationalUnit::\"ou-ab12-workload\"",
    "resource in AwsOrganizationalUnit::\"r-ab12\"",
    "resource == AwsOrganizationalUnit::\"ou-ab12-producti\"",
    "resource is AwsAccount",
    "resource is AwsAccount in AwsOrganizationalUnit::\"ou-ab12-producti\"",
    "resource is AwsS3Bucket in AwsAccount::\"333333333333\"",
    "resource is AwsOrganizationalUnit in AwsOrganizationalUnit::\"ou-ab12-workload\"",
];

/// Many of these fail for some principals, resources or contexts.
const CONDITIONS: [&str; 30] = [
    "",
    "",
    "",
    "when { context.has_reason }",
    "unless { context.mfa }",
    "when { principal.email like \"*@example.com\" }",
    "when { principal.name == \"deploy\" }",
    "when { resource.rank < 5 }",
    "when { resource.getTag(\"env\") == \"prod\" }",
    "when { resource.hasTag(\"env\") && resource.getTag(\"env\") == \"prod\" }",
    "when { context.duration_seconds * 9223372036854775807 > 0 }",
    "when { context has duration_seconds && context.duration_seconds <= 3600 } unless { context.auth == \"api_key\" }",
    "when { context.held_seconds > 60 }",
    "unless { context.ends_at < datetime(\"2026-01-02T04:05:00Z\") }",
    "when { context.start_at.durationSince(context.now) == duration(\"1h\") && context.duration_seconds < 60 }",
    "when { context has role && context.role == \"AdministratorAccess\" }",
    "when { context.break_glass }",
    "when { resource in AwsOrganizationalUnit::\"ou-ab12-workload\" }",
    "when { AwsAccount::\"111111111111\" in AwsOrganizationalUnit::\"ou-ab12-producti\" }",
    "when { AwsAccount::\"333333333333\".name == resource.name }",
    "when { AwsAccount::\"999999999999\".account_id == context.account_id }",
    "when { AwsS3Bucket::\"orders\" in resource && AwsS3Bucket::\"orders\".rank == 1 }",
    "when { context.requester in Group::\"g0\" }",
    "when { context has requester && context.requester != principal } unless { context.requester.groups.contains(\"g1\") }",
    "when { context has requester_service_account && context.requester_service_account in Group::\"g1\" }",
    "when { User::\"alice\".groups.contains(\"g0\") }",
    "when { [User::\"alice\", User::\"bob\"].contains(principal) && User::\"bob\" in Group::\"g1\" }",
    "when { context.now > datetime(\"2026-01-01\") && context.source_ip.isInRange(ip(\"10.0.0.0/8\")) }",
    "when { context.tickets.containsAny([\"OPS-1\"]) || Group::\"g0\" has x }",
    "when { if principal in Group::\"g0\" then action == Action::\"ReadOnlyAccess\" else context.role == \"ReadOnlyAccess\" }",
];

#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) principal: Principal,
    pub(crate) requester: Option<Principal>,
    pub(crate) action: &'static str,
    pub(crate) resource: ResourceRef,
    pub(crate) reason: Option<&'static str>,
    pub(crate) tickets: Vec<String>,
    pub(crate) duration: i64,
    pub(crate) held_seconds: i64,
    pub(crate) source_ip: Option<&'static str>,
    pub(crate) mfa: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) resources: Vec<AwsResource>,
    pub(crate) policies: Vec<Policy>,
    pub(crate) questions: Vec<Asked>,
}

fn principal() -> impl Strategy<Value = Principal> {
    let who = prop_oneof![
        2 => Just((PrincipalKind::User, "alice")),
        1 => Just((PrincipalKind::User, "bob")),
        1 => Just((PrincipalKind::ServiceAccount, "key")),
        1 => Just((PrincipalKind::ServiceAccount, "alice")),
    ];
    let groups = proptest::collection::vec(select(&GROUPS[..]), 0..4);
    let email = proptest::option::of(select(&["alice@example.com", "bob@elsewhere.example"][..]));
    let name = proptest::option::of(Just("deploy".to_owned()));
    (who, groups, email, name).prop_map(|((kind, id), groups, email, name)| Principal {
        who: PrincipalRef { kind, id: id.to_owned() },
        email: email.map(str::to_owned),
        name,
        groups: groups.into_iter().map(str::to_owned).collect(),
        link: stint::domain::DirectoryLink::default(),
    })
}

fn directory() -> impl Strategy<Value = Vec<AwsResource>> {
    use ResourceType::{AwsAccount, AwsOrganizationalUnit, AwsPermissionSet, AwsRdsInstance, AwsS3Bucket};
    let kinds = [
        (AwsOrganizationalUnit, ROOT),
        (AwsOrganizationalUnit, WORKLOADS),
        (AwsOrganizationalUnit, PRODUCTION),
        (AwsAccount, SANDBOX),
        (AwsAccount, PROD),
        (AwsS3Bucket, "orders"),
        (AwsRdsInstance, DATABASE),
    ];
    let detail = (any::<bool>(), 0..3_usize, any::<bool>(), any::<bool>());
    let set_account = proptest::option::of(select(&[SANDBOX, PROD][..]));
    (proptest::collection::vec(detail, kinds.len()), set_account).prop_map(move |(details, set_account)| {
        let mut resources: Vec<_> = kinds
            .into_iter()
            .zip(details)
            .enumerate()
            .filter(|(_, (_, (known, parent, ..)))| *known || *parent > 0)
            .map(|(place, ((kind, id), (named, parent, tagged, prod)))| {
                let mut resource = known(kind, id, if named { "orders" } else { id });
                if tagged {
                    resource.tags.insert("env".to_owned(), if prod { "prod" } else { "dev" }.to_owned());
                }
                match kind {
                    // A unit stands only below one before it, so there is no circle.
                    AwsOrganizationalUnit if place == 0 => {}
                    AwsOrganizationalUnit | AwsAccount => {
                        let units = [ROOT, WORKLOADS, PRODUCTION];
                        resource.parent = Some(units[parent.min(place - 1)].to_owned());
                    }
                    AwsPermissionSet | AwsS3Bucket | AwsRdsInstance | ResourceType::AwsEc2Instance => {
                        let account = if named { PROD } else { SANDBOX };
                        resource.account_id = prod.then(|| AccountId::parse(account).unwrap());
                    }
                }
                resource
            })
            .collect();
        resources.push(known(AwsPermissionSet, READ_ONLY, "ReadOnlyAccess"));
        let mut admin = known(AwsPermissionSet, ADMIN, "AdministratorAccess");
        admin.account_id = set_account.map(|account| AccountId::parse(account).unwrap());
        resources.push(admin);
        resources
    })
}

fn asked() -> impl Strategy<Value = Asked> {
    use ResourceType::{AwsAccount, AwsOrganizationalUnit, AwsPermissionSet, AwsRdsInstance, AwsS3Bucket};
    let resource = prop_oneof![
        Just((AwsAccount, SANDBOX)),
        Just((AwsAccount, PROD)),
        Just((AwsAccount, PROD)),
        Just((AwsAccount, "999999999999")),
        Just((AwsOrganizationalUnit, PRODUCTION)),
        Just((AwsS3Bucket, "orders")),
        Just((AwsRdsInstance, DATABASE)),
        Just((AwsPermissionSet, ADMIN)),
    ];
    // Most questions are about an action that applies; the rest are denied before Cedar is asked.
    let asked = (resource, 0..10_usize).prop_map(|((kind, id), pick)| {
        let fitting: &[&str] = match kind {
            AwsAccount | AwsOrganizationalUnit => {
                &["ReadOnlyAccess", "ReadOnlyAccess", "AdministratorAccess", "approve", "revoke"]
            }
            AwsPermissionSet => &["assume", "assume", "approve", "revoke"],
            AwsS3Bucket | AwsRdsInstance | ResourceType::AwsEc2Instance => &["read", "connect", "approve"],
        };
        let action = if pick == 9 { ACTIONS[id.len() % ACTIONS.len()] } else { fitting[pick % fitting.len()] };
        (ResourceRef::new(kind, id).unwrap(), action)
    });
    let circumstances = (
        select(&[None, Some(""), Some(" "), Some("an incident")][..]),
        proptest::collection::vec(select(&["OPS-1", "OPS-2"][..]), 0..3),
        select(&[1, 2, 7200][..]),
        select(&[0, 3600][..]),
        select(&[None, Some("10.1.2.3"), Some("::1")][..]),
        any::<bool>(),
    );
    (principal(), proptest::option::of(principal()), asked, circumstances).prop_map(
        |(principal, requester, (resource, action), (reason, tickets, duration, held_seconds, source_ip, mfa))| Asked {
            principal,
            requester,
            action,
            resource,
            reason,
            tickets: tickets.into_iter().map(str::to_owned).collect(),
            duration,
            held_seconds,
            source_ip,
            mfa,
        },
    )
}

pub(crate) fn world() -> impl Strategy<Value = World> {
    let effect = prop_oneof![3 => Just("permit"), 2 => Just("forbid")];
    let rule =
        (effect, select(&PRINCIPALS[..]), select(&ACTION_SCOPES[..]), select(&RESOURCES[..]), select(&CONDITIONS[..]))
            .prop_map(|(effect, principal, action, resource, conditions)| {
                format!("{effect}({principal}, {action}, {resource}) {conditions};\n")
            });
    let rules = proptest::collection::vec(rule, 1..12).prop_map(|rules| rules.concat());
    let policies =
        proptest::collection::vec((-1..3_i32, proptest::bool::weighted(0.85), rules), 1..6).prop_map(|drawn| {
            let policies = drawn.into_iter().zip(1..).map(|((priority, enabled, text), number)| {
                let mut policy = policy(number, priority, &text);
                policy.enabled = enabled;
                policy
            });
            policies.collect()
        });
    (directory(), policies, proptest::collection::vec(asked(), QUESTIONS))
        .prop_map(|(resources, policies, questions)| World { resources, policies, questions })
}
