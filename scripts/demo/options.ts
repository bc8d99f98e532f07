import { parseArgs } from 'node:util';

export const HELP = `npm run demo -- [options]

Plays the life of an artifact against a real server, shows each HTTP exchange as it was, and checks what it observes.
Without --against it starts a server of its own in a temporary folder, and removes both.

  --against <url>    any installation; ARTIFORTRESS_BOOTSTRAP_TOKEN, or ARTIFORTRESS_TOKEN with a token of
                     repo:*:admin, must be set. What it makes, it removes; its audit rows stay, as all do.
  --wait <seconds>   how long it may wait for an upload session to expire (default: 60). Its own server is started
                     again with a short time; of another one it takes the times as they are.
  --pause            waits for a key before each chapter
  --json             one JSON document instead, with every exchange and every check
  --help             this

It ends with 0 where every observation was as expected, 1 where one differed, 2 for wrong usage.
NO_COLOR=1 prints without colour.`;

export interface Options {
  against: URL | undefined;
  waitSeconds: number;
  pause: boolean;
  json: boolean;
}

const DEFAULT_WAIT_SECONDS = 60;

/** @returns null where only the help was asked for. @throws Error for arguments that make no sense. */
export function parseOptions(args: readonly string[]): Options | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      against: { type: 'string' },
      wait: { type: 'string' },
      pause: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return null;
  const waitSeconds = values.wait === undefined ? DEFAULT_WAIT_SECONDS : Number(values.wait);
  if (!(waitSeconds >= 0)) throw new Error('--wait takes a number of seconds.');
  if (values.pause && values.json) throw new Error('--pause and --json exclude each other.');
  if (values.pause && !process.stdin.isTTY)
    throw new Error('--pause waits for a key, and standard input is no terminal.');
  return {
    against: values.against === undefined ? undefined : parseAddress(values.against),
    waitSeconds,
    pause: values.pause,
    json: values.json,
  };
}

function parseAddress(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new Error(`--against takes the address of a server, such as http://127.0.0.1:8080, not "${text}".`);
  }
  return url;
}
