//! One ad account: Facebook's account object, or the notice that a source cannot read the account.
//!
//! The notice is written by adpulse itself when a token or an account fails:
//! `{"failure":{"code":"TOKEN_INVALID","message":"…"}}`. A message that carries an access token is refused without
//! being quoted; whoever writes the notice must have taken it out.

use std::borrow::Cow;

use serde::Deserialize;

use super::value::Raw;
use super::{object, value};
use crate::Rejection;
use crate::outcome::quoted;

/// What a record says about its account.
#[derive(Debug)]
pub(crate) enum AccountReport<'a> {
    Observed(AccountObject<'a>),
    Failed(AccountFailure<'a>),
}

/// An account, read. Fields that the platform left out are absent.
#[derive(Debug)]
pub(crate) struct AccountObject<'a> {
    /// Without the prefix `act_`.
    pub(crate) id: Cow<'a, str>,
    pub(crate) name: Option<Cow<'a, str>>,
    pub(crate) status: Option<Cow<'static, str>>,
    pub(crate) time_zone: Option<Cow<'a, str>>,
    pub(crate) currency: Option<Cow<'a, str>>,
}

/// Why a source cannot read the account.
#[derive(Debug)]
pub(crate) struct AccountFailure<'a> {
    /// For programs: upper case, digits and underscores.
    pub(crate) code: Cow<'a, str>,
    /// For people; no control characters.
    pub(crate) message: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Object<'a> {
    #[serde(borrow, default)]
    account_id: Option<Raw<'a>>,
    #[serde(borrow, default)]
    id: Option<Raw<'a>>,
    #[serde(borrow, default)]
    name: Option<Raw<'a>>,
    #[serde(borrow, default)]
    currency: Option<Raw<'a>>,
    #[serde(borrow, default)]
    timezone_name: Option<Raw<'a>>,
    #[serde(borrow, default)]
    account_status: Option<Raw<'a>>,
    #[serde(borrow, default)]
    failure: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Notice<'a> {
    #[serde(borrow, default)]
    code: Option<Raw<'a>>,
    #[serde(borrow, default)]
    message: Option<Raw<'a>>,
}

/// Longer codes are sentences.
const CODE_BYTES_MAX: usize = 64;
/// Longer messages are bodies of answers; a person reads a sentence or two.
const MESSAGE_CHARS_MAX: usize = 500;

/// The Marketing API's `account_status`, by number.
const STATUSES: [(u32, &str); 10] = [
    (1, "ACTIVE"),
    (2, "DISABLED"),
    (3, "UNSETTLED"),
    (7, "PENDING_RISK_REVIEW"),
    (8, "PENDING_SETTLEMENT"),
    (9, "IN_GRACE_PERIOD"),
    (100, "PENDING_CLOSURE"),
    (101, "CLOSED"),
    (201, "ANY_ACTIVE"),
    (202, "ANY_CLOSED"),
];

pub(crate) fn account_report(payload: &[u8]) -> Result<AccountReport<'_>, Rejection> {
    let object: Object<'_> = object(payload, "account")?;
    if let Some(notice) = object.failure {
        return failure(notice).map(AccountReport::Failed);
    }
    let id = match value::id("account_id", object.account_id.or(object.id))? {
        Cow::Borrowed(id) => Cow::Borrowed(id.strip_prefix("act_").unwrap_or(id)),
        Cow::Owned(id) => Cow::Owned(id.strip_prefix("act_").unwrap_or(&id).to_owned()),
    };
    Ok(AccountReport::Observed(AccountObject {
        id,
        name: value::optional_text("name", object.name)?,
        status: object.account_status.map(status).transpose()?,
        time_zone: value::optional_text("timezone_name", object.timezone_name)?,
        currency: value::optional_text("currency", object.currency)?,
    }))
}

