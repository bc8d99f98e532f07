import { INSIDE_ROWS } from './inside-rows.ts';
import type { Panel } from './panel.ts';
import { TRAFFIC_ROWS } from './traffic-rows.ts';

const COLUMNS = 24;
const PANELS_A_ROW = 3;
const PANEL_HEIGHT = 8;

const DATA_SOURCE = { type: 'prometheus', uid: '$datasource' };

/** The dashboard as Grafana imports it. */
export function dashboard(): string {
  const panels: unknown[] = [];
  let y = 0;
  for (const row of [...TRAFFIC_ROWS, ...INSIDE_ROWS]) {
    panels.push({
      type: 'row',
      id: panels.length + 1,
      title: row.title,
      collapsed: false,
      panels: [],
      gridPos: { x: 0, y, w: COLUMNS, h: 1 },
    });
    y += 1;
    for (const [index, panel] of row.panels.entries()) {
      const width = COLUMNS / PANELS_A_ROW;
      const column = index % PANELS_A_ROW;
      if (index > 0 && column === 0) y += PANEL_HEIGHT;
      const gridPos = { x: column * width, y, w: width, h: PANEL_HEIGHT };
      panels.push(timeSeries(panels.length + 1, panel, gridPos));
    }
    y += PANEL_HEIGHT;
  }
  const whole = {
    title: 'Artifortress',
    uid: 'artifortress',
    schemaVersion: 39,
    tags: ['artifortress'],
    editable: true,
    refresh: '30s',
    time: { from: 'now-3h', to: 'now' },
    templating: { list: [dataSourceVariable(), instanceVariable()] },
    annotations: { list: [] },
    panels,
  };
  return `${JSON.stringify(whole, null, 2)}\n`;
}

function timeSeries(id: number, { title, unit, description, queries, stacked }: Panel, gridPos: object): object {
  const custom = { fillOpacity: stacked ? 20 : 0, lineWidth: 1, stacking: { mode: stacked ? 'normal' : 'none' } };
  return {
    type: 'timeseries',
    id,
    title,
    description,
    datasource: DATA_SOURCE,
    gridPos,
    fieldConfig: { defaults: { unit, min: 0, custom }, overrides: [] },
    options: { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi', sort: 'desc' } },
    targets: queries.map(({ expr, legend }, index) => ({
      refId: String.fromCharCode('A'.charCodeAt(0) + index),
      datasource: DATA_SOURCE,
      expr,
      legendFormat: legend,
    })),
  };
}

function dataSourceVariable(): object {
  return { name: 'datasource', label: 'Prometheus', type: 'datasource', query: 'prometheus', current: {}, hide: 0 };
}

function instanceVariable(): object {
  return {
    name: 'instance',
    label: 'Process',
    type: 'query',
    datasource: DATA_SOURCE,
    query: { query: 'label_values(artifortress_build_info, instance)', refId: 'instances' },
    includeAll: true,
    multi: true,
    allValue: '.*',
    current: { text: 'All', value: '$__all' },
    refresh: 2,
    sort: 1,
  };
}
