//! The rules: pure functions from events to scores and recommendations.
