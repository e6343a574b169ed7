//! skeleton
/// One day of a campaign.
#[derive(Clone, Copy, Debug, Default)]
pub struct ScoreDay {}
/// What a score is computed from.
#[derive(Clone, Copy, Debug)]
pub struct ScoreInput<'a> {
    /// The days.
    pub days: &'a [ScoreDay],
}
/// A score.
#[derive(Clone, Debug)]
pub struct Score {}
/// The score of a campaign, as SCORING.md defines it.
#[must_use]
pub fn score(_input: &ScoreInput<'_>, _policy: &crate::ScorePolicy) -> Score {
    unimplemented!("next commit")
}
