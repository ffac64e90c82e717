//! Starting cargo and other programs with our own output, after saying what is started.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The cargo that runs us, for the workspace at `root`.
pub fn cargo(root: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    command
}

/// Runs it.
///
/// # Errors
/// If it cannot be started, or fails.
pub fn succeed(command: &mut Command) -> Result<()> {
    println!("$ {}", said(command));
    let status = command.status().with_context(|| format!("starting {}", said(command)))?;
    if !status.success() {
        bail!("{} failed: {status}", said(command));
    }
    Ok(())
}

/// How it would be typed, without the environment.
pub fn said(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args()).map(|word| word.to_string_lossy());
    words
        .map(|word| if word.contains(' ') { format!("'{word}'") } else { word.into_owned() })
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_said_as_it_would_be_typed() {
        assert_eq!(said(Command::new("/usr/bin/sh").args(["-c", "exit 3"])), "sh -c 'exit 3'");
        assert!(succeed(&mut Command::new("false")).is_err() && succeed(&mut Command::new("true")).is_ok());
    }
}
