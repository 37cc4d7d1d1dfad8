//! What belongs to the shell and not to a directory of databases, as it is asked for.

use clap::Args;
use std::path::PathBuf;

/// Print what makes a shell complete the commands and options of jvdb
#[derive(Args)]
#[command(
    after_help = "Examples:\n    jvdb completions bash > ~/.local/share/bash-completion/completions/jvdb\n    jvdb \
completions zsh > ~/.zfunc/_jvdb\n    jvdb completions fish > ~/.config/fish/completions/jvdb.fish"
)]
pub struct Completions {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

/// Write the man pages of jvdb and of each of its commands
#[derive(Args)]
#[command(hide = true, after_help = "Example:\n    jvdb man --output ~/.local/share/man/man1")]
pub struct Man {
    /// Directory for jvdb.1, jvdb-import.1 and so on, made if it is missing; without it the page of jvdb is printed
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
}
