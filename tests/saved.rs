//! Tokens that outlive the program: written, read again, and checked like a fresh response.

mod support;

use std::io::Cursor;

use location_auth::{App, Environment, LocationAccessToken, Misuse, SavedToken, Session, UserAccessToken};
use serde_core::de::value::{BytesDeserializer, Error as ValueError, MapAccessDeserializer, MapDeserializer};
use serde_core::de::{Deserialize, Deserializer, IntoDeserializer};
use support::{app, location_token, settings_for, user_token};

#[test]
fn a_file_of_0_1_loads_and_is_written_unchanged() {
    let files = [include_str!("data/location-token-0.1.json"), include_str!("data/user-token-0.1.json")];
    for file in files {
        let saved: SavedToken = serde_json::from_str(file).unwrap();
        assert_eq!(serde_json::to_string(&saved).unwrap() + "\n", file);
    }
    let [location, user] = files.map(|file| serde_json::from_str::<SavedToken>(file).unwrap());
    assert_eq!(
        (location.environment(), location.location().unwrap().as_str()),
        (Environment::Production, "loc-1 \"é\"")
    );
    assert_eq!((user.environment(), user.location()), (Environment::Staging, None));
    assert_eq!(LocationAccessToken::try_from(location.clone()).unwrap().expose_secret(), "l-1.~+/=");
    assert_eq!(UserAccessToken::try_from(user.clone()).unwrap().expose_secret(), "u-1.~+/=");
    assert_eq!(UserAccessToken::try_from(location).unwrap_err(), Misuse::WrongKind);
    assert_eq!(LocationAccessToken::try_from(user).unwrap_err(), Misuse::WrongKind);
}

#[test]
fn a_token_that_was_written_and_read_needs_no_login() {
    let written = serde_json::to_string(&SavedToken::from(&location_token(&app()))).unwrap();
    let saved: SavedToken = serde_json::from_str(&written).unwrap();
    let session = Session::for_location(&app(), saved.try_into().unwrap()).unwrap();
    let mut call = http::Request::get("https://api.example.com/x").body(()).unwrap();
    session.authorize(&mut call).unwrap();
    assert_eq!(call.headers()["authorization"], "Bearer location-token");

    let written = serde_json::to_string(&SavedToken::from(&user_token(&app()))).unwrap();
    let user: UserAccessToken = serde_json::from_str::<SavedToken>(&written).unwrap().try_into().unwrap();
    assert!(app().location("loc-2").unwrap().exchange(&user).is_ok());
}

#[test]
fn a_saved_token_is_refused_by_an_app_of_the_other_environment() {
    let saved = SavedToken::from(&location_token(&app()));
    let production = App::new(settings_for(Environment::Production)).unwrap();
    let misuse = Session::for_location(&production, saved.try_into().unwrap()).unwrap_err();
    assert_eq!(misuse, Misuse::WrongEnvironment { token: Environment::Staging, app: Environment::Production });
}

#[test]
fn unknown_members_are_ignored_and_escapes_are_decoded() {
    let file = r#"{"comment": {"a": [1e999]}, "access\u005ftoken": "a\/b", "kind": "user", "version": 1, "environment": "staging"}"#;
    for saved in
        [serde_json::from_str::<SavedToken>(file).unwrap(), serde_json::from_reader(Cursor::new(file)).unwrap()]
    {
        assert_eq!(UserAccessToken::try_from(saved).unwrap().expose_secret(), "a/b");
    }
}

#[test]
fn a_member_of_a_type_that_json_does_not_have_is_refused_too() {
    let bytes = MapDeserializer::new([("version", BytesDeserializer::<ValueError>::new(b"1"))].into_iter());
    let error = SavedToken::deserialize(bytes).unwrap_err();
    assert!(error.to_string().contains("unknown version"), "{error}");
    // Numbers that JSON has no room for, and that serde would quote.
    let signed = MapDeserializer::<_, ValueError>::new([("access_token", i128::MIN)].into_iter());
    let unsigned = MapDeserializer::<_, ValueError>::new([("access_token", u128::MAX)].into_iter());
    for error in [SavedToken::deserialize(signed), SavedToken::deserialize(unsigned)].map(Result::unwrap_err) {
        assert!(error.to_string().contains("unknown version"), "{error}");
    }
    // An enum's variant.
    let variant = MapAccessDeserializer::new(MapDeserializer::<_, ValueError>::new([("a", "b")].into_iter()));
    let error = SavedToken::deserialize(MapDeserializer::new([("version", Variant(variant))].into_iter())).unwrap_err();
    assert!(error.to_string().starts_with("this is not a saved token: log in again"), "{error}");
}

