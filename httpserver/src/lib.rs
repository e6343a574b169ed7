//! The one HTTP server of adpulse.
