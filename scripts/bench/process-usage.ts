import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

export interface CpuTime {
  readonly totalSeconds: number;
  /** The part of it that is PostgreSQL's. */
  readonly postgresqlSeconds: number;
}

/** PostgreSQL stands apart, since its processes share memory with each other. */
export interface ResidentMemory {
  readonly serverBytes: number;
  readonly postgresqlBytes: number;
}

/** What the processes of a server hold open. */
export interface OpenHandles {
  /** Of the server's own processes, without PostgreSQL's. */
  readonly files: number;
  /** The sockets among them. */
  readonly sockets: number;
  /** Backends of PostgreSQL that serve a client. */
  readonly databaseConnections: number;
}

interface ProcessEntry {
  readonly pid: number;
  readonly parentPid: number;
  readonly name: string;
  readonly cpuTicks: number;
}

/** Linux reports CPU time to user space in hundredths of a second on every architecture (USER_HZ). */
const TICKS_PER_SECOND = 100;
const POSTGRESQL_PROCESS = 'postgres';
/** How PostgreSQL titles the process of a client: its user, its database, where it comes from (a port for TCP), what it does. */
const CLIENT_BACKEND = /^postgres: \S+ \S+ (\[local\]|[\d.:a-f]+\(\d+\))/;
/** Written to `clear_refs`, it sets the peak resident size back to the present one (proc(5)). */
const RESET_PEAK = '5';

/**
 * The processes of one server, as Linux tells of them in /proc: the started one, a PostgreSQL that names the server's
 * data folder on its command line (so that one which lost its parent counts too), and everything below both.
 */
export class ProcessTree {
  readonly #rootPid: number;
  readonly #folder: string;

  constructor(rootPid: number, folder: string) {
    this.#rootPid = rootPid;
    this.#folder = folder;
  }

  /** CPU time, user and system, used so far, with that of children already ended and waited for. */
  cpuTime(): CpuTime {
    let totalTicks = 0;
    let postgresqlTicks = 0;
    for (const { name, cpuTicks } of this.#entries()) {
      totalTicks += cpuTicks;
      if (name === POSTGRESQL_PROCESS) postgresqlTicks += cpuTicks;
    }
    return { totalSeconds: totalTicks / TICKS_PER_SECOND, postgresqlSeconds: postgresqlTicks / TICKS_PER_SECOND };
  }

  /** Starts the measuring of peak memory anew; where the kernel refuses, the peak is that since the start. */
  resetPeakMemory(): void {
    for (const { pid } of this.#entries()) {
      try {
        writeFileSync(`/proc/${pid}/clear_refs`, RESET_PEAK);
      } catch {
        // Gone meanwhile, or not ours to write: the peak since the start is still a true upper bound.
      }
    }
  }

  /** The sum of the peak resident sizes of the processes alive now; shared pages count in each of them. */
  peakMemory(): ResidentMemory {
    return this.#memory('VmHWM');
  }

  /** The same of the resident sizes now. */
  residentMemory(): ResidentMemory {
    return this.#memory('VmRSS');
  }

  /**
   * What PostgreSQL's processes take now, each page that several share counted once in all (proc(5), `smaps_rollup`: Pss); null
   * where the kernel does not tell. Read beside the event loop, since the kernel looks at every page for it.
   */
  async databaseMemory(): Promise<number | null> {
    const pids = this.#entries().filter(({ name }) => name === POSTGRESQL_PROCESS);
    const each = await Promise.all(pids.map(({ pid }) => proportionalBytes(pid)));
    const told = each.filter((bytes) => bytes !== null);
    return pids.length > 0 && told.length === 0 ? null : told.reduce((sum, bytes) => sum + bytes, 0);
  }

  /** Files and sockets that are open now, and the connections to PostgreSQL, counted on its side. */
  openHandles(): OpenHandles {
    let files = 0;
    let sockets = 0;
    let databaseConnections = 0;
    for (const { pid, name } of this.#entries()) {
      if (name === POSTGRESQL_PROCESS) {
        if (CLIENT_BACKEND.test(commandLine(pid))) databaseConnections++;
        continue;
      }
      const targets = openFilesOf(pid);
      files += targets.length;
      sockets += targets.filter((target) => target.startsWith('socket:')).length;
    }
    return { files, sockets, databaseConnections };
  }

