# shellcheck shell=bash disable=SC2154
#
# What demo and demo-down share: where the demo lies, which processes are its own, and how they end.

# One demo per user, in a fixed place, so that demo-down finds it from any shell. The name is short because the path of
# a Unix socket may have 107 characters only.
folder=/tmp/pgsidecar-demo-$EUID

# Progress goes to standard error: standard output is the view's. A closed terminal must not stop the cleaning up.
say() {
  printf '%s\n' "$*" >&2 || :
}

fail() {
  say "$program: $*"
  exit 1
}

# Anybody can make a folder in /tmp; only our own is trusted.
refuse_foreign_folder() {
  if [[ -L $folder || ! -O $folder ]]; then
    fail "$folder exists and is not yours; remove it, then try again"
  fi
}

# --- Which processes are the demo's ----------------------------------------------------------------------------------

# Prints parent, session and start time of a process. Its name is skipped up to the last parenthesis: it may hold any
# character.
process_facts() {
  local stat='' fields
  # Without a zero byte to end at, read always returns 1.
  { read -r -d '' stat < "/proc/$1/stat"; } 2> /dev/null || :
  read -r -a fields <<< "${stat##*) }"
  ((${#fields[@]} > 19)) || return 1
  echo "${fields[1]} ${fields[3]} ${fields[19]}"
}

# Whether a process works in the demo's folder, or was started with a path in it. The second is for containers, where
# root may not read the working directory of another user's process.
is_ours() {
  local cwd arguments
  cwd=$(readlink "/proc/$1/cwd" 2> /dev/null) || cwd=
  # The 0 is needed: without it, a function that an EXIT trap calls returns the status that the program ends with.
  [[ $cwd/ == "$folder"/* ]] && return 0
  arguments=$(tr '\0' ' ' 2> /dev/null < "/proc/$1/cmdline") || return 1
  [[ $arguments == *"$folder"/* ]]
}

# The numbers in a set of files that hold a process number in their first line.
recorded() {
  local file number
  for file in "$@"; do
    number=
    { read -r number < "$file"; } 2> /dev/null || :
    if [[ $number =~ ^[1-9][0-9]*$ ]]; then
      echo "$number"
    fi
  done
}

# Prints "number start-time" of each process of the demo: those recorded when they were started (each leads a session of
# its own, so a lost child is found as well), servers that were started again since, and the children of all of these.
# The start time tells a process from a later one that got the same number.
own_processes() {
  local -A leader=() parent=() session=() start=() own=()
  local number facts found
  for number in $(recorded "$folder"/run/*.pid "$folder"/pg-*/data/postmaster.pid); do
    leader[$number]=yes
  done
  for number in /proc/[0-9]*; do
    number=${number#/proc/}
    facts=$(process_facts "$number") || continue
    read -r "parent[$number]" "session[$number]" "start[$number]" <<< "$facts"
    if [[ ${leader[$number]:-}${leader[${session[$number]}]:-} ]] && is_ours "$number"; then
      own[$number]=yes
    fi
  done
  found=yes
  while [[ $found ]]; do
    found=
    for number in "${!parent[@]}"; do
      if [[ -z ${own[$number]:-} && ${own[${parent[$number]}]:-} ]]; then
        own[$number]=yes found=yes
      fi
    done
  done
  for number in "${!own[@]}"; do
    echo "$number ${start[$number]}"
  done
}

# --- How they end ----------------------------------------------------------------------------------------------------

# Sends a signal to those of the given "number start-time" lines that are still the same process.
send() {
  local signal=$1 number start facts
  while read -r number start; do
    facts=$(process_facts "$number") || continue
    if [[ ${facts##* } == "$start" ]]; then
      kill -s "$signal" "$number" 2> /dev/null || :
    fi
  done <<< "$2"
}

# Ends every process of the demo and returns 1 if one stays. Nothing is worth a clean shutdown: the data goes as well.
stop_everything() {
  local all deadline
  all=$(own_processes)
  [[ $all ]] || return 0
  # What was stopped with SIGSTOP hears nothing else before this.
  send CONT "$all"
  # A postmaster takes SIGQUIT for "immediately" and takes its children along; the others take SIGTERM. SIGKILL would
  # leave a postmaster's shared memory behind.
  send QUIT "$(grep -wFf <(recorded "$folder"/pg-*/data/postmaster.pid) <<< "$all")"
  send TERM "$(grep -vwFf <(recorded "$folder"/pg-*/data/postmaster.pid) <<< "$all")"
  deadline=$((SECONDS + 8))
  while ((SECONDS < deadline)); do
    [[ $(own_processes) ]] || return 0
    sleep 0.1
  done
  send KILL "$(own_processes)"
  sleep 0.3
  [[ -z $(own_processes) ]]
}

remove_folder() {
  if ! stop_everything; then
    fail "$folder stays, because these processes do not end: $(own_processes | cut -d ' ' -f 1 | tr '\n' ' ')"
  fi
  rm -rf -- "$folder"
}
