//! ClickHouse.
use super::Site;
use crate::error::DevstackError;
use crate::process::Process;
/// A running ClickHouse.
#[derive(Debug)]
pub struct ClickHouse { process: Process, url: String }
impl ClickHouse {
    /// Its address.
    pub fn url(&self) -> String { self.url.clone() }
    /// Its process.
    pub fn process(&self) -> &Process { &self.process }
    pub(crate) fn start(_site: &Site<'_>) -> Result<Self, DevstackError> { Err(DevstackError::EngineProgram("in work".into())) }
}
