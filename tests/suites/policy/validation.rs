//! The tenant's schema, and what it says against a text.

use stint::domain::ResourceType;
use stint::policy::{Directory, Report, TenantSchema, validate};

use super::fixture::{directory, known};

fn report(text: &str) -> Report {
    validate(text, &TenantSchema::new(&directory()).unwrap(), &directory())
}

#[test]
fn what_fits_the_schema_is_valid() {
    let texts = [
        "permit(principal in Group::\"sre\", action == Action::\"ReadOnlyAccess\", resource in AwsOrganizationalUnit::\"r-ab12\");",
        "permit(principal in User::\"group:sre\", action == Action::\"ReadOnlyAccess\", resource == AwsAccount::\"333333333333\");",
        "permit(principal is User, action == Action::\"approve\", resource) when { context has requester && context.requester != principal };",
        "permit(principal, action == Action::\"approve\", resource) when { context has requester_service_account && context.requester_service_account in Group::\"ci\" };",
        "forbid(principal, action in [Action::\"read\", Action::\"connect\"], resource is AwsRdsInstance) unless { context.mfa };",
        "permit(principal, action == Action::\"assume\", resource) when { context.duration_seconds <= 14400 };",
        "forbid(principal, action == Action::\"approve\", resource) when { context has role && context.role == \"AdministratorAccess\" };",
        "permit(principal, action == Action::\"approve\", resource) when { context.role != \"AdministratorAccess\" && context.duration_seconds <= 3600 };",
        "permit(principal, action == Action::\"revoke\", resource) when { context.break_glass && context.ends_at > context.now };",
        "forbid(principal, action, resource) when { context.start_at < context.now || context.has_reason };",
        "forbid(principal, action == Action::\"ReadOnlyAccess\", resource) when { context.held_seconds + context.duration_seconds > 28800 };",
        "permit(principal, action, resource) when { context has held_seconds && context.held_seconds < 3600 };",
        "permit(principal, action, resource) when { resource.hasTag(\"env\") && resource.getTag(\"env\") == \"prod\" };",
        "permit(principal, action, resource) when { context.now < datetime(\"2027-01-01\") && context has source_ip && context.source_ip.isInRange(ip(\"10.0.0.0/8\")) };",
        "permit(principal, action, resource) when { context.tickets.contains(\"OPS-1\") && context.auth == \"oidc\" && context has duration_seconds && context.duration_seconds <= 3600 };",
        "permit(principal is User, action, resource) when { principal has email && principal.email like \"*@example.com\" && principal.groups.contains(\"sre\") };",
        "permit(principal, action == Action::\"AdministratorAccess\", resource is AwsOrganizationalUnit);",
    ];
    for text in texts {
        let report = report(text);
        assert_eq!((report.errors, report.warnings), (Vec::new(), Vec::new()), "{text}");
    }
}

#[test]
fn what_does_not_fit_is_an_error_at_its_place_in_the_whole_text() {
    let ok = "permit(principal, action == Action::\"assume\", resource);\n";
    let cases = [
        ("permit(principal, action == Action::\"PowerUser\", resource);", 29, "unrecognized action"),
        ("permit(principal in Team::\"x\", action, resource);", 21, "unrecognized entity type `Team`"),
        ("permit(principal, action, resource) when { context.mfaa };", 44, "attribute `mfaa`"),
        ("permit(principal, action, resource) when { context.reason == \"x\" };", 44, "optional attribute"),
        ("permit(principal, action, resource) when { resource.getTag(\"x\") == \"\" };", 44, "access to tag"),
        ("permit(principal, action, resource) when { context.mfa == \"x\" };", 44, "compatible types"),
        ("permit(principal == , action, resource);", 21, "unexpected token"),
    ];
    for (text, column, message) in cases {
        let text = format!("{ok}// é\n{text}");
        let report = report(&text);
        assert!(!report.is_valid(), "{text}");
        let first = &report.errors[0];
        assert!(first.message.contains(message), "{text}: {first}");
        assert!(!first.message.contains("policy1"), "{first}");
        assert_eq!((first.line, first.column), (3, column), "{text}: {first}");
        assert!(report.into_result().is_err());
    }
}

#[test]
fn a_rule_that_could_never_fire_is_refused() {
    // What a kind of question does not fill is not in its context, and what nobody fills is nowhere.
    let read = "action == Action::\"ReadOnlyAccess\"";
    let approve = "action == Action::\"approve\"";
    let conditions = [
        (approve, "context.held_seconds > 3600"),
        (approve, "context has held_seconds && context.held_seconds > 3600"),
        (approve, "context has break_glass && context.break_glass"),
        (read, "context.requester == principal"),
        (read, "context has requester && context.requester in Group::\"sre\""),
        (read, "context has break_glass && context.break_glass"),
        ("action == Action::\"read\"", "context has role && context.role == \"AdministratorAccess\""),
        (read, "resource.rank < 3"),
        (read, "resource has rank && resource.rank < 3"),
        ("action == Action::\"assume\"", "resource is AwsAccount"),
    ];
    for (action, condition) in conditions {
        let forbid = format!("forbid(principal, {action}, resource) when {{ {condition} }};");
        let report = report(&forbid);
        assert!(!report.is_valid(), "{forbid}");
        assert_eq!(report.errors[0].line, 1);
    }
}

#[test]
fn a_permit_that_can_never_match_is_a_warning() {
    let report = report("permit(principal, action == Action::\"assume\", resource is AwsAccount);");
    assert!(report.warnings.iter().any(|warning| warning.line == 1), "{report:?}");
}

#[test]
fn actions_are_those_of_the_directory() {
    let mut odd = known(ResourceType::AwsPermissionSet, super::fixture::READ_ONLY, "read");
    let named_read: Directory = [odd.clone()].into_iter().collect();
    let types = named_read.actions().remove("read").unwrap();
    assert!(types.contains(&ResourceType::AwsAccount) && types.contains(&ResourceType::AwsS3Bucket));

    odd.name = "approve".to_owned();
    let named_approve: Directory = [odd.clone()].into_iter().collect();
    assert_eq!(named_approve.actions(), Directory::default().actions());

    odd.name = "we\"ird \\ näme".to_owned();
    let named_oddly: Directory = [odd].into_iter().collect();
    let schema = TenantSchema::new(&named_oddly).unwrap();
    let text = "permit(principal, action == Action::\"we\\\"ird \\\\ näme\", resource);";
    assert!(validate(text, &schema, &named_oddly).is_valid());
    assert_eq!(schema.schema().actions().count(), 8);
}

#[test]
fn the_schema_is_given_as_text_and_as_json() {
    let schema = TenantSchema::new(&directory()).unwrap();
    let json = schema.to_json().unwrap();
    cedar_policy::Schema::from_json_value(json.clone()).unwrap();
    assert!(json[""]["actions"]["ReadOnlyAccess"].is_object(), "{json}");
    assert!(schema.as_cedar().contains("\"AdministratorAccess\", \"ReadOnlyAccess\" appliesTo"));
}
