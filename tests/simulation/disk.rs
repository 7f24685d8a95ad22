//! The simulated disk: SQLite's own file system layer, with a plan of faults in front of it.
//!
//! Each write, truncation, sync and deletion of SQLite asks the plan of its thread first, so a disk can be full or broken
//! for some changes, and a process can die at any change of a commit, in the middle of a write too. A dead process
//! changes nothing: closing its store leaves the files as a crash does. When the power is cut as well, whatever was not
//! synced is gone. No sync waits for a real disk.

use std::cell::{Cell, RefCell};
use std::ffi::{c_char, c_int, c_void};
use std::sync::{Mutex, OnceLock};

use rusqlite::ffi;

/// What becomes of the changes that this thread makes to its disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Plan {
    #[default]
    Well,
    /// So many more; the one after them is torn, and then there is none any more.
    DiesAfter(u32),
    Dead,
    /// So many more, then so many fail with this code of SQLite.
    Fails {
        after: u32,
        lasting: u32,
        code: c_int,
    },
}

pub const FULL: c_int = ffi::SQLITE_FULL;
pub const BROKEN: c_int = ffi::SQLITE_IOERR;

thread_local! {
    static PLAN: Cell<Plan> = const { Cell::new(Plan::Well) };
    static UNSYNCED: RefCell<Vec<Change>> = const { RefCell::new(Vec::new()) };
}

/// A change that a power cut takes back: what stood there, and how long the file was.
struct Change {
    file: *mut ffi::sqlite3_file,
    offset: i64,
    before: Vec<u8>,
    size: i64,
}

/// Sets the plan of this thread; gives back what is left of the last one.
pub fn plan(plan: Plan) -> Plan {
    PLAN.replace(plan)
}

/// Takes back what was not synced, in files that are open still.
pub fn cut_power() {
    for Change { file, offset, before, size } in UNSYNCED.take().into_iter().rev() {
        // SAFETY: closing a file takes its changes out of the list, so this one is open.
        unsafe {
            (real(file).xWrite.unwrap())(file, before.as_ptr().cast(), before.len() as c_int, offset);
            (real(file).xTruncate.unwrap())(file, size);
        }
    }
}

/// What becomes of one change.
enum Fate {
    Done,
    Torn,
    Refused(c_int),
}

fn fate() -> Fate {
    let (left, fate) = match PLAN.get() {
        Plan::Well | Plan::Fails { after: 0, lasting: 0, .. } => (Plan::Well, Fate::Done),
        Plan::DiesAfter(0) => (Plan::Dead, Fate::Torn),
        Plan::DiesAfter(more) => (Plan::DiesAfter(more - 1), Fate::Done),
        Plan::Dead => (Plan::Dead, Fate::Refused(BROKEN)),
        Plan::Fails { after: 0, lasting, code } => {
            (Plan::Fails { after: 0, lasting: lasting - 1, code }, Fate::Refused(code))
        }
        Plan::Fails { after, lasting, code } => (Plan::Fails { after: after - 1, lasting, code }, Fate::Done),
    };
    PLAN.set(left);
    fate
}

/// A change that is done or not, never half.
fn whole(change: impl FnOnce() -> c_int) -> c_int {
    match fate() {
        Fate::Done => change(),
        Fate::Torn => BROKEN,
        Fate::Refused(code) => code,
    }
}

type Open =
    unsafe extern "C" fn(*mut ffi::sqlite3_vfs, *const c_char, *mut ffi::sqlite3_file, c_int, *mut c_int) -> c_int;
type Delete = unsafe extern "C" fn(*mut ffi::sqlite3_vfs, *const c_char, c_int) -> c_int;

static SYSTEM: OnceLock<(Open, Delete)> = OnceLock::new();
static LAYERS: Mutex<Vec<&'static Layer>> = Mutex::new(Vec::new());

/// The methods that an open file of ours has, and those of SQLite's that they stand before.
#[repr(C)]
struct Layer {
    ours: ffi::sqlite3_io_methods,
    real: ffi::sqlite3_io_methods,
    /// Where SQLite has them.
    over: usize,
}

