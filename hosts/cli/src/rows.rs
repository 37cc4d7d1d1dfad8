//! Rows of numbers in binary, as they are written: NumPy's format, and `fvecs` and `bvecs`.

use crate::file_format::{FileFormat, NUMPY};
use std::io::{self, Write};

/// The description of a NumPy file ends at a multiple of it.
const ALIGNMENT: usize = 64;

/// Writes what comes before the first row.
pub fn begin(out: &mut impl Write, format: FileFormat, rows: u64, dimension: usize) -> io::Result<()> {
    if format != FileFormat::Npy {
        return Ok(());
    }
    let mut text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {dimension}), }}");
    // Before the text are the magic, the version and its own length.
    let before = NUMPY.len() + 4;
    let length = (before + text.len() + 1).next_multiple_of(ALIGNMENT) - before;
    while text.len() + 1 < length {
        text.push(' ');
    }
    text.push('\n');
    out.write_all(NUMPY)?;
    out.write_all(&[1, 0])?;
    out.write_all(&(length as u16).to_le_bytes())?;
    out.write_all(text.as_bytes())
}

/// Writes a row.
///
/// # Errors
/// The outer one says which element the format cannot hold.
pub fn write(out: &mut impl Write, format: FileFormat, row: &[f32]) -> Result<io::Result<()>, String> {
    let length = (row.len() as i32).to_le_bytes();
    Ok(match format {
        FileFormat::Npy => floats(out, row),
        FileFormat::Bvecs => {
            let bytes = row
                .iter()
                .enumerate()
                .map(|(at, &element)| byte(element).ok_or_else(|| format!("element {at}, {element},")));
            let bytes = bytes.collect::<Result<Vec<u8>, _>>()?;
            out.write_all(&length).and_then(|()| out.write_all(&bytes))
        }
        _ => out.write_all(&length).and_then(|()| floats(out, row)),
    })
}

fn floats(out: &mut impl Write, row: &[f32]) -> io::Result<()> {
    row.iter().try_for_each(|element| out.write_all(&element.to_le_bytes()))
}

/// The byte that is the same number, to the bit.
fn byte(element: f32) -> Option<u8> {
    let byte = element as u8;
    (f32::from(byte).to_bits() == element.to_bits()).then_some(byte)
}
