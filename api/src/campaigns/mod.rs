//! Campaigns with their current score: the list, and one of them with everything behind it.

mod detail;
mod list;
mod row;

pub(crate) use detail::detail;
pub(crate) use list::list;
pub(crate) use row::PartsRow;