/// The layer over a kind of file: SQLite has one set of methods for the database and another for its journals.
unsafe fn layer(methods: *const ffi::sqlite3_io_methods) -> &'static Layer {
    let mut layers = LAYERS.lock().unwrap();
    if let Some(known) = layers.iter().find(|layer| layer.over == methods.addr()) {
        return known;
    }
    let real = unsafe { *methods };
    let ours = ffi::sqlite3_io_methods {
        xClose: Some(close),
        xWrite: Some(write),
        xTruncate: Some(truncate),
        xSync: Some(sync),
        ..real
    };
    let new: &'static Layer = Box::leak(Box::new(Layer { ours, real, over: methods.addr() }));
    layers.push(new);
    new
}

/// SQLite's own methods of a file that [`open`] opened.
unsafe fn real(file: *mut ffi::sqlite3_file) -> &'static ffi::sqlite3_io_methods {
    unsafe { &(*(*file).pMethods.cast::<Layer>()).real }
}

/// Puts the plan in front of every file that SQLite opens in this process from now on.
pub fn install() {
    SYSTEM.get_or_init(|| {
        // SAFETY: SQLite's default file system is there for ever; ours is a copy that is never freed.
        unsafe {
            let mut copy = *ffi::sqlite3_vfs_find(std::ptr::null());
            let found = (copy.xOpen.unwrap(), copy.xDelete.unwrap());
            copy.zName = c"simulated-disk".as_ptr();
            copy.pNext = std::ptr::null_mut();
            copy.xOpen = Some(open);
            copy.xDelete = Some(delete);
            ffi::sqlite3_vfs_register(Box::leak(Box::new(copy)), 1);
            found
        }
    });
}

// SAFETY, of all below: the arguments are SQLite's own and are handed on to SQLite's own functions.

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    let (open, _) = SYSTEM.get().expect("it was installed");
    unsafe {
        let code = open(vfs, name, file, flags, out);
        if code == ffi::SQLITE_OK {
            (*file).pMethods = (layer((*file).pMethods) as *const Layer).cast();
        }
        code
    }
}

unsafe extern "C" fn delete(vfs: *mut ffi::sqlite3_vfs, name: *const c_char, _: c_int) -> c_int {
    let (_, delete) = SYSTEM.get().expect("it was installed");
    whole(|| unsafe { delete(vfs, name, 0) })
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    forget(file);
    unsafe { (real(file).xClose.unwrap())(file) }
}

unsafe extern "C" fn write(file: *mut ffi::sqlite3_file, bytes: *const c_void, count: c_int, offset: i64) -> c_int {
    let written = |count: c_int| unsafe {
        remember(file, offset, count);
        (real(file).xWrite.unwrap())(file, bytes, count, offset)
    };
    match fate() {
        Fate::Done => written(count),
        Fate::Torn => {
            written(count / 2);
            BROKEN
        }
        Fate::Refused(code) => code,
    }
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: i64) -> c_int {
    whole(|| unsafe { (real(file).xTruncate.unwrap())(file, size) })
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _: c_int) -> c_int {
    whole(|| {
        forget(file);
        ffi::SQLITE_OK
    })
}

/// What was changed in this file stays.
fn forget(file: *mut ffi::sqlite3_file) {
    UNSYNCED.with_borrow_mut(|changes| changes.retain(|change| change.file != file));
}

unsafe fn remember(file: *mut ffi::sqlite3_file, offset: i64, count: c_int) {
    let mut size = 0;
    let mut before = vec![0; count as usize];
    unsafe {
        (real(file).xFileSize.unwrap())(file, &mut size);
        before.truncate((size - offset).clamp(0, i64::from(count)) as usize);
        (real(file).xRead.unwrap())(file, before.as_mut_ptr().cast(), before.len() as c_int, offset);
    }
    UNSYNCED.with_borrow_mut(|changes| changes.push(Change { file, offset, before, size }));
}
