//! Loads the component, stores a vector, reads it back.

use jvdb_wasmtime::{Cache, Component, Metric, Options, Schema, Storage};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("usage: quickstart COMPONENT DIRECTORY")?;
    let directory = arguments.next().ok_or("usage: quickstart COMPONENT DIRECTORY")?;

    let component = Component::load(file, &Cache::Beside)?;
    let storage = Storage::open(&component, directory, Options::default())?;
    let films = storage.open_or_create("films", Schema { dimension: 3, metric: Metric::Cosine })?;
    films.put(7, &[0.1, 0.2, 0.3], br#"{"title":"Metropolis"}"#)?;
    println!("flushed in {:?}", films.flush()?);

    let film = films.get(7)?.ok_or("not there")?;
    println!("{:?} {}", film.vector, String::from_utf8_lossy(&film.metadata));
    Ok(storage.close()?)
}
