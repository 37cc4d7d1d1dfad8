//! A disk that can lose power, and what is tried on it.
//!
//! [`disk`] remembers every write and what of it is durable, and can produce any image that a power cut may leave;
//! [`model`] knows what a database must then hold; [`campaign`] runs the engine on the one and compares with the other,
//! [`many`] as often as asked.
//! [`faults`] lets the disk's calls fail instead, and the engine go on.

pub mod campaign;
pub mod disk;
pub mod faults;
pub mod many;
pub mod model;
