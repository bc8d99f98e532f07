export interface Series {
  readonly name: string;
  readonly tone: 'accent' | 'warn' | 'bad' | 'quiet';
  /** Oldest first; null where nothing is known. */
  readonly values: readonly (number | null)[];
}

interface ChartProps {
  readonly title: string;
  readonly series: readonly Series[];
  readonly format: (value: number) => string;
  /** Bytes are read in powers of 1024. */
  readonly isBytes?: boolean;
  /** How many values the whole width is for. */
  readonly capacity: number;
  /** What the width stands for, in words. */
  readonly span: string;
}

const WIDTH = 480;
const HEIGHT = 120;

/** Lines through time. The figures of the moment stand in the text under it, for those who can't see it and for everybody else. */
export function Chart({ title, series, format, isBytes = false, capacity, span }: ChartProps) {
  const known = series.flatMap(({ values }) => values.filter((value) => value !== null));
  const top = niceTop(Math.max(0, ...known), isBytes ? 1024 : 1);
  return (
    <figure class="chart">
      <figcaption>
        <strong>{title}</strong>
        <span class="chart-legend">
          {series.map(({ name, tone, values }) => {
            const now = values.at(-1);
            return (
              <span key={name} class={`legend legend-${tone}`}>
                {name} <b>{now === null || now === undefined ? '–' : format(now)}</b>
              </span>
            );
          })}
        </span>
      </figcaption>
      <div class="chart-plot">
        <span class="chart-top" aria-hidden="true">
          {format(top)}
        </span>
        <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
          {[0.25, 0.5, 0.75].map((at) => (
            <line key={at} class="chart-grid" x1="0" x2={WIDTH} y1={HEIGHT * at} y2={HEIGHT * at} />
          ))}
          {series.map(({ name, tone, values }, index) => (
            <g key={name} class={`series series-${tone}`}>
              {index === 0 && <path class="series-area" d={areaOf(values, top, capacity)} />}
              <path class="series-line" d={lineOf(values, top, capacity)} />
            </g>
          ))}
        </svg>
      </div>
      <p class="chart-span" aria-hidden="true">
        <span>{span}</span>
        <span>now</span>
      </p>
    </figure>
  );
}

type Point = readonly [x: number, y: number];

/** The last value is at the right edge, however many there are yet. */
function pointsOf(values: readonly (number | null)[], top: number, capacity: number): Point[] {
  return values.flatMap((value, index) => {
    if (value === null) return [];
    const x = WIDTH - ((values.length - 1 - index) / (capacity - 1)) * WIDTH;
    return [[round(x), round(HEIGHT - (Math.min(value, top) / top) * (HEIGHT - 6) - 2)] as const];
  });
}

function lineOf(values: readonly (number | null)[], top: number, capacity: number): string {
  return pointsOf(values, top, capacity)
    .map(([x, y], index) => `${index === 0 ? 'M' : 'L'}${x} ${y}`)
    .join('');
}

function areaOf(values: readonly (number | null)[], top: number, capacity: number): string {
  const points = pointsOf(values, top, capacity);
  const [first] = points;
  const last = points.at(-1);
  if (first === undefined || last === undefined) return '';
  return `${lineOf(values, top, capacity)}L${last[0]} ${HEIGHT}L${first[0]} ${HEIGHT}Z`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** The next of 1, 2, 5, 10, 20 … above a value, of the largest unit that it has one of: a chart's edge is a number to read. */
function niceTop(value: number, unitStep: number): number {
  if (value <= 0) return 1;
  const unit = unitStep === 1 ? 1 : unitStep ** Math.max(0, Math.floor(Math.log(value) / Math.log(unitStep)));
  const power = 10 ** Math.floor(Math.log10(value / unit));
  return unit * power * ([1, 2, 5, 10].find((step) => step * power * unit >= value) ?? 10);
}
