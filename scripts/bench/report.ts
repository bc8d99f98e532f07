import type { Machine } from './machine.ts';
import type { MeasureGroup } from './measures.ts';
import type { Options } from './options.ts';
import type { Results } from './rounds.ts';
import type { StartTimes } from './start-times.ts';
import type { MissingSubject, Subject } from './subject.ts';

/** What the servers of one run gave. */
export interface Findings {
  readonly versions: Readonly<Record<string, string>>;
  readonly missing: readonly MissingSubject[];
  readonly starts: StartTimes | null;
  readonly results: Results;
  readonly measures: readonly MeasureGroup[];
}

/** Everything that one run found out. */
export interface Report extends Findings {
  readonly options: Options;
  readonly machine: Machine;
}

/** Keeps the book of who takes part in a run and who can't. */
export class Participants {
  readonly versions: Record<string, string> = {};
  readonly missing: MissingSubject[] = [];
  readonly #progress: (line: string) => void;

  constructor(progress: (line: string) => void) {
    this.#progress = progress;
  }

  /** Returns the subject, or nothing where it isn't installed, which is said at once. */
  present(found: Subject | MissingSubject): Subject[] {
    if ('remedy' in found) {
      this.missing.push(found);
      this.#progress(`NOT COMPARED WITH ${found.name}: it isn't installed. Install it by: ${found.remedy}`);
      return [];
    }
    this.versions[found.name] = found.version;
    return [found];
  }
}
