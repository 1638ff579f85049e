//! The target of saved tokens.

use location_auth::{LocationAccessToken, SavedToken, UserAccessToken};

use super::input::shows_none;

/// A saved token from a disk that anybody can write to.
pub fn saved_token(data: &[u8]) {
    match serde_json::from_slice::<SavedToken>(data) {
        Err(error) => shows_none(&format!("{error} {error:?}"), &["m4rk3r"]),
        Ok(saved) => {
            shows_none(&format!("{saved:?}"), &["access_token"]);
            let written = serde_json::to_string(&saved).expect("can be written");
            let again: SavedToken = serde_json::from_str(&written).expect("what it writes it can read");
            assert_eq!(serde_json::to_string(&again).expect("can be written"), written);
            let token = match saved.location().is_some() {
                true => LocationAccessToken::try_from(saved).expect("is a Location's").expose_secret().to_owned(),
                false => UserAccessToken::try_from(saved).expect("is a user's").expose_secret().to_owned(),
            };
            assert!(!token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()));
        }
    }
}
