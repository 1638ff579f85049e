//! The target of the token as a query parameter.

use http::{Request, Uri};
use location_auth::Session;
use url::Url;

use super::input::{Input, app};
use super::support::{location_token, whole};

/// A query that is appended to, byte for byte, or left as it was.
pub fn query(data: &[u8]) {
    let mut input = Input(data);
    let (parameter, secret, path) = (input.text(), input.text(), input.text());
    if secret.is_empty() || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        return;
    }
    let session =
        Session::for_location(&app(), location_token("staging", "loc-1", &secret)).expect("is of this environment");
    // The `url` crate reads bytes that are not UTF-8 as this character, so two names would look the same.
    if parameter.contains(char::REPLACEMENT_CHARACTER) {
        return;
    }
    let Ok(session) = session.with_query_parameter(&parameter) else { return };
    let Ok(mut call) = Request::post(format!("https://api.example.com{path}")).body(b"body") else { return };
    let before = (call.uri().clone(), whole(&call));
    match session.authorize(&mut call) {
        Err(_) => assert_eq!(whole(&call), before.1, "a call that is refused is left as it was"),
        Ok(_) => {
            let (old, new) = (path_and_query(&before.0), path_and_query(call.uri()));
            assert!(new.starts_with(&old), "{new} does not start with {old}");
            let url = Url::parse(&call.uri().to_string()).expect("is a URL");
            let pairs: Vec<_> = url.query_pairs().collect();
            let own: Vec<_> = pairs.iter().filter(|(name, _)| name.eq_ignore_ascii_case(&parameter)).collect();
            assert_eq!(own.len(), 1, "{new} has the parameter {} times", own.len());
            assert_eq!(pairs.last().map(|(_, value)| value.as_ref()), Some(secret.as_str()));
            // Some servers read a semicolon as an ampersand.
            let url = Url::parse(&call.uri().to_string().replace(';', "&")).expect("is a URL");
            let count = url.query_pairs().filter(|(name, _)| name.eq_ignore_ascii_case(&parameter)).count();
            assert_eq!(count, 1, "{new} has the parameter {count} times for a server that splits at semicolons");
            assert_eq!(call.headers().len(), 1);
            assert!(session.authorize(&mut call).is_err(), "a second token is refused");
        }
    }
}

fn path_and_query(uri: &Uri) -> String {
    uri.path_and_query().map_or("/".into(), ToString::to_string)
}
