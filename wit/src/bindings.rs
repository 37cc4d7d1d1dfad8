//! The interface as Rust sees it, generated from `jvdb.wit`. Exports nothing by itself.

wit_bindgen::generate!({ path: "jvdb.wit", world: "jvdb", pub_export_macro: true, export_macro_name: "export" });
