//! Versions: of the header a program was compiled with, and of the library it runs with.

use std::ffi::{CStr, c_char};

/// Version of the library this header belongs to: the first number. Another one may be incompatible.
pub const JVDB_VERSION_MAJOR: u32 = 0;
/// Version of the library this header belongs to: the second number.
pub const JVDB_VERSION_MINOR: u32 = 1;
/// Version of the library this header belongs to: the third number.
pub const JVDB_VERSION_PATCH: u32 = 0;
/// Version of the calls and structs in this header. It grows by one whenever something is added. A program runs with
/// every library of the same SONAME whose jvdb_abi_version() is at least this.
pub const JVDB_ABI_VERSION: u32 = 4;

const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
    Ok(version) => version,
    Err(_) => panic!("a version holds no NUL"),
};

/// JVDB_ABI_VERSION of the library the program runs with.
#[unsafe(no_mangle)]
pub extern "C" fn jvdb_abi_version() -> u32 {
    JVDB_ABI_VERSION
}

/// Version of the library the program runs with, as text: "0.1.0". Static.
#[unsafe(no_mangle)]
pub extern "C" fn jvdb_version() -> *const c_char {
    VERSION.as_ptr()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_macros_are_the_version_of_the_package() {
        let macros = format!("{JVDB_VERSION_MAJOR}.{JVDB_VERSION_MINOR}.{JVDB_VERSION_PATCH}");
        assert_eq!(VERSION.to_str(), Ok(macros.as_str()));
    }

    #[test]
    fn the_soname_is_that_of_the_major_version() {
        assert_eq!(env!("JVDB_SONAME"), format!("libjvdb.so.{JVDB_VERSION_MAJOR}"));
    }
}
