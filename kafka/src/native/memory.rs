//! Where the client library gets its memory: it allocates each record on one thread and frees it on another, which the system's
//! allocator does under a lock and mimalloc does not.
//!
//! Takes effect in programs that are linked with `--wrap` for each of [`Wrapped`], which leads the calls of everything linked
//! statically, Rust's standard library too, to the functions here. What is loaded at run time keeps its own allocator, as does the
//! C library within itself: a pointer that comes from there, such as `realpath`'s, is told by its address and given back to it.

use std::ffi::{c_char, c_int, c_long, c_void};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use libmimalloc_sys as mimalloc;

unsafe extern "C" {
    // The C library's own functions by the names that nobody wraps.
    fn __libc_free(block: *mut c_void);
    fn __libc_realloc(block: *mut c_void, size: usize) -> *mut c_void;
}

/// What a program calls instead of the functions of these names. They are called by nothing in Rust, so this keeps them.
#[expect(dead_code, reason = "the linker reads it")]
struct Wrapped {
    malloc: unsafe extern "C" fn(usize) -> *mut c_void,
    calloc: unsafe extern "C" fn(usize, usize) -> *mut c_void,
    realloc: unsafe extern "C" fn(*mut c_void, usize) -> *mut c_void,
    free: unsafe extern "C" fn(*mut c_void),
    posix_memalign: unsafe extern "C" fn(*mut *mut c_void, usize, usize) -> c_int,
    aligned_alloc: unsafe extern "C" fn(usize, usize) -> *mut c_void,
    strdup: unsafe extern "C" fn(*const c_char) -> *mut c_char,
    strndup: unsafe extern "C" fn(*const c_char, usize) -> *mut c_char,
}

#[used]
static WRAPPED: Wrapped = Wrapped {
    malloc: __wrap_malloc,
    calloc: __wrap_calloc,
    realloc: __wrap_realloc,
    free: __wrap_free,
    posix_memalign: __wrap_posix_memalign,
    aligned_alloc: __wrap_aligned_alloc,
    strdup: __wrap_strdup,
    strndup: __wrap_strndup,
};

/// `mi_option_purge_delay`, which the binding does not name: milliseconds until what was freed goes back to the system.
const PURGE_DELAY: mimalloc::mi_option_t = 15;

/// The longest that was asked for; -1 while nobody has asked.
static ASKED: AtomicI64 = AtomicI64::new(-1);

/// Keeps freed memory at hand for so long, for this process: see [`crate::keep_freed_memory`].
pub(crate) fn keep_freed(time: Duration) {
    let ms = c_long::try_from(time.as_millis()).unwrap_or(c_long::MAX);
    let ms = ASKED.fetch_max(ms, Ordering::Relaxed).max(ms);
    // SAFETY: sets a number that the allocator reads whenever it has freed something.
    unsafe { mimalloc::mi_option_set(PURGE_DELAY, ms) }
}

/// Whether mimalloc has given this block out. Null is nobody's.
fn is_ours(block: *const c_void) -> bool {
    // SAFETY: looks the address up and never follows it.
    unsafe { mimalloc::mi_is_in_heap_region(block) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_malloc(size: usize) -> *mut c_void {
    // SAFETY: the same contract.
    unsafe { mimalloc::mi_malloc(size) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_calloc(count: usize, size: usize) -> *mut c_void {
    // SAFETY: the same contract.
    unsafe { mimalloc::mi_calloc(count, size) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_realloc(block: *mut c_void, size: usize) -> *mut c_void {
    if block.is_null() || is_ours(block) {
        // SAFETY: the same contract; the block is of this allocator.
        return unsafe { mimalloc::mi_realloc(block, size) };
    }
    // SAFETY: the same contract; a block that is not ours is the C library's.
    unsafe { __libc_realloc(block, size) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_free(block: *mut c_void) {
    if is_ours(block) {
        // SAFETY: the same contract; the block is of this allocator.
        unsafe { mimalloc::mi_free(block) }
    } else {
        // SAFETY: the same contract; a block that is not ours is the C library's, or null.
        unsafe { __libc_free(block) }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_posix_memalign(block: *mut *mut c_void, alignment: usize, size: usize) -> c_int {
    // SAFETY: the same contract.
    unsafe { mimalloc::mi_posix_memalign(block, alignment, size) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_aligned_alloc(alignment: usize, size: usize) -> *mut c_void {
    // SAFETY: the same contract.
    unsafe { mimalloc::mi_aligned_alloc(alignment, size) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_strdup(text: *const c_char) -> *mut c_char {
    // SAFETY: the same contract.
    unsafe { mimalloc::mi_strdup(text) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_strndup(text: *const c_char, length: usize) -> *mut c_char {
    // SAFETY: the same contract.
    unsafe { mimalloc::mi_strndup(text, length) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_option_that_is_set_is_the_one_that_is_ten_milliseconds_by_default() {
        // SAFETY: reads a number.
        let delay = || unsafe { mimalloc::mi_option_get(PURGE_DELAY) };
        assert_eq!(delay(), 10, "the allocator numbers its options otherwise now");
        for (asked, kept) in [(0, 0), (1_000, 1_000), (0, 1_000)] {
            keep_freed(Duration::from_millis(asked));
            assert_eq!(delay(), kept, "the longest of all counts");
        }
    }
}
