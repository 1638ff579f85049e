//! A record as a store keeps it: a token, and the count of the requests for it (`Q20`).

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::{self, Write};
use core::time::Duration;

use http::StatusCode;
use serde_core::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::body::escape;
use crate::counter::{Count, Pause};
use crate::json::{Member, unmarked};
use crate::outcome::LastOutcome;
use crate::record_key::RecordKey;
use crate::token::BearerToken;
use crate::{Delivery, Fault, LocationId, SavedToken};

/// A record to write: the token, and how many requests were sent for one. It is a secret, and it is overwritten when it is dropped.
///
/// It is JSON, in the form of a [`SavedToken`] with more members. A `SavedToken` is a record, and can be read from one that has a token.
pub struct Record {
    text: Zeroizing<String>,
    token: Option<SavedToken>,
}

impl Record {
    /// The record of an owner whose tokens were forgotten. It is written in place of each of the owner's records: until a person sets other
    /// credentials, no process of this owner's sends or saves a token under the key.
    pub fn forgotten(key: &RecordKey) -> Self {
        StoredRecord { is_forgotten: true, ..StoredRecord::empty(key.clone()) }.to_record(None)
    }

    /// The text to write, secrets included.
    pub fn expose_secret(&self) -> &str {
        &self.text
    }

    /// The new token, if the record is written to save one: all that a store needs that only saves.
    pub fn new_token(&self) -> Option<&SavedToken> {
        self.token.as_ref()
    }
}

/// Shows nothing of the record.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").finish_non_exhaustive()
    }
}

/// What a record says.
#[derive(Clone)]
pub(crate) struct StoredRecord {
    key: RecordKey,
    pub(crate) token: Option<BearerToken>,
    /// When the token was issued.
    pub(crate) issued: Option<Duration>,
    pub(crate) count: Count,
    pub(crate) is_forgotten: bool,
    /// The fingerprint of the User Access Token that step 2 refused at last: whoever has that one looks for a newer one first.
    pub(crate) refused: Option<u64>,
    /// It is of a newer version: its token is used, and nothing is sent or written.
    pub(crate) is_newer: bool,
    /// The members that this version does not know, as they are written behind others.
    others: Zeroizing<String>,
    /// Those whose names begin with `token_`: they go with the token.
    others_of_token: Zeroizing<String>,
}

const VERSION: u64 = 1;

impl StoredRecord {
    pub(crate) fn empty(key: RecordKey) -> Self {
        Self {
            key,
            token: None,
            issued: None,
            count: Count::default(),
            is_forgotten: false,
            refused: None,
            is_newer: false,
            others: Zeroizing::default(),
            others_of_token: Zeroizing::default(),
        }
    }

