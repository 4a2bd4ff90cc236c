//! `/token` and `/userinfo`: a code for tokens, and a token for what it says.

use aws_lc_rs::digest::{SHA256, digest};
use axum::Form;
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Code, DevIssuer, KeyError, TOKEN_SECONDS, no_store};

/// What a client sends (RFC 6749, section 4.1.3; RFC 7636, section 4.5).
#[derive(Deserialize)]
pub(super) struct Request {
    grant_type: Option<String>,
    code: Option<String>,
    redirect_uri: Option<String>,
    client_id: Option<String>,
    code_verifier: Option<String>,
}

/// `POST /token`.
pub(super) async fn redeem(State(issuer): State<DevIssuer>, Form(request): Form<Request>) -> Response {
    let code = match check(&issuer, &request) {
        Ok(code) => code,
        Err(error) => return no_store((StatusCode::BAD_REQUEST, Json(json!({"error": error})))),
    };
    match tokens(&issuer, &code) {
        Ok(tokens) => no_store(Json(tokens)),
        Err(error) => {
            tracing::error!(%error, "a token could not be signed");
            no_store((StatusCode::INTERNAL_SERVER_ERROR, Json(json!({"error": "server_error"}))))
        }
    }
}

/// Takes the code, which is spent from then on whatever the answer, or says what is wrong (RFC 6749, section 5.2).
fn check(issuer: &DevIssuer, request: &Request) -> Result<Code, &'static str> {
    if request.grant_type.as_deref() != Some("authorization_code") {
        return Err("unsupported_grant_type");
    }
    if request.client_id.as_deref() != Some(&issuer.0.audience) {
        return Err("invalid_client");
    }
    let (Some(code), Some(verifier)) = (&request.code, &request.code_verifier) else {
        return Err("invalid_request");
    };
    let code = issuer.codes().remove(code).ok_or("invalid_grant")?;
    let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
    let same_client = request.redirect_uri.as_ref() == Some(&code.redirect_uri);
    // RFC 7636, section 4.1: between 43 and 128 characters.
    let proven = (43..=128).contains(&verifier.len()) && challenge == code.challenge;
    if same_client && proven { Ok(code) } else { Err("invalid_grant") }
}

fn tokens(issuer: &DevIssuer, code: &Code) -> Result<Value, KeyError> {
    let access_token = issuer.token(&code.sub, None, None, TOKEN_SECONDS)?;
    let mut id_claims = issuer.claims(&code.sub, TOKEN_SECONDS);
    if let (Some(claims), Some(nonce)) = (id_claims.as_object_mut(), &code.nonce) {
        claims.insert("nonce".to_owned(), json!(nonce));
    }
    let id_token = issuer.0.key.sign(&id_claims)?;
    Ok(json!({
        "access_token": access_token,
        "id_token": id_token,
        "token_type": "Bearer",
        "expires_in": TOKEN_SECONDS,
    }))
}

/// `GET` and `POST /userinfo`.
pub(super) async fn userinfo(State(issuer): State<DevIssuer>, headers: HeaderMap) -> Response {
    let authorization = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = authorization.and_then(|value| value.strip_prefix("Bearer "));
    let now = issuer.0.clock.now().as_second();
    let claims = token.and_then(|token| issuer.0.key.verify(token));
    match claims.filter(|claims| claims.get("exp").and_then(Value::as_i64).is_some_and(|exp| now < exp)) {
        Some(mut claims) => {
            claims.retain(|name, _| matches!(name.as_str(), "sub" | "email" | "email_verified" | "name" | "groups"));
            no_store(Json(claims))
        }
        None => (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"")]).into_response(),
    }
}
