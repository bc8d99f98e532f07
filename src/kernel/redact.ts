/** What looks like a secret of ours, wherever somebody may have put it: in a path, in a name. */
const SECRET = /aft(?:boot)?_[\w-]{43,}/gi;

/** The text without secrets, for logs and answers. */
export function withoutSecrets(text: string): string {
  return text.replaceAll(SECRET, '<secret>');
}
