# shellcheck shell=bash
# Completes command lines of gatecrash in bash. The program itself knows the words.
_gatecrash() {
    local line last=${COMP_WORDS[COMP_CWORD]}
    local -a words=() found
    # bash splits --OPTION=VALUE into three words.
    for line in "${COMP_WORDS[@]:1:COMP_CWORD}"; do
        [[ $line == = ]] || words+=("$line")
    done
    if [[ $last == = ]]; then
        last=
        words+=('')
    fi
    COMPREPLY=()
    while IFS= read -r line; do
        found=("${line%%$'\t'*}")
        case $line in
            :files | :folders)
                compopt -o filenames 2>/dev/null
                [[ $line == :files ]] && mapfile -t found < <(compgen -f -- "$last")
                [[ $line == :folders ]] && mapfile -t found < <(compgen -d -- "$last")
                ;;
            *@$'\t'*) compopt -o nospace 2>/dev/null ;; # a schedule goes on
        esac
        COMPREPLY+=("${found[@]}")
    done < <("${COMP_WORDS[0]}" complete -- "${words[@]}" 2>/dev/null)
}
complete -F _gatecrash gatecrash
