# Prints what zsh offers for a command line, one a line: zsh -f capture.zsh 'lameduck drain '
# A shell in a pseudo-terminal gets the line and a Tab; its `compadd` tells instead of showing.
zmodload zsh/zpty || exit 1
zpty z zsh -f -i
() {
  local line
  zpty -w z "source $1"
  repeat 20; do
    zpty -r z line
    [[ $line == *ready* ]] && return
  done
  exit 2
} =(<<'END'
PROMPT=
stty -echo
autoload -U compinit
compinit -u -D
source <(lameduck completion zsh)
bindkey '^M' undefined
bindkey '^J' undefined
bindkey '^I' complete-word
mark () { print -r -- '<>' }
compprefuncs=(mark)
comppostfuncs=(mark exit)
zstyle ':completion:*' insert-tab false
zstyle ':completion:*' list-separator ''
compadd () {
  if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then
    builtin compadd "$@"
    return
  fi
  typeset -a hits
  builtin compadd -A hits "$@"
  (( $#hits )) && print -rl -- $hits
  builtin compadd "$@"
}
print read''y
END
)
zpty -w -n z "$1"$'\t'
integer marks=0
while zpty -r z line; do
  line=${line%%[$'\r\n']#}
  if [[ $line == *'<>'* ]]; then
    (( ++marks == 2 )) && exit
  elif (( marks == 1 )); then
    print -r -- $line
  fi
done
