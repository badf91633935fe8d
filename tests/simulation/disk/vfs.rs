//! The seam to SQLite: a file system that stands before the machine's own and is the default of the
//! process. A file outside every watched folder is opened by the machine alone, and nothing here ever sees
//! it again. A file inside one is wrapped: what it is asked to change goes by way of the model.
//!
//! SQLite gives one piece of memory for an open file. Ours begins with [`Wrapped`], and the machine's file
//! lies right behind it.

#![expect(unsafe_code, reason = "SQLite's file system is a table of C functions; nothing else here is unsafe")]

use std::{
    ffi::{CStr, OsStr, c_char, c_int, c_void},
    os::unix::ffi::OsStrExt as _,
    path::Path,
    ptr,
    sync::Once,
};

use rusqlite::ffi::{self, sqlite3_file, sqlite3_io_methods, sqlite3_vfs};

use super::{
    drive_of,
    model::{Code, Handle, Under},
};

/// Its name among SQLite's file systems.
const NAME: &CStr = c"watched";

/// An open file of a watched folder.
#[repr(C)]
struct Wrapped {
    /// What SQLite knows of it.
    base: sqlite3_file,
    /// From a box, which `close` takes back.
    handle: *mut Handle,
}

/// Makes this the file system that connections use unless they name another one; once per process.
pub fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // SAFETY: SQLite keeps the table for ever, so it is leaked. The copied functions of the machine's own
        // table (full names, randomness, clocks) look at nothing in it that differs; `open`, which does, is
        // always given the machine's own.
        let code = unsafe {
            let machine = ffi::sqlite3_vfs_find(ptr::null());
            assert!(!machine.is_null(), "SQLite has a file system on this machine");
            let wrapped = size_of::<Wrapped>().next_multiple_of(8);
            let table = sqlite3_vfs {
                szOsFile: c_int::try_from(wrapped).expect("a few bytes") + (*machine).szOsFile,
                pNext: ptr::null_mut(),
                zName: NAME.as_ptr(),
                pAppData: machine.cast(),
                xOpen: Some(open),
                xDelete: Some(delete),
                xAccess: Some(access),
                ..*machine
            };
            ffi::sqlite3_vfs_register(Box::leak(Box::new(table)), 1)
        };
        assert_eq!(code, ffi::SQLITE_OK, "SQLite takes another file system");
    });
}

/// The file's methods. Version 2: with shared memory, without mapped files, whose changes nobody could see.
static METHODS: sqlite3_io_methods = sqlite3_io_methods {
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

/// Calls a function of a table of SQLite's; one that is missing there is an error of the disk.
macro_rules! call {
    ($table:expr, $function:ident($($argument:expr),*)) => {
        // SAFETY: whoever calls holds a pointer that SQLite gave us, to a table that SQLite itself uses.
        match unsafe { (*$table).$function } {
            // SAFETY: the arguments are SQLite's own, or of the machine's file behind the wrapped one.
            Some(function) => unsafe { function($($argument),*) },
            None => ffi::SQLITE_IOERR,
        }
    };
}

/// Leaves with the code of what the model refused.
macro_rules! allowed {
    ($answer:expr) => {
        match $answer {
            Ok(()) => {}
            Err(Code(code)) => return code,
        }
    };
}

fn code(answer: Result<(), Code>) -> c_int {
    answer.map_or_else(|Code(code)| code, |()| ffi::SQLITE_OK)
}

/// The machine's file behind a wrapped one.
#[derive(Clone, Copy)]
struct Machine(*mut sqlite3_file);

impl Machine {
    fn methods(self) -> *const sqlite3_io_methods {
        // SAFETY: `open` succeeded, so the machine's file has its methods until `close`.
        unsafe { (*self.0).pMethods }
    }
}

impl Under for Machine {
    fn length(&self) -> Result<u64, Code> {
        let mut length = 0;
        allowed_code(call!(self.methods(), xFileSize(self.0, &raw mut length)))?;
        u64::try_from(length).map_err(|_| Code(ffi::SQLITE_IOERR))
    }

    fn read(&self, at: u64, bytes: &mut [u8]) -> Result<(), Code> {
        let amount = c_int::try_from(bytes.len()).map_err(|_| Code(ffi::SQLITE_IOERR))?;
        allowed_code(call!(self.methods(), xRead(self.0, bytes.as_mut_ptr().cast(), amount, at.cast_signed())))
    }

    fn write(&self, at: u64, bytes: &[u8]) -> Result<(), Code> {
        let amount = c_int::try_from(bytes.len()).map_err(|_| Code(ffi::SQLITE_IOERR))?;
        allowed_code(call!(self.methods(), xWrite(self.0, bytes.as_ptr().cast(), amount, at.cast_signed())))
    }

    fn truncate(&self, length: u64) -> Result<(), Code> {
        allowed_code(call!(self.methods(), xTruncate(self.0, length.cast_signed())))
    }
}

fn allowed_code(code: c_int) -> Result<(), Code> {
    if code == ffi::SQLITE_OK { Ok(()) } else { Err(Code(code)) }
}

/// Both halves of an open file.
fn halves<'a>(file: *mut sqlite3_file) -> (&'a Handle, Machine) {
    // SAFETY: only files that `open` wrapped have our methods, and SQLite calls none after `close`.
    unsafe { (&*(*file.cast::<Wrapped>()).handle, behind(file)) }
}

