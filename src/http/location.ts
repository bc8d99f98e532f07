/** Where a client finds what it made: a path, under that of the public address where a proxy serves this server below one. */
export function locationOf(publicUrl: string, path: string): string {
  return `${new URL(publicUrl).pathname.replace(/\/$/, '')}${path}`;
}
