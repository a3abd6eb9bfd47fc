//! `kimbai completions`: what completes this command line in a shell.

use clap::{Args, CommandFactory as _};
use clap_complete::{Shell, generate};

use crate::Arguments;
use crate::admin::print;

/// Writes what completes this command line in a shell.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kimbai completions bash > /etc/bash_completion.d/kimbai
  kimbai completions zsh > /usr/local/share/zsh/site-functions/_kimbai
  kimbai completions fish > ~/.config/fish/completions/kimbai.fish")]
pub(crate) struct CompletionsArgs {
    /// For which shell.
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

pub(crate) fn run(args: &CompletionsArgs) -> anyhow::Result<()> {
    let mut script = Vec::new();
    generate(args.shell, &mut Arguments::command(), "kimbai", &mut script);
    print(&String::from_utf8(script)?)
}
