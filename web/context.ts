import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { Session } from './session.ts';
import type { UploadQueue } from './uploads/queue-types.ts';

/** What every page can reach. */
export interface Console {
  readonly session: Session;
  readonly uploads: UploadQueue;
  /** The token is no longer good: back to the sign-in page, which says so. */
  signedOut(this: void, reason: string): void;
}

export const ConsoleContext = createContext<Console | null>(null);

export function useConsole(): Console {
  const context = useContext(ConsoleContext);
  if (context === null) throw new Error('a page is shown inside of the console');
  return context;
}
