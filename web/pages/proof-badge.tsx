import { useEffect, useRef, useState } from 'preact/hooks';
import { ArtifortressError, type AuditRow } from '../../src/client/index.ts';
import type { ProofVerdict } from '../audit-proof.ts';
import { Icon } from '../components/icons.tsx';

type Verdict = ProofVerdict | { readonly kind: 'asking' | 'not_sealed' | 'failed' };

interface ProofBadgeProps {
  readonly row: AuditRow;
  readonly prove: (row: AuditRow, signal: AbortSignal) => Promise<ProofVerdict>;
}

const SHOWN: Readonly<Record<Verdict['kind'], { tone: string; words: string; more: string }>> = {
  asking: { tone: 'idle', words: 'checking', more: 'Its proof is being checked.' },
  proved: { tone: 'good', words: 'proved', more: 'This page has checked it.' },
  broken: { tone: 'bad', words: 'broken', more: 'The proof does not hold:' },
  not_sealed: { tone: 'idle', words: 'not sealed yet', more: 'It will be within a few seconds.' },
  unverifiable: { tone: 'idle', words: 'sealed', more: 'It has a proof, which this browser can not check here.' },
  failed: { tone: 'warn', words: 'unknown', more: 'Its proof could not be loaded.' },
};

/** Whether a row is in the sealed trail, as this page itself has checked it: once the row is to be seen, or when it is asked again. */
export function ProofBadge({ row, prove }: ProofBadgeProps) {
  const element = useRef<HTMLButtonElement>(null);
  const [verdict, setVerdict] = useState<Verdict>({ kind: 'asking' });
  const [round, setRound] = useState(0);

  useEffect(() => {
    const controller = new AbortController();
    const check = (): void => {
      prove(row, controller.signal).then(setVerdict, (error: unknown) => {
        if (controller.signal.aborted) return;
        const isUnsealed = error instanceof ArtifortressError && error.code === 'conflict';
        setVerdict({ kind: isUnsealed ? 'not_sealed' : 'failed' });
      });
    };
    const observer = new IntersectionObserver(([entry]) => {
      if (entry?.isIntersecting !== true) return;
      observer.disconnect();
      check();
    });
    if (element.current !== null) observer.observe(element.current);
    return () => {
      observer.disconnect();
      controller.abort();
    };
  }, [row.auditId, prove, round]);

  const { tone, words, more } = SHOWN[verdict.kind];
  return (
    <button
      ref={element}
      type="button"
      class={`badge badge-button badge-${tone}`}
      title={titleOf(verdict, more)}
      aria-label={`Proof of row ${row.auditId}: ${words}. Check again`}
      onClick={() => {
        setVerdict({ kind: 'asking' });
        setRound(round + 1);
      }}
    >
      <Icon name={verdict.kind === 'broken' || verdict.kind === 'failed' ? 'warning' : 'seal'} />
      {words}
    </button>
  );
}

function titleOf(verdict: Verdict, more: string): string {
  if (verdict.kind === 'proved') return `${more} In batch ${verdict.batch}, signed by the key ${verdict.keyId}.`;
  return verdict.kind === 'broken' ? `${more} ${verdict.why}.` : more;
}
