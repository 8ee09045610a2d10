//! Who may speak with the API: on loopback programs of this machine, elsewhere the bearer of the
//! token. A web page that a browser of this machine shows is neither.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::Problem;

/// A token shorter than this could be guessed.
const MIN_TOKEN_BYTES: usize = 16;

/// A token file larger than this is a mistake.
const MAX_TOKEN_BYTES: usize = 4096;

/// A bearer token, kept as a digest. Comparing digests takes the same time wherever they differ.
#[derive(Clone, Copy)]
pub struct Token(blake3::Hash);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

/// Why a token file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It cannot be read.
    #[error("cannot read the token file {0}: {1}")]
    Unreadable(String, String),
    /// It holds no usable token.
    #[error("the token in {0} must be {MIN_TOKEN_BYTES} to {MAX_TOKEN_BYTES} printable characters")]
    Unusable(String),
}

impl Token {
    /// The token that a file holds; white space around it does not count.
    pub fn read(path: &Path) -> Result<Self, TokenError> {
        Ok(Self::of(&Self::text(path)?))
    }

    /// The text that a token file holds, for a client.
    pub fn text(path: &Path) -> Result<String, TokenError> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path);
        let text =
            text.map_err(|error| TokenError::Unreadable(shown.clone(), error.to_string()))?;
        let token = text.trim();
        let printable = token.bytes().all(|byte| byte.is_ascii_graphic());
        if !printable || !(MIN_TOKEN_BYTES..=MAX_TOKEN_BYTES).contains(&token.len()) {
            return Err(TokenError::Unusable(shown));
        }
        Ok(token.to_owned())
    }

    fn of(text: &str) -> Self {
        Self(blake3::hash(text.as_bytes()))
    }
}

/// The rules for one listener.
#[derive(Debug, Clone)]
pub struct Access {
    loopback: bool,
    token: Option<Token>,
}

impl Access {
    /// The rules for a listener at `address`; `None` when it is off loopback without a token.
    pub fn new(address: SocketAddr, token: Option<Token>) -> Option<Self> {
        let loopback = address.ip().to_canonical().is_loopback();
        (loopback || token.is_some()).then_some(Self { loopback, token })
    }

    fn refusal(&self, headers: &HeaderMap) -> Option<Problem> {
        let host = text(headers, header::HOST);
        if self.loopback && !host.is_some_and(is_loopback) {
            // A name that someone made resolve to 127.0.0.1 (DNS rebinding).
            let words = "the Host header does not name this machine's loopback address";
            return Some(Problem::new(StatusCode::FORBIDDEN, "foreign-host", words));
        }
        if let Some(origin) = headers.get(header::ORIGIN) {
            let own = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
            if own.map(|(_, authority)| authority) != host {
                let words = "the request comes from a web page of another origin";
                return Some(Problem::new(StatusCode::FORBIDDEN, "foreign-origin", words));
            }
        }
        let token = self.token?;
        let given = text(headers, header::AUTHORIZATION)
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, given)| Token::of(given.trim()));
        // `blake3::Hash` compares in constant time.
        if given.is_some_and(|given| given.0 == token.0) {
            return None;
        }
        let words = "this listener needs the bearer token of its --token-file";
        Some(Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", words))
    }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

fn is_loopback(host: &str) -> bool {
    let Ok(authority) = host.parse::<Uri>() else { return false };
    let Some(name) = authority.host() else { return false };
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

pub(super) async fn check(State(access): State<Access>, request: Request, next: Next) -> Response {
    match access.refusal(request.headers()) {
        None => next.run(request).await,
        Some(problem) if access.token.is_some() => {
            ([(header::WWW_AUTHENTICATE, "Bearer")], problem).into_response()
        }
        Some(problem) => problem.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            (header::HeaderName::from_static(name), value.parse().unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    fn refused(access: &Access, pairs: &[(&'static str, &str)]) -> Option<StatusCode> {
        access.refusal(&headers(pairs)).map(|problem| problem.into_response().status())
    }

    #[test]
    fn on_loopback_only_loopback_names_are_answered() {
        let access = Access::new("127.0.0.1:7080".parse().unwrap(), None).unwrap();
        for host in ["127.0.0.1:7080", "localhost", "LOCALHOST:1", "[::1]:7080", "127.9.9.9"] {
            assert_eq!(refused(&access, &[("host", host)]), None, "{host}");
        }
        for host in ["evil.example", "127.0.0.1.evil.example", "192.0.2.1:7080", "", "localhost.x"]
        {
            let forbidden = Some(StatusCode::FORBIDDEN);
            assert_eq!(refused(&access, &[("host", host)]), forbidden, "{host}");
        }
        assert_eq!(refused(&access, &[]), Some(StatusCode::FORBIDDEN));
    }

    #[test]
    fn a_web_page_of_another_origin_is_refused() {
        let access = Access::new("127.0.0.1:7080".parse().unwrap(), None).unwrap();
        let host = ("host", "127.0.0.1:7080");
        let own = [host, ("origin", "http://127.0.0.1:7080")];
        assert_eq!(refused(&access, &own), None);
        for origin in ["http://evil.example", "http://localhost:3000", "null"] {
            let refusal = refused(&access, &[host, ("origin", origin)]);
            assert_eq!(refusal, Some(StatusCode::FORBIDDEN), "{origin}");
        }
    }

    #[test]
    fn off_loopback_a_token_is_required() {
        let address = "0.0.0.0:7080".parse().unwrap();
        assert!(Access::new(address, None).is_none());
        let access = Access::new(address, Some(Token::of("a-token-of-some-length"))).unwrap();
        let host = ("host", "trunks.example:7080");
        let unauthorized = Some(StatusCode::UNAUTHORIZED);
        assert_eq!(refused(&access, &[host]), unauthorized);
        for wrong in ["Bearer x", "Basic a-token-of-some-length", "a-token-of-some-length"] {
            assert_eq!(
                refused(&access, &[host, ("authorization", wrong)]),
                unauthorized,
                "{wrong}"
            );
        }
        let right = [host, ("authorization", "Bearer a-token-of-some-length")];
        assert_eq!(refused(&access, &right), None);
    }
}
