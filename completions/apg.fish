# SPDX-License-Identifier: MIT
# Completion of apg for fish. The words come from apg itself: `apg --list-commands`, `apg COMMAND --list-options`.

# The options of the command, and the choices of the option that is being typed. Else fish offers files.
function __apg_words
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l list ($words[1] $words[2] --list-options 2>/dev/null)
    set -l option $words[-1]
    set -l before ''
    if string match -q -- '--*=*' $current
        set option (string split -m 1 -- = $current)[1]
        set before $option=
    else if string match -q -- '@*' $current # a file of options
        printf '%s\n' @(__fish_complete_path (string sub -s 2 -- $current) | string replace -r '\t.*' '')
        return
    else if string match -q -- '-*' $current
        string replace -r -- '=.*' = $list
        echo --help
        return
    end
    for line in $list
        if string match -q -- "$option=*|*" $line
            printf '%s\n' $before(string split -- '|' (string split -m 1 -- = $line)[2])
        end
    end
end

function __apg_at_command
    set -l words (commandline -opc)
    test (count $words) -eq 1; or test (count $words) -eq 2 -a "$words[2]" = help
end

complete -c apg -n __apg_at_command -f -a '(eval (commandline -opc)[1] --list-commands 2>/dev/null)'
complete -c apg -n __apg_at_command -f -a 'help --help --version -V'
complete -c apg -n 'not __apg_at_command' -a '(__apg_words)'
