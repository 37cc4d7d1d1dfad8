//! Ordinary life: what users of storage engines report as lost, stuck or misleading, as tests. One file a kind of fault; its
//! first line says what happens to people.

mod closed_folder;
mod copies;
mod descriptors;
mod files;
mod folders;
mod modes;
mod names;
mod one_bad_file;
mod paths;
mod readers;
mod removed;
mod scans;
mod second_writer;
mod two_names;
