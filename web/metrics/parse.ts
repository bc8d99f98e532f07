export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? ([^ ]+)(?: \d+)?$/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

/** Reads the text format of Prometheus; what is no sample of a number is left out. */
export function parseMetrics(text: string): readonly Sample[] {
  return text.split('\n').flatMap((line) => {
    const [, name, labels = '', written = ''] = LINE.exec(line.trim()) ?? [];
    const value = written === '+Inf' ? Number.POSITIVE_INFINITY : Number(written);
    if (name === undefined || Number.isNaN(value)) return [];
    return [
      { name, labels: Object.fromEntries([...labels.matchAll(LABEL)].map(([, key, text]) => [key, text])), value },
    ];
  });
}
