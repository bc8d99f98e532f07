import { Counter, Gauge, type Registry } from 'prom-client';

/** From a cached look-up to a large upload, in seconds. */
export const DURATION_BUCKETS_SECONDS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120, 600,
];

/** The values of a metric's one label, each with its number. */
type Labelled = Readonly<Record<string, number>>;

interface Named {
  name: string;
  help: string;
}

/** A gauge that is asked for its value when somebody scrapes, and costs nothing in between. Undefined: not known now, and left out. */
export function gaugeOf(registry: Registry, { name, help }: Named, read: () => number | undefined): void {
  const gauge: Gauge = new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      const value = read();
      if (value === undefined) gauge.remove();
      else gauge.set(value);
    },
  });
}

/** A gauge of one label. Undefined: not known now, and left out. */
export function gaugesOf(
  registry: Registry,
  { name, help, label }: Named & { label: string },
  read: () => Labelled | undefined,
): void {
  const gauge = new Gauge({
    name,
    help,
    labelNames: [label],
    registers: [registry],
    collect() {
      gauge.reset();
      for (const [value, number] of Object.entries(read() ?? {})) gauge.set({ [label]: value }, number);
    },
  });
}

/** A total that the code keeps as a plain number, so that counting costs an addition. Undefined: not known now, and left out. */
export function totalOf(registry: Registry, { name, help }: Named, read: () => number | undefined): void {
  const counter: Counter = new Counter({
    name,
    help,
    registers: [registry],
    collect() {
      const value = read();
      counter.reset();
      if (value === undefined) counter.remove();
      else counter.inc(value);
    },
  });
}

/** Totals of one label. */
export function totalsOf(
  registry: Registry,
  { name, help, label }: Named & { label: string },
  read: () => Labelled,
): void {
  const counter = new Counter({
    name,
    help,
    labelNames: [label],
    registers: [registry],
    collect() {
      counter.reset();
      for (const [value, number] of Object.entries(read())) counter.inc({ [label]: value }, number);
    },
  });
}
