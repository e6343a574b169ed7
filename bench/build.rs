//! As the build script of adpulse, so that the floors are those of the same allocator.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let of_target = |name: &str| std::env::var(format!("CARGO_CFG_TARGET_{name}")).unwrap_or_default();
    if of_target("OS") == "linux" && of_target("ENV") == "gnu" {
        for name in
            ["malloc", "calloc", "realloc", "free", "posix_memalign", "aligned_alloc", "strdup", "strndup"]
        {
            println!("cargo:rustc-link-arg-bins=-Wl,--wrap={name}");
        }
    }
}
