"""Android's own commands, as far as a virtual phone has them: scripts of a POSIX shell over files of its state."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ontarget.device_farm.virtual_phone.answers import SERVICES, SETTINGS, properties

_GETPROP: Final = """\
#!/bin/sh
if [ $# -eq 0 ]; then sed 's/^\\([^=]*\\)=\\(.*\\)/[\\1]: [\\2]/' "$PHONE/state/properties"; exit; fi
sed -n "s/^$(echo "$1" | sed 's/[.]/[.]/g')=//p" "$PHONE/state/properties" | grep . || echo "$2"
"""

_SETTINGS: Final = """\
#!/bin/sh
# settings get|put|delete|list NAMESPACE [KEY [VALUE]]
file=$PHONE/state/settings/$2/$3
case $1 in
  get) if [ -e "$file" ]; then cat "$file"; else echo null; fi ;;
  put) mkdir -p "${file%/*}"; echo "$4" > "$file" ;;
  delete) if [ -e "$file" ]; then rm -f "$file"; echo 'Deleted 1 rows'; else echo 'Deleted 0 rows'; fi ;;
  list) cd "$PHONE/state/settings/$2" && for key in *; do echo "$key=$(cat "$key")"; done ;;
  *) echo "Invalid command: $1" >&2; exit 255 ;;
esac
"""

_DUMPSYS: Final = """\
#!/bin/sh
cat "$PHONE/state/services/$1" 2>/dev/null && exit
echo "Can't find service: $1" >&2
exit 1
"""

_CMD: Final = """\
#!/bin/sh
case $1:$2 in
  power:set-fixed-performance-mode-enabled) echo "$3" > "$PHONE/state/fixed-performance" ;;
  connectivity:airplane-mode)
    case $3 in
      enable) settings put global airplane_mode_on 1 ;;
      disable) settings put global airplane_mode_on 0 ;;
      *) if [ "$(settings get global airplane_mode_on)" = 1 ]; then echo enabled; else echo disabled; fi ;;
    esac ;;
  *) echo "cmd: Can't find service: $1" >&2; exit 20 ;;
esac
"""

# -d: what there is, then end. -T takes seconds since 1970, or "MM-DD hh:mm:ss.mmm", which sorts as text.
_LOGCAT: Final = """\
#!/bin/sh
buffers='main system crash'; since=; clear=
while [ $# -gt 0 ]; do
  case $1 in
    -b) buffers=$(echo "$2" | tr , ' '); shift ;;
    -T|-t) since=$2; shift ;;
    -v) shift ;;
    -c) clear=1 ;;
  esac
  shift
done
case $since in
  *[!0-9.]*|'') ;;
  *) since=$(date -d "@${since%.*}" '+%m-%d %H:%M:%S').${since#*.} ;;
esac
for buffer in $buffers; do
  file=$PHONE/state/log/$buffer
  if [ ! -e "$file" ]; then echo "Unable to open log device '$buffer'" >&2; exit 1; fi
  if [ -n "$clear" ]; then : > "$file"; continue; fi
  echo "--------- beginning of $buffer"
  while IFS= read -r line; do
    if [ -z "$since" ] || ! expr "X$line" '<' "X$since" >/dev/null; then printf '%s\\n' "$line"; fi
  done < "$file"
done
"""

_LOG: Final = """\
#!/bin/sh
# log [-b BUFFER] [-p PRIORITY] [-t TAG] MESSAGE
buffer=main; priority=I; tag=log
while :; do
  case $1 in
    -b) buffer=$2; shift 2 ;;
    -p) priority=$(echo "$2" | tr a-z A-Z); shift 2 ;;
    -t) tag=$2; shift 2 ;;
    *) break ;;
  esac
done
echo "$(date '+%m-%d %H:%M:%S').000  $$  $$ $priority $tag: $*" >> "$PHONE/state/log/$buffer"
"""

_SVC: Final = """\
#!/bin/sh
case $1:$2 in
  power:stayon) settings put global stay_on_while_plugged_in "$([ "$3" = false ] && echo 0 || echo 7)" ;;
  wifi:*|data:*|bluetooth:*) echo "$2" > "$PHONE/state/svc-$1" ;;
  *) echo "Available commands: power wifi data bluetooth" >&2; exit 1 ;;
esac
"""

_INPUT: Final = """\
#!/bin/sh
[ "$1" = keyevent ] || { echo "Error: Unknown command: $1" >&2; exit 255; }
case $2 in
  KEYCODE_WAKEUP|224) sed -i 's/mWakefulness=.*/mWakefulness=Awake/' "$PHONE/state/services/power" ;;
  KEYCODE_SLEEP|223) sed -i 's/mWakefulness=.*/mWakefulness=Asleep/' "$PHONE/state/services/power" ;;
esac
"""

_SCRIPTS: Final = {
    "getprop": _GETPROP,
    "settings": _SETTINGS,
    "dumpsys": _DUMPSYS,
    "cmd": _CMD,
    "logcat": _LOGCAT,
    "log": _LOG,
    "svc": _SVC,
    "input": _INPUT,
}
LOGS: Final = ("main", "system", "crash")


def write(folder: Path, *, abi: str, serial: str, more: Mapping[str, str] | None = None) -> None:
    """Write the commands and the state that they begin with, which every user of the phone may change.

    `more` are properties beside those that all have, or instead of them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, script in _SCRIPTS.items():
        path = folder / name
        path.write_text(script)
        path.chmod(0o755)
    state = folder / "state"
    known = properties(abi, serial) | dict(more or {})
    contents = {"properties": "".join(f"{name}={value}\n" for name, value in known.items())}
    contents |= {f"services/{name}": text for name, text in SERVICES.items()}
    contents |= {f"settings/{space}/{key}": f"{value}\n" for (space, key), value in SETTINGS.items()}
    contents |= {f"log/{name}": "" for name in LOGS}
    for name, text in contents.items():
        path = state / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o666)
    for path in (state, *(path for path in state.rglob("*") if path.is_dir())):
        path.chmod(0o777)
    folder.chmod(0o755)
