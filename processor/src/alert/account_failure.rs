//! `ACCOUNT_FAILURE`: the source cannot read the account, or the platform does not serve it.

use super::{AccountView, Words};

pub(super) fn holds(view: &AccountView<'_>) -> bool {
    view.failure_code.is_some() || is_off(view)
}

/// The words follow from the view alone, which says what is wrong, or that nothing is.
pub(super) fn words(view: &AccountView<'_>) -> Words {
    let sentence = match (view.failure_code, view.status) {
        (Some(code), _) => {
            let reason = view.failure.unwrap_or("its source gives no reason");
            format!("The account cannot be read ({code}): {}.", reason.trim_end_matches('.'))
        }
        (None, Some(status)) if is_off(view) => format!("The account's status is {status}."),
        (None, Some(status)) => format!("The account can be read; its status is {status}."),
        (None, None) => "The account can be read.".to_owned(),
    };
    (None, None, sentence)
}

fn is_off(view: &AccountView<'_>) -> bool {
    view.status.is_some_and(|status| status != "ACTIVE")
}
