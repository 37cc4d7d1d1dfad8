//! Switches that only tests turn on. Without their private features each is a constant `false`.

#[cfg(feature = "__deferred_index")]
pub mod deferred_index;
#[cfg(not(feature = "__deferred_index"))]
pub(crate) mod deferred_index;
#[cfg(feature = "__mutants")]
pub mod mutants;
#[cfg(not(feature = "__mutants"))]
pub(crate) mod mutants;
