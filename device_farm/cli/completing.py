"""Completion in Bash of words with colons in them, as tests' ids have: Bash takes each for a word of its own."""

import os
import re
from typing import Final

from click.shell_completion import BashComplete, CompletionItem, add_completion_class, split_arg_string

_SOURCE: Final = """\
%(complete_func)s() {
    local IFS=$'\\n' response completion type value
    response=$(env COMP_LINE="$COMP_LINE" COMP_POINT="$COMP_POINT" COMP_WORDBREAKS="$COMP_WORDBREAKS" \
%(complete_var)s=bash_complete $1)
    for completion in $response; do
        type=${completion%%%%,*}
        value=${completion#*,}
        if [[ $type == dir ]]; then
            COMPREPLY=()
            compopt -o dirnames
        elif [[ $type == file ]]; then
            COMPREPLY=()
            compopt -o default
        else
            COMPREPLY+=("$value")
        fi
    done
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""


class WholeWords(BashComplete):
    """Takes the line apart itself, and answers with what Bash takes for the word: what follows the last colon."""

    source_template = _SOURCE

    def get_completion_args(self) -> tuple[list[str], str]:
        if "COMP_LINE" not in os.environ:
            return super().get_completion_args()  # a shell that was started with Click's own script
        line = os.environ["COMP_LINE"][: int(os.environ["COMP_POINT"])]
        words = split_arg_string(line)[1:]
        incomplete = "" if line[-1:].isspace() or not words else words.pop()
        return words, incomplete

    def format_completion(self, item: CompletionItem) -> str:
        _, incomplete = self.get_completion_args()
        breaks = [sign for sign in ":=" if sign in os.environ.get("COMP_WORDBREAKS", "")]
        known = max((incomplete.rfind(sign) + 1 for sign in breaks), default=0)
        shown = item.value[known:] if item.value.startswith(incomplete[:known]) else item.value
        return f"{item.type},{_quoted(shown)}"


def _quoted(word: str) -> str:
    """With a backslash before what the shell would make something of."""
    return re.sub(r"([^\w@%+=:,./-])", r"\\\1", word)


def register() -> None:
    """Make it Click's way for Bash."""
    add_completion_class(WholeWords)
