interface Instruction {
  keyword: string;
  /** `--from=build` and the like, by their names. */
  flags: Readonly<Record<string, string>>;
  text: string;
}

export interface Stage {
  base: string;
  name: string | undefined;
  instructions: Instruction[];
}

/** The stages of a Dockerfile of ours: no here-documents, no escape other than the backslash. */
export function stagesOf(dockerfile: string): Stage[] {
  const lines = dockerfile
    .split('\n')
    .filter((line) => !/^\s*(#|$)/.test(line))
    .join('\n')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n');
  const stages: Stage[] = [];
  for (const line of lines) {
    const [, keyword = '', rest = ''] = /^(\S+)\s+(.*)$/.exec(line) ?? [];
    const [, base = '', name] = keyword === 'FROM' ? (/^(\S+)(?: AS (\S+))?$/.exec(rest) ?? []) : [];
    if (keyword === 'FROM') stages.push({ base, name, instructions: [] });
    else stages.at(-1)?.instructions.push({ keyword, ...flagsOf(rest) });
  }
  return stages;
}

function flagsOf(text: string): Pick<Instruction, 'flags' | 'text'> {
  const flags: Record<string, string> = {};
  let rest = text;
  for (;;) {
    const [whole, name, value] = /^--(\w+)=(\S+)\s+/.exec(rest) ?? [];
    if (whole === undefined || name === undefined || value === undefined) return { flags, text: rest };
    flags[name] = value;
    rest = rest.slice(whole.length);
  }
}

/** Texts of all instructions of one keyword, in order. */
export function textsOf(stage: Stage | undefined, keyword: string): string[] {
  return (stage?.instructions ?? []).filter((each) => each.keyword === keyword).map(({ text }) => text);
}

/** The command of `["a", "b"]`, the form that needs no shell. */
export function commandOf(text: string): string[] {
  const command: unknown = JSON.parse(text);
  if (!Array.isArray(command)) throw new Error(`not in the form that needs no shell: ${text}`);
  return command.map(String);
}

/** Variables of `A=1 B="two words"`. */
export function pairsOf(text: string): Record<string, string> {
  const pairs = [...text.matchAll(/([\w.]+)=(?:"([^"]*)"|(\S*))/g)];
  return Object.fromEntries(pairs.map(([, name = '', quoted, plain]) => [name, quoted ?? plain ?? '']));
}
