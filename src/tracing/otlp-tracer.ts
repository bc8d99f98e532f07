import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import {
  type Context,
  createTraceState,
  DiagLogLevel,
  diag,
  isSpanContextValid,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { messageOf } from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';
import type { TraceHeaders, Tracer } from '../kernel/tracer.ts';

/** Spans kept for a collector that does not take them; more are dropped. */
const MAXIMUM_QUEUED_SPANS = 4096;
const MAXIMUM_SPANS_A_CALL = 512;
const SEND_EVERY_MS = 500;
const CALL_TIMEOUT_MS = 5_000;
/** How long the end of the process may wait for a collector that does not answer. */
const CLOSE_TIMEOUT_MS = 2_000;

export interface OtlpOptions {
  /** Where spans are posted, as JSON (OTLP/HTTP): ends in `/v1/traces` by convention. */
  url: string;
  headers: Readonly<Record<string, string>>;
  /** The share of traces that are recorded, of those that a client did not decide on. */
  ratio: number;
  version: string;
  log: Logger;
}

/** Sends spans to a collector. What can't be sent is dropped and logged: no request waits for a collector, or fails with it. */
export function createOtlpTracer({ url, headers, ratio, version, log }: OtlpOptions): Tracer {
  logProblems(log);
  const exporter = new OTLPTraceExporter({ url, headers: { ...headers }, timeoutMillis: CALL_TIMEOUT_MS });
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'artifortress', 'service.version': version }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) }),
    spanProcessors: [
      new BatchSpanProcessor({
        exporter,
        maxQueueSize: MAXIMUM_QUEUED_SPANS,
        maxExportBatchSize: MAXIMUM_SPANS_A_CALL,
        scheduledDelayMillis: SEND_EVERY_MS,
        exportTimeoutMillis: CALL_TIMEOUT_MS,
      }),
    ],
  });
  const tracer = provider.getTracer('artifortress', version);
  const current = new AsyncLocalStorage<Context>();

  const runIn = async <Result>(span: Span, parent: Context, work: () => Promise<Result>): Promise<Result> => {
    try {
      return await current.run(trace.setSpan(parent, span), work);
    } catch (error) {
      // Not its message, which may name what it is about.
      span.setAttribute('error.type', error instanceof Error ? error.name : typeof error);
      span.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end();
    }
  };

  return {
    isOn: true,
    async span(name, attributes, work) {
      const parent = current.getStore();
      if (parent === undefined) return await work();
      return await runIn(tracer.startSpan(name, { kind: SpanKind.CLIENT, attributes }, parent), parent, work);
    },
    trace(name, attributes, work) {
      return runIn(tracer.startSpan(name, { kind: SpanKind.INTERNAL, attributes }, ROOT_CONTEXT), ROOT_CONTEXT, work);
    },
    request(name, attributes, traceHeaders) {
      const parent = remoteContext(traceHeaders);
      const span = tracer.startSpan(name, { kind: SpanKind.SERVER, attributes }, parent);
      const context = trace.setSpan(parent, span);
      return {
        traceId: span.isRecording() ? span.spanContext().traceId : undefined,
        within: (work) => current.run(context, work),
        end(status) {
          if (status === null) span.setAttribute('error.type', 'aborted');
          else span.setAttribute('http.response.status_code', status);
          if (status !== null && status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
          span.end();
        },
      };
    },
    async close() {
      const sent = provider.shutdown().catch((error: unknown) => {
        log.warn({ error: messageOf(error) }, 'the last spans could not be sent');
      });
      await Promise.race([sent, pause(CLOSE_TIMEOUT_MS, undefined, { ref: false })]);
    },
  };
}

/** `00-<trace id>-<span id>-<flags>`; later versions may append fields (W3C Trace Context §3.2). */
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const FORBIDDEN_VERSION = 'ff';

function remoteContext({ traceparent, tracestate }: TraceHeaders): Context {
  const [, version, traceId, spanId, flags, rest] = TRACEPARENT.exec(traceparent ?? '') ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return ROOT_CONTEXT;
  if (version === FORBIDDEN_VERSION || (version === '00' && rest !== undefined)) return ROOT_CONTEXT;
  const traceFlags = Number.parseInt(flags, 16) & TraceFlags.SAMPLED;
  const state = tracestate === undefined ? {} : { traceState: createTraceState(tracestate) };
  const context = { traceId, spanId, traceFlags, isRemote: true, ...state };
  return isSpanContextValid(context) ? trace.setSpanContext(ROOT_CONTEXT, context) : ROOT_CONTEXT;
}

/** What the library has to say about a collector that is away goes to the log of the product. */
function logProblems(log: Logger): void {
  const quiet = (): void => undefined;
  const problem = (message: string): void => log.warn({ error: message }, 'tracing has a problem');
  diag.setLogger(
    { error: problem, warn: problem, info: quiet, debug: quiet, verbose: quiet },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
}
