import type { Command } from 'commander';
import { parseBaseUrl } from '../../client/transport.ts';
import { type CommonOptions, clientCommand, outputOf } from '../command.ts';
import { clientFor, DEFAULT_URL, resolveAddress } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { readCredentials, withServer, writeCredentials } from '../credentials.ts';
import { UsageError } from '../failures.ts';
import { canPrompt, prompt, readSecretFromStdin } from '../secrets.ts';

interface LoginOptions extends CommonOptions {
  readonly tokenStdin?: boolean;
}

/** `artifortress login`: keeps a token for a server, after the server has accepted it. */
export function loginCommand(context: CliContext): Command {
  return clientCommand('login', 'Sign in: keep a token for a server, readable by you alone.', [
    'artifortress login',
    'artifortress login --url https://artifacts.example.com',
    'printf %s "$TOKEN" | artifortress login --token-stdin',
  ])
    .option('--token-stdin', 'read the token from standard input')
    .addHelpText(
      'after',
      '\nThe token is stored in $XDG_CONFIG_HOME/artifortress/credentials.json, mode 0600. In CI, set ARTIFORTRESS_URL\nand ARTIFORTRESS_TOKEN instead: they win over what is stored.',
    )
    .action((options: LoginOptions) => runLogin(context, options));
}

async function runLogin(context: CliContext, options: LoginOptions): Promise<void> {
  const { environment, signal } = context;
  const output = outputOf(context, options);
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

  const file = await writeCredentials(
    environment,
    withServer(await readCredentials(environment), url, { token, subject, expiresAtUtc }),
  );
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
