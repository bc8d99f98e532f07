import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { Button } from '../components/button.tsx';
import { Icon, Mark } from '../components/icons.tsx';
import { ErrorNotice, Notice } from '../components/notices.tsx';
import { asError, isSignedOut } from '../failures.ts';
import { type Session, signIn } from '../session.ts';

interface SignInProps {
  /** Why one has to sign in again. */
  readonly reason: string | null;
  readonly onSignedIn: (session: Session) => void;
}

export function SignInPage({ reason, onSignedIn }: SignInProps) {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const [token, setToken] = useState('');
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const isRefused = error !== null && isSignedOut(error);

  useEffect(() => {
    document.title = 'Sign in · Artifortress';
    input.current?.focus();
  }, []);

  const submit = (): void => {
    setBusy(true);
    setError(null);
    signIn(token.trim()).then(onSignedIn, (cause: unknown) => {
      setError(asError(cause));
      setBusy(false);
      input.current?.focus();
    });
  };

  return (
    <main class="sign-in">
      <div class="sign-in-card">
        <div class="sign-in-brand">
          <Mark />
          <span>Artifortress</span>
        </div>
        <h1>Sign in</h1>
        <p class="page-intro">What was committed is exactly what was declared, and only the right people read it.</p>
        {reason !== null && (
          <Notice kind="warning" icon="clock">
            <p>{reason}</p>
            <p>Uploads that were under way wait for you.</p>
          </Notice>
        )}
        <form
          method="post"
          onSubmit={(event) => {
            event.preventDefault();
            if (!isBusy) submit();
          }}
        >
          <div class="field">
            <label for={id}>Token</label>
            <input
              ref={input}
              id={id}
              class="mono"
              type="password"
              placeholder="aft_…"
              autocomplete="off"
              spellcheck={false}
              required
              value={token}
              aria-invalid={isRefused}
              aria-describedby={`${id}-hint`}
              onInput={(event) => setToken(event.currentTarget.value)}
            />
            <p class="hint" id={`${id}-hint`}>
              It stays in this tab, and is forgotten when the tab is closed.
            </p>
          </div>
          {error !== null && <ErrorNotice error={error} />}
          <Button kind="primary" type="submit" isBusy={isBusy}>
            Sign in
          </Button>
        </form>
        <details class="sign-in-help">
          <summary>
            <Icon name="token" />
            Where do I get a token?
          </summary>
          <p>From an administrator, or on the command line with the bootstrap token that the first start printed:</p>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls sideways has to be reachable by keyboard */}
          <pre tabIndex={0} role="group" aria-label="Command that issues a token">
            <code>artifortress token issue --subject me --scope 'repo:*:admin'</code>
          </pre>
        </details>
      </div>
    </main>
  );
}
