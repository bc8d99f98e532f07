/** The errno name (`ENOENT`) of a failed system call, or undefined for any other error. */
export function errorCode(error: unknown): string | undefined {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return undefined;
}
