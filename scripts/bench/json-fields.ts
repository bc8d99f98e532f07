/** Parses a JSON reply; throws, quoting it, if it isn't JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`expected JSON, got: ${text.slice(0, 200)}`);
  }
}

/** Returns the value found by following the names from `value`; throws where one is absent. */
export function fieldOf(value: unknown, ...names: readonly string[]): unknown {
  let found = value;
  for (const name of names) {
    const entry = entriesOf(found).find(([key]) => key === name);
    if (entry === undefined) throw new Error(`expected a field "${names.join('.')}" in ${JSON.stringify(value)}`);
    found = entry[1];
  }
  return found;
}

/** Returns the text found by following the names. */
export function textOf(value: unknown, ...names: readonly string[]): string {
  const found = fieldOf(value, ...names);
  if (typeof found !== 'string') throw new Error(`expected text as "${names.join('.')}" in ${JSON.stringify(value)}`);
  return found;
}

/** Returns the number found by following the names. */
export function numberOf(value: unknown, ...names: readonly string[]): number {
  const found = fieldOf(value, ...names);
  if (typeof found !== 'number')
    throw new Error(`expected a number as "${names.join('.')}" in ${JSON.stringify(value)}`);
  return found;
}

/** Returns the list found by following the names. */
export function listOf(value: unknown, ...names: readonly string[]): unknown[] {
  const found = fieldOf(value, ...names);
  if (!Array.isArray(found)) throw new Error(`expected a list as "${names.join('.')}" in ${JSON.stringify(value)}`);
  return found;
}

/** Returns an object of texts, such as header fields. */
export function textsOf(value: unknown): Record<string, string> {
  return Object.fromEntries(entriesOf(value).map(([name, text]) => [name, String(text)]));
}

function entriesOf(value: unknown): [string, unknown][] {
  return typeof value === 'object' && value !== null ? Object.entries(value) : [];
}
