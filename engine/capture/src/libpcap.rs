//! libpcap, loaded when the first tap opens and not when the program starts.
//!
//! Debian's libpcap pulls in libdbus, libsystemd, libibverbs and more: about ten libraries that `porthole ps` would map
//! and relocate for nothing. So this module defines every `pcap_*` function that the `pcap` crate calls, each of which
//! forwards to the real one by `dlsym(3)`. As all of the crate's references are met here, the linker finds nothing to
//! take from libpcap and (by its default `--as-needed`) leaves it out of the program's `DT_NEEDED` list.
//!
//! [`load`] must have succeeded before the `pcap` crate is used: a forwarding function has no way to report that the
//! library is missing and ends the process instead.

use std::ffi::{CStr, CString, c_void};
use std::ptr::NonNull;
use std::sync::OnceLock;

/// The names under which distributions install libpcap's ABI 1: everyone else's, then Debian's.
const SONAMES: [&CStr; 2] = [c"libpcap.so.1", c"libpcap.so.0.8"];

/// A handle of `dlopen(3)` that is never closed.
struct Library(NonNull<c_void>);

// SAFETY: the handle is only passed to dlsym, which may be called from any thread.
unsafe impl Send for Library {}
// SAFETY: as for Send.
unsafe impl Sync for Library {}

static LIBRARY: OnceLock<Result<Library, String>> = OnceLock::new();

fn library() -> &'static Result<Library, String> {
    LIBRARY.get_or_init(|| {
        let mut reason = String::new();
        for name in SONAMES {
            // SAFETY: the name is a C string; libpcap's constructors have no preconditions.
            let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
            match NonNull::new(handle) {
                Some(handle) => return Ok(Library(handle)),
                None => reason = last_error(),
            }
        }
        Err(reason)
    })
}

fn last_error() -> String {
    // SAFETY: dlerror returns null or a C string that stays valid until this thread's next dl call.
    let message = unsafe { libc::dlerror() };
    if message.is_null() {
        return "unknown error".into();
    }
    // SAFETY: not null, checked above.
    unsafe { CStr::from_ptr(message) }.to_string_lossy().into_owned()
}

/// Loads libpcap unless that is done already; the error is the dynamic loader's own message.
pub(crate) fn load() -> Result<(), &'static str> {
    library().as_ref().map(drop).map_err(String::as_str)
}

/// The address of one of libpcap's functions.
fn symbol(name: &str) -> NonNull<c_void> {
    let found = library().as_ref().ok().and_then(|library| {
        let name = CString::new(name).ok()?;
        // SAFETY: the handle came from dlopen and is never closed; the name is a C string.
        NonNull::new(unsafe { libc::dlsym(library.0.as_ptr(), name.as_ptr()) })
    });
    found.unwrap_or_else(|| {
        eprintln!("porthole: libpcap has no function {name}");
        std::process::abort()
    })
}

/// Defines C functions that look themselves up in libpcap on their first call.
macro_rules! forward {
    ($($name:ident($($argument:ident: $kind:ty),*) $(-> $result:ty)?;)*) => {$(
        // SAFETY: the name is libpcap's own and nothing else in the program defines it.
        #[unsafe(no_mangle)]
        extern "C" fn $name($($argument: $kind),*) $(-> $result)? {
            static ADDRESS: OnceLock<usize> = OnceLock::new();
            let address = *ADDRESS.get_or_init(|| symbol(stringify!($name)).as_ptr() as usize);
            // SAFETY: the address is that of libpcap's function of this name, whose C signature this is
            // (pcap(3PCAP)); the caller, the pcap crate, upholds the contract of each argument.
            unsafe {
                let function: unsafe extern "C" fn($($kind),*) $(-> $result)? = std::mem::transmute(address);
                function($($argument),*)
            }
        }
    )*};
}

/// Any pointer: what it points to is between the `pcap` crate and libpcap.
type Pointer = *mut c_void;
type Int = std::ffi::c_int;
type Unsigned = std::ffi::c_uint;

