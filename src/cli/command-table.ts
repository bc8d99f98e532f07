import type { Command } from 'commander';
import type { CliContext } from './context.ts';

export interface CommandEntry {
  readonly name: string;
  readonly alias?: string;
  readonly summary: string;
  readonly heading: string;
  readonly load: () => Promise<(context: CliContext) => Command>;
}

const ARTIFACTS = 'Artifacts:';
const ACCESS = 'Access:';
export const SERVER = 'Server:';

/** Every command but completion, which is made of them all. Only the one that is called is loaded, which keeps the start short. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'push',
    summary: 'send files into a repository',
    heading: ARTIFACTS,
    load: async () => (await import('./commands/push.ts')).pushCommand,
  },
  {
    name: 'pull',
    summary: 'fetch a blob, verified',
    heading: ARTIFACTS,
    load: async () => (await import('./commands/pull.ts')).pullCommand,
  },
  {
    name: 'ls',
    summary: 'list repositories, or what one holds',
    heading: ARTIFACTS,
    load: async () => (await import('./commands/ls.ts')).lsCommand,
  },
  {
    name: 'stat',
    summary: 'show one blob',
    heading: ARTIFACTS,
    load: async () => (await import('./commands/stat.ts')).statCommand,
  },
  {
    name: 'cat',
    summary: 'print a blob, or a range of it',
    heading: ARTIFACTS,
    load: async () => (await import('./commands/cat.ts')).catCommand,
  },
  {
    name: 'blob',
    summary: 'list, look at and delete blobs',
    heading: ARTIFACTS,
    load: async () => (await import('./commands/blob.ts')).blobCommand,
  },
  {
    name: 'upload',
    summary: 'look at upload sessions, and abort them',
    heading: ARTIFACTS,
    load: async () => (await import('./commands/upload.ts')).uploadCommand,
  },
  {
    name: 'repo',
    summary: 'create, list and delete repositories',
    heading: ARTIFACTS,
    load: async () => (await import('./commands/repo.ts')).repoCommand,
  },
  {
    name: 'login',
    summary: 'keep a token for a server',
    heading: ACCESS,
    load: async () => (await import('./commands/login.ts')).loginCommand,
  },
  {
    name: 'logout',
    summary: 'forget it',
    heading: ACCESS,
    load: async () => (await import('./commands/logout.ts')).logoutCommand,
  },
  {
    name: 'whoami',
    summary: 'show who your token is',
    heading: ACCESS,
    load: async () => (await import('./commands/whoami.ts')).whoamiCommand,
  },
  {
    name: 'token',
    summary: 'issue, list and revoke tokens',
    heading: ACCESS,
    load: async () => (await import('./commands/token.ts')).tokenCommand,
  },
  {
    name: 'binding',
    summary: 'say who has which roles',
    heading: ACCESS,
    load: async () => (await import('./commands/binding.ts')).bindingCommand,
  },
  {
    name: 'audit',
    summary: 'show who did what',
    heading: ACCESS,
    load: async () => (await import('./commands/audit.ts')).auditCommand,
  },
  {
    name: 'verify',
    summary: 'hold a file against the server, or against a receipt',
    heading: ARTIFACTS,
    load: async () => (await import('./commands/verify.ts')).verifyCommand,
  },
  {
    name: 'keys',
    summary: 'show the keys that sign receipts and the trail',
    heading: ACCESS,
    load: async () => (await import('./commands/keys.ts')).keysCommand,
  },
  {
    name: 'serve',
    summary: 'run the server',
    heading: SERVER,
    load: async () => (await import('./commands/serve.ts')).serveCommand,
  },
  {
    name: 'config',
    summary: "show the server's settings",
    heading: SERVER,
    load: async () => (await import('./commands/config.ts')).configCommand,
  },
  {
    name: 'fsck',
    summary: 'compare database and object store',
    heading: SERVER,
    load: async () => (await import('./commands/fsck.ts')).fsckCommand,
  },
  {
    name: 'gc',
    summary: 'remove what nothing refers to',
    heading: SERVER,
    load: async () => (await import('./commands/gc.ts')).gcCommand,
  },
  {
    name: 'bench',
    summary: 'load a server, and print rates and latencies',
    heading: SERVER,
    load: async () => (await import('./commands/bench.ts')).benchCommand,
  },
  {
    name: 'backup',
    summary: 'back up the embedded database, the keys and the bytes',
    heading: SERVER,
    load: async () => (await import('./commands/backup.ts')).backupCommand,
  },
  {
    name: 'restore',
    summary: 'restore the embedded database, up to a moment',
    heading: SERVER,
    load: async () => (await import('./commands/restore.ts')).restoreCommand,
  },
  {
    name: 'status',
    alias: 'health',
    summary: 'show whether the server is ready',
    heading: SERVER,
    load: async () => (await import('./commands/status.ts')).statusCommand,
  },
  {
    name: 'doctor',
    summary: 'find out what is wrong between here and the server',
    heading: SERVER,
    load: async () => (await import('./commands/doctor.ts')).doctorCommand,
  },
];
