//! A process on the whole terminal, sampled again and again.
//!
//! ```text
//!   keys ──► Screen (List or State) ──draw──► a frame of the terminal
//!               ▲
//!   a sample ───┘  every second: `Sample` of a process, or a list of processes
//! ```
//!
//! | file          | what it has                                                       |
//! |---------------|-------------------------------------------------------------------|
//! | `terminal.rs` | the terminal: taken, given back, keys and signals waited for      |
//! | `sample.rs`   | one sample of a process                                           |
//! | `rates.rs`    | what happened between two samples, a second                       |
//! | `state.rs`    | what is on the screen, and what keys do to it                     |
//! | `view.rs`, `bars.rs`, `tables.rs`, `help.rs` | how it is drawn                    |
//! | `purging.rs`  | what the purge policy is about to do, in words                    |
//! | `list.rs`     | the processes that run on Strata                                  |
//!
//! What draws knows no process, what samples knows no terminal.

mod bars;
mod help;
mod list;
mod purging;
mod rates;
mod sample;
mod state;
mod tables;
mod terminal;
mod view;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::inspect::process::Process;
use list::List;
use sample::Sampler;
use state::{Asked, State};
use terminal::{Happened, Terminal};

/// What is on the terminal.
enum Screen {
    List(List),
    Process { sampler: Box<Sampler>, state: Box<State>, from_list: bool },
}

impl Screen {
    /// A process, if it may be read and runs on Strata.
    fn of_process(pid: u32, from_list: bool) -> Result<Self> {
        let mut sampler = Box::new(Sampler::new(Process::open(pid)?));
        let state = Box::new(State::new(sampler.sample()?));
        Ok(Self::Process { sampler, state, from_list })
    }

    /// Takes another sample.
    fn refresh(&mut self) {
        match self {
            Self::List(list) => list.refresh(),
            Self::Process { sampler, state, .. } if state.wants_samples() => match sampler.sample() {
                Ok(sample) => state.take(sample),
                Err(_) => state.end(),
            },
            Self::Process { .. } => {}
        }
    }

    fn draw(&self, frame: &mut ratatui::Frame<'_>) {
        match self {
            Self::List(list) => list.draw(frame),
            Self::Process { state, .. } => view::draw(state, frame),
        }
    }

    /// What a key does; `None`: the command ends.
    fn press(self, key: terminal::Key) -> Result<Option<Self>> {
        Ok(match self {
            Self::List(mut list) => match list.press(key) {
                list::Asked::Nothing => Some(Self::List(list)),
                list::Asked::Quit => None,
                list::Asked::Open(pid) => Some(match Self::of_process(pid, true) {
                    Ok(screen) => screen,
                    Err(error) => {
                        list.say(format!("{error:#}"));
                        Self::List(list)
                    }
                }),
            },
            Self::Process { sampler, mut state, from_list } => match state.press(key) {
                Asked::Quit => None,
                Asked::Leave if from_list => Some(Self::List(List::found())),
                Asked::Leave => None,
                Asked::Nothing => Some(Self::Process { sampler, state, from_list }),
            },
        })
    }
}

/// Shows a process, or without one a list of them, until the user has seen enough or a signal ends the command.
pub(crate) fn run(pid: Option<u32>, every: Duration) -> Result<ExitCode> {
    let mut screen = match pid {
        Some(pid) => Screen::of_process(pid, false)?,
        None => Screen::List(List::found()),
    };
    let mut terminal = Terminal::open()?;
    let mut due = Instant::now() + every;
    loop {
        terminal.draw(|frame| screen.draw(frame))?;
        match terminal.wait_until(due)? {
            Happened::Key(key) => match screen.press(key)? {
                Some(next) => screen = next,
                None => return Ok(ExitCode::SUCCESS),
            },
            Happened::Resized => {}
            Happened::Due => {
                screen.refresh();
                due = Instant::now() + every;
            }
            Happened::Signal(signal) => return Ok(ExitCode::from(128 + signal)),
        }
    }
}
