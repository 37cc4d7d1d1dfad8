//! Rows of numbers in binary: NumPy's format, and `fvecs` and `bvecs`. Bytes in, 32-bit floats out; knows nothing of keys.

use crate::file_format::{FileFormat, NUMPY};
use jvdb_core::MAX_DIMENSION;
use std::io::{self, BufRead, ErrorKind, Read};

/// Bytes that the description of a NumPy file may have.
const MAX_HEAD: usize = 64 << 10;

/// An error of the file, and not of the system.
pub fn wrong(what: String) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

/// How a number is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Element {
    Byte,
    Half { big: bool },
    Single { big: bool },
    Double { big: bool },
}

/// The rows of a file.
pub struct Numbers<R> {
    reader: R,
    element: Element,
    /// Of NumPy: how many rows are left, and how long each is.
    shape: Option<(u64, usize)>,
    row: Vec<u8>,
}

impl<R: BufRead> Numbers<R> {
    /// Begins to read a file of such a format.
    pub fn of(format: FileFormat, mut reader: R) -> io::Result<Self> {
        let (element, shape) = match format {
            FileFormat::Npy => {
                let head = Head::read(&mut reader)?;
                (head.element()?, Some(head.shape()?))
            }
            FileFormat::Bvecs => (Element::Byte, None),
            _ => (Element::Single { big: false }, None),
        };
        Ok(Self { reader, element, shape, row: Vec::new() })
    }

    /// How long each row is, if the file says so before the first.
    pub fn dimension(&self) -> Option<usize> {
        self.shape.map(|(_, dimension)| dimension)
    }

    /// Appends the numbers of the next row; says whether there was one.
    pub fn next(&mut self, into: &mut Vec<f32>) -> io::Result<bool> {
        let dimension = match &mut self.shape {
            Some((0, _)) if self.reader.fill_buf()?.is_empty() => return Ok(false),
            Some((0, _)) => return Err(wrong("the file goes on behind its last row".to_owned())),
            Some((rows, dimension)) => {
                *rows -= 1;
                *dimension
            }
            None if self.reader.fill_buf()?.is_empty() => return Ok(false),
            None => self.length()?,
        };
        self.row.resize(dimension * self.element.bytes(), 0);
        self.reader.read_exact(&mut self.row).map_err(cut_off)?;
        into.try_reserve(dimension).map_err(|_| io::Error::from(ErrorKind::OutOfMemory))?;
        for (at, bytes) in self.row.chunks_exact(self.element.bytes()).enumerate() {
            into.push(self.element.read(bytes).map_err(|what| wrong(format!("element {at} is {what}")))?);
        }
        Ok(true)
    }

    /// What stands before a row of `fvecs` or `bvecs`.
    fn length(&mut self) -> io::Result<usize> {
        let mut bytes = [0; 4];
        self.reader.read_exact(&mut bytes).map_err(cut_off)?;
        let length = i32::from_le_bytes(bytes);
        let fits = usize::try_from(length).ok().filter(|length| (1..=MAX_DIMENSION).contains(length));
        fits.ok_or_else(|| {
            wrong(format!("the row says that it has {length} elements; it must have 1..={MAX_DIMENSION}"))
        })
    }
}

fn cut_off(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::UnexpectedEof => wrong("the file ends within the row".to_owned()),
        _ => error,
    }
}

impl Element {
    fn bytes(self) -> usize {
        match self {
            Self::Byte => 1,
            Self::Half { .. } => 2,
            Self::Single { .. } => 4,
            Self::Double { .. } => 8,
        }
    }

    /// The number; bytes are as many as it has.
    fn read(self, bytes: &[u8]) -> Result<f32, String> {
        let word = |big: bool| {
            let one = |word: u64, byte: &u8| word << 8 | u64::from(*byte);
            if big { bytes.iter().fold(0, one) } else { bytes.iter().rev().fold(0, one) }
        };
        match self {
            Self::Byte => Ok(f32::from(bytes[0])),
            Self::Half { big } => Ok(of_half(word(big) as u16)),
            Self::Single { big } => Ok(f32::from_bits(word(big) as u32)),
            Self::Double { big } => {
                let double = f64::from_bits(word(big));
                let single = double as f32;
                let fits = single.is_finite() || !double.is_finite();
                fits.then_some(single).ok_or_else(|| format!("{double:e}, which no 32-bit float can hold"))
            }
        }
    }
}

