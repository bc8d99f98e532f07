import { startEmbeddedPostgres } from '../../src/kernel/embedded-postgres/index.ts';
import { createLogger } from '../../src/kernel/log.ts';

// Started by a test as a process of its own, to be killed: node start-embedded-postgres.ts <data directory>
const [dataDirectory = ''] = process.argv.slice(2);

// A Ctrl-C must reach this process and not the server, so this process must live to tell.
process.on('SIGINT', () => {});

const { connection } = await startEmbeddedPostgres({ dataDirectory, log: createLogger('warn') });
process.stdout.write(`${JSON.stringify(connection)}\n`);
