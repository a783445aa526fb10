//! Runs ClickHouse out of `libchdb`, which takes the arguments of `clickhouse local`.
#![expect(
    unsafe_code,
    reason = "calls into a shared library, the only way to have ClickHouse here"
)]

use std::ffi::{CStr, CString, OsString, c_char, c_int, c_void};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::{env, fs, io};

use libloading::Library;

use crate::confined;

/// `struct local_result_v2` of chdb.h.
#[repr(C)]
struct QueryResult {
    _buffer: *const c_char,
    _length: usize,
    _vector: *const c_void,
    _elapsed: f64,
    _rows_read: u64,
    _bytes_read: u64,
    error: *const c_char,
}

type Query = unsafe extern "C" fn(c_int, *mut *mut c_char) -> *const QueryResult;

pub(crate) fn run(mut args: impl Iterator<Item = OsString>) -> io::Result<()> {
    let mut need = || {
        args.next()
            .ok_or_else(|| io::Error::other("no library, folder or key"))
    };
    let (library, folder) = (PathBuf::from(need()?), PathBuf::from(need()?));
    let (key_variable, key_file) = (need()?, need()?);
    let key = fs::read_to_string(key_file)?;
    confined::to(&folder, &library)?;
    // Set here, not by whoever starts us: /proc/self/environ shows what a process began with.
    // SAFETY: no other thread runs yet
    unsafe { env::set_var(key_variable, key.trim()) };

    let mut words = vec![CString::new("clickhouse")?.into_raw()];
    for arg in args {
        words.push(CString::new(arg.into_vec())?.into_raw());
    }
    let count = c_int::try_from(words.len()).map_err(io::Error::other)?;

    // SAFETY: the library is the one whose checksum was verified, and its initializers need nothing
    let library = unsafe { Library::new(library) }.map_err(io::Error::other)?;
    // SAFETY: the signature is that of chdb.h in this pinned version
    let query = unsafe { library.get::<Query>(b"query_stable_v2\0") }.map_err(io::Error::other)?;
    // SAFETY: `words` are `count` strings that end in NUL and are never freed
    let result = unsafe { query(count, words.as_mut_ptr()) };
    // SAFETY: null or a result that lives as long as the process
    let error = unsafe { result.as_ref() }
        .map(|result| result.error)
        .filter(|text| !text.is_null());
    match error {
        // SAFETY: not null, and the library ends it with NUL
        Some(text) => Err(io::Error::other(
            unsafe { CStr::from_ptr(text) }.to_string_lossy(),
        )),
        None => Err(io::Error::other("ClickHouse ended by itself")),
    }
}
