//! What a client asks for: URL parameters and headers, sorted into what the server acts on, query
//! parameters and settings.

use axum::http::{HeaderMap, Method};

use super::library::Refusal;

/// A request's wishes beside its SQL.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    pub(super) query: String,
    pub(super) database: Option<String>,
    pub(super) format: Option<String>,
    pub(super) query_id: Option<String>,
    /// The body comes in compressed blocks.
    pub(super) decompress: bool,
    /// The answer goes out in blocks.
    pub(super) compress: bool,
    /// `param_NAME=VALUE`, without the prefix.
    pub(super) params: Vec<(String, String)>,
    /// Everything else is a setting, which the engine checks.
    pub(super) settings: Vec<(String, String)>,
}

impl Wishes {
    /// Sorts the parameters of a request; those of the URL go before headers.
    pub(super) fn read(
        method: &Method,
        url: Vec<(String, String)>,
        headers: &HeaderMap,
    ) -> Result<Self, Refusal> {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let mut wishes = Self {
            database: header("x-clickhouse-database"),
            format: header("x-clickhouse-format"),
            ..Self::default()
        };
        for (name, value) in url {
            match name.as_str() {
                "query" => wishes.query = value,
                "database" => wishes.database = Some(value),
                "default_format" => wishes.format = Some(value),
                "query_id" => wishes.query_id = Some(value),
                "compress" => wishes.compress = value == "1",
                "decompress" => wishes.decompress = value == "1",
                // There is one user, without a password; and an answer is always complete before it is sent.
                "user" | "password" | "quota_key" | "wait_end_of_query" | "buffer_size" => {}
                "session_id" | "session_timeout" | "session_check" => {
                    let reason = "Code: 48. DB::Exception: sessions over HTTP are not offered by this server. \
                                  (NOT_IMPLEMENTED)";
                    return Err(Refusal(reason.to_owned()));
                }
                _ => match name.strip_prefix("param_") {
                    Some(param) => wishes.params.push((param.to_owned(), value)),
                    None => wishes.settings.push((name, value)),
                },
            }
        }
        wishes.database = wishes.database.filter(|name| !name.is_empty());
        // As in the server: what GET does must not change anything.
        if method == Method::GET && !wishes.settings.iter().any(|(name, _)| name == "readonly") {
            wishes.settings.push(("readonly".to_owned(), "2".to_owned()));
        }
        Ok(wishes)
    }

    /// The statements that prepare a connection for the request.
    pub(super) fn preparation(&self) -> Vec<String> {
        let mut statements = Vec::new();
        if let Some(database) = &self.database {
            statements.push(format!("USE {}", quoted(database, '`')));
        }
        if !self.settings.is_empty() {
            let all: Vec<String> = self
                .settings
                .iter()
                .map(|(name, value)| format!("{} = {}", quoted(name, '`'), quoted(value, '\'')))
                .collect();
            statements.push(format!("SET {}", all.join(", ")));
        }
        statements
    }
}

fn quoted(text: &str, quote: char) -> String {
    let mut quoted = String::from(quote);
    for char in text.chars() {
        if char == quote || char == '\\' {
            quoted.push('\\');
        }
        quoted.push(char);
    }
    quoted.push(quote);
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_word_of_the_interface_is_a_setting() {
        let url = [("query", "SELECT 1"), ("param_x", "7"), ("async_insert", "0"), ("database", "d`b")];
        let url = url.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let wishes = Wishes::read(&Method::POST, url, &HeaderMap::new()).unwrap();
        assert_eq!(wishes.params, [("x".to_owned(), "7".to_owned())]);
        assert_eq!(wishes.preparation(), ["USE `d\\`b`", "SET `async_insert` = '0'"]);
    }

    #[test]
    fn a_get_may_only_read() {
        let wishes = Wishes::read(&Method::GET, Vec::new(), &HeaderMap::new()).unwrap();
        assert_eq!(wishes.preparation(), ["SET `readonly` = '2'"]);
    }
}