/// A value that its format takes for an enum, whatever is asked for.
struct Variant<T>(T);

impl<'de, T: serde_core::de::EnumAccess<'de, Error = ValueError>> Deserializer<'de> for Variant<T> {
    type Error = ValueError;

    fn deserialize_any<V: serde_core::de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        visitor.visit_enum(self.0)
    }

    serde_core::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct seq tuple
        tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de, T: serde_core::de::EnumAccess<'de, Error = ValueError>> IntoDeserializer<'de, ValueError> for Variant<T> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

#[test]
fn an_invalid_saved_token_is_refused_and_not_quoted() {
    let good = r#"{"version": 1, "environment": "staging", "kind": "location", "location": "S3CR3T", "access_token": "S3CR3T"}"#;
    assert!(serde_json::from_str::<SavedToken>(good).is_ok());
    let change = |from: &str, to: &str| {
        assert!(good.contains(from));
        good.replace(from, to)
    };
    let cases = [
        (change(r#""version": 1, "#, ""), "unknown version"),
        (change(r#""version": 1"#, r#""version": 2"#), "unknown version"),
        (change(r#""version": 1"#, r#""version": "1""#), "unknown version"),
        (change(r#""version": 1"#, r#""version": "S3CR3T""#), "unknown version"),
        (change(r#""version": 1"#, r#""version": -1"#), "unknown version"),
        (change("staging", "S3CR3T"), "unknown environment"),
        (change(r#""environment": "staging""#, r#""environment": null"#), "unknown environment"),
        (change(r#""kind": "location""#, r#""kind": "user""#), "kind and location"),
        (change(r#""kind": "location""#, r#""kind": "S3CR3T""#), "kind and location"),
        (change(r#""location": "S3CR3T", "#, ""), "kind and location"),
        (change(r#""location": "S3CR3T""#, r#""location": "..""#), "location is not a valid id"),
        (change(r#""location": "S3CR3T""#, r#""location": ["S3CR3T"]"#), "location is not a valid id"),
        (change(r#""access_token": "S3CR3T""#, r#""access_token": """#), "no header can carry"),
        (change(r#""access_token": "S3CR3T""#, r#""access_token": "S3CR3T\n""#), "no header can carry"),
        (change(r#""access_token": "S3CR3T""#, r#""access_token": "S3CR3T S3CR3T""#), "no header can carry"),
        (change(r#""access_token": "S3CR3T""#, r#""access_token": {"S3CR3T": 1}"#), "no header can carry"),
        (change(r#", "access_token": "S3CR3T""#, ""), "no header can carry"),
        (change("}", r#", "access_token": "S3CR3T"}"#), "a member twice"),
        (change("}", r#", "version": 1}"#), "a member twice"),
        (r#""S3CR3T""#.into(), "this is not a saved token: log in again and save the new token"),
        ("31337".into(), "this is not a saved token: log in again and save the new token"),
        ("-31337".into(), "this is not a saved token: log in again and save the new token"),
        ("31337.5".into(), "this is not a saved token: log in again and save the new token"),
        ("true".into(), "this is not a saved token: log in again and save the new token"),
        (r#"["S3CR3T"]"#.into(), "this is not a saved token"),
        ("".into(), "this is not a saved token: log in again and save the new token"),
        ("S3CR3T".into(), "this is not a saved token"),
        ("<S3CR3T/>".into(), "this is not a saved token"),
        ("{".into(), "this is not a saved token"),
        (good[..60].into(), "this is not a saved token"),
        (change("1,", "1 S3CR3T,"), "this is not a saved token"),
    ];
    for (file, why) in cases {
        let errors = [
            serde_json::from_str::<SavedToken>(&file).unwrap_err().to_string(),
            serde_json::from_reader::<_, SavedToken>(Cursor::new(&file)).unwrap_err().to_string(),
        ];
        for error in errors {
            assert!(error.contains(why) && !error.contains("S3CR3T") && !error.contains("31337"), "{file}: {error}");
        }
    }
}
