//! Any bytes as a document to import. What is taken must be JSON, and what is stored must be sound.

use jvdb_cli::Imported;
use jvdb_core::{Options, Storage};
use serde::de::IgnoredAny;
use std::time::Duration;

/// The target.
pub fn json(document: &[u8]) {
    let options = Options::default().flush_interval(Duration::ZERO).seed(1);
    let storage = Storage::in_memory(options).expect("a directory opens");
    let imported = jvdb_cli::import_json(document, &storage, document.last().filter(|end| **end == b']').map(|_| "d"));
    if imported.is_ok() {
        serde_json::from_slice::<IgnoredAny>(document).expect("what was imported is JSON");
    }
    let mut count = 0;
    for name in storage.list().expect("a directory is listed") {
        let database = storage.database(&name).expect("what was created opens");
        count += database.count();
        assert_eq!(database.verify().expect("memory is read").damage, []);
    }
    if let Ok(Imported { vectors, .. }) = imported {
        assert!(count <= vectors, "{count} vectors there, {vectors} imported");
        assert!(vectors == 0 || count > 0, "{vectors} vectors imported, none is there");
    }
}
