# Sourced by launch/demo and launch/test: where the project is, and what both do before their own work.
root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
cd "$root"

# Under sudo the build belongs to whom the checkout belongs, so that the next run may be one without sudo.
give_build_back() { [[ $EUID -ne 0 || ! -d build ]] || chown -R --reference=. build; }
trap give_build_back EXIT

# configure_and_build PRESET TESTS [TARGET]: quiet where all goes well. Needs build/ to be writable, says so otherwise.
# TESTS: ON wants what tests are built with; OFF takes a build that has them as it is.
configure_and_build() {
  local preset=$1 tests=$2
  shift 2
  mkdir -p build/logs
  local options=()
  [[ $tests == OFF && -e build/$preset/CMakeCache.txt ]] ||
    options=("-DGEMRING_BUILD_TESTS=$tests" "-DGEMRING_BUILD_BENCH=$tests")
  [[ $preset != asan && $preset != tsan ]] || options=("-DGEMRING_BUILD_TESTS=$tests")
  if ! cmake --preset "$preset" "${options[@]}" >"build/logs/$preset.configure.log" 2>&1; then
    cat "build/logs/$preset.configure.log" >&2
    return 1
  fi
  cmake --build --preset "$preset" --parallel "$(nproc)" ${1:+--target "$1"}
}
