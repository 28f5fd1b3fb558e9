#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| oxisasl_fuzz_targets::run("propctx", data));
