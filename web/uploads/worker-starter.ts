interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): string };
}

declare global {
  interface Window {
    /** Not in every browser. */
    readonly trustedTypes?: TrustedTypes;
  }
}

/**
 * What starts the worker that hashes. The page's policy lets no text become code but by a policy of ours (Trusted Types), which can be made
 * only once: so this is called once.
 */
export function createWorkerStarter(): () => Worker {
  const policy = window.trustedTypes?.createPolicy('artifortress', { createScriptURL: (text) => text });
  const { href } = new URL('hash-worker.js', import.meta.url);
  const address = policy?.createScriptURL(href) ?? href;
  return () => new Worker(address, { type: 'module' });
}
