//! The embedded ClickHouse library, loaded at run time.
//!
//! One process opens one data folder. Every request gets a connection of its own, which takes a fraction
//! of a millisecond, so that a database or a setting chosen by one request is unknown to the next.
//! Nothing but this file touches the library's C interface.

// The library is C: calling it and reading its buffers cannot be checked by the compiler.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::Path;
use std::ptr::NonNull;
use std::sync::Arc;

use crate::error::DevstackError;

type Connect = unsafe extern "C" fn(c_int, *mut *mut c_char) -> *mut RawConnection;
type Close = unsafe extern "C" fn(*mut RawConnection);
type QueryWithParams = unsafe extern "C" fn(
    RawConnection,
    *const c_char,
    usize,
    *const c_char,
    usize,
    *const *const c_char,
    *const usize,
    *const *const c_char,
    *const usize,
    usize,
) -> *mut c_void;
type StreamInsert =
    unsafe extern "C" fn(RawConnection, *const c_char, usize, *const c_char, usize) -> *mut c_void;
type StreamAppend = unsafe extern "C" fn(*mut c_void, *const c_void, usize) -> c_int;
type OfHandle<T> = unsafe extern "C" fn(*mut c_void) -> T;
type SetSignalHandlers = unsafe extern "C" fn(c_int);

/// A connection as the library hands it out: a pointer to this handle.
type RawConnection = *mut c_void;

/// Pieces in which the rows of an insert are handed over.
const PIECE_BYTES: usize = 1 << 20;

/// The functions of the loaded library. It is never unloaded.
#[derive(Debug)]
pub(super) struct Library {
    connect: Connect,
    close: Close,
    query: QueryWithParams,
    insert: StreamInsert,
    append: StreamAppend,
    finish: OfHandle<*mut c_void>,
    insert_error: OfHandle<*const c_char>,
    destroy_insert: OfHandle<()>,
    buffer: OfHandle<*const u8>,
    length: OfHandle<usize>,
    error: OfHandle<*const c_char>,
    rows_read: OfHandle<u64>,
    bytes_read: OfHandle<u64>,
    rows_written: OfHandle<u64>,
    bytes_written: OfHandle<u64>,
    elapsed: OfHandle<f64>,
    destroy: OfHandle<()>,
}

/// What a statement came to.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) body: Vec<u8>,
    pub(super) rows_read: u64,
    pub(super) bytes_read: u64,
    pub(super) rows_written: u64,
    pub(super) bytes_written: u64,
    pub(super) elapsed_seconds: f64,
}

/// The engine's own words for a statement it refused.
#[derive(Debug)]
pub(super) struct Refusal(pub(super) String);

impl Library {
    /// Loads the library and finds its functions.
    pub(super) fn load(path: &Path) -> Result<Arc<Self>, DevstackError> {
        // SAFETY: the file was verified against engines.lock, its initialisers are those of the engine, and
        // the signatures above are those of its header at that version.
        let loaded = unsafe {
            libloading::Library::new(path).and_then(|library| {
                let functions = Self::functions(&library)?;
                if let Ok(set) = library.get::<SetSignalHandlers>(b"chdb_set_signal_handlers_enabled\0") {
                    // Signals are this program's: it stops in order on SIGTERM.
                    set(0);
                }
                // Its threads run until the process ends, so its code must stay.
                std::mem::forget(library);
                Ok(functions)
            })
        };
        loaded.map(Arc::new).map_err(|error| DevstackError::Library {
            library: path.to_owned(),
            reason: format!("cannot be loaded: {error}"),
        })
    }

    /// # Safety
    /// The library must be the pinned one, and must stay loaded.
    unsafe fn functions(library: &libloading::Library) -> Result<Self, libloading::Error> {
        // SAFETY: the caller's promise; each field's type is the signature of the function of that name.
        unsafe {
            Ok(Self {
                connect: *library.get(b"chdb_connect\0")?,
                close: *library.get(b"chdb_close_conn\0")?,
                query: *library.get(b"chdb_query_with_params_n\0")?,
                insert: *library.get(b"chdb_stream_insert_n\0")?,
                append: *library.get(b"chdb_stream_append\0")?,
                finish: *library.get(b"chdb_stream_done\0")?,
                insert_error: *library.get(b"chdb_stream_insert_error\0")?,
                destroy_insert: *library.get(b"chdb_destroy_insert_stream\0")?,
                buffer: *library.get(b"chdb_result_buffer\0")?,
                length: *library.get(b"chdb_result_length\0")?,
                error: *library.get(b"chdb_result_error\0")?,
                rows_read: *library.get(b"chdb_result_rows_read\0")?,
                bytes_read: *library.get(b"chdb_result_bytes_read\0")?,
                rows_written: *library.get(b"chdb_result_rows_written\0")?,
                bytes_written: *library.get(b"chdb_result_bytes_written\0")?,
                elapsed: *library.get(b"chdb_result_elapsed\0")?,
                destroy: *library.get(b"chdb_destroy_query_result\0")?,
            })
        }
    }

