import { useCallback, useEffect, useMemo, useState } from 'preact/hooks';
import { ErrorNotice, Skeleton } from './components/notices.tsx';
import { type Console, ConsoleContext } from './context.ts';
import { asError, isSignedOut } from './failures.ts';
import { SignInPage } from './pages/sign-in.tsx';
import { forgetToken, keptToken, type Session, signIn } from './session.ts';
import { Shell } from './shell.tsx';
import { Toasts } from './toasts.tsx';
import { createUploadQueue } from './uploads/queue.ts';

type State =
  | { readonly kind: 'checking' }
  /** A token is there, and whether it is good can't be told now. */
  | { readonly kind: 'unreachable'; readonly error: Error }
  | { readonly kind: 'signed_out'; readonly reason: string | null }
  | { readonly kind: 'signed_in'; readonly session: Session };

/** The console: the sign-in page, or, with a token that the server recognises, the rest. */
export function App() {
  const [state, setState] = useState<State>({ kind: 'checking' });

  const signedOut = useCallback((reason: string | null) => {
    forgetToken();
    setState({ kind: 'signed_out', reason });
  }, []);
  const uploads = useMemo(() => createUploadQueue(signedOut), [signedOut]);

  const enter = useCallback((session: Session) => setState({ kind: 'signed_in', session }), []);
  const check = useCallback(() => {
    const token = keptToken();
    if (token === null) {
      setState({ kind: 'signed_out', reason: null });
      return;
    }
    setState({ kind: 'checking' });
    signIn(token).then(enter, (cause: unknown) => {
      const error = asError(cause);
      if (isSignedOut(error)) signedOut(error.message);
      else setState({ kind: 'unreachable', error });
    });
  }, [enter, signedOut]);
  useEffect(check, [check]);

  const session = state.kind === 'signed_in' ? state.session : null;
  useEffect(() => uploads.useSession(session), [uploads, session]);
  const shared = useMemo<Console | null>(
    () => (session === null ? null : { session, uploads, signedOut }),
    [session, uploads, signedOut],
  );

  return (
    <>
      {state.kind === 'checking' && (
        <main class="lone">
          <Skeleton />
        </main>
      )}
      {state.kind === 'unreachable' && (
        <main class="lone">
          <ErrorNotice error={state.error} onRetry={check} />
        </main>
      )}
      {state.kind === 'signed_out' && <SignInPage reason={state.reason} onSignedIn={enter} />}
      {shared !== null && (
        <ConsoleContext.Provider value={shared}>
          <Shell onSignOut={() => signedOut(null)} />
        </ConsoleContext.Provider>
      )}
      <Toasts />
    </>
  );
}
