//! `/authorize`: the list of users, and the way back with a code.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use axum::Form;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_SECURITY_POLICY, LOCATION};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use url::{Host, Url};

use super::{Code, DevIssuer, DevUser, no_store};

/// The length of a SHA-256 in base64url.
const CHALLENGE_CHARS: usize = 43;

/// What a client asks for (RFC 6749, section 4.1.1; RFC 7636, section 4.3).
#[derive(Deserialize)]
pub(super) struct Request {
    response_type: Option<String>,
    client_id: Option<String>,
    redirect_uri: Option<String>,
    state: Option<String>,
    nonce: Option<String>,
    code_challenge: Option<String>,
    code_challenge_method: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Choice {
    sub: String,
}

/// A request that can be granted.
struct Accepted {
    redirect_uri: String,
    back: Url,
    challenge: String,
}

/// A request that cannot.
enum Refused {
    /// The person in front of the browser is told.
    Here(&'static str),
    /// The client is told: where it is, the error code, and what was wrong.
    There(Url, &'static str, &'static str),
}

impl Refused {
    fn answer(self, request: &Request) -> Response {
        match self {
            Self::Here(reason) => page(StatusCode::BAD_REQUEST, "This login cannot go on", &format!("<p>{reason}</p>")),
            Self::There(back, error, description) => {
                back_with(back, request, &[("error", error), ("error_description", description)])
            }
        }
    }
}

/// `GET /authorize`: who shall it be?
pub(super) async fn pick(State(issuer): State<DevIssuer>, Query(request): Query<Request>) -> Response {
    match accept(&issuer, &request) {
        Ok(_) => page(StatusCode::OK, "Log in to stint", &picker(issuer.users())),
        Err(refused) => refused.answer(&request),
    }
}

/// `POST /authorize`: back to the client with a code for the one who was picked.
pub(super) async fn picked(
    State(issuer): State<DevIssuer>,
    Query(request): Query<Request>,
    Form(choice): Form<Choice>,
) -> Response {
    let accepted = match accept(&issuer, &request) {
        Ok(accepted) => accepted,
        Err(refused) => return refused.answer(&request),
    };
    if issuer.user(&choice.sub).is_none() {
        return back_with(accepted.back, &request, &[("error", "access_denied")]);
    }
    let mut random = [0; 32];
    if SystemRandom::new().fill(&mut random).is_err() {
        return back_with(accepted.back, &request, &[("error", "server_error")]);
    }
    let code = URL_SAFE_NO_PAD.encode(random);
    let pending = Code {
        sub: choice.sub,
        redirect_uri: accepted.redirect_uri,
        challenge: accepted.challenge,
        nonce: request.nonce.clone(),
        issued_at: issuer.0.clock.now(),
    };
    issuer.codes().insert(code.clone(), pending);
    back_with(accepted.back, &request, &[("code", &code)])
}

/// Checks a request, in the order of RFC 6749, section 4.1.2.1: nobody is sent anywhere before client and address are
/// known to be good.
fn accept(issuer: &DevIssuer, request: &Request) -> Result<Accepted, Refused> {
    if request.client_id.as_deref() != Some(&issuer.0.audience) {
        return Err(Refused::Here("<code>client_id</code> is not a client of this issuer."));
    }
    let back = request.redirect_uri.as_deref().and_then(|uri| Some((uri.to_owned(), loopback(uri)?)));
    let Some((redirect_uri, back)) = back else {
        return Err(Refused::Here("<code>redirect_uri</code> must be an <code>http</code> address on this machine."));
    };
    if request.response_type.as_deref() != Some("code") {
        return Err(Refused::There(back, "unsupported_response_type", "response_type must be code"));
    }
    if request.code_challenge_method.as_deref() != Some("S256") {
        return Err(Refused::There(back, "invalid_request", "code_challenge_method must be S256"));
    }
    match request.code_challenge.clone().filter(|challenge| challenge.len() == CHALLENGE_CHARS) {
        Some(challenge) => Ok(Accepted { redirect_uri, back, challenge }),
        None => Err(Refused::There(back, "invalid_request", "code_challenge must be a SHA-256 in base64url")),
    }
}

/// RFC 8252, section 7.3: a native client listens on loopback, on whatever port it gets.
fn loopback(redirect_uri: &str) -> Option<Url> {
    let url = Url::parse(redirect_uri).ok()?;
    let is_here = match url.host()? {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    };
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    (url.scheme() == "http" && is_here && plain).then_some(url)
}

fn back_with(mut to: Url, request: &Request, parameters: &[(&str, &str)]) -> Response {
    to.query_pairs_mut().extend_pairs(parameters).extend_pairs(request.state.as_ref().map(|state| ("state", state)));
    no_store((StatusCode::SEE_OTHER, [(LOCATION, to.to_string())]))
}

fn picker(users: &[DevUser]) -> String {
    // Without `action` the form goes to the address of the page, with the whole request in it.
    let buttons: String = users.iter().map(button).collect();
    format!(
        "<p>For development only: pick a person, no password needed.</p>\n<form method=\"post\">\n<ul>\n{buttons}</ul>\n</form>"
    )
}

fn button(user: &DevUser) -> String {
    let groups = if user.groups.is_empty() { "no groups".to_owned() } else { user.groups.join(", ") };
    format!(
        "<li><button name=\"sub\" value=\"{}\"><strong>{}</strong> <span>{}</span> <span>{}</span></button></li>\n",
        escape(&user.sub),
        escape(&user.name),
        escape(&user.email),
        escape(&groups),
    )
}

fn page(status: StatusCode, title: &str, body: &str) -> Response {
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n{body}\n</main>\n</body>\n</html>\n"
    );
    let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'";
    no_store((status, [(CONTENT_SECURITY_POLICY, policy)], Html(html)).into_response())
}

const STYLE: &str = ":root{color-scheme:light dark;font:1rem/1.5 system-ui,sans-serif}\
main{max-width:30rem;margin:10vh auto;padding:0 1rem}ul{list-style:none;padding:0}li{margin:.5rem 0}\
button{width:100%;padding:.75rem 1rem;font:inherit;text-align:start;cursor:pointer}\
button span{display:block}";

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
