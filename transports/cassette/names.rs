//! What a name says of the value that has it.

use alloc::string::String;

use zeroize::Zeroizing;

/// What is written in place of what may be secret.
pub(super) const WITHHELD: &str = "<withheld>";

/// Returns whether what has this name may be an unknown secret. A token that leads to the next page is none.
pub(super) fn is_secret(name: &str) -> bool {
    let name = letters(name);
    let is_page = ["pagetoken", "nexttoken", "continuationtoken"].iter().any(|end| name.ends_with(end));
    let words = ["token", "secret", "password", "credential", "cookie", "authorization"];
    let ends = ["key", "session", "sessionid"];
    !is_page && (ends.iter().any(|end| name.ends_with(end)) || words.iter().any(|word| name.contains(word)))
}

/// Returns whether what has this name is an access token: `Access-Token` and `accessToken` are one name.
pub(super) fn is_token(name: &str) -> bool {
    letters(name).ends_with("accesstoken")
}

fn letters(name: &str) -> Zeroizing<String> {
    let mut letters = Zeroizing::new(String::with_capacity(name.len().saturating_mul(3)));
    letters.extend(name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase));
    letters
}
