import { readFileSync, writeFileSync } from 'node:fs';
import { z } from 'zod';

// npm run lockfile            after every change of dependencies
// npm run lockfile -- --check  exits 1 where an entry is missing
//
// A tool's binaries come as optional packages, one a platform. A registry that mirrors only some of them has npm write a
// lockfile without the others, which `npm ci` then refuses everywhere ("Missing: … from lock file"). This adds their entries:
// the version is pinned by the parent, the platform stands in the name, and only that platform ever fetches it.

const LOCKFILE = new URL('../package-lock.json', import.meta.url);

const entrySchema = z.looseObject({
  version: z.string().optional(),
  dev: z.boolean().optional(),
  optionalDependencies: z.record(z.string(), z.string()).optional(),
});
const lockfileSchema = z.looseObject({ packages: z.record(z.string(), entrySchema) });

const SYSTEMS = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32'];
const PROCESSORS = ['arm64', 'arm', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'x64'];
const LIBRARIES: Readonly<Record<string, string>> = {
  gnu: 'glibc',
  gnueabihf: 'glibc',
  musl: 'musl',
  musleabihf: 'musl',
};

/** `@tool/binding-linux-x64-musl`: the system, the processor and the C library that a package is for. */
function platformOf(name: string) {
  const words = name.split(/[/-]/);
  const system = words.find((word) => SYSTEMS.includes(word));
  const processor = words.find((word) => PROCESSORS.includes(word));
  const library =
    system === 'linux' ? words.map((word) => LIBRARIES[word]).find((found) => found !== undefined) : undefined;
  return system === undefined || processor === undefined
    ? undefined
    : { cpu: [processor], ...(library === undefined ? {} : { libc: [library] }), os: [system] };
}

const lockfile = lockfileSchema.parse(JSON.parse(readFileSync(LOCKFILE, 'utf8')));
const missing: string[] = [];
for (const [parent, entry] of Object.entries(lockfile.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const platform = platformOf(name);
    const present =
      `node_modules/${name}` in lockfile.packages || `${parent}/node_modules/${name}` in lockfile.packages;
    if (present || platform === undefined || !/^\d/.test(version)) continue;
    missing.push(`${name}@${version}`);
    const development = entry.dev === true ? { dev: true } : {};
    lockfile.packages[`node_modules/${name}`] = { version, ...platform, ...development, optional: true };
  }
}

if (process.argv.includes('--check')) {
  for (const name of missing) console.error(`package-lock.json lacks ${name}: run "npm run lockfile"`);
  process.exitCode = missing.length > 0 ? 1 : 0;
} else {
  const byName = Object.entries(lockfile.packages).sort(([left], [right]) => (left < right ? -1 : 1));
  writeFileSync(LOCKFILE, `${JSON.stringify({ ...lockfile, packages: Object.fromEntries(byName) }, null, 2)}\n`);
  console.log(`${missing.length} entries added to package-lock.json`);
}
