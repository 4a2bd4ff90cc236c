#!/bin/sh
# Called by cargo in place of rustc, for the crates of this workspace.
exec "$@" -C instrument-coverage
