//! Levers in words.

use std::fmt::Write as _;

use super::{Figure, Lever};

impl Lever {
    /// Appends the sentence for a person. `currency` is the account's, where known.
    pub fn write_sentence(&self, currency: Option<&str>, out: &mut String) {
        let written = match self.needed {
            Some(needed) => self.write_reached(needed, currency, out),
            None => write!(
                out,
                "{} alone, {}, would not do it, however far.",
                self.figure.title(),
                self.figure.shown(self.now, currency)
            ),
        };
        written.expect("writing to a String cannot fail");
    }

    fn write_reached(&self, needed: f64, currency: Option<&str>, out: &mut String) -> std::fmt::Result {
        let band = self.reaches.symbol();
        if self.figure == Figure::Fatigue {
            let signal = if needed > 0.0 { "A signal" } else { "The end of the signal" };
            return write!(out, "{signal} of creative fatigue would make it {band}.");
        }
        let shown = |value| self.figure.shown(value, currency);
        write!(
            out,
            "{} of {} instead of {} would make it {band}",
            self.figure.title(),
            shown(needed),
            shown(self.now)
        )?;
        if self.now > 0.0 {
            write!(out, " ({:+.0} %)", (needed / self.now - 1.0) * 100.0)?;
        }
        out.write_str(".")
    }
}

impl Figure {
    fn title(self) -> &'static str {
        match self {
            Self::Spend => "Spend",
            Self::Leads => "Leads",
            Self::Qualified => "Qualified leads",
            Self::Won => "Won leads",
            Self::Revenue => "Revenue",
            Self::LinkClicks => "Link clicks",
            Self::Frequency => "Frequency",
            Self::Fatigue => "Creative fatigue",
        }
    }

    fn shown(self, value: f64, currency: Option<&str>) -> String {
        let money = currency.map_or(String::new(), |code| format!(" {code}"));
        match self {
            Self::Spend | Self::Revenue => format!("{value:.2}{money}"),
            Self::Frequency => format!("{value:.2}"),
            Self::Fatigue if value > 0.0 => "signalled".to_owned(),
            Self::Fatigue => "not signalled".to_owned(),
            _ => format!("{value:.0}"),
        }
    }
}
