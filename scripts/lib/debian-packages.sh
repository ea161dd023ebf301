# shellcheck shell=bash
#
# Takes programs out of Debian packages into a folder: installs nothing and needs no root. They bring their own C library,
# so programs of several Debian releases run side by side on one machine; paths are baked in, so the folder cannot be
# moved. The packages come from wherever this machine's own apt gets its packages.
#
# Sourced by postgres-binaries and test-tools, which call, in this order: begin, use_release, unpack, relink, finish. $dest
# is the folder, $tree the root of the unpacked packages until it is finished, $rt their libraries.

rt='' tree='' work=''
loader=ld-linux-x86-64.so.2

fail() {
  printf '%s: %s\n' "${0##*/}" "$1" >&2
  exit 1
}

# Prints the folder of the programs and ends, where they are there. $dest appears by one rename of a finished folder: it is
# whole, or it is not there.
finish_if_present() { # PROGRAM, from $dest
  if [[ -x $dest/$1 ]]; then
    dirname -- "$dest/$1"
    exit 0
  fi
}

# Takes the lock of $dest, which ends with this process, and makes an empty tree beside it.
begin() { # WHAT PROGRAM
  local tool
  finish_if_present "$2"
  for tool in apt-get dpkg dpkg-deb flock; do
    command -v "$tool" > /dev/null || fail "$tool is missing: this works on Debian only; elsewhere install $1"
  done
  [[ $(dpkg --print-architecture) == amd64 ]] || fail "this works on amd64 machines only; elsewhere install $1"

  mkdir -p -- "$(dirname -- "$dest")"
  exec 9> "$dest.lock"
  flock 9
  finish_if_present "$2"
  [[ -z $(ls -A -- "$dest" 2> /dev/null) ]] || fail "$dest exists and holds no $1: remove it, or choose another folder"

  # Only the holder of the lock works in this folder: what lies there is from a run that was killed.
  work=$dest.unfinished
  rm -rf -- "$work"
  trap 'rm -rf -- "$work"' EXIT
  umask 022
  tree=$work/tree rt=$work/tree/rt
  mkdir -p "$work"/apt/{empty,state/lists/partial,cache/archives/partial} "$work/packages" "$rt"
}

# --- The package lists of a release, in an apt state of its own -------------------------------------------------------

# The labels are in the downloaded lists, which is how a machine without lists shows.
repository() { # LABEL
  apt-get indextargets --format '$(LABEL) $(REPO_URI)' | awk -v label="$1" '$1 == label {print $2; exit}'
}

use_release() { # RELEASE WHAT
  local main security keyring
  main=$(repository Debian)
  security=$(repository Debian-Security)
  if [[ -z $main ]]; then
    if grep -qs '^ID=debian$' /etc/os-release; then
      fail 'apt has no package lists yet; type, as root: apt-get update'
    fi
    fail "no Debian package source here; install $2 instead"
  fi
  for keyring in /usr/share/keyrings/debian-archive-keyring.{pgp,gpg}; do
    [[ ! -r $keyring ]] || break
  done
  [[ -r $keyring ]] || fail 'no keyring to check packages with; type, as root: apt-get install debian-archive-keyring'

  echo "deb [signed-by=$keyring] $main $1 main" > "$work/apt/sources.list"
  # A release in preparation has no security archive of its own.
  if [[ -n $security && $1 != forky ]]; then
    echo "deb [signed-by=$keyring] $security $1-security main" >> "$work/apt/sources.list"
  fi
  touch "$work/apt/state/status"
  isolated_apt update >&2
}

isolated_apt() {
  apt-get -qq \
    -o Dir::Etc::SourceList="$work/apt/sources.list" \
    -o Dir::Etc::SourceParts="$work/apt/empty" \
    -o Dir::Etc::Preferences=/dev/null \
    -o Dir::Etc::PreferencesParts="$work/apt/empty" \
    -o Dir::State="$work/apt/state" \
    -o Dir::State::Status="$work/apt/state/status" \
    -o Dir::Cache="$work/apt/cache" \
    -o APT::Sandbox::User= \
    -o APT::Install-Recommends=false \
    -o Acquire::Languages=none \
    -o Acquire::Check-Valid-Until=false \
    -o Acquire::Retries=3 \
    "$@"
}

# Of what an empty system would get with these packages: they themselves, and every shared library but those whose names
# match LEAVE_OUT. Trixie has promtool in a package of its own, on which prometheus depends.
unpack() { # LEAVE_OUT PACKAGE...
  local plan package packages leave_out=$1
  shift
  plan=$(isolated_apt --simulate install "$@" patchelf)
  mapfile -t packages < <(awk -v leave_out="$leave_out" -v wanted=" $* " '
    $1 != "Inst" || $2 ~ leave_out {next}
    index(wanted, " " $2 " ") || $2 ~ /^(lib|zlib1g$|patchelf$|promtool$)/ {print $2}' <<< "$plan")
  ((${#packages[@]} > 0)) || fail "apt found no packages of $*"
  (cd "$work/packages" && isolated_apt download "${packages[@]}" >&2)
  # Older releases have programs and libraries in /bin and /lib.
  mkdir -p "$tree"/usr/{bin,sbin,lib}
  ln -s usr/bin usr/sbin usr/lib "$tree"
  for package in "$work"/packages/*.deb; do
    dpkg-deb --fsys-tarfile "$package" |
      tar -x -C "$tree" --keep-directory-symlink --no-same-owner --no-same-permissions
  done
  mv "$tree/usr/bin/patchelf" "$work"
}

# --- Programs that use the libraries beside them ----------------------------------------------------------------------

# Writes the final paths into the programs of folders of the tree. patchelf is of that release too, hence started by its own
# loader.
relink() { # FOLDER...
  local folder program
  for folder in "$tree"/usr/lib/x86_64-linux-gnu{,/systemd} "$tree/lib64"; do
    [[ ! -d $folder ]] || find "$folder" -maxdepth 1 -name '*.so*' -exec cp -P -t "$rt" {} +
  done
  for folder; do
    for program in "$tree/$folder"/*; do
      if [[ -f $program && ! -L $program && $(head -c 4 "$program" | tr -d '\0') == $'\x7fELF' ]]; then
        start "$work/patchelf" --set-interpreter "$dest/rt/$loader" --force-rpath --set-rpath "$dest/rt" "$program"
      fi
    done
  done
}

# Runs a program of the tree through the loader, because the final paths are not there yet.
start() { # PROGRAM [ARGUMENT...]
  "$rt/$loader" --library-path "$rt" "$@"
}

# Moves the tree to $dest, and prints the folder of the programs.
finish() { # PROGRAM VERSION
  chmod -R a+rX "$tree"
  mv -T -- "$tree" "$dest"
  echo "${0##*/}: unpacked ${2%%$'\n'*}" >&2
  dirname -- "$dest/$1"
}
