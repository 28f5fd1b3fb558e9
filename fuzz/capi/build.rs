//! Compiles the variadic functions, as the build script of the shared object does.

fn main() {
    let source = "../../capi/libsasl2/src/variadic.c";
    println!("cargo::rerun-if-changed={source}");
    cc::Build::new().file(source).warnings(true).cargo_metadata(false).compile("sasl2_variadic_rlib");
    println!("cargo::rustc-link-search=native={}", std::env::var("OUT_DIR").unwrap_or_default());
    println!("cargo::rustc-link-lib=static=sasl2_variadic_rlib");
}
