import type { Lane, LoadTarget, RecordStep } from '../../src/cli/bench/lane.ts';
import type { Task } from '../../src/cli/bench/tasks.ts';
import type { Artifortress } from '../bench/artifortress.ts';
import { REPO_KEY } from '../bench/artifortress-server.ts';
import { Connection } from '../bench/http-connection.ts';
import { fieldOf, listOf, parseJson } from '../bench/json-fields.ts';
import { expectStatus, type Subject } from '../bench/subject.ts';

type Work = (connection: Connection, task: Task) => Promise<number>;

/** Any server that the benchmark knows, on this machine: whole uploads, downloads and ranges. */
export function subjectTarget(subject: Subject): LoadTarget {
  return {
    openLane: (record) => laneOf(subject.port, record, (connection, task) => transfer(subject, connection, task)),
  };
}

/** Our server on this machine, by the cheapest client that there is here: its own sockets, and no more. */
export function artifortressTarget(ours: Artifortress): LoadTarget {
  return {
    openLane(record) {
      const nextPage = pageWalker(ours);
      return laneOf(ours.port, record, async (connection, task) => {
        switch (task.operation) {
          case 'session': {
            const { payload } = task;
            const part = { partNumber: 1, start: 0, end: payload.lengthBytes, sha256: payload.digest };
            await ours.sessions.upload([connection], payload, [part]);
            return payload.lengthBytes;
          }
          case 'dedupe':
            await ours.sessions.dedupe(connection, task.payload);
            return 0;
          case 'list':
            await nextPage(connection);
            return 0;
          case 'search': {
            const found = await getPage(ours, connection, 'search', `?prefix=${task.prefix}`);
            if (listOf(found, 'items').length === 0)
              throw new Error('a blob that is there was not found by its first characters');
            return 0;
          }
          case 'put':
          case 'download':
          case 'range':
            return await transfer(ours, connection, task);
        }
      });
    },
  };
}

async function transfer(subject: Subject, connection: Connection, task: Task): Promise<number> {
  switch (task.operation) {
    case 'put':
      await subject.put(connection, task.payload);
      return task.payload.lengthBytes;
    case 'download': {
      const reply = await subject.get(connection, task.payload.digest, 'discard');
      expectStatus(reply, 200, 'a download');
      return expectLength(reply.bodyBytes, task.payload.lengthBytes);
    }
    case 'range': {
      const { start, end } = task.range;
      const reply = await subject.get(connection, task.payload.digest, 'discard', task.range);
      expectStatus(reply, 206, 'a range');
      return expectLength(reply.bodyBytes, end - start);
    }
    case 'session':
    case 'dedupe':
    case 'list':
    case 'search':
      throw new Error(`${subject.name} knows no ${task.operation}`);
  }
}

/** A lane on a connection of its own, with a new one after a failure, which may have left the old one in the midst of something. */
function laneOf(port: number, record: RecordStep, work: Work): Lane {
  let connection = new Connection(port, record);
  return {
    async run(task) {
      try {
        return await work(connection, task);
      } catch (error) {
        connection.close();
        connection = new Connection(port, record);
        throw error;
      }
    },
    close: () => connection.close(),
  };
}

/** Goes through the repository page by page, and begins anew behind the last. */
function pageWalker(ours: Artifortress): (connection: Connection) => Promise<void> {
  let cursor: string | null = null;
  return async (connection) => {
    const query: string = cursor === null ? '' : `?cursor=${encodeURIComponent(cursor)}`;
    const next = fieldOf(await getPage(ours, connection, 'list', query), 'nextCursor');
    cursor = typeof next === 'string' ? next : null;
  };
}

async function getPage({ token }: Artifortress, connection: Connection, step: string, query: string): Promise<unknown> {
  const target = `/v1/repos/${REPO_KEY}/blobs${query}`;
  const headers = { Authorization: `Bearer ${token}` };
  const reply = await connection.request({ step, method: 'GET', target, headers, take: 'text' });
  return parseJson(expectStatus(reply, 200, `GET ${step}`).text);
}

function expectLength(bytes: number, expectedBytes: number): number {
  if (bytes !== expectedBytes) throw new Error(`${bytes} bytes came instead of ${expectedBytes}`);
  return bytes;
}
