//! The C interface of Hyperscan (and of Vectorscan, which is the same), made safe.
//!
//! This is the only module of the crate that may hold unsafe code. It knows block mode and nothing else: a set of
//! expressions becomes a [`Database`], a thread owns a [`Scratch`], and [`Database::scan`] appends `(expression,
//! end offset)` pairs to a vector. The callback does nothing that can panic or allocate: when the vector is full
//! it stops the scan, and the caller's loop makes the vector larger and scans again, so that no match is lost.

#![expect(clippy::cast_possible_truncation, reason = "windows and numbers of expressions are far below 2^32")]
#![expect(unsafe_code, reason = "the engine is a C library")]

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_ulonglong, c_void};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU64, Ordering};

#[repr(C)]
struct RawDatabase {
    _opaque: [u8; 0],
}

#[repr(C)]
struct RawScratch {
    _opaque: [u8; 0],
}

#[repr(C)]
struct RawCompileError {
    message: *mut c_char,
    expression: c_int,
}

#[repr(C)]
#[derive(Default)]
struct RawPlatform {
    tune: c_uint,
    cpu_features: c_ulonglong,
    reserved1: c_ulonglong,
    reserved2: c_ulonglong,
}

type OnMatch = extern "C" fn(c_uint, c_ulonglong, c_ulonglong, c_uint, *mut c_void) -> c_int;

unsafe extern "C" {
    fn hs_compile_multi(
        expressions: *const *const c_char,
        flags: *const c_uint,
        ids: *const c_uint,
        elements: c_uint,
        mode: c_uint,
        platform: *const RawPlatform,
        db: *mut *mut RawDatabase,
        error: *mut *mut RawCompileError,
    ) -> c_int;
    fn hs_free_compile_error(error: *mut RawCompileError) -> c_int;
    fn hs_free_database(db: *mut RawDatabase) -> c_int;
    fn hs_database_size(db: *const RawDatabase, size: *mut usize) -> c_int;
    fn hs_serialize_database(db: *const RawDatabase, bytes: *mut *mut c_char, length: *mut usize) -> c_int;
    fn hs_deserialize_database(bytes: *const c_char, length: usize, db: *mut *mut RawDatabase) -> c_int;
    fn hs_populate_platform(platform: *mut RawPlatform) -> c_int;
    fn hs_valid_platform() -> c_int;
    fn hs_version() -> *const c_char;
    fn hs_alloc_scratch(db: *const RawDatabase, scratch: *mut *mut RawScratch) -> c_int;
    fn hs_free_scratch(scratch: *mut RawScratch) -> c_int;
    fn hs_scan(
        db: *const RawDatabase,
        data: *const c_char,
        length: c_uint,
        flags: c_uint,
        scratch: *mut RawScratch,
        on_event: OnMatch,
        context: *mut c_void,
    ) -> c_int;
    fn free(memory: *mut c_void);
}

const HS_SUCCESS: c_int = 0;
const HS_NOMEM: c_int = -2;
const HS_SCAN_TERMINATED: c_int = -3;
const HS_DB_VERSION_ERROR: c_int = -5;
const HS_DB_PLATFORM_ERROR: c_int = -6;
const HS_ARCH_ERROR: c_int = -11;
const HS_MODE_BLOCK: c_uint = 1;

/// Match letters in both cases.
pub(crate) const CASELESS: u32 = 1;

/// The longest text one scan takes; the library counts in 32 bits.
pub(crate) const MAX_SCAN: usize = 1 << 31;

/// How many matches the buffer holds before the first growth.
const FIRST_CAPACITY: usize = 4096;

/// One expression of a database.
pub(crate) struct Expression {
    /// The pattern in Hyperscan's syntax, bytes written as `\xNN`.
    pub(crate) pattern: String,
    /// [`CASELESS`] and the like.
    pub(crate) flags: u32,
}

