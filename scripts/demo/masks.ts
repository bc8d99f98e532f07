/** Hides what must not stay on a screen or in a log of CI: secrets known to the demo, and signatures in URLs. */
export interface Masks {
  add(secret: string): void;
  apply(text: string): string;
}

/** Of a secret this much is shown, so that one can be told from another. */
const SHOWN_CHARACTERS = 12;
const SIGNATURES = /([?&](?:signature|X-Amz-Signature|X-Amz-Credential|X-Amz-Security-Token)=)[^&"\s]+/g;

export function createMasks(): Masks {
  const secrets = new Set<string>();
  return {
    add: (secret) => void secrets.add(secret),
    apply(text) {
      let masked = text.replace(SIGNATURES, '$1…');
      for (const secret of secrets) masked = masked.replaceAll(secret, `${secret.slice(0, SHOWN_CHARACTERS)}…`);
      return masked;
    },
  };
}
