//! The loop: messages in, effects out, a frame when something changed.

use super::effects::Effects;
use super::message::{Effect, Msg};
use super::model::Model;
use super::session::Session;
use super::signals::{Signals, Wakeup};
use super::{Error, update, view};
use std::io;
use std::ops::ControlFlow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, sleep_until};

/// Between two frames: 60 a second are as many as anybody sees.
const FRAME: Duration = Duration::from_millis(16);
/// Messages taken in before a frame is considered, so that a flood does not hold it up.
const BATCH: usize = 256;

/// The model and all that it talks to.
pub struct Workstation {
    pub model: Model,
    pub session: Session,
    pub effects: Effects,
    pub inbox: Receiver<Msg>,
    pub signals: Signals,
}

impl Workstation {
    /// Runs until somebody quits, a signal ends it, or the terminal is gone.
    pub async fn run(mut self) -> Result<(), Error> {
        // The first frame before anything is read: somebody waits for it.
        self.draw()?;
        let mut drawn = Instant::now();
        let mut stale = false;
        if self.perform(update::begin())?.is_break() {
            return Ok(());
        }
        loop {
            let wake = self.model.wake_at().map(|at| Instant::now() + until(at));
            let flow = tokio::select! {
                message = self.inbox.recv() => match message {
                    Some(message) => self.take(message)?,
                    None => return Ok(()),
                },
                wakeup = self.signals.next() => self.signalled(wakeup)?,
                () = sleep_until(wake.unwrap_or(drawn)), if wake.is_some() => self.tick()?,
                () = sleep_until(drawn + FRAME), if stale => ControlFlow::Continue(()),
            };
            if flow.is_break() {
                return Ok(());
            }
            stale = true;
            if drawn.elapsed() >= FRAME {
                self.draw()?;
                (drawn, stale) = (Instant::now(), false);
            }
        }
    }

    /// Takes in a message and those that wait behind it.
    fn take(&mut self, first: Msg) -> Result<ControlFlow<()>, Error> {
        if self.tick()?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        let mut next = Some(first);
        for _ in 0..BATCH {
            let Some(message) = next else { break };
            let effects = update::update(&mut self.model, message);
            if self.perform(effects)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            next = self.inbox.try_recv().ok();
        }
        if let Some(message) = next {
            let effects = update::update(&mut self.model, message);
            return self.perform(effects);
        }
        Ok(ControlFlow::Continue(()))
    }

    fn tick(&mut self) -> Result<ControlFlow<()>, Error> {
        let effects = update::update(&mut self.model, Msg::Clock(now()));
        self.perform(effects)
    }

    fn signalled(&mut self, wakeup: Wakeup) -> Result<ControlFlow<()>, Error> {
        match wakeup {
            Wakeup::End => return Ok(ControlFlow::Break(())),
            Wakeup::Resize => {
                let (columns, rows) = self.session.size().map_err(Error::Terminal)?;
                return self.take(Msg::Resize(columns, rows));
            }
            Wakeup::Stop => self.session.suspend(),
            Wakeup::Continue => self.session.resume(),
        }
        .map_err(Error::Terminal)?;
        Ok(ControlFlow::Continue(()))
    }

    /// Does what concerns the terminal here, and hands everything else on.
    fn perform(&mut self, effects: Vec<Effect>) -> Result<ControlFlow<()>, Error> {
        for effect in effects {
            let done = match effect {
                Effect::Quit => return Ok(ControlFlow::Break(())),
                Effect::Copy(text) => self.session.copy(&text),
                Effect::CaptureMouse(capture) => self.session.capture_mouse(capture),
                Effect::Redraw => self.session.redraw(),
                Effect::Suspend => self.session.suspend(),
                effect => {
                    self.effects.perform(effect);
                    Ok(())
                }
            };
            done.map_err(Error::Terminal)?;
        }
        Ok(ControlFlow::Continue(()))
    }

    fn draw(&mut self) -> Result<(), Error> {
        let model = &mut self.model;
        self.session.draw(|frame| view::draw(model, frame)).map_err(Error::Terminal)
    }
}

/// Now, in nanoseconds since 1970.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

fn until(at: i64) -> Duration {
    // Never quite at once, or a clock that lags behind would make the loop spin.
    Duration::from_nanos(u64::try_from(at - now()).unwrap_or(0)).max(Duration::from_millis(5))
}

/// Whether an error only says that nobody sits at the terminal any more.
pub fn terminal_is_gone(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EIO | libc::EPIPE | libc::ENXIO))
}
