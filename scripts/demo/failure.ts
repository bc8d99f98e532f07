/** The demo can't go on: the message says what it met, and what to do. */
export class DemoFailure extends Error {
  override readonly name = 'DemoFailure';
}
