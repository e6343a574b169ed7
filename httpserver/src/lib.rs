//! The one HTTP server of adpulse, used by the webhook door and by the API.
//!
//! It promises that no client can hold what it does not use: header, body, response and idle time are all bounded, as
//! are connections and bytes; that every response carries the same security headers and every failure is a
//! [`Problem`] without internals; that requests are counted in one place; and that [`serve`] ends by finishing the
//! requests under way. It refuses TRACE, CONNECT and, unless asked, compressed bodies. TLS is left to the proxy in
//! front.

mod body;
mod connection;
mod error;
mod limits;
pub mod metrics;
mod policy;
mod problem;
mod server;

pub use error::ServeError;
pub use limits::Limits;
pub use problem::Problem;
pub use server::serve;
