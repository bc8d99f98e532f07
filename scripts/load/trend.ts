/** A line through points, by least squares, with what is left of doubt about its slope. */
export interface Trend {
  readonly slopePerHour: number;
  /** Half the width of the 95 % interval of the slope, of points that scatter independently. */
  readonly doubtPerHour: number;
  readonly mean: number;
  /** What the line grows by from the first point to the last, as a share of the mean. */
  readonly growthShare: number;
}

const SECONDS_AN_HOUR = 3600;
/** Of the normal distribution, at both ends. */
const Z_95_PERCENT = 1.96;

/** Fits a line to values over seconds; null for fewer than three points, which fit any. */
export function trendOf(points: readonly { readonly atSeconds: number; readonly value: number }[]): Trend | null {
  const count = points.length;
  if (count < 3) return null;
  const meanAt = points.reduce((sum, { atSeconds }) => sum + atSeconds, 0) / count;
  const mean = points.reduce((sum, { value }) => sum + value, 0) / count;
  const spread = points.reduce((sum, { atSeconds }) => sum + (atSeconds - meanAt) ** 2, 0);
  if (spread === 0) return null;
  const together = points.reduce((sum, { atSeconds, value }) => sum + (atSeconds - meanAt) * (value - mean), 0);
  const slope = together / spread;
  const residual = points.reduce(
    (sum, { atSeconds, value }) => sum + (value - mean - slope * (atSeconds - meanAt)) ** 2,
    0,
  );
  const slopeError = Math.sqrt(residual / (count - 2) / spread);
  const lengthSeconds = (points.at(-1)?.atSeconds ?? 0) - (points[0]?.atSeconds ?? 0);
  return {
    slopePerHour: slope * SECONDS_AN_HOUR,
    doubtPerHour: slopeError * Z_95_PERCENT * SECONDS_AN_HOUR,
    mean,
    growthShare: mean === 0 ? 0 : (slope * lengthSeconds) / mean,
  };
}
