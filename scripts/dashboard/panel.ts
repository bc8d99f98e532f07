/** One line of a panel: what is asked of Prometheus, and what its lines are called. */
interface Query {
  expr: string;
  legend: string;
}

export interface Panel {
  title: string;
  /** A unit as Grafana names it. */
  unit: string;
  description: string;
  queries: Query[];
  stacked?: boolean;
}

export interface Row {
  title: string;
  panels: Panel[];
}

/** Picks the processes that the viewer chose. */
export const of = (labels = '') => `{instance=~"$instance"${labels === '' ? '' : `, ${labels}`}}`;
/** Of a counter of ours, a second. */
export const rate = (metric: string, labels?: string) => `rate(artifortress_${metric}${of(labels)}[$__rate_interval])`;
/** Of a histogram of ours. */
export const quantile = (share: number, metric: string, by: string, labels?: string) =>
  `histogram_quantile(${share}, sum by (le${by === '' ? '' : `, ${by}`}) (${rate(`${metric}_bucket`, labels)}))`;
