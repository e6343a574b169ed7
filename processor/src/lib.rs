//! The rules: pure functions from events to scores and recommendations.
//!
//! [`Normalizer`] turns what sources said ([`schemas::record::RawEvent`]) into validated facts about campaigns and
//! keeps the state of leads; [`Scorer`] turns facts into the merged days, the score and the announcements of each
//! campaign; [`score()`] is the pure function of the score alone. Each is the state of one partition, owned by one
//! role, told everything it knows: records, positions, time. Nothing here does I/O, reads a clock, draws a random
//! number or iterates in hash order, so one log always gives the same bytes.

mod policy;
mod outcome;
mod calendar;
mod index;
mod room;
mod event;
mod quality;
mod leads;
mod normalize;
pub mod score;
mod recommendation;
mod alert;
mod scorer;

pub use normalize::{NormalizeOutput, Normalizer};
pub use outcome::{Outcome, Rejection};
pub use policy::{EffectivePolicy, Layer, Policy, PolicyError, ScorePolicy, Setting};
pub use recommendation::band_edges;
pub use score::{Score, ScoreDay, ScoreInput, WindowInput, score};
pub use scorer::{Applied, Panel, RestoreError, ScoreBasis, ScoreOutput, Scorer};