/// # Safety
/// `file` must be of the size that our table tells.
unsafe fn behind(file: *mut sqlite3_file) -> Machine {
    // SAFETY: our table tells room for both.
    Machine(unsafe { file.cast::<Wrapped>().add(1).cast() })
}

fn machine_of(vfs: *mut sqlite3_vfs) -> *mut sqlite3_vfs {
    // SAFETY: SQLite passes the table that was registered, which `install` made.
    unsafe { (*vfs).pAppData.cast() }
}

/// None for a file without a name, which is temporary.
fn path_of<'a>(name: *const c_char) -> Option<&'a Path> {
    // SAFETY: a name that SQLite passes ends with a zero, and lives as long as the call.
    let name = (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) })?;
    Some(Path::new(OsStr::from_bytes(name.to_bytes())))
}

unsafe extern "C" fn open(
    vfs: *mut sqlite3_vfs,
    name: *const c_char,
    file: *mut sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    let machine = machine_of(vfs);
    let watched = path_of(name).and_then(|path| Some((path, drive_of(path)?)));
    let Some((path, model)) = watched else { return call!(machine, xOpen(machine, name, file, flags, out)) };
    // SAFETY: the room that SQLite gives for the file. One without methods is not open.
    unsafe { (*file).pMethods = ptr::null() };
    allowed!(model.look());
    let is_new = !path.exists();
    // SAFETY: as above.
    let behind = unsafe { behind(file) };
    let code = call!(machine, xOpen(machine, name, behind.0, flags, out));
    if code != ffi::SQLITE_OK {
        return code;
    }
    let Ok(handle) = Handle::open(model, path, is_new) else {
        _ = call!(behind.methods(), xClose(behind.0));
        return ffi::SQLITE_CANTOPEN;
    };
    let wrapped = Wrapped { base: sqlite3_file { pMethods: &METHODS }, handle: Box::into_raw(Box::new(handle)) };
    // SAFETY: as above; it ends where the machine's file begins.
    unsafe { file.cast::<Wrapped>().write(wrapped) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn delete(vfs: *mut sqlite3_vfs, name: *const c_char, sync_folder: c_int) -> c_int {
    let machine = machine_of(vfs);
    let delete = || allowed_code(call!(machine, xDelete(machine, name, sync_folder)));
    let watched = path_of(name).and_then(|path| Some((path, drive_of(path)?)));
    code(watched.map_or_else(delete, |(path, model)| model.delete(path, delete)))
}

unsafe extern "C" fn access(vfs: *mut sqlite3_vfs, name: *const c_char, flags: c_int, out: *mut c_int) -> c_int {
    if let Some(model) = path_of(name).and_then(drive_of) {
        allowed!(model.look());
    }
    let machine = machine_of(vfs);
    call!(machine, xAccess(machine, name, flags, out))
}

unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    let (_, machine) = halves(file);
    let code = call!(machine.methods(), xClose(machine.0));
    // SAFETY: it came from a box, and this is the last call for this file.
    drop(unsafe { Box::from_raw((*file.cast::<Wrapped>()).handle) });
    code
}

unsafe extern "C" fn read(file: *mut sqlite3_file, bytes: *mut c_void, amount: c_int, at: i64) -> c_int {
    let (handle, machine) = halves(file);
    allowed!(handle.look());
    call!(machine.methods(), xRead(machine.0, bytes, amount, at))
}

unsafe extern "C" fn write(file: *mut sqlite3_file, bytes: *const c_void, amount: c_int, at: i64) -> c_int {
    let (handle, machine) = halves(file);
    let (Ok(amount), Ok(at)) = (usize::try_from(amount), u64::try_from(at)) else { return ffi::SQLITE_IOERR };
    // SAFETY: SQLite passes so many bytes.
    let bytes = unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), amount) };
    code(handle.write(&machine, at, bytes))
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, length: i64) -> c_int {
    let (handle, machine) = halves(file);
    let Ok(length) = u64::try_from(length) else { return ffi::SQLITE_IOERR };
    code(handle.truncate(&machine, length))
}

