import { connect } from 'node:net';

/** A server that has said nothing, and not closed, for this long hangs. */
const PATIENCE_MS = 8_000;

export interface WireAnswer {
  status: number;
  headers: Headers;
  body: string;
}

export interface Conversation {
  answers: WireAnswer[];
  /** Whether the server ended the connection by itself. */
  closed: boolean;
  /** What came behind the last whole answer. */
  rest: string;
  sentBytes: number;
}

/** Sends exactly these bytes (latin1) on a connection of their own, piece by piece, and reads until the server closes it. */
export async function converse(url: string, ...pieces: string[]): Promise<Conversation> {
  const { hostname, port } = new URL(url);
  return await new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    const chunks: Buffer[] = [];
    let closed = true;
    const timer = setTimeout(() => {
      closed = false;
      socket.destroy();
    }, PATIENCE_MS);
    socket.on('connect', () => {
      socket.setNoDelay(true);
      sendNext(0);
    });
    const sendNext = (index: number): void => {
      const piece = pieces[index];
      if (piece === undefined || socket.destroyed) return;
      socket.write(piece, 'latin1', () => setImmediate(() => sendNext(index + 1)));
    };
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    // A server may cut a connection that goes on sending.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(timer);
      resolve({ ...parseAnswers(Buffer.concat(chunks).toString('latin1')), closed, sentBytes: socket.bytesWritten });
    });
  });
}

/** Answers as a proxy tells them apart: by their lengths. */
function parseAnswers(text: string): { answers: WireAnswer[]; rest: string } {
  const answers: WireAnswer[] = [];
  let rest = text;
  for (;;) {
    const end = rest.indexOf('\r\n\r\n');
    const status = /^HTTP\/1\.1 (\d{3}) /.exec(rest)?.[1];
    if (end === -1 || status === undefined) return { answers, rest };
    const lines = rest.slice(0, end).split('\r\n').slice(1);
    const headers = new Headers(
      lines.map((line): [string, string] => [line.split(': ', 1)[0] ?? '', line.split(': ')[1] ?? '']),
    );
    const length = Number(headers.get('content-length') ?? 0);
    answers.push({ status: Number(status), headers, body: rest.slice(end + 4, end + 4 + length) });
    rest = rest.slice(end + 4 + length);
  }
}
