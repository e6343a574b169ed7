//! Asks an engine over its own protocol whether it is ready. An open port is not enough: the
//! kernel accepts connections before the engine reads them.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

const WAIT: Duration = Duration::from_secs(2);

/// How an engine on a loopback port is asked.
#[derive(Debug, Clone)]
pub(crate) enum Probe {
    /// An ApiVersions request answered without an error.
    Kafka { port: u16 },
    /// A GET answered with 200.
    Http { port: u16, path: &'static str },
    /// A session that was let in and is ready for a query.
    Postgres { port: u16, user: &'static str, database: &'static str },
}

impl Probe {
    /// Whether the engine answers now. Any failure means not yet.
    pub(super) fn answers(&self) -> bool {
        let answered = match self {
            Self::Kafka { port } => connect(*port).and_then(kafka),
            Self::Http { port, path } => connect(*port).and_then(|stream| http(stream, path)),
            Self::Postgres { port, user, database } => {
                connect(*port).and_then(|stream| postgres(stream, user, database))
            }
        };
        answered.unwrap_or(false)
    }
}

fn connect(port: u16) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), WAIT)?;
    stream.set_read_timeout(Some(WAIT))?;
    stream.set_write_timeout(Some(WAIT))?;
    Ok(stream)
}

fn kafka(mut stream: TcpStream) -> std::io::Result<bool> {
    const API_VERSIONS: i16 = 18;
    const CORRELATION: i32 = 1;
    let mut request = Vec::new();
    request.extend(API_VERSIONS.to_be_bytes());
    request.extend(0_i16.to_be_bytes());
    request.extend(CORRELATION.to_be_bytes());
    // No client id: a nullable string of length -1.
    request.extend((-1_i16).to_be_bytes());
    stream.write_all(&[0, 0, 0, 10])?;
    stream.write_all(&request)?;
    // Length, correlation id, error code.
    let mut response = [0; 10];
    stream.read_exact(&mut response)?;
    Ok(response[4..8] == CORRELATION.to_be_bytes() && response[8..10] == [0, 0])
}

fn http(mut stream: TcpStream, path: &str) -> std::io::Result<bool> {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut status = [0; 12];
    stream.read_exact(&mut status)?;
    Ok(status.ends_with(b" 200"))
}

fn postgres(mut stream: TcpStream, user: &str, database: &str) -> std::io::Result<bool> {
    const PROTOCOL_3: i32 = 3 << 16;
    let mut startup = PROTOCOL_3.to_be_bytes().to_vec();
    for text in ["user", user, "database", database, ""] {
        startup.extend(text.as_bytes());
        startup.push(0);
    }
    let length = i32::try_from(startup.len() + 4).map_err(std::io::Error::other)?;
    stream.write_all(&length.to_be_bytes())?;
    stream.write_all(&startup)?;
    // AuthenticationOk is `R`, a length of 8 and a zero; a server that is starting answers `E`.
    let mut answer = [0; 9];
    stream.read_exact(&mut answer)?;
    // Terminate, so that the server does not log a lost connection.
    stream.write_all(&[b'X', 0, 0, 0, 4])?;
    Ok(answer == [b'R', 0, 0, 0, 8, 0, 0, 0, 0])
}