/// Why the library refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EngineError {
    /// An expression does not compile; `expression` is its index where the library knows it.
    #[error("{message}")]
    Compile { message: String, expression: Option<usize> },
    /// The database was built for another library version or processor.
    #[error("the compiled database is for another library version or processor")]
    Stale,
    /// The processor lacks what the library needs (SSSE3 on x86-64).
    #[error("this processor is not supported by the scanning library")]
    Processor,
    /// Out of memory.
    #[error("not enough memory for the scanning engine")]
    Memory,
    /// The scratch memory was not prepared for this database.
    #[error("the scratch memory belongs to other databases")]
    Scratch,
    /// Any other code of the library.
    #[error("the scanning library failed with code {0}")]
    Code(i32),
}

fn check(code: c_int) -> Result<(), EngineError> {
    match code {
        HS_SUCCESS => Ok(()),
        HS_NOMEM => Err(EngineError::Memory),
        HS_DB_VERSION_ERROR | HS_DB_PLATFORM_ERROR => Err(EngineError::Stale),
        HS_ARCH_ERROR => Err(EngineError::Processor),
        other => Err(EngineError::Code(other)),
    }
}

/// The library's version and the processor features it would compile for: part of a compile cache's key.
pub(crate) fn platform_key() -> String {
    let mut platform = RawPlatform::default();
    // SAFETY: the pointer is to a live, writable struct of the layout the header declares.
    let code = unsafe { hs_populate_platform(&raw mut platform) };
    format!("{} tune={} features={:x} code={code}", version(), platform.tune, platform.cpu_features)
}

/// The library's version and build date.
pub(crate) fn version() -> String {
    // SAFETY: hs_version takes nothing and returns a static NUL-terminated string.
    let version = unsafe { CStr::from_ptr(hs_version()) };
    version.to_string_lossy().into_owned()
}

/// A compiled set of expressions, immutable and shared by all threads.
pub(crate) struct Database {
    raw: NonNull<RawDatabase>,
    /// No other database of this process has it, now or later: what a [`Scratch`] knows its databases by. An address
    /// would not do, since memory is used again.
    id: u64,
}

// SAFETY: a compiled database is never written after it was built; the library documents it as shareable between
// threads without locks.
unsafe impl Send for Database {}
// SAFETY: as above.
unsafe impl Sync for Database {}

impl Drop for Database {
    fn drop(&mut self) {
        // SAFETY: `raw` came from the library and is freed once, here.
        unsafe { hs_free_database(self.raw.as_ptr()) };
    }
}

