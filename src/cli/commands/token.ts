import { type Command, Option } from 'commander';
import type { TokenRecord } from '../../client/types.ts';
import {
  type CommonOptions,
  clientCommand,
  group,
  type ListOptions,
  listCommand,
  outputOf,
  parseTtlMinutes,
  repeatable,
} from '../command.ts';
import { clientFor, connect, resolveAddress } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { type DryRunOptions, withDryRun } from '../dry-run.ts';
import { printList } from '../output.ts';
import { readSecretFromStdin } from '../secrets.ts';
import { previewTokenRevoke } from '../token-revoke-preview.ts';

interface IssueOptions extends CommonOptions {
  readonly subject: string;
  readonly scope?: readonly string[];
  readonly ttl: number;
  readonly bootstrapTokenStdin?: boolean;
}

/** A working day: short enough to forget a token, long enough not to notice it. */
const DEFAULT_TTL_MINUTES = 8 * 60;

/** `artifortress token …`. */
export function tokenCommand(context: CliContext): Command {
  return group('token', 'Issue, list and revoke access tokens.', [
    issueCommand(context),
    exchangeCommand(context),
    listTokensCommand(context),
    revokeCommand(context),
  ]);
}

function issueCommand(context: CliContext): Command {
  return clientCommand('issue', 'Issue a token. Its secret is printed once, alone, on standard output.', [
    'export ARTIFORTRESS_TOKEN=$(artifortress token issue --subject alice --scope "repo:*:admin" --bootstrap-token-stdin)',
    'artifortress token issue --subject ci --scope repo:libs:write --ttl 1h',
    'artifortress token issue --subject alice    # scopes from the role bindings of alice',
  ])
    .requiredOption('--subject <name>', 'who it is for')
    .option('--scope <scope>', 'repo:<repository|*>:<read|write|admin|promote>; may be repeated', repeatable)
    .addOption(
      new Option('--ttl <time>', 'how long it lives, like 90m, 8h or 1d')
        .argParser(parseTtlMinutes)
        .default(DEFAULT_TTL_MINUTES, '8h'),
    )
    .option('--bootstrap-token-stdin', "read the installation's bootstrap token from standard input")
    .addHelpText(
      'after',
      '\nThe first token needs the bootstrap token that the server printed at its first start: on standard input, or in\nARTIFORTRESS_BOOTSTRAP_TOKEN. Later ones are issued by the token that you are signed in with.',
    )
    .action((options: IssueOptions) => runIssue(context, options));
}

async function runIssue(context: CliContext, options: IssueOptions): Promise<void> {
  const { environment, signal } = context;
  const output = outputOf(context, options);
  const bootstrapToken =
    options.bootstrapTokenStdin === true
      ? await readSecretFromStdin(context, 'bootstrap token')
      : environment.variables.ARTIFORTRESS_BOOTSTRAP_TOKEN?.trim() || undefined;
  const client =
    bootstrapToken === undefined
      ? await connect(context, options)
      : clientFor((await resolveAddress(environment, options)).url, undefined);
  const issued = await client.tokens.issue({
    subject: options.subject,
    scopes: options.scope ?? [],
    ttlMinutes: options.ttl,
    bootstrapToken,
    signal,
  });
  output.note(
    `Token ${issued.tokenId} for ${issued.subject}: ${issued.scopes.join(' ')}, until ${issued.expiresAtUtc}.`,
  );
  output.result(issued, [issued.token]);
}

function exchangeCommand(context: CliContext): Command {
  return clientCommand(
    'exchange',
    'Exchange a JWT of a CI system for a short token: no secret has to be stored there.',
    ['export ARTIFORTRESS_TOKEN=$(echo "$CI_JOB_JWT" | artifortress token exchange)'],
  )
    .addHelpText(
      'after',
      '\nThe JWT is read from standard input. Which issuers the server trusts, and what their jobs may do, its operator says.',
    )
    .action(async (options: CommonOptions) => {
      const output = outputOf(context, options);
      const jwt = await readSecretFromStdin(context, 'JWT');
      const { url } = await resolveAddress(context.environment, options);
      const issued = await clientFor(url, undefined).tokens.exchange(jwt, { signal: context.signal });
      output.result(issued, [issued.token]);
      output.note(`${issued.subject} with ${issued.scopes.join(', ')} until ${issued.expiresAtUtc}`);
    });
}

function listTokensCommand(context: CliContext): Command {
  return listCommand('list', 'List the tokens, without their secrets.', [
    'artifortress token list',
    'artifortress token list --all --json',
  ]).action(async (options: ListOptions) => {
    const client = await connect(context, options);
    await printList<TokenRecord>(outputOf(context, options), {
      readPage: (page) => client.tokens.list({ ...page, signal: context.signal }),
      columns: [
        { title: 'TOKEN', text: (token) => token.tokenId },
        { title: 'SUBJECT', text: (token) => token.subject },
        { title: 'EXPIRES', text: (token) => (token.revokedAtUtc === null ? token.expiresAtUtc : 'revoked') },
        { title: 'LAST USED', text: (token) => token.lastUsedAtUtc ?? 'never' },
        { title: 'SCOPES', text: scopesText },
      ],
      empty: 'There is no token.',
      options,
    });
  });
}

function scopesText({ scopes, fromBindings }: TokenRecord): string {
  return fromBindings === true ? `${scopes.join(' ')} (as its role bindings allow)`.trim() : scopes.join(' ');
}

const UNTOLD_OF_TOKENS = `Without repo:*:admin it can't tell of any token but the one that you are signed in with, and is refused, though you may revoke
your own others. What is no token id at all it calls not found.`;

function revokeCommand(context: CliContext): Command {
  const command = clientCommand('revoke', 'Revoke a token: the next request with it is refused.', [
    'artifortress token revoke 01890a5d-ac96-774b-bcce-b302099a8057 --dry-run',
    'artifortress token revoke 01890a5d-ac96-774b-bcce-b302099a8057',
  ]).argument('<token id>', 'its id, never its secret');
  return withDryRun(command, UNTOLD_OF_TOKENS).action(
    async (tokenId: string, { dryRun = false, ...options }: DryRunOptions) => {
      const client = await connect(context, options);
      const output = outputOf(context, options);
      if (dryRun) return await previewTokenRevoke(context, client, tokenId, output);
      const revoked = await client.tokens.revoke(tokenId, { signal: context.signal });
      output.note(`Revoked the token ${revoked.tokenId}.`);
      output.result(revoked, []);
    },
  );
}