    /// Reads what a store has. The error quotes nothing of it.
    pub(crate) fn read(key: RecordKey, text: Option<Vec<u8>>) -> Result<Self, &'static str> {
        let Some(text) = text.map(Zeroizing::new) else { return Ok(Self::empty(key)) };
        let members: Members<'_> = serde_json::from_slice(unmarked(&text)).map_err(|_| "the record is damaged")?;
        let mut record = Self::empty(key);
        let (mut location, mut pause, mut fault) = (None, (None, None), None);
        let mut is_for = [false; 2];
        for (index, (name, value)) in members.0.iter().enumerate() {
            if members.0.iter().take(index).any(|(other, _)| other == name) {
                return Err("the record has a member twice");
            }
            let member: Member<'_> = serde_json::from_str(value.get()).map_err(|_| "the record is damaged")?;
            match name.as_str() {
                "access_token" | "location" if matches!(member, Member::Absent) => {}
                "version" => match member {
                    Member::Number(VERSION) => {}
                    Member::Number(newer) if newer > VERSION => record.is_newer = true,
                    _ => return Err("the record has an unknown version"),
                },
                "environment" => is_for[0] = member.text() == Some(&*record.key.environment().to_string()),
                "kind" => is_for[1] = member.text() == Some(kind(&record.key)),
                "location" => location = Some(member.text().and_then(|id| LocationId::new(id).ok())),
                "access_token" => {
                    let token = member.text().and_then(BearerToken::new);
                    record.token =
                        Some(token.ok_or("the record's access_token has a character that no header can carry")?);
                }
                "issued" => record.issued = time(&member),
                "requests" => {
                    record.count.requests = number(&member).and_then(|n| u32::try_from(n).ok()).unwrap_or(u32::MAX)
                }
                "last" => record.count.last = time(&member),
                "until" => pause.0 = time(&member),
                "after" => pause.1 = after(&member),
                "fault" => {
                    fault = faults().into_iter().find(|(_, name)| member.text() == Some(name)).map(|(fault, _)| fault)
                }
                "refused" => record.refused = number(&member),
                "taken_back" => record.count.taken_back = !member.is_nothing(),
                "forgotten" => record.is_forgotten = !member.is_nothing(),
                _ => {
                    let others =
                        if name.starts_with("token_") { &mut record.others_of_token } else { &mut record.others };
                    let name = serde_json::to_string(&**name).map_err(|_| "the record is damaged")?;
                    *others = Zeroizing::new([&*others, ",", &name, ":", value.get()].concat());
                }
            }
        }
        if is_for != [true; 2] || location != record.key.location().map(|id| Some(id.clone())) {
            return Err("the record is for something else than its key");
        }
        if !members.0.iter().any(|(name, _)| *name == "version") {
            return Err("the record has an unknown version");
        }
        record.count.pause = pause.0.map(|until| {
            let after = match (pause.1, fault) {
                (Some(LastOutcome::Response { status, .. }), Some(fault)) => LastOutcome::Response { status, fault },
                (after, _) => after.unwrap_or(LastOutcome::NoResponse(Delivery::Unknown)),
            };
            Pause { until, after }
        });
        Ok(record)
    }

    /// What to write. `token` is the record's token, if it is written to save that.
    pub(crate) fn to_record(&self, token: Option<SavedToken>) -> Record {
        let secret = self.token.as_ref().map_or("", BearerToken::expose);
        let id = self.key.location().map(|id| serde_json::Value::from(id.as_str()).to_string());
        // The buffer has its final size from the start, since one that grows leaves copies behind. A character has six bytes in JSON at most.
        let sizes = [
            secret.len().saturating_mul(6),
            id.as_ref().map_or(0, String::len),
            self.others.len(),
            self.others_of_token.len(),
        ];
        let mut text = Zeroizing::new(String::with_capacity(sizes.into_iter().fold(FIXED_SIZE, usize::saturating_add)));
        let (environment, kind, count) = (self.key.environment(), kind(&self.key), &self.count);
        // A `String` takes all that is written to it.
        _ = write!(text, r#"{{"version":{VERSION},"environment":"{environment}","kind":"{kind}""#);
        if let Some(id) = id {
            _ = write!(text, r#","location":{id}"#);
        }
        if self.token.is_some() {
            text.push_str(r#","access_token":""#);
            for (form, len) in secret.bytes().map(escape) {
                text.push_str(core::str::from_utf8(form.get(..len).unwrap_or_default()).unwrap_or_default());
            }
            text.push('"');
        }
        let mut member = |name: &str, value: Option<u64>| {
            if let Some(value) = value {
                _ = write!(text, r#","{name}":{value}"#);
            }
        };
        member("issued", self.issued.map(|issued| issued.as_secs()));
        member("requests", Some(count.requests.into()));
        member("last", count.last.map(|last| last.as_secs()));
        // A pause never ends early.
        let whole = |until: Duration| until.as_secs().saturating_add(u64::from(until.subsec_nanos() > 0));
        member("until", count.pause.map(|pause| whole(pause.until)));
        match count.pause.map(|pause| pause.after) {
            None => {}
            Some(LastOutcome::Response { status, fault }) => {
                member("after", Some(status.as_u16().into()));
                let name = faults().into_iter().find(|(one, _)| *one == fault).map_or("", |(_, name)| name);
                _ = write!(text, r#","fault":"{name}""#);
            }
            Some(other) => {
                let name = outcomes().into_iter().find(|(one, _)| *one == other).map_or("", |(_, name)| name);
                _ = write!(text, r#","after":"{name}""#);
            }
        }
        if let Some(refused) = self.refused {
            _ = write!(text, r#","refused":{refused}"#);
        }
        for (name, is) in [("taken_back", count.taken_back), ("forgotten", self.is_forgotten)] {
            if is {
                _ = write!(text, r#","{name}":true"#);
            }
        }
        text.push_str(&self.others);
        text.push_str(&self.others_of_token);
        text.push('}');
        Record { text, token }
    }

    pub(crate) fn key(&self) -> &RecordKey {
        &self.key
    }

    pub(crate) fn has(&self, token: &BearerToken) -> bool {
        self.token.as_ref().is_some_and(|stored| stored.is_same(token))
    }

    /// Another token takes the place of the record's.
    pub(crate) fn set_token(&mut self, token: BearerToken, issued: Option<Duration>) {
        if !self.has(&token) {
            self.others_of_token = Zeroizing::default();
        }
        self.token = Some(token);
        self.issued = issued;
    }
}

/// More than the members of the form need, without the texts that the program and the service choose.
const FIXED_SIZE: usize = 512;

fn kind(key: &RecordKey) -> &'static str {
    if key.location().is_some() { "location" } else { "user" }
}

/// How a file names who has to act: fixed for ever, whatever the `Display` says.
fn faults() -> [(Fault, &'static str); 3] {
    [(Fault::Caller, "caller"), (Fault::Transport, "transport"), (Fault::Service, "service")]
}

/// How a file names an outcome without a status.
fn outcomes() -> [(LastOutcome, &'static str); 4] {
    [
        (LastOutcome::Token, "token"),
        (LastOutcome::NoResponse(Delivery::NotSent), "not_sent"),
        (LastOutcome::NoResponse(Delivery::Unsendable), "unsendable"),
        (LastOutcome::NoResponse(Delivery::Unknown), "unknown"),
    ]
}

fn after(member: &Member<'_>) -> Option<LastOutcome> {
    match number(member) {
        Some(status) => {
            let status = u16::try_from(status).ok().and_then(|status| StatusCode::from_u16(status).ok())?;
            Some(LastOutcome::Response { status, fault: Fault::Service })
        }
        None => outcomes().into_iter().find(|(_, name)| member.text() == Some(name)).map(|(outcome, _)| outcome),
    }
}

fn number(member: &Member<'_>) -> Option<u64> {
    match member {
        Member::Number(number) => Some(*number),
        Member::Nothing => Some(0),
        _ => None,
    }
}

fn time(member: &Member<'_>) -> Option<Duration> {
    number(member).map(Duration::from_secs)
}

/// All members of an object, with their values as they are written.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(name) = map.next_key::<Member<'de>>()? {
            members.push((name.text().map(String::from).unwrap_or_default(), map.next_value::<&RawValue>()?));
        }
        Ok(Members(members))
    }
}

/// Shows no token.
impl fmt::Debug for StoredRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredRecord")
            .field("key", &self.key)
            .field("token", &self.token)
            .field("count", &self.count)
            .field("is_forgotten", &self.is_forgotten)
            .finish_non_exhaustive()
    }
}