impl Database {
    /// Takes over what the library made.
    fn own(raw: *mut RawDatabase) -> Result<Database, EngineError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let raw = NonNull::new(raw).ok_or(EngineError::Memory)?;
        Ok(Database { raw, id: NEXT.fetch_add(1, Ordering::Relaxed) })
    }

    /// Compiles expressions for block mode; an expression's index is its id in matches.
    pub(crate) fn compile(expressions: &[Expression]) -> Result<Database, EngineError> {
        // SAFETY: takes nothing, returns a code.
        check(unsafe { hs_valid_platform() })?;
        let patterns = expressions
            .iter()
            .enumerate()
            .map(|(index, e)| {
                CString::new(e.pattern.as_str()).map_err(|_| EngineError::Compile {
                    message: "the pattern holds a NUL byte".to_owned(),
                    expression: Some(index),
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let pointers: Vec<*const c_char> = patterns.iter().map(|p| p.as_ptr()).collect();
        let flags: Vec<c_uint> = expressions.iter().map(|e| e.flags).collect();
        let ids: Vec<c_uint> = (0..expressions.len() as c_uint).collect();
        let mut raw = ptr::null_mut();
        let mut error = ptr::null_mut();
        // SAFETY: the three arrays have `elements` entries and outlive the call, every pattern is NUL-terminated,
        // a null platform means this machine, and the two out pointers are writable.
        let code = unsafe {
            hs_compile_multi(
                pointers.as_ptr(),
                flags.as_ptr(),
                ids.as_ptr(),
                expressions.len() as c_uint,
                HS_MODE_BLOCK,
                ptr::null(),
                &raw mut raw,
                &raw mut error,
            )
        };
        if let Some(error) = NonNull::new(error) {
            return Err(take_compile_error(error));
        }
        check(code)?;
        Database::own(raw)
    }

    /// The database as bytes, for a cache. Only [`Database::deserialize`] reads them.
    pub(crate) fn serialize(&self) -> Result<Vec<u8>, EngineError> {
        let mut bytes = ptr::null_mut();
        let mut length = 0;
        // SAFETY: `raw` is a live database and both out pointers are writable.
        check(unsafe { hs_serialize_database(self.raw.as_ptr(), &raw mut bytes, &raw mut length) })?;
        // SAFETY: on success the library hands over `length` readable bytes allocated with malloc.
        let copy = unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), length) }.to_vec();
        // SAFETY: the buffer was allocated with malloc (no other allocator is ever set) and is freed once.
        unsafe { free(bytes.cast()) };
        Ok(copy)
    }

    /// Rebuilds a database from [`Database::serialize`]'s bytes.
    ///
    /// The library checks magic, version, platform and a checksum, and copies the bytes to aligned memory; bytes of
    /// another origin must not be given, which the caller's own digest ensures.
    pub(crate) fn deserialize(bytes: &[u8]) -> Result<Database, EngineError> {
        let mut raw = ptr::null_mut();
        // SAFETY: the slice is readable for its length and the out pointer is writable.
        check(unsafe { hs_deserialize_database(bytes.as_ptr().cast(), bytes.len(), &raw mut raw) })?;
        Database::own(raw)
    }

    /// The size of the database in memory, in bytes.
    pub(crate) fn size(&self) -> usize {
        let mut size = 0;
        // SAFETY: `raw` is a live database and the out pointer is writable.
        let code = unsafe { hs_database_size(self.raw.as_ptr(), &raw mut size) };
        if code == HS_SUCCESS { size } else { 0 }
    }

    /// Scans `text` (at most [`MAX_SCAN`] bytes) and appends all matches to `matches`.
    ///
    /// They come in no promised order and may repeat. A scratch that was not prepared for this database is refused.
    pub(crate) fn scan(
        &self,
        scratch: &mut Scratch,
        text: &[u8],
        matches: &mut Vec<Match>,
    ) -> Result<(), EngineError> {
        if !scratch.databases.contains(&self.id) {
            return Err(EngineError::Scratch);
        }
        debug_assert!(text.len() <= MAX_SCAN);
        let before = matches.len();
        if matches.capacity() - before < FIRST_CAPACITY {
            matches.reserve(FIRST_CAPACITY);
        }
        loop {
            // SAFETY: the database is live, the text is readable for its length, the scratch was allocated for this
            // database (its id was just found there) and is borrowed exclusively, and the context is a vector that
            // outlives the call and that nothing else touches meanwhile.
            let code = unsafe {
                hs_scan(
                    self.raw.as_ptr(),
                    text.as_ptr().cast(),
                    text.len() as c_uint,
                    0,
                    scratch.raw,
                    append,
                    ptr::from_mut(matches).cast(),
                )
            };
            if code != HS_SCAN_TERMINATED {
                return check(code);
            }
            matches.truncate(before);
            matches.reserve(matches.capacity() * 2);
        }
    }
}

fn take_compile_error(error: NonNull<RawCompileError>) -> EngineError {
    // SAFETY: the library returned the error and it stays valid until it is freed below.
    let (message, expression) = unsafe {
        let raw = error.as_ref();
        let message = if raw.message.is_null() {
            String::new()
        } else {
            CStr::from_ptr(raw.message).to_string_lossy().into_owned()
        };
        (message, usize::try_from(raw.expression).ok())
    };
    // SAFETY: freed once; nothing of it is used after.
    unsafe { hs_free_compile_error(error.as_ptr()) };
    EngineError::Compile { message, expression }
}

/// One report of the engine: which expression ended where. Ordered by end, then by expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Match {
    /// Offset of the byte after the last one matched.
    pub(crate) end: u32,
    /// Index of the expression.
    pub(crate) expression: u32,
}