/// The name of a status; of one that is not listed, its number.
fn status(value: Raw<'_>) -> Result<Cow<'static, str>, Rejection> {
    let text = value::text("account_status", value)?;
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let Some(number) = text.parse::<u32>().ok().filter(|_| digits) else {
        let sentence = format!("account_status is {}: not the number of a status", quoted(&text));
        return Err(Rejection::new("FIELD_INVALID", sentence));
    };
    let listed = STATUSES.iter().find(|(listed, _)| *listed == number);
    Ok(listed.map_or_else(|| format!("STATUS_{number}").into(), |(_, name)| (*name).into()))
}

fn failure(notice: Raw<'_>) -> Result<AccountFailure<'_>, Rejection> {
    if !notice.0.starts_with('{') {
        return Err(Rejection::new("PAYLOAD_INVALID", "failure is not an object of code and message"));
    }
    let Notice { code, message } = object(notice.0.as_bytes(), "failure")?;
    let code = value::text("failure.code", code.ok_or_else(|| value::missing("failure.code"))?)?;
    let spelled = code.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_'));
    if !spelled || !code.starts_with(|first: char| first.is_ascii_uppercase()) || code.len() > CODE_BYTES_MAX
    {
        let sentence = format!(
            "failure.code is {}: not a code such as TOKEN_INVALID of at most {CODE_BYTES_MAX} characters",
            quoted(&code)
        );
        return Err(Rejection::new("FIELD_INVALID", sentence));
    }
    let message = message.ok_or_else(|| value::missing("failure.message"))?;
    // No sentence quotes the message: what is wrong with it may be that it carries a secret.
    let unfit = || {
        let sentence = format!(
            "failure.message is not a text of 1 to {MESSAGE_CHARS_MAX} characters without control characters"
        );
        Rejection::new("FIELD_INVALID", sentence)
    };
    let message = value::text("failure.message", message).map_err(|_| unfit())?;
    if carries_token(&message) {
        let sentence = "failure.message carries an access token; it must be taken out before it is written";
        return Err(Rejection::new("SECRET_IN_MESSAGE", sentence));
    }
    let fits = !message.trim().is_empty()
        && message.chars().count() <= MESSAGE_CHARS_MAX
        && !message.chars().any(char::is_control);
    if fits { Ok(AccountFailure { code, message }) } else { Err(unfit()) }
}

/// Whether the message gives `access_token` a value, as an address or JSON does.
fn carries_token(message: &str) -> bool {
    let lower = message.to_ascii_lowercase();
    lower.split("access_token").skip(1).any(|rest| {
        let rest = rest.trim_start_matches(['"', '\'', '\\', ' ']);
        rest.starts_with(['=', ':']) || rest.starts_with("%3d") || rest.starts_with("%3a")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observed(payload: &str) -> AccountObject<'_> {
        match account_report(payload.as_bytes()) {
            Ok(AccountReport::Observed(account)) => account,
            other => panic!("{payload}: {other:?}"),
        }
    }

    fn refused(payload: &str) -> Rejection {
        account_report(payload.as_bytes()).expect_err(payload)
    }

    fn failed(code: &str, message: &str) -> Result<(String, String), Rejection> {
        let payload = serde_json::json!({ "failure": { "code": code, "message": message } }).to_string();
        match account_report(payload.as_bytes())? {
            AccountReport::Failed(failure) => Ok((failure.code.into_owned(), failure.message.into_owned())),
            AccountReport::Observed(account) => panic!("{account:?}"),
        }
    }

    #[test]
    fn an_account_object_is_read_with_its_status_by_name() {
        let account = observed(
            r#"{"account_id":"123456789012345","id":"act_123456789012345","name":"Acme \ud83d\ude80","currency":"USD",
            "timezone_name":"America/New_York","timezone_offset_hours_utc":-4.0,"account_status":1}"#,
        );
        assert_eq!((&*account.id, account.name.as_deref()), ("123456789012345", Some("Acme 🚀")));
        assert_eq!(
            (account.time_zone.as_deref(), account.currency.as_deref()),
            (Some("America/New_York"), Some("USD"))
        );
        assert_eq!(account.status.as_deref(), Some("ACTIVE"));
        assert_eq!(&*observed(r#"{"id":"act_9007199254740993"}"#).id, "9007199254740993");
        assert_eq!(&*observed(r#"{"id":9007199254740993,"name":null}"#).id, "9007199254740993");
    }

    #[test]
    fn a_status_is_a_number_in_either_writing_and_keeps_its_number_where_it_is_not_listed() {
        for (status, name) in [
            ("2", Some("DISABLED")),
            (r#""101""#, Some("CLOSED")),
            ("202", Some("ANY_CLOSED")),
            ("42", Some("STATUS_42")),
            ("null", None),
        ] {
            let payload = format!(r#"{{"account_id":1,"account_status":{status}}}"#);
            assert_eq!(observed(&payload).status.as_deref(), name, "{status}");
        }
        for status in ["-1", "1.0", "1e0", r#""ACTIVE""#, r#""+1""#, r#""""#, "4294967296", "{}"] {
            let rejection = refused(&format!(r#"{{"account_id":1,"account_status":{status}}}"#));
            assert_eq!(rejection.code, "FIELD_INVALID", "{status}");
        }
    }

    #[test]
    fn an_account_without_an_id_is_refused() {
        assert_eq!(refused("{}").code, "FIELD_MISSING");
        assert_eq!(refused(r#"{"id":""}"#).code, "FIELD_INVALID");
        assert_eq!(refused("7").code, "PAYLOAD_INVALID");
        assert_eq!(refused(r#"{"id":"1","id":"2"}"#).code, "PAYLOAD_INVALID");
    }

    #[test]
    fn a_failure_notice_is_taken_with_its_code_and_message() {
        let expected = ("TOKEN_INVALID".to_owned(), "(#190) The access token expired. Grüße 🚀".to_owned());
        assert_eq!(failed(&expected.0, &expected.1), Ok(expected));
        assert!(failed("A1_", "the field access_token is gone").is_ok());
    }

    #[test]
    fn a_notice_without_bounds_is_refused() {
        let code = |result: Result<_, Rejection>| result.expect_err("it is out of bounds").code;
        for bad in ["", "token_invalid", "1A", "_A", "A B", "Ä", &"A".repeat(65)] {
            assert_eq!(code(failed(bad, "why")), "FIELD_INVALID", "{bad}");
        }
        for bad in ["", " ", "a\nb", "a\u{7f}", "a\0", &"é".repeat(501), &"x".repeat(5_000)] {
            assert_eq!(code(failed("A", bad)), "FIELD_INVALID", "{bad:?}");
        }
        assert_eq!(refused(r#"{"failure":{"code":"A"}}"#).code, "FIELD_MISSING");
        assert_eq!(refused(r#"{"failure":["A","b"]}"#).code, "PAYLOAD_INVALID");
        assert_eq!(refused(r#"{"failure":"A"}"#).code, "PAYLOAD_INVALID");
    }

    #[test]
    fn a_message_that_carries_a_token_is_refused_and_not_quoted() {
        for message in [
            "GET https://graph.facebook.com/me?access_token=EAAsecret failed",
            "ACCESS_TOKEN = EAAsecret",
            r#"{"access_token":"EAAsecret"}"#,
            "access_token%3DEAAsecret",
        ] {
            let rejection = failed("A", message).expect_err(message);
            assert_eq!(rejection.code, "SECRET_IN_MESSAGE", "{message}");
            assert!(!rejection.sentence.contains("EAA"), "{message}");
        }
        let escaped = r#"{"failure":{"code":"A","message":"\u0061ccess_token=EAAsecret"}}"#;
        assert_eq!(refused(escaped).code, "SECRET_IN_MESSAGE");
        // Also where something else is wrong with it.
        for payload in [
            format!(
                r#"{{"failure":{{"code":"A","message":"\u0061ccess_token=EAAsecret{}"}}}}"#,
                "x".repeat(5_000)
            ),
            r#"{"failure":"access_token=EAAsecret"}"#.to_owned(),
            r#"{"failure":{"code":"A","message":["access_token=EAAsecret"]}}"#.to_owned(),
        ] {
            assert!(!refused(&payload).sentence.contains("EAA"), "{payload}");
        }
    }
}
