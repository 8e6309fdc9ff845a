import type { CommandWords } from './describe-program.ts';

export type Shell = 'bash' | 'zsh' | 'fish';

/** The completion of a shell; node names are asked of the configuration at the time. */
export function completionScript(shell: Shell, commands: readonly CommandWords[]): string {
  return scripts[shell](commands);
}

const scripts: Readonly<Record<Shell, (commands: readonly CommandWords[]) => string>> = { bash, zsh, fish };

const fileOptions: readonly string[] = ['--config', '-c', '--token-file'];

function bash(commands: readonly CommandWords[]): string {
  const cases = commands.map(
    ({ name, options }) => `    ${name}) words='${options.flatMap(({ words }) => words).join(' ')}' ;;`,
  );
  return `# lameduck completion for bash: source <(lameduck completion bash)
_lameduck() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} command=\${COMP_WORDS[1]} words=''
  COMPREPLY=()
  case $before in ${fileOptions.join('|')}) COMPREPLY=($(compgen -f -- "$word")); return ;; esac
  if [[ $COMP_CWORD -eq 1 ]]; then
    COMPREPLY=($(compgen -W '${commands.map(({ name }) => name).join(' ')} --help --version' -- "$word"))
    return
  fi
  case $command in
${cases.join('\n')}
  esac
  case $command in ${takers(commands).join('|')})
    local place has_node=''
    for ((place = 2; place < COMP_CWORD; place++)); do
      case \${COMP_WORDS[place-1]} in ${valued(commands).join('|')}) continue ;; esac
      [[ \${COMP_WORDS[place]} == -* ]] || has_node=1
    done
    [[ $word == -* || -n $has_node ]] || words="$(lameduck completion nodes 2>/dev/null)" ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _lameduck lameduck
`;
}

function zsh(commands: readonly CommandWords[]): string {
  const list = commands.map(({ name, description }) => `    '${name}:${plain(description)}'`);
  const cases = commands.map(({ name, options, takesNode }) => {
    const lines = options.map(({ words, description, takesValue }) => {
      const value = takesValue
        ? `:value:${words.some((word) => fileOptions.includes(word)) ? '_files' : ' '}`
        : '';
      const names = words.length > 1 ? `{${words.join(',')}}` : words[0];
      return `        ${names}'[${plain(description)}]${value}'`;
    });
    const node = takesNode ? [`        '1:node:_lameduck_nodes'`] : [];
    return `      ${name})\n        _arguments \\\n${[...lines, ...node].join(' \\\n')}\n        ;;`;
  });
  return `#compdef lameduck
# lameduck completion for zsh: source <(lameduck completion zsh)
_lameduck_nodes() {
  local -a nodes
  nodes=(\${(f)"$(lameduck completion nodes 2>/dev/null)"})
  compadd -a nodes
}
_lameduck() {
  local -a commands
  commands=(
${list.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${cases.join('\n')}
  esac
}
(( $+functions[compdef] )) && compdef _lameduck lameduck
`;
}

function fish(commands: readonly CommandWords[]): string {
  const names = commands.map(
    ({ name, description }) =>
      `complete -c lameduck -n __fish_use_subcommand -f -a ${name} -d '${plain(description)}'`,
  );
  const options = commands.flatMap(({ name, options: own }) =>
    own.map(({ words, description, takesValue }) => {
      const flags = words.map((word) =>
        word.startsWith('--') ? `-l ${word.slice(2)}` : `-s ${word.slice(1)}`,
      );
      const value = takesValue ? (words.some((word) => fileOptions.includes(word)) ? ' -r -F' : ' -x') : '';
      return `complete -c lameduck -n '__lameduck_command ${name}' ${flags.join(' ')}${value} -d '${plain(description)}'`;
    }),
  );
  return `# lameduck completion for fish: lameduck completion fish | source
function __lameduck_command
  set -l words (commandline -opc)
  test (count $words) -ge 2; and contains -- $words[2] $argv
end
function __lameduck_wants_node
  __lameduck_command $argv; or return 1
  set -l words (commandline -opc)
  for place in (seq 3 (count $words))
    contains -- $words[(math $place - 1)] ${valued(commands).join(' ')}; and continue
    string match -q -- '-*' $words[$place]; or return 1
  end
end
complete -c lameduck -f
${names.join('\n')}
complete -c lameduck -n '__lameduck_wants_node ${takers(commands).join(' ')}' -f -a '(lameduck completion nodes 2>/dev/null)'
${options.join('\n')}
`;
}

function takers(commands: readonly CommandWords[]): readonly string[] {
  return commands.filter(({ takesNode }) => takesNode).map(({ name }) => name);
}

/** Options whose next word is their value, and no node. */
function valued(commands: readonly CommandWords[]): readonly string[] {
  const words = commands.flatMap(({ options }) =>
    options.flatMap((option) => (option.takesValue ? option.words : [])),
  );
  return [...new Set(words)];
}

/** Nothing that a quoted word of any shell could end at. */
function plain(text: string): string {
  return text.replace(/['"\\`$[\]]/g, '').replace(/:/g, ' -');
}
