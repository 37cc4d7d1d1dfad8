//! The program `jvdb`; all of it is in the library beside this file.

fn main() -> std::process::ExitCode {
    jvdb_cli::main()
}
