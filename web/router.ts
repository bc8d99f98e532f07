import { useEffect, useState } from 'preact/hooks';

/**
 * Where in the console one is. It stands in the fragment of the address (`/console#/repos/demo`): it never gets to a server, and the page
 * works behind any path of a proxy. It holds names and filters, never a token.
 */
export interface Place {
  /** Decoded segments: `#/repos/demo` is `['repos', 'demo']`. */
  readonly path: readonly string[];
  readonly query: URLSearchParams;
}

export function parsePlace(hash: string): Place {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const segments = path.split('/').filter((segment) => segment !== '');
  return { path: segments.map(decode), query: new URLSearchParams(query) };
}

/** An address that somebody mistyped is shown as it stands. */
function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** The link to a place. */
export function linkTo(path: readonly string[], query: Readonly<Record<string, string>> = {}): string {
  const filled = Object.entries(query).filter(([, value]) => value !== '');
  const search = filled.length === 0 ? '' : `?${new URLSearchParams(filled).toString()}`;
  return `#/${path.map(encodeURIComponent).join('/')}${search}`;
}

/** Goes there as a link does. */
export function goTo(link: string): void {
  location.hash = link;
}

/** Changes the address for what one sees now, without a step in the history: for filters. */
export function replacePlace(link: string): void {
  history.replaceState(null, '', link);
}

export function usePlace(): Place {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const update = (): void => setHash(location.hash);
    addEventListener('hashchange', update);
    return () => removeEventListener('hashchange', update);
  }, []);
  return parsePlace(hash);
}
