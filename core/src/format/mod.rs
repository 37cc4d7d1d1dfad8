//! Every byte of a file: how records, tables and superblocks are written and read.

pub(crate) mod chain;
pub(crate) mod checksum;
pub(crate) mod counts;
pub(crate) mod file_name;
pub(crate) mod head;
pub(crate) mod layout;
pub(crate) mod record;
pub(crate) mod superblock;
pub(crate) mod table;
