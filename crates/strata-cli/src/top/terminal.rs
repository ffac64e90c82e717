//! The terminal: taken as a whole, given back as it was on every way out, and what happens on it.
//!
//! | way out                     | who gives the terminal back                                  |
//! |-----------------------------|--------------------------------------------------------------|
//! | the end, an error           | `drop`                                                       |
//! | SIGINT, SIGTERM             | the same: a handler notes the signal, the loop ends          |
//! | SIGHUP: there is none left  | no one: the handler ends the process                         |
//! | a panic                     | hooks, before the message is printed                         |
//!
//! Does not know: what is drawn.

use std::io::Result;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::crossterm::execute;
use ratatui::{DefaultTerminal, Frame};

/// How long a signal may go unnoticed.
const SIGNAL_WAIT: Duration = Duration::from_millis(100);

/// The signals by which a user ends a program.
const SIGNALS: [i32; 2] = [libc::SIGINT, libc::SIGTERM];

/// A key, as far as this command knows any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// A letter.
    Letter(char),
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
    Tab,
    Enter,
    Escape,
    /// Control and C: the end.
    Interrupt,
}

impl Key {
    fn of(event: KeyEvent) -> Option<Self> {
        if event.kind == KeyEventKind::Release {
            return None;
        }
        Some(match event.code {
            KeyCode::Char('c') if event.modifiers.contains(KeyModifiers::CONTROL) => Self::Interrupt,
            KeyCode::Char(letter) => Self::Letter(letter),
            KeyCode::Up => Self::Up,
            KeyCode::Down => Self::Down,
            KeyCode::PageUp => Self::PageUp,
            KeyCode::PageDown => Self::PageDown,
            KeyCode::Home => Self::Home,
            KeyCode::End => Self::End,
            KeyCode::Tab | KeyCode::BackTab => Self::Tab,
            KeyCode::Enter => Self::Enter,
            KeyCode::Esc => Self::Escape,
            _ => return None,
        })
    }
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happened {
    Key(Key),
    Resized,
    /// The time that was waited for has come.
    Due,
    /// A signal asks the command to end.
    Signal(u8),
}

/// The terminal, as long as it is ours.
pub(crate) struct Terminal {
    terminal: DefaultTerminal,
    /// The signal that came; 0: none.
    signal: Arc<AtomicUsize>,
}

impl Terminal {
    /// Takes it.
    pub(crate) fn open() -> Result<Self> {
        let signal = Arc::new(AtomicUsize::new(0));
        for number in SIGNALS {
            signal_hook::flag::register_usize(number, Arc::clone(&signal), number as usize)?;
        }
        // Of a terminal that is gone, crossterm reads the end of file for ever: it never comes back to the loop.
        let always = Arc::new(AtomicBool::new(true));
        signal_hook::flag::register_conditional_shutdown(libc::SIGHUP, 128 + libc::SIGHUP, always)?;
        let terminal = ratatui::try_init()?;
        show_cursor_at_a_panic();
        Ok(Self { terminal, signal })
    }

    /// Draws all of it.
    pub(crate) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> Result<()> {
        self.terminal.draw(draw).map(|_| ())
    }

    /// Waits for something to happen, until `due` at most.
    pub(crate) fn wait_until(&self, due: Instant) -> Result<Happened> {
        loop {
            // Relaxed: a number that stands alone.
            let signal = self.signal.load(Relaxed);
            if signal != 0 {
                return Ok(Happened::Signal(signal as u8));
            }
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Happened::Due);
            }
            if event::poll(left.min(SIGNAL_WAIT))? {
                match event::read()? {
                    Event::Key(key) => {
                        if let Some(key) = Key::of(key) {
                            return Ok(Happened::Key(key));
                        }
                    }
                    Event::Resize(..) => return Ok(Happened::Resized),
                    _ => {}
                }
            }
        }
    }
}

/// `ratatui`'s own hook leaves the screen and the modes as they were, but not the cursor: the drop of the terminal shows it, and where
/// a panic aborts nobody does.
fn show_cursor_at_a_panic() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        // The message matters more.
        let _ = execute!(std::io::stdout(), Show);
        hook(panic);
    }));
}

impl Drop for Terminal {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// A server of the test's own.
    fn tmux(socket: &str, arguments: &[&str]) -> String {
        let mut command = Command::new("tmux");
        command.args(["-u", "-f", "/dev/null", "-L", socket]).args(arguments).env_remove("TMUX");
        String::from_utf8_lossy(&command.output().unwrap().stdout).into_owned()
    }

    #[test]
    fn a_panic_leaves_the_terminal_as_it_was() {
        if Command::new("tmux").arg("-V").output().is_err() {
            return println!("skipped: tmux is not installed");
        }
        let (socket, program) =
            (format!("strata-panic-{}", std::process::id()), std::env::current_exe().unwrap());
        let script = format!(
            "{} --ignored --exact --nocapture top::terminal::tests::panics_on_a_terminal; stty -a; echo all-said; sleep 60",
            program.display()
        );
        tmux(&socket, &["new-session", "-d", "-x", "100", "-y", "50", "sh", "-c", &script]);
        let start = Instant::now();
        let screen = loop {
            let screen = tmux(&socket, &["capture-pane", "-p"]);
            if screen.contains("all-said") || start.elapsed() > Duration::from_secs(60) {
                break screen;
            }
            std::thread::sleep(SIGNAL_WAIT);
        };
        let modes = tmux(&socket, &["display-message", "-p", "#{alternate_on} #{cursor_flag}"]);
        tmux(&socket, &["kill-server"]);
        assert!(screen.contains("this message is to be read"), "{screen}");
        assert!(screen.contains(" icanon ") && screen.contains(" echo "), "{screen}");
        assert_eq!(modes.trim(), "0 1", "the screen of its own, and the cursor: {screen}");
    }

    #[test]
    #[ignore = "played on a terminal by the test above"]
    fn panics_on_a_terminal() {
        let mut terminal = Terminal::open().unwrap();
        terminal.draw(|frame| frame.render_widget("something", frame.area())).unwrap();
        // Where a panic aborts, nothing is dropped.
        std::mem::forget(terminal);
        panic!("this message is to be read");
    }
}
