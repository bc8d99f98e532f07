type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** The span of a request, which its client may have put into a trace of its own. */
export interface RequestSpan {
  /** Names the trace, for the log; undefined where this request is not among those that are recorded. */
  traceId: string | undefined;
  /** Runs `work` so that the spans begun by it, and by what it goes on to do, are inside of this one. */
  within(work: () => void): void;
  /** @param status null where the client went away before the answer was whole. */
  end(status: number | null): void;
}

/** Records what takes time, as spans inside of each other. */
export interface Tracer {
  /** Whether anything is recorded at all. */
  readonly isOn: boolean;
  /** Runs `work` in a span inside of the current one; where there is none, just runs it. */
  span<Result>(name: string, attributes: SpanAttributes, work: () => Promise<Result>): Promise<Result>;
  /** Runs `work` in a span that begins a trace. */
  trace<Result>(name: string, attributes: SpanAttributes, work: () => Promise<Result>): Promise<Result>;
  /** Begins the span of a request. `headers` are read for the client's own (W3C Trace Context). */
  request(name: string, attributes: SpanAttributes, headers: TraceHeaders): RequestSpan;
  /** Sends what is not sent yet, within a bound, and ends. */
  close(): Promise<void>;
}

export interface TraceHeaders {
  traceparent: string | undefined;
  tracestate: string | undefined;
}

const NO_SPAN: RequestSpan = { traceId: undefined, within: (work) => work(), end: () => undefined };

/** Where no collector is configured: runs what it is given, and nothing else. */
export const NO_TRACER: Tracer = {
  isOn: false,
  span: (_name, _attributes, work) => work(),
  trace: (_name, _attributes, work) => work(),
  request: () => NO_SPAN,
  close: () => Promise.resolve(),
};