forward! {
    pcap_activate(p: Pointer) -> Int;
    pcap_breakloop(p: Pointer);
    pcap_close(p: Pointer);
    pcap_compile(p: Pointer, program: Pointer, text: Pointer, optimize: Int, netmask: Unsigned) -> Int;
    pcap_create(source: Pointer, error: Pointer) -> Pointer;
    pcap_datalink(p: Pointer) -> Int;
    pcap_datalink_name_to_val(name: Pointer) -> Int;
    pcap_datalink_val_to_description(link: Int) -> Pointer;
    pcap_datalink_val_to_name(link: Int) -> Pointer;
    pcap_dispatch(p: Pointer, count: Int, callback: Pointer, user: Pointer) -> Int;
    pcap_dump(dumper: Pointer, header: Pointer, data: Pointer);
    pcap_dump_close(dumper: Pointer);
    pcap_dump_flush(dumper: Pointer) -> Int;
    pcap_dump_fopen(p: Pointer, file: Pointer) -> Pointer;
    pcap_dump_open(p: Pointer, path: Pointer) -> Pointer;
    pcap_dump_open_append(p: Pointer, path: Pointer) -> Pointer;
    pcap_fileno(p: Pointer) -> Int;
    pcap_findalldevs(list: Pointer, error: Pointer) -> Int;
    pcap_fopen_offline(file: Pointer, error: Pointer) -> Pointer;
    pcap_fopen_offline_with_tstamp_precision(file: Pointer, precision: Unsigned, error: Pointer) -> Pointer;
    pcap_free_datalinks(list: Pointer);
    pcap_freealldevs(list: Pointer);
    pcap_freecode(program: Pointer);
    pcap_get_selectable_fd(p: Pointer) -> Int;
    pcap_geterr(p: Pointer) -> Pointer;
    pcap_list_datalinks(p: Pointer, list: Pointer) -> Int;
    pcap_loop(p: Pointer, count: Int, callback: Pointer, user: Pointer) -> Int;
    pcap_major_version(p: Pointer) -> Int;
    pcap_minor_version(p: Pointer) -> Int;
    pcap_next_ex(p: Pointer, header: Pointer, data: Pointer) -> Int;
    pcap_offline_filter(program: Pointer, header: Pointer, data: Pointer) -> Int;
    pcap_open_dead(link: Int, snaplen: Int) -> Pointer;
    pcap_open_dead_with_tstamp_precision(link: Int, snaplen: Int, precision: Unsigned) -> Pointer;
    pcap_open_offline(path: Pointer, error: Pointer) -> Pointer;
    pcap_open_offline_with_tstamp_precision(path: Pointer, precision: Unsigned, error: Pointer) -> Pointer;
    pcap_sendpacket(p: Pointer, data: Pointer, size: Int) -> Int;
    pcap_set_buffer_size(p: Pointer, size: Int) -> Int;
    pcap_set_datalink(p: Pointer, link: Int) -> Int;
    pcap_set_immediate_mode(p: Pointer, on: Int) -> Int;
    pcap_set_promisc(p: Pointer, on: Int) -> Int;
    pcap_set_rfmon(p: Pointer, on: Int) -> Int;
    pcap_set_snaplen(p: Pointer, snaplen: Int) -> Int;
    pcap_set_timeout(p: Pointer, milliseconds: Int) -> Int;
    pcap_set_tstamp_precision(p: Pointer, precision: Int) -> Int;
    pcap_set_tstamp_type(p: Pointer, kind: Int) -> Int;
    pcap_setdirection(p: Pointer, direction: Unsigned) -> Int;
    pcap_setfilter(p: Pointer, program: Pointer) -> Int;
    pcap_setnonblock(p: Pointer, on: Int, error: Pointer) -> Int;
    pcap_stats(p: Pointer, stats: Pointer) -> Int;
}
