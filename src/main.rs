//! The program: see [`crossdock::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    crossdock::cli::run()
}
