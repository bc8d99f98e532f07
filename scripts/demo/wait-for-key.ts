import { once } from 'node:events';

const CTRL_C = '\u0003';

/**
 * Resolves on the next key, or as soon as `interruption` aborts. In raw mode Ctrl-C is a key too: it aborts it, as the end of the
 * terminal does.
 */
export async function waitForKey(
  output: NodeJS.WriteStream,
  prompt: string,
  interruption: AbortController,
): Promise<void> {
  if (interruption.signal.aborted) return;
  const { stdin } = process;
  output.write(`\n${prompt}`);
  stdin.setRawMode(true);
  stdin.resume();
  const key = await nextKey(interruption.signal);
  stdin.setRawMode(false);
  stdin.pause();
  output.write('\r\u001b[2K');
  if (key.includes(CTRL_C)) interruption.abort();
}

/** The next key; Ctrl-C where there will be none, since the terminal is gone or the demo is to end. */
async function nextKey(signal: AbortSignal): Promise<string> {
  const settled = new AbortController();
  const until = { signal: AbortSignal.any([signal, settled.signal]) };
  const pressed = once(process.stdin, 'data', until).then(([data]: unknown[]) => String(data));
  const gone = once(process.stdin, 'end', until).then(() => CTRL_C);
  try {
    return await Promise.race([pressed, gone]);
  } catch {
    return CTRL_C;
  } finally {
    settled.abort();
  }
}
