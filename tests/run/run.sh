#!/bin/bash
# run.sh BUILD-DIR [RUN_CASES-OPTION...]: the script cases on this kernel.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
build=$1
shift
export TESTPROG=$build/tests/run/testprog
exec "$build/tests/run/run_cases" "$@" "$build/trace-runner/trace-runner" "$here"/cases/*.test
