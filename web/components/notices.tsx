import type { ComponentChildren } from 'preact';
import { ArtifortressError } from '../../src/client/index.ts';
import { Button } from './button.tsx';
import { CopyButton } from './copy.tsx';
import { Icon, type IconName } from './icons.tsx';

/** What to do about a failure, where the console knows. */
const ADVICE: Readonly<Record<string, string>> = {
  network_error: 'Check that the server runs and that this machine reaches it, then try again.',
  timeout: 'The server or the network is slow. Try again in a moment.',
  forbidden: 'Ask an administrator for a token with the role that this needs.',
  service_unavailable:
    'Something that the server depends on is away; the health page tells what. Try again in a moment.',
  storage_access_denied: 'The object store refuses the server: its operator has to look at the credentials.',
  insufficient_storage: 'The object store is full: its operator has to make room.',
  internal_error: 'This is a defect of the server. Report it with the request id below.',
  rate_limited: 'Wait a little before the next try.',
  not_found: 'It may have been deleted meanwhile.',
  store_refused: 'The object store refused the bytes. Its CORS rule may not allow this page: see docs/console.md.',
};

function adviceOn(error: Error): string | undefined {
  return error instanceof ArtifortressError ? ADVICE[error.code] : undefined;
}

interface ErrorNoticeProps {
  readonly error: Error;
  /** What to do about it, where that is not what is mostly to be done. */
  readonly advice?: string;
  readonly onRetry?: () => void;
}

/** A failure: what happened, what to do, and the id by which the operator finds it in the log. */
export function ErrorNotice({ error, advice = adviceOn(error), onRetry }: ErrorNoticeProps) {
  const requestId = error instanceof ArtifortressError ? error.requestId : null;
  return (
    <div class="notice notice-error" role="alert">
      <Icon name="warning" />
      <div class="notice-body">
        <p class="notice-title">{error.message}</p>
        {advice !== undefined && <p>{advice}</p>}
        {requestId !== null && (
          <p class="notice-request">
            Request id <code>{requestId}</code>
            <CopyButton text={requestId} label="Copy the request id" />
          </p>
        )}
        {onRetry !== undefined && (
          <Button icon="refresh" onClick={onRetry}>
            Try again
          </Button>
        )}
      </div>
    </div>
  );
}

interface NoticeProps {
  readonly kind: 'info' | 'success' | 'warning';
  readonly icon: IconName;
  readonly children: ComponentChildren;
}

export function Notice({ kind, icon, children }: NoticeProps) {
  return (
    <div class={`notice notice-${kind}`}>
      <Icon name={icon} />
      <div class="notice-body">{children}</div>
    </div>
  );
}

interface EmptyStateProps {
  readonly icon: IconName;
  readonly title: string;
  readonly children: ComponentChildren;
}

/** Nothing is here yet: what would be, and how it gets here. */
export function EmptyState({ icon, title, children }: EmptyStateProps) {
  return (
    <div class="empty">
      <span class="empty-icon">
        <Icon name={icon} />
      </span>
      <h2>{title}</h2>
      <div class="empty-body">{children}</div>
    </div>
  );
}

/** Stands in for a list that is on its way. */
export function Skeleton({ rows = 4 }: { readonly rows?: number }) {
  return (
    <div class="skeleton" role="status">
      <span class="visually-hidden">Loading…</span>
      {Array.from({ length: rows }, (_, index) => (
        <div key={index} class="skeleton-row" />
      ))}
    </div>
  );
}
