//! Elements of vectors: the shortest decimal text that reads back to the same `f32`, and strings for what JSON has no
//! number for. Every bit pattern survives.

use serde_json::ser::{CompactFormatter, Formatter};
use std::io::{self, Write};

/// Writes an array of numbers and, for what is not finite, of strings.
pub fn write(out: &mut impl Write, vector: &[f32]) -> io::Result<()> {
    out.write_all(b"[")?;
    for (at, &element) in vector.iter().enumerate() {
        if at > 0 {
            out.write_all(b",")?;
        }
        write_element(out, element)?;
    }
    out.write_all(b"]")
}

fn write_element(out: &mut impl Write, element: f32) -> io::Result<()> {
    match element {
        f32::INFINITY => out.write_all(b"\"Infinity\""),
        f32::NEG_INFINITY => out.write_all(b"\"-Infinity\""),
        nan if nan.is_nan() && nan.to_bits() == f32::NAN.to_bits() => out.write_all(b"\"NaN\""),
        nan if nan.is_nan() => write!(out, "\"NaN({:08x})\"", nan.to_bits()),
        finite => CompactFormatter.write_f32(out, finite),
    }
}

/// Writes one element without quotes, for a cell of a table.
pub fn write_bare(out: &mut impl Write, element: f32) -> io::Result<()> {
    let mut text = Vec::new();
    write_element(&mut text, element)?;
    out.write_all(text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")).unwrap_or(&text))
}

/// Reads what [`write_bare`] writes, and what other programs write for NaN and infinity.
///
/// # Errors
/// Says what it is instead.
pub fn read_bare(text: &str) -> Result<f32, String> {
    match text.to_ascii_lowercase().as_str() {
        "nan" => Ok(f32::NAN),
        "inf" | "infinity" => Ok(f32::INFINITY),
        "-inf" | "-infinity" => Ok(f32::NEG_INFINITY),
        _ => read_special(&format!("\"{text}\"")).map_or_else(|| read_element(text), Ok),
    }
}

/// Appends the elements of a JSON array, given as its text. The text must be one well-formed JSON value.
///
/// The decimal text is rounded once, straight to `f32`. (By way of `f64`, as a JSON reader would by itself, it would be
/// rounded twice, and a few numbers would come out one unit off.)
///
/// # Errors
/// Says which element cannot be an `f32`, and what would be.
pub fn read(array: &str, into: &mut Vec<f32>) -> Result<(), String> {
    let elements = array.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let elements =
        elements.ok_or_else(|| format!("the vector is {}, it must be an array of numbers", excerpt(array)))?;
    if elements.trim_ascii().is_empty() {
        return Ok(());
    }
    // A comma inside a string or a nested array splits that element too. Its first piece starts with a quote that is
    // not closed, or with a bracket, so it is refused before a later piece could pass for a number.
    for (at, text) in elements.split(',').enumerate() {
        into.try_reserve(1).map_err(|full| full.to_string())?;
        into.push(read_element(text.trim_ascii()).map_err(|what| format!("element {at} {what}"))?);
    }
    Ok(())
}

fn read_element(text: &str) -> Result<f32, String> {
    if !text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
        return read_special(text).ok_or_else(|| {
            format!("is {}, it must be a number, \"NaN\", \"Infinity\" or \"-Infinity\"", excerpt(text))
        });
    }
    match text.parse::<f32>() {
        Ok(finite) if finite.is_finite() => Ok(finite),
        _ => Err(format!("is {}, which no 32-bit float can hold", excerpt(text))),
    }
}

fn read_special(text: &str) -> Option<f32> {
    match text {
        "\"NaN\"" => Some(f32::NAN),
        "\"Infinity\"" => Some(f32::INFINITY),
        "\"-Infinity\"" => Some(f32::NEG_INFINITY),
        _ => {
            let digits = text.strip_prefix("\"NaN(")?.strip_suffix(")\"")?;
            let bits = u32::from_str_radix(digits, 16).ok()?;
            Some(f32::from_bits(bits)).filter(|element| element.is_nan() && digits.len() == 8)
        }
    }
}

/// Enough of a text to recognise it by.
fn excerpt(text: &str) -> String {
    const CHARS: usize = 40;
    let start: String = text.chars().take(CHARS).collect();
    if start.len() == text.len() { start } else { format!("{start}...") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(vector: &[f32]) -> String {
        let mut out = Vec::new();
        write(&mut out, vector).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn bits(array: &str) -> Result<Vec<u32>, String> {
        let mut vector = Vec::new();
        read(array, &mut vector).map(|()| vector.iter().map(|element| element.to_bits()).collect())
    }

    #[test]
    fn every_kind_of_bit_pattern_survives() {
        // All exponents and signs, with mantissas that are empty, full, alternating and quiet.
        for high in 0..=0x1ff_u32 {
            for low in [0, 1, 2, 0x2a_aaaa, 0x40_0000, 0x55_5555, 0x7f_fffe, 0x7f_ffff] {
                let pattern = high << 23 | low;
                assert_eq!(bits(&text(&[f32::from_bits(pattern)])), Ok(vec![pattern]), "{pattern:08x}");
            }
        }
    }

    #[test]
    fn text_is_the_shortest() {
        let vector = [0.1, -0.0, 16_777_216.0, f32::MIN_POSITIVE, f32::from_bits(1), f32::NAN, f32::NEG_INFINITY];
        assert_eq!(text(&vector), r#"[0.1,-0.0,16777216.0,1.1754944e-38,1e-45,"NaN","-Infinity"]"#);
        assert_eq!(text(&[-f32::NAN]), r#"["NaN(ffc00000)"]"#);
        assert_eq!(text(&[]), "[]");
    }

    #[test]
    fn decimal_text_is_rounded_once() {
        // Just above the middle between 1 and its neighbour. As an f64 it is the middle, which would go to the even one.
        let text = "1.00000005960464477539062500000001";
        assert_eq!((text.parse::<f64>().unwrap() as f32).to_bits(), 0x3f80_0000);
        assert_eq!(bits(&format!("[{text}]")), Ok(vec![0x3f80_0001]));
    }

    #[test]
    fn spaces_and_integers_are_read() {
        assert_eq!(bits("[ 1 ,\n -0,\t2E1 ]"), Ok(vec![0x3f80_0000, 0x8000_0000, 0x41a0_0000]));
        assert_eq!(bits("[ ]"), Ok(vec![]));
    }

    #[test]
    fn what_is_not_a_number_is_refused_and_named() {
        for (array, expected) in [
            ("{}", "the vector is {}"),
            ("[1,null]", "element 1 is null"),
            ("[[1,2],3]", "element 0 is [1"),
            (r#"["1,2"]"#, "element 0 is \"1"),
            (r#"["1"]"#, "element 0 is \"1\""),
            (r#"["inf"]"#, "element 0 is \"inf\""),
            (r#"["NaN(7f800000)"]"#, "element 0 is \"NaN(7f800000)\""),
            (r#"["NaN(+7fc0000)"]"#, "element 0 is \"NaN(+7fc0000)\""),
            (r#"["NaN(0000007fc00001)"]"#, "element 0 is"),
            ("[0,1e39]", "element 1 is 1e39, which no 32-bit float can hold"),
            ("[true]", "element 0 is true"),
        ] {
            let error = bits(array).unwrap_err();
            assert!(error.starts_with(expected), "{array}: {error}");
        }
    }
}
