//! `jvdb_findings_t`: what a verification found wrong, or a repair did about it.

use crate::error::Error;
use crate::failure::Failure;
use crate::key::Key;
use crate::pointer::{borrow, c_string, free};
use crate::sized::{self, Versioned};
use crate::status::*;
use jvdb_core::{Damage, Gap, Item};
use std::ffi::{CString, c_char};
use std::ptr::null;

/// Kind of finding: the place at `offset` is damaged.
pub const JVDB_FINDING_DAMAGE: u64 = 1;
/// Kind of finding: the vector of `key` is gone, because its newest version is damaged.
pub const JVDB_FINDING_LOST_VECTOR: u64 = 2;
/// Kind of finding: an attribute is gone; `key` holds its name.
pub const JVDB_FINDING_LOST_ATTRIBUTE: u64 = 3;
/// Kind of finding: between `offset` and `end` records were lost whose names could not be read.
pub const JVDB_FINDING_GAP: u64 = 4;
/// Kind of finding: the vector of `key` is there, but may be older than the last one stored.
pub const JVDB_FINDING_DOUBTFUL_VECTOR: u64 = 5;
/// Kind of finding: an attribute is there, but may be older than the last one set; `key` holds its name.
pub const JVDB_FINDING_DOUBTFUL_ATTRIBUTE: u64 = 6;

/// One finding. Set struct_size, the rest is filled in. What it points to lives as long as the findings.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Finding {
    /// sizeof(jvdb_finding_t), as the program was compiled.
    pub struct_size: usize,
    /// A JVDB_FINDING_*. Later versions may add some.
    pub kind: u64,
    /// Byte offset in the file as it was; 0 where the kind has none.
    pub offset: u64,
    /// Where a gap ends; otherwise 0.
    pub end: u64,
    /// Records lost in a gap, the replaced and deleted ones among them; -1 if that is not known. Otherwise 0.
    pub records: i64,
    /// One line of UTF-8 that tells all of it.
    pub text: *const c_char,
    /// The key, or the bytes of an attribute's name; the integer 0 where the kind has none.
    pub key: Key,
}

// SAFETY: integers and raw pointers of eight bytes each, the first a usize.
unsafe impl Versioned for Finding {
    const FIRST: usize = size_of::<Self>();
}

/// What was found, in order of kind and place. Immutable; readable from any thread until it is freed.
pub struct Findings {
    list: Vec<(What, CString)>,
    backup: Option<CString>,
}

enum What {
    Damage(u64),
    Lost(Item),
    Gap(Gap),
    Doubtful(Item),
}

impl Findings {
    pub(crate) fn of_verification(damage: Vec<Damage>) -> Self {
        let mut findings = Self { list: Vec::new(), backup: None };
        findings.add_damage(damage);
        findings
    }

    pub(crate) fn of_repair(repair: jvdb_core::Repair) -> Self {
        let mut findings = Self { list: Vec::new(), backup: repair.backup.map(|file| c_string(&file)) };
        findings.add_damage(repair.damage);
        findings.list.extend(repair.lost.into_iter().map(|item| (format!("lost: {item}"), What::Lost(item))).map(text));
        findings.list.extend(repair.gaps.into_iter().map(|gap| (gap_text(&gap), What::Gap(gap))).map(text));
        let doubtful = repair.doubtful.into_iter();
        let told = |item: Item| (format!("may be an older version: {item}"), What::Doubtful(item));
        findings.list.extend(doubtful.map(told).map(text));
        findings
    }

    fn add_damage(&mut self, damage: Vec<Damage>) {
        let told = |Damage { offset, what, .. }| (format!("damaged at offset {offset}: {what}"), What::Damage(offset));
        self.list.extend(damage.into_iter().map(told).map(text));
    }
}

fn text((text, what): (String, What)) -> (What, CString) {
    (what, c_string(&text))
}

fn gap_text(gap: &Gap) -> String {
    let records = gap.records.map_or("an unknown number of".into(), |records| records.to_string());
    format!("gap from offset {} to {}: {records} records lost whose names could not be read", gap.offset, gap.end)
}

/// The key of an item, and whether it is an attribute's name.
fn key_of(item: &Item) -> (Key, bool) {
    match item {
        Item::Vector(key) => (Key::to(key), false),
        Item::Attribute(name) => (Key { bytes: name.as_ptr().cast(), number: name.len() as u64 }, true),
    }
}

/// Number of findings; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_findings_count(findings: *const Findings) -> usize {
    // SAFETY: NULL or findings not freed yet, as the header demands; so in every call of this file.
    unsafe { borrow(findings) }.map_or(0, |findings| findings.list.len())
}