/// Never allocates and never panics: a full vector ends the scan.
extern "C" fn append(id: c_uint, _: c_ulonglong, to: c_ulonglong, _: c_uint, context: *mut c_void) -> c_int {
    // SAFETY: `Database::scan` passes a pointer to a vector it borrows exclusively for the whole call.
    let matches = unsafe { &mut *context.cast::<Vec<Match>>() };
    if matches.len() == matches.capacity() {
        return 1;
    }
    matches.push(Match { end: to as u32, expression: id });
    0
}

/// The working memory of one thread, grown to the largest database it was prepared for.
pub(crate) struct Scratch {
    raw: *mut RawScratch,
    /// The databases that it was prepared for, by their ids: one or two.
    databases: Vec<u64>,
}

// SAFETY: scratch memory belongs to no thread; it must only not be used by two scans at once, which the exclusive
// borrow in `Database::scan` ensures.
unsafe impl Send for Scratch {}

impl Scratch {
    /// Scratch memory that serves each of the databases.
    pub(crate) fn new<'d>(databases: impl IntoIterator<Item = &'d Database>) -> Result<Scratch, EngineError> {
        let mut scratch = Scratch { raw: ptr::null_mut(), databases: Vec::new() };
        for database in databases {
            // SAFETY: the database is live; the scratch pointer is null or came from an earlier call, which may
            // replace it.
            check(unsafe { hs_alloc_scratch(database.raw.as_ptr(), &raw mut scratch.raw) })?;
            scratch.databases.push(database.id);
        }
        Ok(scratch)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // SAFETY: null or allocated by the library, freed once, and no scan can be using it.
        unsafe { hs_free_scratch(self.raw) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expression(pattern: &str) -> Expression {
        Expression { pattern: pattern.to_owned(), flags: 0 }
    }

    #[test]
    fn a_broken_expression_is_named_by_its_index() {
        let error = Database::compile(&[expression("fine"), expression("bro(ken")]).err();
        assert!(matches!(error, Some(EngineError::Compile { expression: Some(1), .. })), "{error:?}");
    }

    #[test]
    fn a_full_vector_loses_nothing() {
        let database = Database::compile(&[expression("aa")]).unwrap();
        let mut scratch = Scratch::new([&database]).unwrap();
        let text = vec![b'a'; FIRST_CAPACITY * 5];
        let mut matches = Vec::new();
        database.scan(&mut scratch, &text, &mut matches).unwrap();
        assert_eq!(matches.len(), text.len() - 1);
    }

    #[test]
    fn a_scratch_serves_only_the_databases_it_was_made_for() {
        let [one, two, other] = ["needle", "hay", "(needle|hay).{3,90}[a-z]{40}stack"]
            .map(|pattern| Database::compile(&[expression(pattern)]).unwrap());
        let mut scratch = Scratch::new([&one, &two]).unwrap();
        let mut matches = Vec::new();
        assert_eq!(one.scan(&mut scratch, b"a needle", &mut matches), Ok(()));
        assert_eq!(two.scan(&mut scratch, b"hay", &mut matches), Ok(()));
        assert_eq!(matches.len(), 2);
        assert_eq!(other.scan(&mut scratch, b"a needle", &mut matches), Err(EngineError::Scratch));
        assert_eq!(one.scan(&mut Scratch::new([]).unwrap(), b"a", &mut matches), Err(EngineError::Scratch));
        // The memory of a database that is gone may be used again; its number is not.
        drop(one);
        let again = Database::compile(&[expression("needle")]).unwrap();
        assert_eq!(again.scan(&mut scratch, b"a needle", &mut matches), Err(EngineError::Scratch));
        assert_eq!(matches.len(), 2);
    }

    #[test]
    fn a_database_survives_serialisation() {
        let database = Database::compile(&[expression("needle")]).unwrap();
        let copy = Database::deserialize(&database.serialize().unwrap()).unwrap();
        let mut scratch = Scratch::new([&copy]).unwrap();
        let mut matches = Vec::new();
        copy.scan(&mut scratch, b"a needle", &mut matches).unwrap();
        assert_eq!(matches, [Match { end: 8, expression: 0 }]);
        assert!(copy.size() > 0);
        let mut broken = database.serialize().unwrap();
        broken.truncate(10);
        assert!(Database::deserialize(&broken).is_err());
        assert!(platform_key().contains("features="));
    }
}
