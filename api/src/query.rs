//! What requests may ask for: query parameters that are all known, bounded pages, and cursors that read on.

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::ApiError;

/// Rows of a page when the request does not say.
pub(crate) const PAGE_DEFAULT: u16 = 50;
/// Rows of a page at most.
pub(crate) const PAGE_MAX: u16 = 200;
/// Length of a text to filter by, at most.
pub(crate) const TEXT_BYTES_MAX: usize = 200;

/// Query parameters; one that is unknown, repeated or of the wrong kind is refused with its name.
pub(crate) struct Checked<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Checked<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let read = Query::<T>::from_request_parts(parts, state).await;
        let refused = |rejection: QueryRejection| ApiError::Refused(rejection.body_text());
        read.map(|Query(value)| Self(value)).map_err(refused)
    }
}

/// Rows of a page.
pub(crate) fn page_size(limit: Option<u16>) -> Result<u16, ApiError> {
    let limit = limit.unwrap_or(PAGE_DEFAULT);
    if limit == 0 || limit > PAGE_MAX {
        return Err(ApiError::Refused(format!("`limit` must be between 1 and {PAGE_MAX}.")));
    }
    Ok(limit)
}

/// A text to filter by. An empty one is refused, because it is more likely a mistake than a wish.
pub(crate) fn text<'a>(name: &str, value: Option<&'a str>) -> Result<Option<&'a str>, ApiError> {
    match value {
        Some(text) if text.is_empty() || text.len() > TEXT_BYTES_MAX || text.contains('\0') => {
            let sentence = format!("`{name}` must be a text of 1 to {TEXT_BYTES_MAX} bytes.");
            Err(ApiError::Refused(sentence))
        }
        other => Ok(other),
    }
}

/// A key to filter by. No key is empty, nor holds a zero byte, which Postgres' texts do not.
pub(crate) fn key<'a>(name: &str, value: Option<&'a str>) -> Result<Option<&'a str>, ApiError> {
    match value {
        Some(key) if key.is_empty() || key.contains('\0') => {
            Err(ApiError::Refused(format!("`{name}` must be a campaign's key.")))
        }
        other => Ok(other),
    }
}

/// One page of a list and the cursor of the next, if there is one.
#[derive(Debug, Serialize)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next_cursor: Option<String>,
}

/// Packs the place where a page ended.
pub(crate) fn pack<T: Serialize>(place: &T) -> String {
    let json =
        serde_json::to_vec(place).expect("a cursor holds texts and numbers only, which are always JSON");
    URL_SAFE_NO_PAD.encode(json)
}

/// Unpacks a cursor that [`pack`] made.
pub(crate) fn unpack<T: for<'de> Deserialize<'de>>(cursor: &str) -> Result<T, ApiError> {
    URL_SAFE_NO_PAD
        .decode(cursor)
        .ok()
        .and_then(|json| serde_json::from_slice(&json).ok())
        .ok_or_else(|| ApiError::Refused("`cursor` is not one that this address gave out.".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_a_hard_cap() {
        assert!(matches!(page_size(None), Ok(PAGE_DEFAULT)));
        assert!(page_size(Some(PAGE_MAX)).is_ok());
        assert!(page_size(Some(PAGE_MAX + 1)).is_err());
        assert!(page_size(Some(0)).is_err());
    }

    #[test]
    fn a_cursor_gives_its_place_back_and_a_forged_one_is_refused() {
        let place = (i64::MAX, "a:b:c".to_owned());
        assert_eq!(unpack::<(i64, String)>(&pack(&place)).unwrap(), place);
        assert!(unpack::<(i64, String)>("x").is_err());
        assert!(unpack::<(i64, i64)>(&pack(&place)).is_err());
    }
}
