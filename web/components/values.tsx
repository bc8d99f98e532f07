import { formatMoment, formatRelative, shortDigest } from '../format.ts';
import { CopyButton } from './copy.tsx';

/** A digest: its beginning is what people compare. The whole of it is read out, copied, and shown when one points at it. */
export function Digest({ digest, href }: { readonly digest: string; readonly href?: string }) {
  const shown = (
    <code class="digest" title={digest}>
      {shortDigest(digest)}
      <span aria-hidden="true">…</span>
    </code>
  );
  return (
    <span class="digest-line">
      {href === undefined ? shown : <a href={href}>{shown}</a>}
      <CopyButton text={digest} label={`Copy the digest ${shortDigest(digest)}`} />
    </span>
  );
}

/** How long ago, with the moment itself behind it. */
export function When({ atUtc }: { readonly atUtc: string }) {
  return (
    <time dateTime={atUtc} title={formatMoment(atUtc)}>
      {formatRelative(atUtc, Date.now())}
    </time>
  );
}

type Tone = 'good' | 'bad' | 'busy' | 'idle' | 'warn';

export function Badge({ tone, children }: { readonly tone: Tone; readonly children: string }) {
  return <span class={`badge badge-${tone}`}>{children}</span>;
}

/** A name and its value, in a list of such. */
export interface Fact {
  readonly name: string;
  readonly value: preact.ComponentChildren;
}

export function Facts({ facts }: { readonly facts: readonly Fact[] }) {
  return (
    <dl class="facts">
      {facts.map(({ name, value }) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
