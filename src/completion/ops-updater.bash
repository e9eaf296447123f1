# bash completion for ops-updater
# shellcheck shell=bash

# The value of an option that was already given, as --option VALUE or --option=VALUE.
# Bash splits words at "=", so the latter is three words here.
_ops_updater_given() {
    local option=$1 i
    for ((i = 1; i < COMP_CWORD; i++)); do
        [[ ${COMP_WORDS[i]} == "$option" ]] || continue
        [[ ${COMP_WORDS[i + 1]-} == "=" ]] && ((i++))
        printf '%s\n' "${COMP_WORDS[i + 1]-}"
        return
    done
}

# The folders of the ops dir that have a .version or a version folder with a control in them.
_ops_updater_agents() {
    local dir entry name
    dir=$(_ops_updater_given --ops-dir)
    [[ -n $dir ]] || dir=$(dirname -- "$(type -P -- "${COMP_WORDS[0]}")" 2>/dev/null)
    dir=${dir/#\~\//$HOME/}
    for entry in "$dir"/*/; do
        entry=${entry%/}
        name=${entry##*/}
        # Completion expands the names as the shell does: nothing but an agent's name may pass.
        [[ $name =~ ^[A-Za-z0-9][A-Za-z0-9._+~-]*$ ]] || continue
        if [[ -e $entry/.version ]] || compgen -G "$entry/*/control" >/dev/null; then
            printf '%s\n' "$name"
        fi
    done
}

_ops_updater() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    local options="--once --dry-run --status --agent --retry --server --desired --ops-dir
        --config --hostname --interval --splay --format --debug --help --version"
    COMPREPLY=()
    if [[ $current == "=" ]]; then
        current=""
        previous+="="
    elif [[ $previous == "=" ]]; then
        previous="${COMP_WORDS[COMP_CWORD - 2]}="
    fi
    if [[ $previous == "--debug=" ]]; then
        mapfile -t COMPREPLY < <(compgen -W "true false" -- "$current")
        return
    fi
    case ${previous%=} in
        --format) mapfile -t COMPREPLY < <(compgen -W "text json" -- "$current") ;;
        --agent) mapfile -t COMPREPLY < <(compgen -W "$(_ops_updater_agents)" -- "$current") ;;
        --ops-dir)
            compopt -o filenames 2>/dev/null
            mapfile -t COMPREPLY < <(compgen -d -- "$current")
            ;;
        --config | --desired)
            compopt -o filenames 2>/dev/null
            mapfile -t COMPREPLY < <(compgen -f -- "$current")
            ;;
        --server) mapfile -t COMPREPLY < <(compgen -A hostname -- "$current") ;;
        --hostname | --interval | --splay) ;;
        *) mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current") ;;
    esac
}

complete -F _ops_updater ops-updater
