#compdef kv
# Completion of kv for zsh: source <(kv completion zsh)
_kv() {
  local line="${(j: :)words[1,CURRENT-1]} $QIPREFIX$IPREFIX$PREFIX"
  local rest=$line name MATCH i MBEGIN MEND
  local -a names answer done done_shown more more_shown match mbegin mend
  # kv sees the variables that the line names.
  while [[ $rest =~ '\$\{?([A-Za-z_][A-Za-z0-9_]*)(.*)' ]]; do
    names+=("$match[1]")
    rest=$match[2]
  done
  answer=("${(@0)$(
    for name in $names; do export "$name"; done
    command kv completion zsh -- "$line" 2>/dev/null
  )}")
  if [[ $answer[1] == files ]]; then
    [[ $PREFIX == --*=* ]] && compset -P '*='
    _files
    return
  fi
  for ((i = 1; i + 2 <= $#answer; i += 3)); do
    if [[ $answer[i] == done ]]; then
      done+=("$answer[i+1]")
      done_shown+=("$answer[i+2]")
    else
      more+=("$answer[i+1]")
      more_shown+=("$answer[i+2]")
    fi
  done
  local code=1 rows=
  # One a line where there is more to say than the word.
  [[ "$done_shown" == *'  -- '* ]] && rows=-l
  (($#done)) && compadd $rows -d done_shown -a done && code=0
  (($#more)) && compadd -S '' -d more_shown -a more && code=0
  return code
}
# Loaded from a folder of $fpath it is the function itself; else it is sourced.
if [[ "$funcstack[1]" == _kv ]]; then
  _kv "$@"
else
  compdef _kv kv
fi
