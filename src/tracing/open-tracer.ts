import type { Logger } from '../kernel/log.ts';
import { readHeaderList } from '../kernel/setting.ts';
import type { Settings } from '../kernel/settings.ts';
import { NO_TRACER, type Tracer } from '../kernel/tracer.ts';

type TracingSettings = Pick<Settings, 'otlpTracesUrl' | 'otlpHeaders' | 'traceRatio'>;

/** The tracer of the settings. OpenTelemetry is loaded only where they name a collector. */
export async function openTracer(settings: TracingSettings, version: string, log: Logger): Promise<Tracer> {
  const { otlpTracesUrl: url, otlpHeaders: headers, traceRatio: ratio } = settings;
  if (url === undefined) return NO_TRACER;
  const { createOtlpTracer } = await import('./otlp-tracer.ts');
  return createOtlpTracer({ url, headers: headers === undefined ? {} : readHeaderList(headers), ratio, version, log });
}
