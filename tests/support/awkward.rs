//! Credentials, each of which holds a word that no text of ours does, and what is awkward to redact.
#![allow(dead_code)]

pub const EMAIL: &str = "mail-Xq9\"\\/ä\n\u{1}+%41@example.com";
pub const PASSWORD: &str = "word-Xq9\"\\/ß\t\u{7f} %";
pub const CLIENT_ID: &str = "client-Xq9\"\\/ +%41";
pub const CLIENT_SECRET: &str = "secret-Xq9\\\"'% ü";
pub const API_KEY: &str = "key-Xq9\"\\/%41+";
pub const USER_TOKEN: &str = "user-Xq9\\\"/%41+";
pub const LOCATION_TOKEN: &str = "location-Xq9\\\"/%41+";
pub const SECRETS: [&str; 7] = [EMAIL, PASSWORD, CLIENT_ID, CLIENT_SECRET, API_KEY, USER_TOKEN, LOCATION_TOKEN];
