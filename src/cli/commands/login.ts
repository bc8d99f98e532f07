import { type Command, InvalidArgumentError } from 'commander';
import { parseBaseUrl } from '../../client/transport.ts';
import { type CommonOptions, clientCommand, outputOf } from '../command.ts';
import { clientFor, DEFAULT_URL, resolveAddress } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { type Credentials, readCredentials, urlOfName, withServer, writeCredentials } from '../credentials.ts';
import { UsageError } from '../failures.ts';
import { type Column, formatTable } from '../format.ts';
import type { Output } from '../output.ts';
import { canPrompt, prompt, readSecretFromStdin } from '../secrets.ts';

interface LoginOptions extends CommonOptions {
  readonly name?: string;
  readonly use?: string;
  readonly list?: boolean;
  readonly tokenStdin?: boolean;
}

/** `artifortress login`: keeps a token for a server, after the server has accepted it. */
export function loginCommand(context: CliContext): Command {
  return clientCommand('login', 'Sign in: keep a token for a server, readable by you alone.', [
    'artifortress login',
    'artifortress login --url https://artifacts.example.com --name work',
    'artifortress login --list',
    'artifortress login --use work    # the one that is meant when none is named',
    'printf %s "$TOKEN" | artifortress login --token-stdin',
  ])
    .option('--token-stdin', 'read the token from standard input')
    .option('--name <name>', 'call the server by this, as in --url <name>', parseName)
    .option('--use <name>', 'switch to a server that is signed in to, by name or address')
    .option('--list', 'show the servers that are signed in to')
    .addHelpText(
      'after',
      '\nThe token is stored in $XDG_CONFIG_HOME/artifortress/credentials.json, mode 0600. In CI, set ARTIFORTRESS_URL\nand ARTIFORTRESS_TOKEN instead: they win over what is stored.',
    )
    .action((options: LoginOptions) => runLogin(context, options));
}

async function runLogin(context: CliContext, options: LoginOptions): Promise<void> {
  const { environment, signal } = context;
  const output = outputOf(context, options);
  if (options.list === true) return listServers(output, await readCredentials(environment));
  if (options.use !== undefined) return await useServer(context, output, options.use);
  if (options.tokenStdin !== true && !canPrompt(environment)) {
    throw new UsageError('There is no terminal to ask on: pipe the token in, with --token-stdin.');
  }
  const url = await chooseUrl(context, options);
  const token =
    options.tokenStdin === true
      ? await readSecretFromStdin(context, 'token')
      : await prompt(environment, `Token for ${url} (not shown): `, false);
  if (token === '') throw new UsageError('A token is needed: "artifortress token issue --help" shows how to get one.');
  const { subject, expiresAtUtc, scopes } = await clientFor(url, token).service.whoami({ signal });

  const stored = await readCredentials(environment);
  const name = options.name ?? stored.servers[url]?.name ?? null;
  const file = await writeCredentials(environment, withServer(stored, url, { token, subject, expiresAtUtc, name }));
  output.note(`Signed in to ${url} as ${subject}, until ${expiresAtUtc}. Stored in ${file}`);
  if (isPlainHttpAbroad(url))
    output.warn(`Mind that ${url} is not encrypted: the token and the bytes can be read on the way.`);
  if (environment.variables.ARTIFORTRESS_TOKEN) output.warn('ARTIFORTRESS_TOKEN is set, and wins over this login.');
  output.result({ url, subject, scopes, expiresAtUtc }, []);
}

async function chooseUrl({ environment }: CliContext, options: LoginOptions): Promise<string> {
  const { url } = await resolveAddress(environment, options);
  const isGiven = options.url !== undefined || Boolean(environment.variables.ARTIFORTRESS_URL);
  if (isGiven || options.tokenStdin === true) return url;
  const typed = await prompt(environment, `Server [${url === '' ? DEFAULT_URL : url}]: `, true);
  return typed === '' ? url : parseBaseUrl(typed);
}

function isPlainHttpAbroad(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'http:' && !/^(localhost|127\.[\d.]+|\[::1\])$/.test(hostname);
}

function parseName(name: string): string {
  if (/^[a-z0-9][a-z0-9._-]{0,63}$/i.test(name)) return name;
  throw new InvalidArgumentError('Give up to 64 letters, digits, ".", "_" or "-".');
}

function listServers(output: Output, { servers, current }: Credentials): void {
  const items = Object.entries(servers).map(([url, { name, subject, expiresAtUtc }]) => {
    return { url, name, subject, expiresAtUtc, isCurrent: url === current };
  });
  const columns: readonly Column<(typeof items)[number]>[] = [
    { title: '', text: ({ isCurrent }) => (isCurrent ? '*' : '') },
    { title: 'NAME', text: ({ name }) => name ?? '-' },
    { title: 'SERVER', text: ({ url }) => url },
    { title: 'SUBJECT', text: ({ subject }) => subject },
    { title: 'EXPIRES', text: ({ expiresAtUtc }) => expiresAtUtc },
  ];
  output.result({ items }, items.length === 0 ? [] : formatTable(columns, items, true));
  if (items.length === 0) output.note('Signed in nowhere. Begin with: artifortress login');
}

async function useServer({ environment }: CliContext, output: Output, wanted: string): Promise<void> {
  const stored = await readCredentials(environment);
  const url = urlOfName(stored, wanted) ?? parseBaseUrl(wanted);
  if (stored.servers[url] === undefined) {
    throw new UsageError(`Nobody is signed in to ${url}: "artifortress login --url ${url}" does it.`);
  }
  await writeCredentials(environment, { ...stored, current: url });
  output.note(`${url} is meant when no other server is named.`);
  output.result({ url }, []);
}
