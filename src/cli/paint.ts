import type { CliEnvironment } from './environment.ts';

const STYLES = {
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
  bold: [1, 22],
  dim: [2, 22],
} as const;

/** Text in a style, on a terminal that shows styles and for a person who wants them (https://no-color.org). */
export function paint(
  { variables }: Pick<CliEnvironment, 'variables'>,
  stream: { readonly isTTY?: boolean },
  style: keyof typeof STYLES,
  text: string,
): string {
  const isPlain = stream.isTTY !== true || Boolean(variables.NO_COLOR) || variables.TERM === 'dumb';
  const [on, off] = STYLES[style];
  return isPlain ? text : `\u001b[${on}m${text}\u001b[${off}m`;
}
