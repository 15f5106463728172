# Completion of kv for bash 4 and later: eval "$(kv completion bash)"
_kv() {
  local line=${COMP_LINE:0:COMP_POINT} rest how name
  local names=() answer=()
  # kv sees the variables that the line names.
  rest=$line
  while [[ $rest =~ \$\{?([A-Za-z_][A-Za-z0-9_]*)(.*) ]]; do
    names+=("${BASH_REMATCH[1]}")
    rest=${BASH_REMATCH[2]}
  done
  COMPREPLY=()
  mapfile -t answer < <(
    for name in "${names[@]}"; do export "$name"; done
    command kv completion bash -- "$line" "$2" "$COMP_TYPE" 2>/dev/null
  )
  how=${answer[0]-}
  if [[ $how == files ]]; then
    compopt -o default 2>/dev/null
  else
    COMPREPLY=("${answer[@]:1}")
    compopt -o nosort 2>/dev/null
    [[ $how == more ]] && compopt -o nospace 2>/dev/null
  fi
  return 0
}
complete -F _kv kv
