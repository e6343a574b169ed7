//! One connection to one broker: requests out, responses in, in order, never blocking longer than it is told.
//!
//! The socket does not block; whoever waits, waits for several connections at once with [`wait_for_any`].

use std::collections::VecDeque;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::{Duration, Instant};

use bytes::{Buf as _, Bytes, BytesMut};
use kafka_protocol::messages::{ApiVersionsRequest, RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{
    Decodable, Encodable as _, HeaderVersion as _, Request, StrBytes, VersionRange,
};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use thiserror::Error;

/// What can go wrong between us and one broker. After any of these the connection is of no use any more.
#[derive(Debug, Error)]
pub(super) enum WireError {
    #[error("connection to {peer}: {reason}")]
    Connection { peer: String, reason: String },
    #[error("{peer} did not answer within {seconds:.1} s")]
    TimedOut { peer: String, seconds: f64 },
    #[error("{peer} answered what cannot be read: {reason}")]
    Unreadable { peer: String, reason: String },
    #[error("{peer} speaks no version of request {api} that this program speaks")]
    NoVersion { peer: String, api: i16 },
}

/// A response may be as large as this; a broker that announces more is none.
const FRAME_MAX: usize = 512 << 20;

/// A connection that has agreed on versions.
#[derive(Debug)]
pub(super) struct Connection {
    peer: String,
    stream: TcpStream,
    client_id: StrBytes,
    /// Of each request that the broker knows: its key and the broker's versions.
    versions: Vec<(i16, VersionRange)>,
    next_correlation: i32,
    /// What is waited for, in the order of the requests, which is the order of the responses.
    expected: VecDeque<Expected>,
    out: BytesMut,
    size: ([u8; 4], usize),
    frame: BytesMut,
    /// Bytes of the frame that are there; its length is what it will have.
    filled: usize,
}

#[derive(Debug, Clone, Copy)]
struct Expected {
    correlation: i32,
    header_version: i16,
}

impl Connection {
    /// Connects and asks for the broker's versions.
    pub(super) fn open(
        host: &str,
        port: u16,
        client_id: &str,
        patience: Duration,
    ) -> Result<Self, WireError> {
        let peer = format!("{host}:{port}");
        let deadline = Instant::now() + patience;
        let stream = connect(host, port, patience)
            .map_err(|error| WireError::Connection { peer: peer.clone(), reason: error.to_string() })?;
        let mut connection = Self {
            peer,
            stream,
            client_id: StrBytes::from_string(client_id.to_owned()),
            versions: Vec::new(),
            next_correlation: 0,
            expected: VecDeque::new(),
            out: BytesMut::new(),
            size: ([0; 4], 0),
            frame: BytesMut::new(),
            filled: 0,
        };
        // Version 0 is understood by every broker, and what later ones add is of no use here.
        connection.send(&ApiVersionsRequest::default(), 0, deadline)?;
        let answer = connection.receive::<ApiVersionsRequest>(0, deadline)?;
        if answer.error_code != 0 {
            let reason = format!("error {} to the question for versions", answer.error_code);
            return Err(connection.unreadable(reason));
        }
        let range = |min, max| VersionRange { min, max };
        connection.versions = answer
            .api_keys
            .iter()
            .map(|api| (api.api_key, range(api.min_version, api.max_version)))
            .collect();
        Ok(connection)
    }

    /// The highest version up to `most` that both sides speak.
    pub(super) fn version_of<R: Request>(&self, most: i16) -> Result<i16, WireError> {
        let theirs = self.versions.iter().find(|(key, _)| *key == R::KEY).map(|(_, range)| *range);
        let shared = theirs.map(|theirs| theirs.intersect(&R::VERSIONS)).filter(|range| !range.is_empty());
        shared
            .filter(|range| range.min <= most)
            .map(|range| range.max.min(most))
            .ok_or_else(|| WireError::NoVersion { peer: self.peer.clone(), api: R::KEY })
    }

    /// Writes a request as a whole.
    pub(super) fn send<R: Request>(
        &mut self,
        request: &R,
        version: i16,
        deadline: Instant,
    ) -> Result<(), WireError> {
        let correlation = self.next_correlation;
        self.next_correlation = correlation.wrapping_add(1);
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_correlation_id(correlation)
            .with_client_id(Some(self.client_id.clone()));
        self.out.clear();
        self.out.extend_from_slice(&[0; 4]);
        header
            .encode(&mut self.out, R::header_version(version))
            .and_then(|()| request.encode(&mut self.out, version))
            .map_err(|error| self.unreadable(format!("request {} cannot be written: {error}", R::KEY)))?;
        let size = u32::try_from(self.out.len() - 4).unwrap_or(u32::MAX);
        self.out[..4].copy_from_slice(&size.to_be_bytes());
        self.write_out(deadline)?;
        self.expected
            .push_back(Expected { correlation, header_version: R::Response::header_version(version) });
        Ok(())
    }

    fn write_out(&mut self, deadline: Instant) -> Result<(), WireError> {
        let mut written = 0;
        while written < self.out.len() {
            match self.stream.write(&self.out[written..]) {
                Ok(0) => return Err(self.broken("closed")),
                Ok(more) => written += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Err(self.broken("the broker took no more of a request in time"));
                    }
                    wait(&[self.as_fd()], PollFlags::POLLOUT, left);
                }
                Err(error) => return Err(self.broken(error)),
            }
        }
        Ok(())
    }

    /// Whether the broker has not closed the connection while nothing was asked.
    pub(super) fn is_open(&self) -> bool {
        match self.stream.peek(&mut [0]) {
            Ok(bytes) => bytes > 0,
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        }
    }

    /// The body of the next response if it is here as a whole. Gives a buffer of an earlier one to read the next into.
    pub(super) fn try_receive(&mut self, spare: &mut Option<BytesMut>) -> Result<Option<Bytes>, WireError> {
        if self.expected.is_empty() || !self.fill_size()? {
            return Ok(None);
        }
        if self.frame.is_empty() {
            let size = usize::try_from(u32::from_be_bytes(self.size.0)).unwrap_or(usize::MAX);
            if !(4..=FRAME_MAX).contains(&size) {
                return Err(self.unreadable(format!("a response of {size} bytes")));
            }
            self.frame = spare.take().unwrap_or_default();
            self.frame.resize(size, 0);
            self.filled = 0;
        }
        while self.filled < self.frame.len() {
            match self.stream.read(&mut self.frame[self.filled..]) {
                Ok(0) => return Err(self.broken("closed")),
                Ok(more) => self.filled += more,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.broken(error)),
            }
        }
        self.size.1 = 0;
        let mut body = std::mem::take(&mut self.frame).freeze();
        let Some(expected) = self.expected.pop_front() else { return Ok(None) };
        let header = ResponseHeader::decode(&mut body, expected.header_version)
            .map_err(|error| self.unreadable(error))?;
        if header.correlation_id != expected.correlation {
            return Err(self.unreadable("a response to another request"));
        }
        Ok(Some(body))
    }

    fn fill_size(&mut self) -> Result<bool, WireError> {
        while self.size.1 < 4 {
            match self.stream.read(&mut self.size.0[self.size.1..]) {
                Ok(0) => return Err(self.broken("closed")),
                Ok(more) => self.size.1 += more,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.broken(error)),
            }
        }
        Ok(true)
    }

    /// Waits for the next response, which must be one to a request of this kind.
    pub(super) fn receive<R: Request>(
        &mut self,
        version: i16,
        deadline: Instant,
    ) -> Result<R::Response, WireError> {
        let started = Instant::now();
        loop {
            if let Some(body) = self.try_receive(&mut None)? {
                return self.decode::<R>(body, version);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let seconds = started.elapsed().as_secs_f64();
                return Err(WireError::TimedOut { peer: self.peer.clone(), seconds });
            }
            wait_for_any(&[self], left);
        }
    }

    /// Reads the body of a response to a request of this kind.
    pub(super) fn decode<R: Request>(&self, mut body: Bytes, version: i16) -> Result<R::Response, WireError> {
        let response = R::Response::decode(&mut body, version).map_err(|error| self.unreadable(error))?;
        if body.has_remaining() {
            return Err(self.unreadable(format!("{} bytes too many in response {}", body.len(), R::KEY)));
        }
        Ok(response)
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    pub(super) fn peer(&self) -> &str {
        &self.peer
    }

    fn broken(&self, reason: impl std::fmt::Display) -> WireError {
        WireError::Connection { peer: self.peer.clone(), reason: reason.to_string() }
    }

    fn unreadable(&self, reason: impl std::fmt::Display) -> WireError {
        WireError::Unreadable { peer: self.peer.clone(), reason: reason.to_string() }
    }
}

fn connect(host: &str, port: u16, patience: Duration) -> std::io::Result<TcpStream> {
    let mut last = std::io::Error::new(ErrorKind::NotFound, "the name has no address");
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, patience) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                stream.set_nonblocking(true)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Waits until something arrives on one of the connections, or the time is up.
pub(super) fn wait_for_any(connections: &[&Connection], patience: Duration) {
    let sources: Vec<BorrowedFd<'_>> = connections.iter().map(|connection| connection.as_fd()).collect();
    wait(&sources, PollFlags::POLLIN, patience);
}

/// The same for whatever can be read from.
pub(super) fn wait_for_reading(sources: &[BorrowedFd<'_>], patience: Duration) {
    wait(sources, PollFlags::POLLIN, patience);
}

fn wait(sources: &[BorrowedFd<'_>], what: PollFlags, patience: Duration) {
    let mut sources: Vec<PollFd<'_>> = sources.iter().map(|source| PollFd::new(*source, what)).collect();
    // Rounded up: a wait of less than a millisecond would be none.
    let millis = u16::try_from(patience.as_micros().div_ceil(1000)).unwrap_or(u16::MAX);
    // Interrupted or not, the caller looks again.
    let _ = poll(&mut sources, PollTimeout::from(millis));
}
