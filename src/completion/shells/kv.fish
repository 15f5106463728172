# Completion of kv for fish: kv completion fish | source
function __kv_complete
    set -l words
    for word in (commandline -opc)
        # kv sees the variable that a word begins with.
        set -l found (string match -r '^\$(\w+)(.*)$' -- $word)
        and set -q $found[2]
        and set word $$found[2]$found[3]
        set -a words $word
    end
    set -l raw (commandline -ct)
    set -l typed ''
    if test -n "$raw"
        set typed (string unescape -- $raw; or string unescape -- $raw\'; or string unescape -- $raw\")
    end
    set -l answer (command kv completion fish -- $words[2..] "$typed" 2>/dev/null)
    if test "$answer[1]" = files
        set -l found (string match -r '^(--[^=]+=)(.*)$' -- "$typed")
        if set -q found[1]
            string replace -r '^' $found[2] (__fish_complete_path $found[3])
        else
            __fish_complete_path "$typed"
        end
    else
        string join \n -- $answer[2..]
    end
end
complete -c kv -e
complete -c kv -f -a '(__kv_complete)'
