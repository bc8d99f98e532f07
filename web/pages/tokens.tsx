import { useState } from 'preact/hooks';
import type { TokenRecord } from '../../src/client/index.ts';
import { Button } from '../components/button.tsx';
import { ConfirmDialog } from '../components/dialog.tsx';
import { EmptyState } from '../components/notices.tsx';
import { PageHead } from '../components/page-head.tsx';
import { PagedTable } from '../components/table.tsx';
import { Badge, Facts, When } from '../components/values.tsx';
import { useConsole } from '../context.ts';
import { announce } from '../toasts.tsx';
import { useAction } from '../use-action.ts';
import { usePages } from '../use-pages.ts';
import { IssueTokenDialog } from './issue-token.tsx';

/** One's own token; for administrators, everybody's. */
export function TokensPage() {
  const { identity, permissions } = useConsole().session;
  const [isIssuing, setIssuing] = useState(false);
  const [round, setRound] = useState(0);
  return (
    <>
      <PageHead
        title="Tokens"
        intro="A token is what one signs in with: for a subject, with scopes, and for a time. Its secret is shown once."
        actions={
          <Button kind="primary" icon="plus" onClick={() => setIssuing(true)}>
            Issue a token
          </Button>
        }
      />
      <section class="panel" aria-label="Your token">
        <div class="panel-head">
          <h2>Your token</h2>
          <RevokeToken tokenId={identity.tokenId} subject={identity.subject} isOwn onRevoked={() => undefined} />
        </div>
        <Facts
          facts={[
            { name: 'Subject', value: identity.subject },
            { name: 'Scopes', value: <Scopes scopes={identity.scopes} /> },
            { name: 'Ends', value: <When atUtc={identity.expiresAtUtc} /> },
          ]}
        />
      </section>
      {permissions.may('admin', '*') && <AllTokens round={round} />}
      {isIssuing && <IssueTokenDialog onIssued={() => setRound(round + 1)} onClose={() => setIssuing(false)} />}
    </>
  );
}

function AllTokens({ round }: { readonly round: number }) {
  const { client, identity } = useConsole().session;
  const pages = usePages(`tokens ${round}`, (cursor, signal) => client.tokens.list({ cursor, signal, limit: 50 }));
  return (
    <section aria-labelledby="all-tokens">
      <h2 class="section-title" id="all-tokens">
        All tokens
      </h2>
      <PagedTable
        caption="Tokens, newest first"
        keyOf={({ tokenId }: TokenRecord) => tokenId}
        pages={pages}
        columns={[
          {
            name: 'Subject',
            isTitle: true,
            cell: ({ subject, tokenId }) => (
              <>
                <strong>{subject}</strong>
                {tokenId === identity.tokenId && <span class="hint"> (this session)</span>}
              </>
            ),
          },
          {
            name: 'Scopes',
            cell: ({ scopes, fromBindings }) =>
              fromBindings === true && scopes.length === 0 ? (
                <span class="hint">follow its bindings</span>
              ) : (
                <Scopes scopes={scopes} />
              ),
          },
          { name: 'State', cell: (token) => <TokenState token={token} /> },
          {
            name: 'Last used',
            cell: ({ lastUsedAtUtc }) =>
              lastUsedAtUtc === null ? <span class="hint">never</span> : <When atUtc={lastUsedAtUtc} />,
          },
          { name: 'Issued by', cell: ({ issuedBy }) => issuedBy },
          {
            name: 'Actions',
            align: 'right',
            cell: (token) =>
              isGood(token) &&
              token.tokenId !== identity.tokenId && (
                <RevokeToken tokenId={token.tokenId} subject={token.subject} onRevoked={pages.reload} />
              ),
          },
        ]}
        empty={
          <EmptyState icon="token" title="No token yet">
            <p>Each person, CI job and machine gets one of its own, with the least that it needs.</p>
          </EmptyState>
        }
      />
    </section>
  );
}

function Scopes({ scopes }: { readonly scopes: readonly string[] }) {
  if (scopes.length === 0) return <span class="hint">none: this token may do nothing</span>;
  return (
    <span class="badges">
      {scopes.map((scope) => (
        <code key={scope} class="scope">
          {scope}
        </code>
      ))}
    </span>
  );
}

function isGood({ revokedAtUtc, expiresAtUtc }: TokenRecord): boolean {
  return revokedAtUtc === null && Date.parse(expiresAtUtc) > Date.now();
}

function TokenState({ token }: { readonly token: TokenRecord }) {
  if (token.revokedAtUtc !== null) {
    return (
      <span class="state">
        <Badge tone="bad">revoked</Badge>
        <span class="hint">
          <When atUtc={token.revokedAtUtc} />
        </span>
      </span>
    );
  }
  return (
    <span class="state">
      <Badge tone={isGood(token) ? 'good' : 'idle'}>{isGood(token) ? 'good' : 'expired'}</Badge>
      <span class="hint">
        {isGood(token) ? 'ends ' : ''}
        <When atUtc={token.expiresAtUtc} />
      </span>
    </span>
  );
}

interface RevokeTokenProps {
  readonly tokenId: string;
  readonly subject: string;
  readonly isOwn?: boolean;
  readonly onRevoked: () => void;
}

function RevokeToken({ tokenId, subject, isOwn = false, onRevoked }: RevokeTokenProps) {
  const { session, signedOut } = useConsole();
  const [isAsking, setAsking] = useState(false);
  const revocation = useAction();
  return (
    <>
      <Button
        kind="quiet"
        label={isOwn ? 'Revoke this token' : `Revoke a token of ${subject}`}
        onClick={() => setAsking(true)}
      >
        Revoke
      </Button>
      {isAsking && (
        <ConfirmDialog
          title={isOwn ? 'Revoke your own token?' : `Revoke this token of ${subject}?`}
          action="Revoke it"
          isBusy={revocation.isRunning}
          error={revocation.error}
          onClose={() => setAsking(false)}
          onConfirm={() =>
            revocation.run(async () => {
              await session.client.tokens.revoke(tokenId);
              announce('The token is revoked.');
              setAsking(false);
              if (isOwn) signedOut('You have revoked the token that you were signed in with.');
              else onRevoked();
            })
          }
        >
          <p>It is refused from the very next request on, and so is every token that was narrowed from it.</p>
          {isOwn && <p>You will be signed out.</p>}
        </ConfirmDialog>
      )}
    </>
  );
}
