/**
 * What the console's page may do (CSP level 3): run and style itself with files of its own, and call this server and the addresses that
 * parts are sent to. Nothing in it is inline, so nothing that is injected runs; a form can't be sent anywhere, so that a token that was
 * typed into one never gets into an address.
 */
export function contentSecurityPolicy(addresses: readonly string[]): string {
  const origins = new Set(addresses.map((address) => new URL(address).origin));
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    `connect-src ${["'self'", ...origins].join(' ')}`,
    "worker-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    'trusted-types artifortress',
  ].join('; ');
}
