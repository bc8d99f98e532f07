const CTRL_C = '\u0003';

/** Resolves on the next key. In raw mode Ctrl-C is a key too: it is passed on as the signal that it stands for. */
export async function waitForKey(output: NodeJS.WriteStream, prompt: string): Promise<void> {
  const { stdin } = process;
  output.write(`\n${prompt}`);
  stdin.setRawMode(true);
  stdin.resume();
  const key = await new Promise<string>((resolve) => {
    stdin.once('data', (data: Buffer) => resolve(data.toString('utf8')));
  });
  stdin.setRawMode(false);
  stdin.pause();
  output.write('\r\u001b[2K');
  if (key === CTRL_C) process.kill(process.pid, 'SIGINT');
}
