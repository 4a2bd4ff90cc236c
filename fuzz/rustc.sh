#!/bin/sh
# Called by cargo in place of rustc, for the crates of this workspace: with libFuzzer's instrumentation, as far as stable Rust has it.
exec "$@" --cfg fuzzing -C passes=sancov-module \
  -C llvm-args=-sanitizer-coverage-level=4 \
  -C llvm-args=-sanitizer-coverage-inline-8bit-counters \
  -C llvm-args=-sanitizer-coverage-pc-table \
  -C llvm-args=-sanitizer-coverage-trace-compares
