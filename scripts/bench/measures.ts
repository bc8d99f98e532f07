/** Something measured by itself, and not as a row beside others: a value a round, with the bound that the project aims at. */
export interface Measure {
  readonly name: string;
  readonly unit: 'ms' | 'MiB' | 'MiB/s' | '×';
  readonly values: readonly number[];
  readonly aim: Aim | null;
}

export type Aim = { readonly least: number } | { readonly most: number };

/** Measures that belong together. */
export interface MeasureGroup {
  readonly title: string;
  readonly measures: readonly Measure[];
}

/** Tells whether a value is within its bound. */
export function meets(value: number, aim: Aim): boolean {
  return 'least' in aim ? value >= aim.least : value <= aim.most;
}
