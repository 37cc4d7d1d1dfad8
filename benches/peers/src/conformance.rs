//! Whether every contestant does the work that it is measured by.

macro_rules! conforms {
    ($($test:ident: $name:literal),* $(,)?) => {$(
        #[test]
        fn $test() {
            let all = crate::contestants();
            let contestant = all.iter().find(|contestant| contestant.name == $name).unwrap();
            jvdb_benches::conformance::check(contestant);
        }
    )*};
}

conforms! { through_c: "jvdb C", redb: "redb", fjall: "fjall", sqlite: "SQLite" }

#[cfg(feature = "rocksdb")]
conforms! { rocksdb: "RocksDB" }
