//! Shows what takes long: downloads, preparations and starts.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, MultiProgress, ProgressBar, ProgressStyle};

use crate::config::Progress;

/// Where steps are shown.
#[derive(Debug, Clone)]
pub(crate) struct Reporter {
    progress: Progress,
    bars: MultiProgress,
}

/// One step that is shown until it is done or dropped.
#[derive(Debug)]
pub(crate) struct Step {
    progress: Progress,
    bar: ProgressBar,
    label: String,
    begun: Instant,
}

impl Reporter {
    pub(crate) fn new(progress: Progress) -> Self {
        let progress = match progress {
            Progress::Auto if std::io::stderr().is_terminal() => Progress::Bars,
            Progress::Auto => Progress::Lines,
            chosen => chosen,
        };
        Self { progress, bars: MultiProgress::new() }
    }

    pub(crate) fn begin(&self, label: &str) -> Step {
        let bar = match self.progress {
            Progress::Bars => {
                let bar = self.bars.add(ProgressBar::new_spinner());
                bar.enable_steady_tick(Duration::from_millis(100));
                // The template is a constant of this file, so a failure would only lose its shape.
                if let Ok(style) = ProgressStyle::with_template("  {spinner} {prefix} {elapsed} {msg}") {
                    bar.set_style(style);
                }
                bar
            }
            _ => ProgressBar::hidden(),
        };
        bar.set_prefix(label.to_owned());
        if self.progress == Progress::Lines {
            eprintln!("devstack: {label}");
        }
        Step { progress: self.progress, bar, label: label.to_owned(), begun: Instant::now() }
    }
}

impl Step {
    pub(crate) fn bytes(&self, bytes: u64) {
        if bytes > 0 {
            self.bar.set_message(HumanBytes(bytes).to_string());
        }
    }

    pub(crate) fn say(&self, what: &str) {
        self.bar.set_message(what.to_owned());
    }

    pub(crate) fn done(&self) {
        self.bar.finish_and_clear();
        if self.progress == Progress::Lines {
            eprintln!("devstack: {}: done in {:.1} s", self.label, self.begun.elapsed().as_secs_f64());
        }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
