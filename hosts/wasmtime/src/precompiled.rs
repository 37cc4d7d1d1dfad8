//! Compiled code kept in files: compiling takes seconds, loading what was compiled takes milliseconds.
//!
//! A file is used only if it was written for this very component by this very version and configuration of wasmtime, is
//! whole, and nobody but the user (or root) could have written it. Otherwise the component is compiled, and the file
//! written again.

use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use wasmtime::Engine;
use wasmtime::component::Component;

/// Where compiled code is kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Cache {
    /// In the directory of the component.
    #[default]
    Beside,
    /// In this directory, which is created if it is missing.
    In(PathBuf),
    /// Nowhere: the component is compiled whenever it is loaded.
    Off,
}

type Sum = [u8; 32];

/// The component of that file, compiled.
pub(crate) fn load(engine: &Engine, path: &Path, cache: &Cache) -> wasmtime::Result<Component> {
    let binary = fs::read(path)?;
    let identity = identity(engine, &binary);
    let Some(kept) = kept_at(path, cache, &identity) else {
        return Component::from_binary(engine, &binary);
    };
    if let Ok(code) = read(&kept, &identity)
        && let Some(component) = deserialize(engine, &code)
    {
        return Ok(component);
    }
    let component = Component::from_binary(engine, &binary)?;
    // Without the file the next start is slower, nothing else.
    let _ = write(&kept, &identity, &component.serialize()?);
    Ok(component)
}

/// What the code depends on: the component, and how wasmtime compiles.
fn identity(engine: &Engine, binary: &[u8]) -> Sum {
    let mut compiler = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut compiler);
    sum(&[&compiler.finish().to_le_bytes(), binary])
}

fn sum(parts: &[&[u8]]) -> Sum {
    let mut sum = Sha256::new();
    parts.iter().for_each(|part| sum.update(part));
    sum.finalize().into()
}

fn kept_at(path: &Path, cache: &Cache, identity: &Sum) -> Option<PathBuf> {
    let directory = match cache {
        Cache::Beside => path.parent()?,
        Cache::In(directory) => directory,
        Cache::Off => return None,
    };
    let id: String = identity[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    Some(directory.join(format!("{}-{id}.cwasm", path.file_stem()?.to_str()?)))
}

/// Reads a file made by [`write()`]: a checksum over identity and code, then the code.
fn read(kept: &Path, identity: &Sum) -> io::Result<Vec<u8>> {
    let mut file = File::open(kept)?;
    let found = file.metadata()?;
    let ours = found.uid() == 0 || found.uid() == rustix::process::geteuid().as_raw();
    if !ours || found.mode() & 0o022 != 0 {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let mut expected = Sum::default();
    let mut code = Vec::new();
    file.read_exact(&mut expected)?;
    file.read_to_end(&mut code)?;
    if sum(&[identity, &code]) == expected { Ok(code) } else { Err(io::ErrorKind::InvalidData.into()) }
}

/// Writes a file that is whole or not there.
fn write(kept: &Path, identity: &Sum, code: &[u8]) -> io::Result<()> {
    let directory = kept.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory)?;
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(&sum(&[identity, code]))?;
    file.write_all(code)?;
    file.persist(kept)?;
    Ok(())
}

#[allow(unsafe_code)]
fn deserialize(engine: &Engine, code: &[u8]) -> Option<Component> {
    // SAFETY: wasmtime asks for bytes that `Component::serialize` gave. `code` comes from `read`, which takes only a
    // file that this user or root owns and nobody else can write, and whose checksum over the identity and every byte
    // of the code is the one `write` put there; `write` is only ever given what `serialize` returned. These bytes are
    // in memory, so the file cannot change between check and use.
    unsafe { Component::deserialize(engine, code) }.ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// The smallest component there is.
    const EMPTY: &[u8] = b"\0asm\r\0\x01\0";

    fn setting() -> (tempfile::TempDir, PathBuf, Engine) {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("empty.wasm");
        fs::write(&path, EMPTY).unwrap();
        (scratch, path, Engine::default())
    }

    #[test]
    fn code_is_kept_and_used_only_when_whole_and_ours() {
        let (_scratch, path, engine) = setting();
        load(&engine, &path, &Cache::Beside).unwrap();
        let kept = kept_at(&path, &Cache::Beside, &identity(&engine, EMPTY)).unwrap();
        let inode = || fs::metadata(&kept).unwrap().ino();
        let first = inode();
        load(&engine, &path, &Cache::Beside).unwrap();
        assert_eq!(inode(), first, "what is good is not written again");

        let good = fs::read(&kept).unwrap();
        let flipped = |at: usize| {
            let mut bytes = good.clone();
            bytes[at] ^= 1;
            bytes
        };
        for bad in [flipped(0), flipped(32), flipped(good.len() - 1), good[..good.len() - 1].to_vec(), Vec::new()] {
            fs::write(&kept, &bad).unwrap();
            assert!(read(&kept, &identity(&engine, EMPTY)).is_err());
            load(&engine, &path, &Cache::Beside).unwrap();
            assert!(fs::read(&kept).unwrap() == good, "what is damaged is written again");
        }

        fs::set_permissions(&kept, fs::Permissions::from_mode(0o620)).unwrap();
        assert!(read(&kept, &identity(&engine, EMPTY)).is_err(), "others could have written it");
        load(&engine, &path, &Cache::Beside).unwrap();
        assert_eq!(fs::metadata(&kept).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn code_of_another_component_or_compiler_is_not_taken() {
        let (scratch, path, engine) = setting();
        let kept = scratch.path().join("kept.cwasm");
        let code = Component::from_binary(&engine, EMPTY).unwrap().serialize().unwrap();
        let own = identity(&engine, EMPTY);
        write(&kept, &own, &code).unwrap();
        read(&kept, &own).unwrap();
        let mut config = wasmtime::Config::new();
        config.cranelift_opt_level(wasmtime::OptLevel::None);
        let other = Engine::new(&config).unwrap();
        for identity in [identity(&engine, b"another"), identity(&other, EMPTY)] {
            assert!(read(&kept, &identity).is_err());
            assert_ne!(kept_at(&path, &Cache::Beside, &identity), kept_at(&path, &Cache::Beside, &own));
        }
    }

    #[test]
    fn a_cache_that_cannot_be_written_is_no_failure() {
        let (_scratch, path, engine) = setting();
        load(&engine, &path, &Cache::In("/proc/nowhere".into())).unwrap();
        load(&engine, &path, &Cache::Off).unwrap();
    }
}