/// The 32-bit float that is the same number.
fn of_half(bits: u16) -> f32 {
    let sign = u32::from(bits & 0x8000) << 16;
    let (exponent, fraction) = (u32::from(bits >> 10 & 0x1f), u32::from(bits & 0x3ff));
    let magnitude = match exponent {
        // 2^-24 is what the last bit of the smallest ones is worth.
        0 => (fraction as f32 / 16_777_216.0).to_bits(),
        0x1f => 0x7f80_0000 | fraction << 13,
        _ => (exponent + 112) << 23 | fraction << 13,
    };
    f32::from_bits(sign | magnitude)
}

/// The description at the beginning of a NumPy file: a dictionary, as Python writes it.
struct Head(String);

impl Head {
    fn read(reader: &mut impl Read) -> io::Result<Self> {
        let none = |_| wrong("it is no file of NumPy: it does not begin as one".to_owned());
        let mut begins = [0; 8];
        reader.read_exact(&mut begins).map_err(none)?;
        let length = match (begins.starts_with(NUMPY), begins[6]) {
            (true, 1) => {
                let mut length = [0; 2];
                reader.read_exact(&mut length).map_err(none)?;
                usize::from(u16::from_le_bytes(length))
            }
            (true, 2 | 3) => {
                let mut length = [0; 4];
                reader.read_exact(&mut length).map_err(none)?;
                u32::from_le_bytes(length) as usize
            }
            (true, version) => return Err(wrong(format!("format version {version} of NumPy is not known"))),
            (false, _) => return Err(wrong("it is no file of NumPy: it does not begin as one".to_owned())),
        };
        if length > MAX_HEAD {
            return Err(wrong(format!("its description has {length} bytes, of which {MAX_HEAD} are allowed")));
        }
        let mut text = vec![0; length];
        reader.read_exact(&mut text).map_err(none)?;
        Ok(Self(String::from_utf8_lossy(&text).into_owned()))
    }

    /// What stands behind a name.
    fn member(&self, name: &str) -> io::Result<&str> {
        let quoted = [format!("'{name}':"), format!("\"{name}\":")];
        let found = quoted.iter().find_map(|quoted| self.0.split_once(quoted));
        found.map(|(_, rest)| rest.trim_start()).ok_or_else(|| wrong(format!("its description has no {name:?}")))
    }

    fn element(&self) -> io::Result<Element> {
        let text = self.member("descr")?;
        let kind = text.trim_start_matches(['\'', '"']).split(['\'', '"']).next().unwrap_or_default();
        let big = kind.starts_with('>');
        match kind.trim_start_matches(['<', '>', '=', '|']) {
            "f2" => Ok(Element::Half { big }),
            "f4" => Ok(Element::Single { big }),
            "f8" => Ok(Element::Double { big }),
            "u1" => Ok(Element::Byte),
            _ => Err(wrong(format!("its elements are {kind:?}; they must be floats: save array.astype('float32')"))),
        }
    }

    fn shape(&self) -> io::Result<(u64, usize)> {
        if !self.member("fortran_order")?.starts_with("False") {
            return Err(wrong(
                "its columns lie together, not its rows: save numpy.ascontiguousarray(array)".to_owned(),
            ));
        }
        let text = self.member("shape")?;
        let inside = text.strip_prefix('(').and_then(|text| text.split_once(')')).map_or("", |(inside, _)| inside);
        let sizes =
            inside.split(',').map(str::trim).filter(|size| !size.is_empty()).map(|size| size.parse::<u64>().ok());
        match sizes.collect::<Option<Vec<_>>>().as_deref() {
            Some(&[rows, dimension]) if (1..=MAX_DIMENSION as u64).contains(&dimension) => {
                Ok((rows, dimension as usize))
            }
            _ => Err(wrong(format!(
                "its shape is ({inside}); it must have two sizes, of which the second is 1..={MAX_DIMENSION}"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::of_half;

    #[test]
    fn half_floats_are_the_same_numbers() {
        for (bits, expected) in [
            (0x3c00, 1.0_f32.to_bits()),
            (0xc000, (-2.0_f32).to_bits()),
            (0x8000, (-0.0_f32).to_bits()),
            (0x0001, 2_f32.powi(-24).to_bits()),
            (0x03ff, (1023.0 * 2_f32.powi(-24)).to_bits()),
            (0x0400, 2_f32.powi(-14).to_bits()),
            (0x7bff, 65504.0_f32.to_bits()),
            (0x7c00, f32::INFINITY.to_bits()),
            (0x7e00, f32::NAN.to_bits()),
        ] {
            assert_eq!(of_half(bits).to_bits(), expected, "{bits:04x}");
        }
    }
}
