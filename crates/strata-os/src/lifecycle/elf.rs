//! Load and exit where programs are ELF files: the loader reads two sections of addresses.

/// Has the loader call a safe `extern "C" fn()` when the program starts, before `main`, or when the library is loaded.
///
/// Of one executable or library, all that say `first` come before all that say `then`, and both before what other
/// languages' constructors do. The environment and the C library are there; Rust's standard library may not be.
#[macro_export]
macro_rules! at_load {
    (first $function:path) => {
        $crate::at_load!(@ ".init_array.00101" $function);
    };
    (then $function:path) => {
        $crate::at_load!(@ ".init_array.00102" $function);
    };
    (@ $section:literal $function:path) => {
        const _: () = {
            #[used]
            #[unsafe(link_section = $section)]
            static LISTED: extern "C" fn() = $function;
        };
    };
}

/// Has the loader call a safe `extern "C" fn()` when the program ends by `exit` or by returning from `main`, or when the
/// library is unloaded. Nothing is registered, so nothing is allocated; other threads may still be running.
#[macro_export]
macro_rules! at_exit {
    ($function:path) => {
        // The array is walked from its end, where those without a number are: a function that has to run before ours belongs there.
        $crate::at_load!(@ ".fini_array.00101" $function);
    };
}