  /** Bytes that the processes alive now have had written to storage (proc(5) `io`), and not taken back before. */
  writtenBytes(): number {
    return this.#entries().reduce((sum, { pid }) => sum + ioBytes(pid), 0);
  }

  #memory(field: 'VmHWM' | 'VmRSS'): ResidentMemory {
    let serverBytes = 0;
    let postgresqlBytes = 0;
    for (const { pid, name } of this.#entries()) {
      const bytes = statusBytes(pid, field);
      if (name === POSTGRESQL_PROCESS) postgresqlBytes += bytes;
      else serverBytes += bytes;
    }
    return { serverBytes, postgresqlBytes };
  }

  /** Ids of the PostgreSQL processes of the data folder, whoever their parent is now. */
  databasePids(): number[] {
    return this.#below(readProcesses(), () => false).map((entry) => entry.pid);
  }

  #entries(): ProcessEntry[] {
    return this.#below(readProcesses(), (pid) => pid === this.#rootPid);
  }

  #below(all: readonly ProcessEntry[], isRoot: (pid: number) => boolean): ProcessEntry[] {
    const members = new Set<number>();
    for (const { pid, name } of all) {
      const isDatabase = name === POSTGRESQL_PROCESS && commandLine(pid).includes(this.#folder);
      if (isRoot(pid) || isDatabase) members.add(pid);
    }
    let sizeBefore: number;
    do {
      sizeBefore = members.size;
      for (const { pid, parentPid } of all) if (members.has(parentPid)) members.add(pid);
    } while (members.size > sizeBefore);
    return all.filter(({ pid }) => members.has(pid));
  }
}

function readProcesses(): ProcessEntry[] {
  const entries: ProcessEntry[] = [];
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const stat = readOrNull(`/proc/${pid}/stat`);
    if (stat !== null) entries.push(parseStat(pid, stat));
  }
  return entries;
}

/** Fields of proc(5) `stat`; the name stands in parentheses and may hold spaces. */
function parseStat(pid: number, stat: string): ProcessEntry {
  const nameEnd = stat.lastIndexOf(')');
  const fields = stat
    .slice(nameEnd + 2)
    .split(' ')
    .map(Number);
  const [, parentPid = 0] = fields;
  const [userTicks = 0, systemTicks = 0, childUserTicks = 0, childSystemTicks = 0] = fields.slice(11, 15);
  return {
    pid,
    parentPid,
    name: stat.slice(stat.indexOf('(') + 1, nameEnd),
    cpuTicks: userTicks + systemTicks + childUserTicks + childSystemTicks,
  };
}

function statusBytes(pid: number, field: string): number {
  const match = new RegExp(`${field}:\\s+(\\d+) kB`).exec(readOrNull(`/proc/${pid}/status`) ?? '');
  return Number(match?.[1] ?? 0) * 1024;
}

/** Null for a process that has ended meanwhile, too. */
async function proportionalBytes(pid: number): Promise<number | null> {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
  const found = /^Pss:\s+(\d+) kB/m.exec(rollup)?.[1];
  return found === undefined ? null : Number(found) * 1024;
}

function ioBytes(pid: number): number {
  const io = readOrNull(`/proc/${pid}/io`) ?? '';
  const field = (name: string) => Number(new RegExp(`^${name}: (\\d+)`, 'm').exec(io)?.[1] ?? 0);
  return field('write_bytes') - field('cancelled_write_bytes');
}

function openFilesOf(pid: number): string[] {
  let descriptors: string[];
  try {
    descriptors = readdirSync(`/proc/${pid}/fd`);
  } catch {
    return [];
  }
  return descriptors.flatMap((descriptor) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${descriptor}`);
    } catch {
      // Closed between the two looks.
      return [];
    }
  });
}

function commandLine(pid: number): string {
  return readOrNull(`/proc/${pid}/cmdline`) ?? '';
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
