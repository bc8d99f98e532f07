import type { CommandNode } from './command-tree.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

const PROGRAMS = ['artifortress', 'aft'];
/** Asks the server for the repositories; nothing where it is away, or nobody is signed in. */
const LIST_REPOSITORIES = "artifortress ls --quiet --limit 500 2>/dev/null | awk 'NR > 1 { print $1 }'";
const TAKES_REPOSITORY = new Set(['--repo', '--member']);

/** The script that makes a shell complete our commands, options, files and repositories. */
export function completionScript(shell: Shell, root: CommandNode): string {
  const nodes = flatten(root);
  if (shell === 'fish') return fishScript(nodes);
  return shell === 'zsh' ? zshScript(nodes) : bashScript(nodes);
}

function flatten(node: CommandNode): CommandNode[] {
  return [node, ...node.commands.flatMap(flatten)];
}

/** Safe between single quotes. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** The words before the cursor that are no options, as far as they name a command: `_aft_path`. */
function bashScript(nodes: readonly CommandNode[]): string {
  const isCommand = nodes.map((node) => `    ${quoted(node.path.join(' '))}) return 0 ;;`).join('\n');
  const cases = nodes.map((node) => {
    const words = [...node.commands.map((child) => child.path.at(-1)), ...node.options.flatMap(({ names }) => names)];
    return `    ${quoted(node.path.join(' '))}) words=${quoted(words.join(' '))}; repositories=${node.takesRepository ? 1 : 0} ;;`;
  });
  const choices = nodes
    .flatMap((node) => node.options.map((option) => ({ node, option })))
    .filter(({ option }) => option.choices.length > 0)
    .flatMap(({ node, option }) =>
      option.names.map(
        (name) => `    ${quoted(`${node.path.join(' ')} ${name}`)}) choices=${quoted(option.choices.join(' '))} ;;`,
      ),
    );
  const repositoryOptions = [...new Set(nodes.flatMap((node) => node.options))]
    .filter(({ names }) => names.some((name) => TAKES_REPOSITORY.has(name)))
    .flatMap(({ names }) => names);
  return `# bash completion of artifortress. In ~/.bashrc: source <(artifortress completion bash)
_artifortress_is_command() {
  case "$1" in
${isCommand}
  esac
  return 1
}

_artifortress() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD - 1]}" path='' word words='' repositories=0 choices=''
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD - 1}"; do
    if _artifortress_is_command "\${path:+$path }$word"; then path="\${path:+$path }$word"; fi
  done
  case "$path $previous" in
${choices.join('\n')}
  esac
  case "$previous" in
    ${[...new Set(repositoryOptions)].join('|')}) choices="$(${LIST_REPOSITORIES})" ;;
  esac
  if [ -n "$choices" ]; then
    COMPREPLY=($(compgen -W "$choices" -- "$current"))
    return
  fi
  case "$path" in
${cases.join('\n')}
  esac
  if [ "$repositories" = 1 ] && [[ "$current" != -* ]]; then words="$words $(${LIST_REPOSITORIES})"; fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -o bashdefault -F _artifortress ${PROGRAMS.join(' ')}
`;
}

/** By zsh's own emulation of bash's completion, which every zsh since 4.2 brings. */
function zshScript(nodes: readonly CommandNode[]): string {
  return `#compdef ${PROGRAMS.join(' ')}
# zsh completion of artifortress. In ~/.zshrc, after compinit: source <(artifortress completion zsh)
autoload -U +X bashcompinit && bashcompinit
${bashScript(nodes).replace(/^#.*\n/, '')}`;
}

function fishScript(nodes: readonly CommandNode[]): string {
  const lines = nodes.flatMap((node) => {
    const [first = '', second] = node.path;
    const children = node.commands.map((child) => child.path.at(-1) ?? '');
    const isHere =
      first === ''
        ? '__fish_use_subcommand'
        : [
            `__fish_seen_subcommand_from ${first}`,
            ...(second === undefined ? [] : [`__fish_seen_subcommand_from ${second}`]),
            ...(children.length > 0 ? [`not __fish_seen_subcommand_from ${children.join(' ')}`] : []),
          ].join('; and ');
    const start = `complete -c artifortress -n ${quoted(isHere)}`;
    return [
      ...node.commands.map((child) => `${start} -f -a ${child.path.at(-1)} -d ${quoted(child.summary)}`),
      ...node.options.map(
        (option) => `${start}${fishOption(option.names)} -d ${quoted(option.summary)}${fishValue(option)}`,
      ),
      ...(node.takesRepository ? [`${start} -f -a ${quoted(`(${LIST_REPOSITORIES})`)}`] : []),
    ];
  });
  return `# fish completion of artifortress: artifortress completion fish > ~/.config/fish/completions/artifortress.fish
${lines.join('\n')}
complete -c aft -w artifortress
`;
}

function fishOption(names: readonly string[]): string {
  return names.map((name) => (name.startsWith('--') ? ` -l ${name.slice(2)}` : ` -s ${name.slice(1)}`)).join('');
}

function fishValue({ takesValue, choices, names }: CommandNode['options'][number]): string {
  if (choices.length > 0) return ` -x -a ${quoted(choices.join(' '))}`;
  if (names.some((name) => TAKES_REPOSITORY.has(name))) return ` -x -a ${quoted(`(${LIST_REPOSITORIES})`)}`;
  return takesValue ? ' -r' : '';
}
