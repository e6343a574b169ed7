//! What can go wrong between bytes and values.

/// Why bytes are not a record, or a record could not become bytes.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// The record has no value where one is needed.
    #[error("the record has no value")]
    NoValue,
    /// Not the Confluent wire format: shorter than its five header bytes, or another first byte.
    #[error("the value does not start with the Confluent header (a zero byte and a four-byte schema id)")]
    NotFramed,
    /// Nobody knows a schema of that id. The bytes can be read once the schema is registered.
    #[error("schema id {id} is unknown to the registry and to this build")]
    UnknownSchema {
        /// The id in the header.
        id: u32,
    },
    /// The registry could not be asked. Trying again may help.
    #[error("schema id {id} could not be looked up: {source}")]
    Registry {
        /// The id in the header.
        id: u32,
        /// What the registry client said.
        source: RegistryError,
    },
    /// The bytes do not fit the schema they name, or the schema does not fit the record's type.
    #[error("the value is not a {record}: {reason}")]
    Malformed {
        /// The type expected.
        record: &'static str,
        /// Where it went wrong.
        reason: String,
    },
    /// A value that its own schema does not allow, which is a defect of this build.
    #[error("a {record} could not be encoded: {reason}")]
    NotEncodable {
        /// The type.
        record: &'static str,
        /// What the encoder said.
        reason: String,
    },
}

impl CodecError {
    /// Whether the same bytes may decode later without a change to them.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Registry { .. })
    }
}

/// What a schema registry answered, or that it did not.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// No answer, or one that is not the registry's protocol.
    #[error(
        "the schema registry at {url} did not answer: {reason}; check the address and that it is running"
    )]
    Unreachable {
        /// The registry, without credentials.
        url: String,
        /// The transport's words.
        reason: String,
    },
    /// It refused the schema as incompatible with an earlier version.
    #[error(
        "the schema registry refused {subject}: {reason}; a change of a schema must keep {mode} compatibility"
    )]
    Incompatible {
        /// The subject.
        subject: String,
        /// The registry's words.
        reason: String,
        /// The compatibility mode asked for.
        mode: &'static str,
    },
    /// Any other refusal.
    #[error("the schema registry answered {status} for {what}: {reason}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// What was asked for.
        what: String,
        /// The registry's words.
        reason: String,
    },
}
