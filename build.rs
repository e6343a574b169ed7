//! Leads the memory of everything linked into the program to one allocator: see `kafka/src/native/memory.rs`. The package
//! `bench` is built by it too.

fn main() {
    // It depends on the target alone.
    println!("cargo:rerun-if-env-changed=CARGO_CFG_TARGET_ENV");
    let of_target = |name: &str| std::env::var(format!("CARGO_CFG_TARGET_{name}")).unwrap_or_default();
    if of_target("OS") == "linux" && of_target("ENV") == "gnu" {
        for name in
            ["malloc", "calloc", "realloc", "free", "posix_memalign", "aligned_alloc", "strdup", "strndup"]
        {
            println!("cargo:rustc-link-arg-bins=-Wl,--wrap={name}");
        }
    }
}