/// The finding at an index: JVDB_OK, or JVDB_ABSENT past the end and for NULL. Set `finding->struct_size` before the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_findings_at(
    findings: *const Findings,
    index: usize,
    finding: *mut Finding,
    error: *mut *mut Error,
) -> Status {
    let body = || -> Result<Status, Failure> {
        // SAFETY: as in jvdb_findings_count.
        let found = unsafe { borrow(findings) }.and_then(|findings| findings.list.get(index));
        let Some((what, text)) = found else { return Ok(JVDB_ABSENT) };
        let mut value = Finding {
            struct_size: size_of::<Finding>(),
            kind: JVDB_FINDING_DAMAGE,
            offset: 0,
            end: 0,
            records: 0,
            text: text.as_ptr(),
            key: Key::NONE,
        };
        match what {
            What::Damage(offset) => value.offset = *offset,
            What::Gap(gap) => {
                (value.kind, value.offset, value.end) = (JVDB_FINDING_GAP, gap.offset, gap.end);
                value.records = gap.records.map_or(-1, |records| records.try_into().unwrap_or(i64::MAX));
            }
            What::Lost(item) => {
                let (key, attribute) = key_of(item);
                value.key = key;
                value.kind = if attribute { JVDB_FINDING_LOST_ATTRIBUTE } else { JVDB_FINDING_LOST_VECTOR };
            }
            What::Doubtful(item) => {
                let (key, attribute) = key_of(item);
                value.key = key;
                value.kind = if attribute { JVDB_FINDING_DOUBTFUL_ATTRIBUTE } else { JVDB_FINDING_DOUBTFUL_VECTOR };
            }
        }
        // SAFETY: `finding` is NULL or as large as its first field says.
        unsafe { sized::write(finding, &value, "finding") }?;
        Ok(JVDB_OK)
    };
    // SAFETY: `error` is NULL or valid for writing.
    unsafe { crate::boundary::run(error, body) }
}

/// Name of the file, in the same directory, that holds a repaired database as it was; NULL if nothing was repaired. Lives
/// as long as the findings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_findings_backup(findings: *const Findings) -> *const c_char {
    // SAFETY: as in jvdb_findings_count.
    let backup = unsafe { borrow(findings) }.and_then(|findings| findings.backup.as_ref());
    backup.map_or(null(), |file| file.as_ptr())
}

/// Frees findings and everything taken from them. NULL is ignored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_findings_free(findings: *mut Findings) {
    // SAFETY: NULL or findings not freed yet, which this call consumes.
    unsafe { free(findings) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CStr;
    use std::ptr::null_mut;

    #[test]
    fn every_kind_arrives_with_what_it_knows() {
        let storage = jvdb_core::Storage::in_memory(jvdb_core::Options::default()).unwrap();
        let schema = jvdb_core::Schema::new(2, jvdb_core::Metric::Cosine).unwrap();
        storage.create("a", schema).unwrap();
        let mut repair = storage.repair("a", None).unwrap();
        repair.backup = Some("a.jvdb.damaged-1".into());
        let vector = || Item::Vector(jvdb_core::KeyBuf::Int(17));
        let attribute = || Item::Attribute((*b"name").into());
        (repair.lost, repair.doubtful) = (vec![vector(), attribute()], vec![vector(), attribute()]);
        let findings = Findings::of_repair(repair);
        let mut kinds = Vec::new();
        for index in 0..5 {
            // SAFETY: integers and pointers, of which zero is a value.
            let mut finding: Finding = unsafe { std::mem::zeroed() };
            finding.struct_size = size_of::<Finding>();
            // SAFETY: all pointers are valid.
            let status = unsafe { jvdb_findings_at(&findings, index, &mut finding, null_mut()) };
            assert_eq!(status, if index < 4 { JVDB_OK } else { JVDB_ABSENT });
            if status == JVDB_OK {
                // SAFETY: the text lives as long as the findings.
                let text = unsafe { CStr::from_ptr(finding.text) }.to_str().unwrap().to_string();
                kinds.push((finding.kind, finding.key.bytes.is_null(), finding.key.number, text));
            }
        }
        let expected = [
            (JVDB_FINDING_LOST_VECTOR, true, 17, "lost: key 17"),
            (JVDB_FINDING_LOST_ATTRIBUTE, false, 4, "lost: attribute \"name\""),
            (JVDB_FINDING_DOUBTFUL_VECTOR, true, 17, "may be an older version: key 17"),
            (JVDB_FINDING_DOUBTFUL_ATTRIBUTE, false, 4, "may be an older version: attribute \"name\""),
        ];
        assert_eq!(kinds, expected.map(|(kind, integer, number, text)| (kind, integer, number, text.to_string())));
        // SAFETY: the findings live.
        assert_eq!(unsafe { CStr::from_ptr(jvdb_findings_backup(&findings)) }, c"a.jvdb.damaged-1");
    }
}
