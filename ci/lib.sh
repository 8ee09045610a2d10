# Sourced by the scripts beside it: `need PROGRAM PACKAGE` installs a Debian package if its program is missing.

need() {
  command -v "$1" >/dev/null 2>&1 && return 0
  if ! command -v apt-get >/dev/null 2>&1; then
    echo "missing: $1 (Debian package $2); install it with your system's package manager" >&2
    return 1
  fi
  local as_root=""
  if [ "$(id -u)" -ne 0 ]; then
    if ! sudo -n true 2>/dev/null; then
      echo "missing: $1; run: sudo apt-get install $2" >&2
      return 1
    fi
    as_root="sudo"
  fi
  echo "installing $2 (for $1)" >&2
  $as_root apt-get update -q >&2 && $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q "$2" >&2
}
