#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| location_auth_fuzz::cassette(data));
