//! The end: one wish to stop, in the form that each kind of worker understands.

use tokio_util::sync::CancellationToken;

/// Asked once, by a signal or by a role that failed; everybody finishes what is under way.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    tasks: CancellationToken,
    threads: kafka::ShutdownToken,
}

impl Shutdown {
    /// Asks everybody to finish.
    pub fn request(&self) {
        self.threads.request();
        self.tasks.cancel();
    }

    /// Whether somebody asked.
    pub fn is_requested(&self) -> bool {
        self.tasks.is_cancelled()
    }

    /// Resolves when somebody asks.
    pub async fn requested(&self) {
        self.tasks.cancelled().await;
    }

    /// For tasks.
    pub fn token(&self) -> CancellationToken {
        self.tasks.clone()
    }

    /// For threads.
    pub fn thread_token(&self) -> kafka::ShutdownToken {
        self.threads.clone()
    }

    /// Asks on SIGINT and SIGTERM. A second signal ends the process at once, with the status of an interrupted one.
    pub fn on_signals(&self) -> std::io::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};
        let (mut interrupt, mut terminate) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let shutdown = self.clone();
        tokio::spawn(async move {
            for asked in 0.. {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if asked > 0 {
                    tracing::warn!(
                        "second signal: ending without waiting; what was not committed will be read again"
                    );
                    std::process::exit(130);
                }
                tracing::info!("stopping: finishing what is under way");
                shutdown.request();
            }
        });
        Ok(())
    }
}
