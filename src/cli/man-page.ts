import type { CommandNode } from './command-tree.ts';

/** The manual page of section 1, in roff (groff_man(7)). */
export function manPage(root: CommandNode, version: string): string {
  const lines = [
    `.\\" Generated from the commands by "npm run generate": change them there.`,
    `.TH ARTIFORTRESS 1 "" "artifortress ${version}" "User Commands"`,
    '.SH NAME',
    'artifortress, aft \\- an artifact repository: what you pull is exactly what was pushed',
    '.SH SYNOPSIS',
    '.B artifortress',
    '.I command',
    '[\\fIoptions\\fR] [\\fIarguments\\fR]',
    '.SH DESCRIPTION',
    text(root.summary),
    '.SH COMMANDS',
    ...root.commands.flatMap(section),
    '.SH EVERYTHING ELSE',
    ...verbatim(root.more),
  ];
  return `${lines.join('\n')}\n`;
}

function section(node: CommandNode): string[] {
  return [
    `.SS ${text(`artifortress ${node.usage}`)}`,
    text(node.summary),
    ...node.options
      .filter(({ names }) => !names.includes('--help'))
      .flatMap((option) => ['.TP', `.B ${text(option.flags)}`, text(option.description)]),
    ...(node.more === '' ? [] : verbatim(node.more)),
    ...node.commands.flatMap(section),
  ];
}

/** Lines as they are, without filling. */
function verbatim(block: string): string[] {
  return ['.PP', '.nf', ...block.split('\n').map(text), '.fi'];
}

/** Backslashes and hyphens are roff's own; a line that starts with a dot or a quote would be a request. */
function text(line: string): string {
  const escaped = line.replaceAll('\\', '\\e').replaceAll('-', '\\-');
  return /^[.']/.test(escaped) ? `\\&${escaped}` : escaped;
}
