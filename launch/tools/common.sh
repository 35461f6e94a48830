# Sourced by launch/demo and launch/test: where the project is, and what both do before their own work.
root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
cd "$root"

# Under sudo the build belongs to whom the checkout belongs, so that the next run may be one without sudo.
give_build_back() { [[ $EUID -ne 0 || ! -d build ]] || chown -R --reference=. build; }
trap give_build_back EXIT

# configure_and_build PRESET: quiet where all goes well. Needs build/ to be writable, says so otherwise.
configure_and_build() {
  mkdir -p build/logs
  if ! cmake --preset "$1" >"build/logs/$1.configure.log" 2>&1; then
    cat "build/logs/$1.configure.log" >&2
    return 1
  fi
  cmake --build --preset "$1" --parallel "$(nproc)"
}
