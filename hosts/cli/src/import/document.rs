//! The file as a whole: an object with databases, or a bare array of vectors. Each part is handed to the target as it
//! goes by; nothing of it is kept here.

use super::attributes::Attributes;
use super::target::Target;
use super::vector::ReadVector;
use jvdb_core::Metric;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// The file.
pub struct Document<'a, 't>(pub &'a mut Target<'t>);

impl<'de> Visitor<'de> for Document<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("{\"databases\": [...]} or a bare array of vectors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut found = false;
        while let Some(field) = map.next_key::<String>()? {
            self.0.next_value();
            if field == "databases" {
                map.next_value_seed(DatabaseList(self.0))?;
                found = true;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        if found { Ok(()) } else { Err(A::Error::custom("there is no member \"databases\"")) }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, vectors: A) -> Result<(), A::Error> {
        let begun = self.0.begin_bare();
        self.0.told(begun)?;
        Vectors(self.0).visit_seq(vectors)
    }
}

/// The array of databases.
struct DatabaseList<'a, 't>(&'a mut Target<'t>);

impl<'de> DeserializeSeed<'de> for DatabaseList<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for DatabaseList<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an array of databases")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut databases: A) -> Result<(), A::Error> {
        while databases.next_element_seed(OneDatabase(self.0))?.is_some() {
            self.0.next_value();
        }
        Ok(())
    }
}

/// One database. Its name and schema must come before its vectors: they say where each vector goes as it is read.
struct OneDatabase<'a, 't>(&'a mut Target<'t>);

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Field {
    Name,
    Schema,
    Attributes,
    Vectors,
    #[serde(other)]
    Other,
}

/// The member "schema". What else it may hold is passed over.
#[derive(Deserialize)]
struct Shape {
    dimension: usize,
    distance_metric: Option<String>,
}

impl<'de> DeserializeSeed<'de> for OneDatabase<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for OneDatabase<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a database: {\"name\", \"schema\", \"vectors\"}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self(target) = self;
        let (mut named, mut shape, mut begun, mut filled) = (false, None, false, false);
        while let Some(field) = map.next_key()? {
            target.next_value();
            let twice = match field {
                Field::Name => {
                    target.enter(map.next_value()?);
                    std::mem::replace(&mut named, true)
                }
                Field::Schema => shape.replace(map.next_value::<Shape>()?).is_some(),
                Field::Vectors if begun => {
                    map.next_value_seed(Vectors(target))?;
                    std::mem::replace(&mut filled, true)
                }
                Field::Attributes if begun => map.next_value_seed(Attributes(target)).map(|()| false)?,
                Field::Vectors | Field::Attributes => return Err(A::Error::custom(TOO_EARLY)),
                Field::Other => map.next_value::<IgnoredAny>().map(|_| false)?,
            };
            if twice {
                return Err(A::Error::custom("the database has two members of one name"));
            }
            if let (true, Some(shape), false) = (named, &shape, begun) {
                let metric = shape.metric()?;
                let opened = target.begin(shape.dimension, metric);
                target.told(opened)?;
                begun = true;
            }
        }
        let left = target.leave();
        target.told(left)?;
        if begun { Ok(()) } else { Err(A::Error::missing_field(if named { "schema" } else { "name" })) }
    }
}

const TOO_EARLY: &str = "its content comes before \"name\" or \"schema\"; the file is read as a stream, so a database must \
                         say its name and its schema first";

impl Shape {
    fn metric<E: Error>(&self) -> Result<Option<Metric>, E> {
        let Some(name) = &self.distance_metric else { return Ok(None) };
        Metric::from_name(name).map(Some).ok_or_else(|| {
            E::custom(format_args!("unknown distance_metric {name:?}; it is cosine, euclidean or dot_product"))
        })
    }
}

/// The vectors of one database.
struct Vectors<'a, 't>(&'a mut Target<'t>);

impl<'de> DeserializeSeed<'de> for Vectors<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Vectors<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an array of vectors")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut vectors: A) -> Result<(), A::Error> {
        let Self(target) = self;
        target.begin_vectors();
        if target.passes_over() {
            while vectors.next_element::<IgnoredAny>()?.is_some() {
                target.next_vector();
            }
        } else {
            while let Some(dimension) = vectors.next_element_seed(ReadVector(target.batch()))? {
                let added = target.add(dimension);
                target.told(added)?;
                target.next_vector();
            }
        }
        let ended = target.end_vectors();
        target.told(ended)
    }
}
