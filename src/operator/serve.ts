import { loadConfig } from '../kernel/config.ts';
import { StartupError } from '../kernel/errors.ts';
import { createLogger, type Logger } from '../kernel/log.ts';
import { type RunningServer, startServer } from '../main.ts';

const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** A signal sent to a whole process group can arrive twice: by itself, and passed on by a wrapper. */
const SAME_SIGNAL_MS = 500;

type Ending = { kind: 'signal'; signal: NodeJS.Signals } | { kind: 'failed'; reason: string };

/**
 * Runs the server until a signal stops it.
 * @returns the exit code: 0 after a stop that was asked for, 1 where it could not start or go on.
 */
export async function serve(): Promise<number> {
  let server: RunningServer;
  let log: Logger;
  const signalled = firstSignal();
  try {
    const { settings } = loadConfig(process.env);
    log = createLogger(settings.logLevel ?? (process.stderr.isTTY ? 'warn' : 'info'));
    server = await startServer({ settings, log });
  } catch (error) {
    if (!(error instanceof StartupError) && !isAddressProblem(error)) throw error;
    process.stderr.write(`artifortress: ${isAddressProblem(error) ? explainAddress(error) : error.message}\n`);
    return 1;
  }
  process.stdout.write(welcome(server));
  log.info({ url: server.url }, 'ready');

  const failed = server.failed.then((reason): Ending => ({ kind: 'failed', reason }));
  const ending = await Promise.race([signalled, failed]);
  if (ending.kind === 'failed') {
    log.fatal({ reason: ending.reason }, 'the server cannot go on');
    process.stderr.write(`artifortress: ${ending.reason}. Stopping; start again to recover.\n`);
  } else {
    log.info({ signal: ending.signal }, 'stopping');
  }
  await server.stop({ atOnce: ending.kind === 'failed' });
  log.info({ phase: 'closed' }, 'stopped');
  return ending.kind === 'failed' ? 1 : 0;
}

/** The first signal asks for a clean stop; a second one of an impatient person ends the process at once. */
function firstSignal(): Promise<Ending> {
  return new Promise((resolve) => {
    for (const signal of STOP_SIGNALS) {
      process.once(signal, () => {
        const since = performance.now();
        const end = () => {
          if (performance.now() - since > SAME_SIGNAL_MS) process.exit(130);
        };
        for (const other of STOP_SIGNALS) process.on(other, end);
        resolve({ kind: 'signal', signal });
      });
    }
  });
}

interface AddressProblem extends Error {
  code: string;
  address?: string;
  port?: number;
}

function isAddressProblem(error: unknown): error is AddressProblem {
  return (
    error instanceof Error &&
    'code' in error &&
    /^(EADDRINUSE|EADDRNOTAVAIL|EACCES)$/.test(String(error.code)) &&
    'syscall' in error &&
    error.syscall === 'listen'
  );
}

function explainAddress({ code, address, port }: AddressProblem): string {
  const place = `${address ?? ''}:${port ?? ''}`;
  if (code === 'EADDRINUSE')
    return `Another program listens on ${place} already: stop it, or set PORT to another port.`;
  if (code === 'EACCES') return `This user may not listen on ${place}: set PORT to one above 1023.`;
  return `${place} is no address of this machine: set HOST to one that is.`;
}

/** What a newcomer needs next, on standard output; the generated secret stands there this once. */
function welcome({ url, generatedBootstrapSecret, services }: RunningServer): string {
  const lines = [`Artifortress is ready on ${url}`, `Its data is in ${services.settings.dataDirectory}`];
  if (services.settings.host === '0.0.0.0' && services.settings.publicUrl === undefined) {
    lines.push(
      'ARTIFORTRESS_PUBLIC_URL is not set: clients on other machines will be sent to this address and not reach it.',
    );
  }
  if (generatedBootstrapSecret === undefined) return `${lines.join('\n')}\n`;
  const atDefault = url === 'http://127.0.0.1:8080';
  return `${[
    ...lines,
    '',
    'First start: this bootstrap token issues the first tokens. It is shown this once and stored only as a hash; keep it safe.',
    '',
    `  ${generatedBootstrapSecret}`,
    '',
    'In another terminal:',
    '',
    ...(atDefault ? [] : [`  export ARTIFORTRESS_URL=${url}`]),
    `  export ARTIFORTRESS_TOKEN=$(ARTIFORTRESS_BOOTSTRAP_TOKEN=${generatedBootstrapSecret} npx artifortress token issue --subject me --scope 'repo:*:admin')`,
    '  npx artifortress repo create demo && npx artifortress push README.md --repo demo',
    '  npx artifortress pull demo/<the digest that push printed> -o README.copy',
  ].join('\n')}\n`;
}
