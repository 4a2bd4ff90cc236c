//! The OpenAPI document, made of what the routers say.

mod links;

use std::collections::BTreeMap;

use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    Components, ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, Response,
    ResponseBuilder, Server,
};
use utoipa::{IntoParams, IntoResponses, PartialSchema, ToSchema};

use super::{ErrorBody, endpoint};

/// The document of all operations.
#[must_use]
pub fn document() -> OpenApi {
    let (_, mut document) = endpoint::router().split_for_parts();
    links::add(&mut document);
    let mut components: Components = document.components.clone().unwrap_or_default();
    let mut schemas = Vec::new();
    ErrorBody::schemas(&mut schemas);
    components.schemas.extend(schemas);
    components.schemas.insert(ErrorBody::name().into_owned(), ErrorBody::schema());
    components.add_security_scheme(
        "api_key",
        SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(
            "X-API-Key",
            "A key of a machine: `stint_…`. Its scopes say what it may do.",
        ))),
    );
    components.add_security_scheme(
        "bearer",
        SecurityScheme::Http(
            HttpBuilder::new()
                .scheme(HttpAuthScheme::Bearer)
                .bearer_format("JWT")
                .description(Some(
                    "A person's token, of the issuer the tenant trusts. Their roles in the tenant give the scopes.",
                ))
                .build(),
        ),
    );
    OpenApiBuilder::from(document)
        .info(
            InfoBuilder::new()
                .title("stint")
                .description(Some("Just-in-time access to AWS, for a stint and not a second longer."))
                .version(env!("CARGO_PKG_VERSION"))
                .license(Some(LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build()))
                .build(),
        )
        // Relative to the document itself, so that the stage stays in the path.
        .servers(Some([Server::new(".")]))
        .components(Some(components))
        .build()
}

/// Which tenant.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes a header that the call reads")]
pub(super) struct TenantHeader {
    /// Tenant identifier. Must match the tenant associated with the credential.
    #[param(rename = "X-Tenant-ID", format = "uuid", example = "2489e9ad-2ee2-8e00-8ec9-32d5f69181c0")]
    tenant: String,
}

/// Once is enough.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes a header that the call reads")]
pub(super) struct IdempotencyHeader {
    /// The first answer to a key is kept for 24 hours and given again.
    #[param(
        rename = "Idempotency-Key",
        min_length = 1,
        max_length = 255,
        pattern = "^[ -~]+$",
        example = "7f3c9a52-deploy"
    )]
    key: Option<String>,
}

/// Not over somebody else's change.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes a header that `Input<IfMatch>` reads")]
pub(super) struct IfMatchHeader {
    /// Only if the last version is one of these entity tags; `*` and no header at all mean any version.
    #[param(rename = "If-Match", pattern = r#"^(\*|(W/)?"[^"]*"( *, *(W/)?"[^"]*")*)$"#, example = "\"3\"")]
    expected: Option<String>,
}

macro_rules! failures {
    ($($(#[$doc:meta])+ $name:ident { $($status:literal $description:literal)+ })+) => {$(
        $(#[$doc])+
        pub(super) struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                [$(($status, $description)),+].into_iter().map(failure).collect()
            }
        }
    )+};
}

failures! {
    /// How any operation can fail.
    Failures {
        "400" "Invalid input."
        "401" "Unauthenticated."
        "403" "Forbidden: another tenant's credential, a token that leaves its owner's groups out, a missing scope, or policy."
        "429" "Too many calls; wait as long as `Retry-After` says."
        "500" "Our fault."
        "503" "Something this needs is down; wait as long as `Retry-After` says."
    }
    /// How an operation that takes a body can fail.
    WriteFailures {
        "400" "Invalid input."
        "401" "Unauthenticated."
        "403" "Forbidden: another tenant's credential, a token that leaves its owner's groups out, a missing scope, or policy."
        "409" "Wrong state, or an `Idempotency-Key` that came with another body before."
        "413" "The body is over 256 KiB."
        "415" "The body is not JSON."
        "429" "Too many calls; wait as long as `Retry-After` says."
        "500" "Our fault."
        "503" "Something this needs is down; wait as long as `Retry-After` says."
    }
    /// How an operation on one thing can fail besides.
    NotFoundFailure {
        "404" "It does not exist, or the caller may not know that it does."
    }
    /// How an operation with `If-Match` can fail besides.
    PreconditionFailure {
        "412" "It was changed in the meantime."
    }
}

fn failure((status, description): (&str, &str)) -> (String, RefOr<Response>) {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(ErrorBody::name()))).build();
    let response = ResponseBuilder::new().description(description).content("application/json", content).build();
    (status.to_owned(), RefOr::T(response))
}
