//! Each request and response as it was.

use alloc::{string::String, vec::Vec};

use http::{HeaderMap, Request, Response};
use location_auth::Bytes;

use super::super::is_token_request;
use super::json::{DEPTH, Json, Text};
use super::names::WITHHELD;

/// Returns a request as it was sent. Of a call it has no body.
pub(super) fn sent(request: &Request<Bytes>) -> Json {
    let body = is_token_request(request).then(|| ("json", Json::of_body(request.body())));
    let query = request.uri().query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    let head = [
        ("method", Json::text(request.method().as_str())),
        ("path", Json::text(request.uri().path())),
        ("query", Json::List(query.map(Json::text).collect())),
        ("headers", headers(request.headers(), &["accept", "content-type", "x-api-key", "authorization"])),
    ];
    Json::object(head.into_iter().chain(body))
}

/// Returns a response as it was received, with what `keep` returns of its body, or the reason why there is none.
pub(super) fn received(response: &Response<Vec<u8>>, is_issue: bool, keep: &dyn Fn(&str) -> Option<String>) -> Json {
    let names = ["content-type", "content-encoding", "link", "x-request-id", "retry-after", "date"];
    let kept = || {
        let text = core::str::from_utf8(response.body()).map_err(|_| "not UTF-8")?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let kept = Text::new(if text.is_empty() { String::new() } else { keep(text).ok_or("not kept")? });
        if kept.trim_ascii().is_empty() {
            return Ok(None);
        }
        let json = Json::read(&kept, DEPTH).map_err(|_| "not JSON that can be looked through")?;
        match json.member("access_token").filter(|token| is_issue && !token.is_nothing()) {
            None => Ok(Some(("json", json))),
            // That alone: any other text may be a secret.
            Some(Json::Text(token)) if token.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Ok(Some(("json", Json::object([("access_token", Json::text(token))]))))
            }
            // The placeholder would be one that a login takes.
            Some(_) => Err("its token cannot be used"),
        }
    };
    let status = Json::Word(Text::new(response.status().as_str().into()));
    let head = [("status", status), ("headers", headers(response.headers(), &names))];
    Json::object(head.into_iter().chain(kept().unwrap_or_else(|why| Some(("withheld", Json::text(why))))))
}

/// Returns these headers. One that is there more than once is a list (RFC 9110 section 5.3).
fn headers(headers: &HeaderMap, names: &[&'static str]) -> Json {
    // A date is needed to read one in `Retry-After`.
    let is_there = |name: &str| headers.contains_key(name) && (name != "date" || headers.contains_key("retry-after"));
    Json::object(names.iter().filter(|name| is_there(name)).map(|name| {
        let values: Vec<_> = headers.get_all(*name).iter().map(|value| value.to_str().unwrap_or(WITHHELD)).collect();
        (*name, Json::Text(Text::new(values.join(", "))))
    }))
}
