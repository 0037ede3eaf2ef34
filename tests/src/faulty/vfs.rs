//! The VFS: SQLite's own one, with the plan asked before everything that changes a file.
//!
//! A file of it is a header of ours with SQLite's own file behind it; every method calls the same
//! one of the file behind.

#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::sync::OnceLock;

use rusqlite::ffi;

use super::{Kind, Plan, VFS};

#[repr(C)]
struct Header {
    base: ffi::sqlite3_file,
    // Keeps the file behind it aligned.
    _pad: u64,
}

struct Default(*mut ffi::sqlite3_vfs);
// SAFETY: SQLite's own VFS is a static of the library, made to be used by every thread.
unsafe impl Send for Default {}
// SAFETY: as above.
unsafe impl Sync for Default {}

static DEFAULT: OnceLock<Default> = OnceLock::new();

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

/// Registers the VFS, once.
pub fn register() {
    // SAFETY: the default VFS is copied as it is; what differs is set before it is registered, and
    // the copy lives as long as the process.
    unsafe {
        let default = ffi::sqlite3_vfs_find(std::ptr::null());
        assert!(!default.is_null(), "SQLite has a VFS");
        let _ = DEFAULT.set(Default(default));
        let mut ours = std::ptr::read(default);
        let name = std::ffi::CString::new(VFS).expect("a name without NUL");
        ours.zName = name.into_raw();
        ours.szOsFile += c_int::try_from(size_of::<Header>()).expect("a small header");
        ours.pNext = std::ptr::null_mut();
        ours.xOpen = Some(open);
        let registered = ffi::sqlite3_vfs_register(Box::leak(Box::new(ours)), 0);
        assert_eq!(registered, ffi::SQLITE_OK, "the VFS is registered");
    }
}

fn fault(write: c_int) -> Option<(Kind, c_int)> {
    let kind = Plan::get().step()?;
    Some((
        kind,
        match kind {
            Kind::Full | Kind::Short => ffi::SQLITE_FULL,
            Kind::Broken => write,
            Kind::ReadOnly => ffi::SQLITE_READONLY,
        },
    ))
}

unsafe extern "C" fn open(
    _vfs: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    // SAFETY: SQLite hands over memory of `szOsFile` octets, which is a header and a file of the
    // default VFS behind it.
    unsafe {
        (*file).pMethods = std::ptr::null();
        let default = DEFAULT.get().expect("registered").0;
        let opened = (*default).xOpen.expect("xOpen")(default, name, behind(file), flags, out);
        if opened == ffi::SQLITE_OK {
            (*file).pMethods = &raw const METHODS;
        }
        opened
    }
}

/// The default VFS's file behind ours.
unsafe fn behind(file: *mut ffi::sqlite3_file) -> *mut ffi::sqlite3_file {
    // SAFETY: see `open`.
    unsafe { file.cast::<u8>().add(size_of::<Header>()).cast() }
}

/// Calls a method of the file behind.
macro_rules! pass {
    ($file:ident . $method:ident ( $($argument:expr),* )) => {{
        // SAFETY: the file was opened by `open`; what SQLite hands over is handed on.
        unsafe {
            let real = behind($file);
            (*(*real).pMethods).$method.expect("a method of the default VFS")(real $(, $argument)*)
        }
    }};
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    pass!(file.xClose())
}

unsafe extern "C" fn read(
    file: *mut ffi::sqlite3_file,
    out: *mut c_void,
    length: c_int,
    at: ffi::sqlite3_int64,
) -> c_int {
    pass!(file.xRead(out, length, at))
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    bytes: *const c_void,
    length: c_int,
    at: ffi::sqlite3_int64,
) -> c_int {
    match fault(ffi::SQLITE_IOERR_WRITE) {
        None => pass!(file.xWrite(bytes, length, at)),
        Some((kind, code)) => {
            if kind == Kind::Short {
                let _half = pass!(file.xWrite(bytes, length / 2, at));
            }
            code
        }
    }
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: ffi::sqlite3_int64) -> c_int {
    match fault(ffi::SQLITE_IOERR_TRUNCATE) {
        None => pass!(file.xTruncate(size)),
        Some((_, code)) => code,
    }
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
    match fault(ffi::SQLITE_IOERR_FSYNC) {
        None => pass!(file.xSync(flags)),
        Some((_, code)) => code,
    }
}

unsafe extern "C" fn file_size(
    file: *mut ffi::sqlite3_file,
    size: *mut ffi::sqlite3_int64,
) -> c_int {
    pass!(file.xFileSize(size))
}

unsafe extern "C" fn lock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    pass!(file.xLock(level))
}

unsafe extern "C" fn unlock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    pass!(file.xUnlock(level))
}

unsafe extern "C" fn check_reserved_lock(file: *mut ffi::sqlite3_file, out: *mut c_int) -> c_int {
    pass!(file.xCheckReservedLock(out))
}

unsafe extern "C" fn file_control(
    file: *mut ffi::sqlite3_file,
    op: c_int,
    argument: *mut c_void,
) -> c_int {
    pass!(file.xFileControl(op, argument))
}

unsafe extern "C" fn sector_size(file: *mut ffi::sqlite3_file) -> c_int {
    pass!(file.xSectorSize())
}

unsafe extern "C" fn device_characteristics(file: *mut ffi::sqlite3_file) -> c_int {
    pass!(file.xDeviceCharacteristics())
}

unsafe extern "C" fn shm_map(
    file: *mut ffi::sqlite3_file,
    page: c_int,
    size: c_int,
    extend: c_int,
    out: *mut *mut c_void,
) -> c_int {
    if extend != 0
        && let Some((_, code)) = fault(ffi::SQLITE_IOERR_SHMSIZE)
    {
        return code;
    }
    pass!(file.xShmMap(page, size, extend, out))
}

unsafe extern "C" fn shm_lock(
    file: *mut ffi::sqlite3_file,
    offset: c_int,
    n: c_int,
    flags: c_int,
) -> c_int {
    pass!(file.xShmLock(offset, n, flags))
}

unsafe extern "C" fn shm_barrier(file: *mut ffi::sqlite3_file) {
    pass!(file.xShmBarrier())
}

unsafe extern "C" fn shm_unmap(file: *mut ffi::sqlite3_file, delete: c_int) -> c_int {
    pass!(file.xShmUnmap(delete))
}