unsafe extern "C" fn sync(file: *mut sqlite3_file, _: c_int) -> c_int {
    code(halves(file).0.sync())
}

unsafe extern "C" fn file_size(file: *mut sqlite3_file, length: *mut i64) -> c_int {
    let (handle, machine) = halves(file);
    allowed!(handle.look());
    call!(machine.methods(), xFileSize(machine.0, length))
}

unsafe extern "C" fn lock(file: *mut sqlite3_file, level: c_int) -> c_int {
    let (handle, machine) = halves(file);
    allowed!(handle.look());
    call!(machine.methods(), xLock(machine.0, level))
}

/// Locks are the machine's, not the disk's: letting them go never fails, or others would wait for them.
unsafe extern "C" fn unlock(file: *mut sqlite3_file, level: c_int) -> c_int {
    let (_, machine) = halves(file);
    call!(machine.methods(), xUnlock(machine.0, level))
}

unsafe extern "C" fn check_reserved_lock(file: *mut sqlite3_file, out: *mut c_int) -> c_int {
    let (handle, machine) = halves(file);
    allowed!(handle.look());
    call!(machine.methods(), xCheckReservedLock(machine.0, out))
}

unsafe extern "C" fn file_control(file: *mut sqlite3_file, what: c_int, argument: *mut c_void) -> c_int {
    let (_, machine) = halves(file);
    call!(machine.methods(), xFileControl(machine.0, what, argument))
}

unsafe extern "C" fn sector_size(file: *mut sqlite3_file) -> c_int {
    let (_, machine) = halves(file);
    call!(machine.methods(), xSectorSize(machine.0))
}

unsafe extern "C" fn device_characteristics(file: *mut sqlite3_file) -> c_int {
    let (_, machine) = halves(file);
    call!(machine.methods(), xDeviceCharacteristics(machine.0))
}

unsafe extern "C" fn shm_map(
    file: *mut sqlite3_file,
    region: c_int,
    size: c_int,
    extend: c_int,
    out: *mut *mut c_void,
) -> c_int {
    let (handle, machine) = halves(file);
    allowed!(handle.look());
    call!(machine.methods(), xShmMap(machine.0, region, size, extend, out))
}

unsafe extern "C" fn shm_lock(file: *mut sqlite3_file, offset: c_int, count: c_int, flags: c_int) -> c_int {
    let (handle, machine) = halves(file);
    if flags & ffi::SQLITE_SHM_UNLOCK == 0 {
        allowed!(handle.look());
    }
    call!(machine.methods(), xShmLock(machine.0, offset, count, flags))
}

unsafe extern "C" fn shm_barrier(file: *mut sqlite3_file) {
    let (_, machine) = halves(file);
    // SAFETY: as in the macro, for the one method that answers nothing.
    unsafe {
        if let Some(barrier) = (*machine.methods()).xShmBarrier {
            barrier(machine.0);
        }
    }
}

unsafe extern "C" fn shm_unmap(file: *mut sqlite3_file, delete: c_int) -> c_int {
    let (_, machine) = halves(file);
    call!(machine.methods(), xShmUnmap(machine.0, delete))
}
