//! What a database holds: the dimension and metric fixed at creation, and the limits of every size a caller chooses.

use crate::types::error::{Error, Result};

/// Largest dimension of a vector, in elements (256 KiB of `f32`).
pub const MAX_DIMENSION: usize = 65_536;
/// Largest byte key, in bytes. The smallest is 1.
pub const MAX_KEY_LEN: usize = 512;
/// Largest metadata of one vector, and largest value of one attribute, in bytes (16 MiB).
pub const MAX_METADATA_LEN: usize = 16 << 20;

/// Distance the vectors are meant for. Stored with the database and given back; the engine itself never computes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Metric {
    /// Cosine distance.
    #[default]
    Cosine = 0,
    /// Euclidean (L2) distance.
    Euclidean = 1,
    /// Inner product.
    DotProduct = 2,
}

impl Metric {
    /// All there are, by their numbers.
    pub const ALL: [Self; 3] = [Self::Cosine, Self::Euclidean, Self::DotProduct];

    /// Name used in JSON exports: `cosine`, `euclidean` or `dot_product`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cosine => "cosine",
            Self::Euclidean => "euclidean",
            Self::DotProduct => "dot_product",
        }
    }

    /// The metric of that [name](Self::name), in any case; `None` for any other text.
    ///
    /// ```
    /// use jvdb_core::Metric;
    /// assert_eq!(Metric::from_name("DOT_PRODUCT"), Some(Metric::DotProduct));
    /// assert_eq!(Metric::from_name("hamming"), None);
    /// ```
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.name().eq_ignore_ascii_case(name))
    }

    /// Number of the metric in files and in the C interface: 0 cosine, 1 Euclidean, 2 inner product.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The metric of that [number](Self::number); `None` for any other number.
    ///
    /// ```
    /// use jvdb_core::Metric;
    /// assert_eq!(Metric::from_number(Metric::DotProduct.number()), Some(Metric::DotProduct));
    /// assert_eq!(Metric::from_number(3), None);
    /// ```
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.number() == number)
    }
}

/// Shape of a database, fixed when it is created. Anything else that describes it goes into attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Schema {
    dimension: usize,
    metric: Metric,
}

impl Schema {
    /// A schema for vectors of `dimension` elements, 1..=[`MAX_DIMENSION`].
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a dimension outside that range.
    ///
    /// ```
    /// use jvdb_core::{Metric, Schema};
    /// let schema = Schema::new(384, Metric::Cosine)?;
    /// assert_eq!((schema.dimension(), schema.metric()), (384, Metric::Cosine));
    /// assert!(Schema::new(0, Metric::Cosine).is_err());
    /// # Ok::<(), jvdb_core::Error>(())
    /// ```
    pub fn new(dimension: usize, metric: Metric) -> Result<Self> {
        if (1..=MAX_DIMENSION).contains(&dimension) {
            Ok(Self { dimension, metric })
        } else {
            Err(Error::invalid("dimension", format!("{dimension} is not within 1..={MAX_DIMENSION}")))
        }
    }

    /// Elements of each vector.
    pub fn dimension(self) -> usize {
        self.dimension
    }

    /// Metric the vectors are meant for.
    pub fn metric(self) -> Metric {
        self.metric
    }

    pub(crate) fn vector_bytes(self) -> usize {
        self.dimension * size_of::<f32>()
    }
}

impl std::fmt::Display for Schema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "dimension {} and metric {}", self.dimension, self.metric.name())
    }
}