    /// Opens a connection to the data folder; the first one starts the engine. `None` when the
    /// engine refuses, whose reason is in its log.
    pub(super) fn connect(self: &Arc<Self>, data: &Path) -> Option<Connection> {
        let mut args: Vec<Vec<u8>> = [&b"clickhouse\0"[..], b"--path="].map(<[u8]>::to_vec).to_vec();
        args[1].extend(std::os::unix::ffi::OsStrExt::as_bytes(data.as_os_str()));
        args[1].push(0);
        let mut argv: Vec<*mut c_char> = args.iter_mut().map(|arg| arg.as_mut_ptr().cast()).collect();
        let argc = c_int::try_from(argv.len()).ok()?;
        // SAFETY: argv holds argc NUL-terminated strings that outlive the call; the library copies them.
        let raw = unsafe { (self.connect)(argc, argv.as_mut_ptr()) };
        NonNull::new(raw).map(|raw| Connection { library: Arc::clone(self), raw })
    }

    /// Takes over a result: reads it and frees it.
    ///
    /// # Safety
    /// `result` must be a result of this library that nobody else frees.
    unsafe fn take(&self, result: *mut c_void) -> Result<Answer, Refusal> {
        if result.is_null() {
            return Err(Refusal("Code: 1001. DB::Exception: the engine gave no result".to_owned()));
        }
        // SAFETY: the caller's promise; the buffer holds `length` bytes until the result is destroyed.
        unsafe {
            let answer = match text((self.error)(result)) {
                Some(error) => Err(Refusal(error)),
                None => {
                    let (buffer, length) = ((self.buffer)(result), (self.length)(result));
                    let filled = !buffer.is_null() && length > 0;
                    Ok(Answer {
                        body: if filled {
                            std::slice::from_raw_parts(buffer, length).to_vec()
                        } else {
                            vec![]
                        },
                        rows_read: (self.rows_read)(result),
                        bytes_read: (self.bytes_read)(result),
                        rows_written: (self.rows_written)(result),
                        bytes_written: (self.bytes_written)(result),
                        elapsed_seconds: (self.elapsed)(result),
                    })
                }
            };
            (self.destroy)(result);
            answer
        }
    }
}

/// One session with the engine. It serves one statement at a time, which `&mut` enforces.
#[derive(Debug)]
pub(super) struct Connection {
    library: Arc<Library>,
    raw: NonNull<RawConnection>,
}

// SAFETY: the library allows a connection to be used from any thread, one at a time; `&mut self` on
// every method sees to the latter.
unsafe impl Send for Connection {}

impl Connection {
    /// Runs a statement. `format` is used for output that names none.
    pub(super) fn query(
        &mut self,
        sql: &[u8],
        format: &str,
        params: &[(String, String)],
    ) -> Result<Answer, Refusal> {
        let names: Vec<*const c_char> = params.iter().map(|(name, _)| name.as_ptr().cast()).collect();
        let name_lengths: Vec<usize> = params.iter().map(|(name, _)| name.len()).collect();
        let values: Vec<*const c_char> = params.iter().map(|(_, value)| value.as_ptr().cast()).collect();
        let value_lengths: Vec<usize> = params.iter().map(|(_, value)| value.len()).collect();
        // SAFETY: every pointer comes with its length and outlives the call, which copies what it keeps.
        unsafe {
            let result = (self.library.query)(
                *self.raw.as_ptr(),
                sql.as_ptr().cast(),
                sql.len(),
                format.as_ptr().cast(),
                format.len(),
                names.as_ptr(),
                name_lengths.as_ptr(),
                values.as_ptr(),
                value_lengths.as_ptr(),
                params.len(),
            );
            self.library.take(result)
        }
    }

    /// Inserts rows. `statement` has neither a FORMAT nor rows, `rows` are in the given format.
    pub(super) fn insert(&mut self, statement: &str, format: &str, rows: &[u8]) -> Result<Answer, Refusal> {
        let library = &self.library;
        // SAFETY: every pointer comes with its length and outlives its call; the stream is never null, is used
        // by this thread alone, and is destroyed exactly once, after its last use.
        unsafe {
            let stream = (library.insert)(
                *self.raw.as_ptr(),
                statement.as_ptr().cast(),
                statement.len(),
                format.as_ptr().cast(),
                format.len(),
            );
            let mut refused = text((library.insert_error)(stream));
            for piece in rows.chunks(PIECE_BYTES) {
                if refused.is_some() {
                    break;
                }
                if (library.append)(stream, piece.as_ptr().cast(), piece.len()) != 0 {
                    let reason = text((library.insert_error)(stream));
                    refused =
                        Some(reason.unwrap_or_else(|| "Code: 1001. DB::Exception: rows refused".to_owned()));
                }
            }
            let answer = match refused {
                Some(reason) => Err(Refusal(reason)),
                None => library.take((library.finish)(stream)),
            };
            (library.destroy_insert)(stream);
            answer
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: the pointer came from `connect` and is closed once.
        unsafe { (self.library.close)(self.raw.as_ptr()) };
    }
}

/// # Safety
/// `text` must be null or a NUL-terminated string that lives during the call.
unsafe fn text(text: *const c_char) -> Option<String> {
    if text.is_null() {
        return None;
    }
    // SAFETY: the caller's promise.
    let owned = CString::from(unsafe { CStr::from_ptr(text) });
    Some(owned.to_string_lossy().into_owned()).filter(|text| !text.is_empty())
}
