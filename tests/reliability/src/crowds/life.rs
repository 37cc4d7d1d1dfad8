//! Which life each database is in. A handle belongs to a life only if no other began while it was opened.

use super::counts::Counts;
use super::oracle::{Life, Name};
use jvdb_core::{Database, Error, Metric, Result, Schema, Storage};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};

/// All databases of a crowd.
pub struct Crowd {
    seats: Vec<Seat>,
    /// Held by the one that compacts: each takes a second file, and five that wait for one would wait for each other.
    pub compacting: Mutex<()>,
}

struct Seat {
    /// Even: the life of that number. Odd: between two lives.
    era: AtomicU64,
    life: Mutex<Arc<Life>>,
    /// Held by the one that ends a life and begins the next.
    changing: Mutex<()>,
}

/// A handle, and the life it is known to belong to.
pub struct Guest {
    pub handle: Database,
    pub life: Arc<Life>,
}

pub fn name_of(database: usize) -> String {
    format!("database {database}")
}

fn schema_of(database: usize) -> Result<Schema> {
    Schema::new(Life::dimension(database), Metric::Cosine)
}

impl Crowd {
    pub fn new(storage: &Storage, count: usize) -> Result<Self> {
        let seat = |database| {
            storage.create(&name_of(database), schema_of(database)?)?;
            let life = Mutex::new(Arc::new(Life::new(database, 0)));
            Ok(Seat { era: AtomicU64::new(0), life, changing: Mutex::new(()) })
        };
        let seats = (0..count).map(seat).collect::<Result<_>>()?;
        Ok(Self { seats, compacting: Mutex::new(()) })
    }

    pub fn len(&self) -> usize {
        self.seats.len()
    }

    /// A handle on a database; `None` if a change of its life came between.
    pub fn enter(&self, storage: &Storage, database: usize) -> Result<Option<Guest>> {
        let seat = &self.seats[database];
        let before = seat.era.load(SeqCst);
        let life = Arc::clone(&seat.life.lock().unwrap_or_else(PoisonError::into_inner));
        let handle = storage.database(&name_of(database));
        if before % 2 == 1 || life.number != before || seat.era.load(SeqCst) != before {
            return match handle {
                Ok(_) | Err(Error::NotFound { .. }) => Ok(None),
                Err(error) => Err(error),
            };
        }
        Ok(Some(Guest { handle: handle?, life }))
    }

    /// Whether a life is over, or about to be.
    pub fn is_over(&self, life: &Life) -> bool {
        self.seats[life.database].era.load(SeqCst) != life.number
    }

    /// Removes a database and makes it again, empty. False if somebody else is at it.
    pub fn recreate(&self, storage: &Storage, database: usize) -> Result<bool> {
        let seat = &self.seats[database];
        let Ok(_alone) = seat.changing.try_lock() else { return Ok(false) };
        let next = seat.era.fetch_add(1, SeqCst) + 2;
        storage.drop_database(&name_of(database))?;
        let created = storage.create(&name_of(database), schema_of(database)?)?;
        let empty = created.count() == 0 && created.attributes()?.is_empty();
        drop(created);
        *seat.life.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(Life::new(database, next));
        seat.era.store(next, SeqCst);
        if !empty {
            let what = "it was made anew and is not empty".into();
            return Err(Error::Corrupt { path: name_of(database), offset: 0, what });
        }
        Ok(true)
    }

    /// Checks everything of every database, while nobody writes.
    pub fn check_quiet(&self, storage: &Storage, counts: &Counts) {
        for database in 0..self.len() {
            match self.enter(storage, database) {
                Ok(Some(guest)) => check_all(&guest, counts),
                Ok(None) => counts.lost(&format!("{} is between two lives for good", name_of(database))),
                Err(error) => counts.lost(&format!("{}: {error}", name_of(database))),
            }
        }
        match storage.list() {
            Ok(names) if names.len() == self.len() => {}
            listed => counts.torn(&format!("{} databases, listed are {listed:?}", self.len())),
        }
    }
}

fn check_all(Guest { handle, life }: &Guest, counts: &Counts) {
    let (mut vectors, mut attributes) = (0, 0);
    for key in 0..life.keys() {
        // Nobody writes: what was acknowledged last is the only version that counts.
        let floor = life.floor(key);
        let is_there = life.content(key, floor).is_some();
        let checked = match life.name(key) {
            Name::Attribute(name) => {
                attributes += usize::from(is_there);
                handle
                    .attribute(name)
                    .map(|found| life.check(key, floor, found.as_deref().map(|value| (&[][..], value))))
            }
            name => {
                vectors += u64::from(is_there);
                let Some(name) = name.key() else { continue };
                handle
                    .get(name)
                    .map(|found| life.check(key, floor, found.as_ref().map(|found| (found.vector(), found.metadata()))))
            }
        };
        match checked {
            Ok(Ok(_)) => {}
            Ok(Err(wrong)) => counts.torn(&wrong),
            Err(error) => counts.lost(&error.to_string()),
        }
    }
    if handle.count() != vectors {
        counts.torn(&format!("{}: {} vectors counted, {vectors} stored", handle.name(), handle.count()));
    }
    match handle.attributes() {
        Ok(names) if names.len() == attributes => {}
        listed => counts.torn(&format!("{}: {attributes} attributes, listed are {listed:?}", handle.name())),
    }
    match handle.verify() {
        Ok(report) if report.damage.is_empty() && report.vectors == vectors => {}
        other => counts.torn(&format!("{}: verify says {other:?}", handle.name())),
    }
}
