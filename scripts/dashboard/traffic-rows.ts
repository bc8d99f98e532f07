import { of, quantile, type Row, rate } from './panel.ts';

/** What moves bytes lasts as long as they take; the rest should be quick. */
const MOVES_BYTES = '/v1/repos/:repoKey/blobs/:digest|/v1/store/.*';

/** What clients ask for, and what they are given. */
export const TRAFFIC_ROWS: Row[] = [
  {
    title: 'Requests',
    panels: [
      {
        title: 'Requests by class of status',
        unit: 'reqps',
        description: 'aborted: the client went away before the answer was whole.',
        stacked: true,
        queries: [{ expr: `sum by (status) (${rate('http_request_duration_seconds_count')})`, legend: '{{status}}' }],
      },
      {
        title: 'Share of 5xx',
        unit: 'percentunit',
        description: 'Alerts: ArtifortressErrors; of the code 500: ArtifortressBug.',
        queries: [
          {
            expr: `sum(${rate('http_server_errors_total')}) / sum(${rate('http_requests_total')})`,
            legend: '5xx',
          },
        ],
      },
      {
        title: 'Duration of requests that move no bytes',
        unit: 's',
        description: 'Alert: ArtifortressSlow.',
        queries: [0.5, 0.9, 0.99].map((share) => ({
          expr: quantile(share, 'http_request_duration_seconds', '', `route!~"${MOVES_BYTES}"`),
          legend: `p${share * 100}`,
        })),
      },
      {
        title: 'Requests by route',
        unit: 'reqps',
        description: 'The ten busiest.',
        queries: [
          {
            expr: `topk(10, sum by (method, route) (${rate('http_request_duration_seconds_count')}))`,
            legend: '{{method}} {{route}}',
          },
        ],
      },
      {
        title: 'Errors by route and code',
        unit: 'reqps',
        description: 'The ten most frequent.',
        queries: [
          {
            expr: `topk(10, sum by (method, route, code) (${rate('http_requests_total', 'code=~"[45].."')}))`,
            legend: '{{method}} {{route}} {{code}}',
          },
        ],
      },
      {
        title: 'Slowest routes (p99)',
        unit: 's',
        description: 'The ten slowest, those that move bytes among them.',
        queries: [
          {
            expr: `topk(10, ${quantile(0.99, 'http_request_duration_seconds', 'method, route')})`,
            legend: '{{method}} {{route}}',
          },
        ],
      },
    ],
  },
  {
    title: 'Traffic and bounds',
    panels: [
      {
        title: 'Bytes in',
        unit: 'Bps',
        description: 'put, part: through the process; presigned: straight to the store, counted when completed.',
        stacked: true,
        queries: [{ expr: `sum by (path) (${rate('received_bytes_total')})`, legend: '{{path}}' }],
      },
      {
        title: 'Bytes out',
        unit: 'Bps',
        description: 'api: sent by the process; redirect: what clients were redirected to the store for.',
        stacked: true,
        queries: [{ expr: `sum by (path) (${rate('sent_bytes_total')})`, legend: '{{path}}' }],
      },
      {
        title: 'In progress',
        unit: 'short',
        description: 'Against the bounds of ARTIFORTRESS_MAX_REQUESTS, …_MAX_DOWNLOADS and …_MAX_STREAMED_UPLOADS.',
        queries: [
          { expr: `sum(artifortress_http_requests_in_flight${of()})`, legend: 'requests' },
          { expr: `sum(artifortress_downloads_in_progress${of()})`, legend: 'downloads' },
          { expr: `sum(artifortress_uploads_in_progress${of()})`, legend: 'uploads' },
        ],
      },
      {
        title: 'Refused for want of room',
        unit: 'reqps',
        description: 'Alert: ArtifortressShedding.',
        queries: [{ expr: `sum by (bound) (${rate('shed_total')})`, legend: '{{bound}}' }],
      },
      {
        title: 'Downloads and presigned URLs',
        unit: 'ops',
        description: 'Downloads that this process sends; URLs for parts and redirects.',
        queries: [
          { expr: `sum(${rate('downloads_admitted_total')})`, legend: 'downloads' },
          { expr: `sum by (kind) (${rate('presigned_urls_total')})`, legend: 'URLs: {{kind}}' },
        ],
      },
      {
        title: 'Denials',
        unit: 'ops',
        description: 'Alert: ArtifortressDenials.',
        queries: [
          { expr: `sum by (reason) (${rate('denials_total')})`, legend: '{{reason}}' },
          { expr: `sum(${rate('denials_unrecorded_total')})`, legend: 'without a row of their own' },
        ],
      },
    ],
  },
];
