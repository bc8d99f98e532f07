/** The command line itself is wrong; the message says what would be right. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** A command needs a token, and none is known for that server. */
export class NotSignedIn extends Error {
  override readonly name = 'NotSignedIn';
}

/** Ctrl-C, or the like: the reason of the signal that every running step is given. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  readonly signalName: NodeJS.Signals;

  constructor(signalName: NodeJS.Signals) {
    super('Interrupted.');
    this.signalName = signalName;
  }
}
