//! `GET /v1/policies/schema`.

use super::prelude::*;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::app::AccessError;

/// The operation's router.
#[must_use]
pub fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(get_policy_schema))
}

/// In which form.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Form {
    /// Cedar's schema text, unless `json` asks for Cedar's JSON form of it.
    #[serde(default)]
    #[param(inline)]
    format: Format,
}

/// A form of a Cedar schema.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Format {
    /// Text.
    #[default]
    Cedar,
    /// JSON.
    Json,
}

/// Get the tenant's Cedar schema
///
/// Its actions are the names of the tenant's permission sets, and those that are the same everywhere.
#[utoipa::path(
    get,
    path = "/v1/policies/schema",
    operation_id = "getPolicySchema",
    tag = "Policies",
    extensions(("x-table" = json!({"get": true, "query": ["table"]}))),
    params(Form, TenantHeader),
    responses((status = 200, description = "What Cedar text is validated against.", content((String = "text/plain"), (Object = "application/json"))), Failures),
    security(("api_key" = ["policies:read"]), ("bearer" = ["policies:read"]))
)]
async fn get_policy_schema(
    call: AuthenticatedCall<scope::PoliciesRead>,
    form: Input<Query<Form>>,
) -> Result<Response, Error> {
    let form = call.accept(form).await?.0;
    let access = call.enter().await?;
    let schema = &access.engine().await?.schema;
    Ok(match form.format {
        Format::Cedar => schema.as_cedar().to_owned().into_response(),
        Format::Json => {
            let json = schema.to_json().map_err(|error| AccessError::Policies(error.to_string()))?;
            Json(json).into_response()
        }
    })
}
