/** sun_path holds 104 bytes on macOS and 108 on Linux, with the zero at its end. */
const SOCKET_PATH_LIMIT_BYTES = 103;

/** Whether a unix socket can be bound, and connected to, under this path on every system that we run on. */
export function fitsSocketPath(path: string): boolean {
  return Buffer.byteLength(path) <= SOCKET_PATH_LIMIT_BYTES;
}
