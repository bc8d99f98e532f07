import { type DestinationStream, type Logger as PinoLogger, pino, stdTimeFunctions } from 'pino';

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

/** The part of a logger that the product uses: `log.info({ field }, 'sentence')`. */
export type Logger = Pick<PinoLogger, 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal'> & {
  child(fields: Record<string, unknown>): Logger;
};

/**
 * Structured log lines, one JSON object each, on standard error by default: standard output is for people and scripts.
 * Secrets never reach it: tokens and query strings are dropped where requests are logged, not filtered here.
 */
export function createLogger(level: LogLevel, destination: DestinationStream = process.stderr): Logger {
  return pino({ level, base: null, timestamp: stdTimeFunctions.isoTime }, destination);
}
