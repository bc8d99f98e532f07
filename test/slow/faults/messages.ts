import type { Settings } from '../../../src/kernel/settings.ts';
import type { CallSite, Fault } from './fault-points.ts';

export interface OrderToStart {
  kind: 'start';
  settings: Settings;
}

/** What the server in a child process is told, one after the other; each is answered by one report. */
export type Order =
  | OrderToStart
  | { kind: 'watch'; fault: Fault | undefined }
  | { kind: 'calls' }
  /** One round of the worker, as it would be after this time. */
  | { kind: 'worker'; task: 'jobs' | 'all'; aheadSeconds: number };

/** `hit` comes by itself; all others answer an order. */
export type Report =
  | { kind: 'started'; url: string }
  | { kind: 'watching' }
  | { kind: 'calls'; calls: CallSite[] }
  | { kind: 'round'; failure: string | undefined }
  | { kind: 'hit' };
