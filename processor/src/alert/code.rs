//! The codes of the alerts, and sets of them. A set is two bytes, kept for every campaign.

/// An alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum AlertCode {
    SpendSpike,
    CostPerLeadSpike,
    StaleData,
    VeryStaleData,
    UnusedCampaign,
    LeadDrop,
    BudgetExhausted,
    DataQuality,
    AccountFailure,
}

/// A set of alerts, always in the order of [`AlertCode::ALL`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Codes(u16);

impl AlertCode {
    /// Every alert, in the order in which they are published.
    pub(crate) const ALL: [Self; 9] = [
        Self::SpendSpike,
        Self::CostPerLeadSpike,
        Self::StaleData,
        Self::VeryStaleData,
        Self::UnusedCampaign,
        Self::LeadDrop,
        Self::BudgetExhausted,
        Self::DataQuality,
        Self::AccountFailure,
    ];

    /// The code on the wire, which is also what people and SQL see.
    pub(crate) const fn symbol(self) -> &'static str {
        match self {
            Self::SpendSpike => "SPEND_SPIKE",
            Self::CostPerLeadSpike => "COST_PER_LEAD_SPIKE",
            Self::StaleData => "STALE_DATA",
            Self::VeryStaleData => "VERY_STALE_DATA",
            Self::UnusedCampaign => "UNUSED_CAMPAIGN",
            Self::LeadDrop => "LEAD_DROP",
            Self::BudgetExhausted => "BUDGET_EXHAUSTED",
            Self::DataQuality => "DATA_QUALITY",
            Self::AccountFailure => "ACCOUNT_FAILURE",
        }
    }

    /// The alert of a code; `None` for one that this release does not know.
    pub(crate) fn from_symbol(symbol: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.symbol() == symbol)
    }
}

impl Codes {
    pub(crate) const fn contains(self, code: AlertCode) -> bool {
        self.0 & (1 << code as u16) != 0
    }

    pub(crate) const fn insert(&mut self, code: AlertCode) {
        self.0 |= 1 << code as u16;
    }

    /// Those of this set that are not in the other: what fires newly, or what has resolved.
    pub(crate) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    #[cfg(test)]
    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// In the order of [`AlertCode::ALL`].
    pub(crate) fn iter(self) -> impl Iterator<Item = AlertCode> {
        AlertCode::ALL.into_iter().filter(move |code| self.contains(*code))
    }

    pub(crate) fn symbols(self) -> impl Iterator<Item = &'static str> {
        self.iter().map(AlertCode::symbol)
    }

    /// The set of what a record names. A code that this release does not know is left out: no rule here could ever
    /// resolve it.
    pub(crate) fn from_symbols(symbols: &[&str]) -> Self {
        symbols.iter().filter_map(|symbol| AlertCode::from_symbol(symbol)).collect()
    }
}

impl FromIterator<AlertCode> for Codes {
    fn from_iter<T: IntoIterator<Item = AlertCode>>(codes: T) -> Self {
        let mut set = Self::default();
        for code in codes {
            set.insert(code);
        }
        set
    }
}
