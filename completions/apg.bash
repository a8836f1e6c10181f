# SPDX-License-Identifier: MIT
# Completion of apg for bash. The words come from apg itself: `apg --list-commands`, `apg COMMAND --list-options`.
_apg()
{
    local apg=${COMP_WORDS[0]} command=${COMP_WORDS[1]} current=${COMP_WORDS[COMP_CWORD]} option=${COMP_WORDS[COMP_CWORD-1]}
    local words arg IFS=$' \t\n'
    COMPREPLY=()
    # bash cuts "--form=sh" into three words
    if [[ $current = "=" ]]; then
        current=
    elif [[ $option = "=" ]]; then
        option=${COMP_WORDS[COMP_CWORD-2]}
    fi
    if [[ $COMP_CWORD -eq 1 || ($COMP_CWORD -eq 2 && $command = help) ]]; then
        words=$("$apg" --list-commands 2>/dev/null)
        [[ $COMP_CWORD -eq 1 ]] && words+=" help --help --version -V"
        COMPREPLY=($(compgen -W "$words" -- "$current"))
        return
    fi
    words=$("$apg" "$command" --list-options 2>/dev/null) || return
    if [[ $option = --* && $'\n'$words = *$'\n'$option=* ]]; then
        arg=$'\n'$words
        arg=${arg#*$'\n'"$option"=}
        arg=${arg%%$'\n'*}
        if [[ $arg = *"|"* ]]; then
            COMPREPLY=($(compgen -W "${arg//|/ }" -- "$current"))
            return
        fi
    elif [[ $current = -* ]]; then
        words=$(sed 's/=.*/=/' <<< "$words")
        COMPREPLY=($(compgen -W "$words --help" -- "$current"))
        [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} = *= ]] && compopt -o nospace 2>/dev/null
        return
    fi
    compopt -o filenames 2>/dev/null
    local line
    while IFS= read -r line; do
        COMPREPLY+=("$line")
    done < <(compgen -f -- "$current")
}
complete -F _apg apg
