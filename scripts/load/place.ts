import { join } from 'node:path';
import { type Artifortress, artifortressAt, openArtifortress } from '../bench/artifortress.ts';
import { newBootstrapToken, prepareRepository, startArtifortress } from '../bench/artifortress-server.ts';
import { startDockerRegistry } from '../bench/docker-registry.ts';
import { startNginx } from '../bench/nginx.ts';
import { openRawS3 } from '../bench/raw-s3.ts';
import { Participants } from '../bench/report.ts';
import { startS3Store, storeEnvironment } from '../bench/s3-store.ts';
import type { Subject } from '../bench/subject.ts';
import type { Workplace } from '../bench/temporary-folder.ts';
import type { Options } from './options.ts';

/** Our server, started for a run, and those that it is compared with. */
export interface Place {
  readonly ours: Artifortress;
  /** They take whole uploads and give whole downloads and ranges. */
  readonly peers: readonly Subject[];
  /** They only give downloads. */
  readonly readers: readonly Subject[];
  /** Those of both that keep bytes of their own. */
  readonly keepers: readonly Subject[];
  readonly participants: Participants;
}

type ServerOptions = Pick<Options, 'cpuProfileFolder' | 'serverSettings'>;
type PlaceOptions = ServerOptions & Pick<Options, 'store'>;

/** Starts our server on a store, and whatever else is installed on the same one. */
export async function openPlace(workplace: Workplace, options: PlaceOptions): Promise<Place> {
  const { stack, root, progress } = workplace;
  const participants = new Participants(progress);
  if (options.store === 'folder') {
    const ours = await openOurs(workplace, options);
    participants.present(ours);
    const peers = participants.present(await startDockerRegistry(stack, root));
    const readers = participants.present(await startNginx(stack, root));
    return { ours, peers, readers, keepers: [...peers, ...readers], participants };
  }
  const store = await startS3Store(stack, root, options.store);
  const ours = await openOurs(workplace, options, storeEnvironment(await store.makeBucket('artifortress')));
  participants.present(ours);
  const raw = openRawS3(stack, store, await store.makeBucket('raw'));
  participants.present({ ...raw, name: store.name });
  const registry = await startDockerRegistry(stack, root, await store.makeBucket('docker-registry'));
  const peers = [raw, ...participants.present(registry)];
  return { ours, peers, readers: [ours.redirecting], keepers: peers, participants };
}

/** Starts our server alone, with its metrics open to whoever watches it. */
export async function openOurs(
  { stack, root }: Workplace,
  options: ServerOptions,
  storeEnv: Readonly<Record<string, string>> = {},
): Promise<Artifortress> {
  return await openArtifortress(stack, root, {
    folderName: 'artifortress',
    storeEnv: { ...storeEnv, ...environmentOf(options) },
  });
}

/**
 * Starts our server alone, in a folder of its own, without its worker, has `fill` put into it what it is to hold, and starts it again
 * as it is measured: so the worker's queries meet no table whose indexes are not there yet.
 */
export async function openFilled<Filling>(
  { stack, root }: Workplace,
  options: ServerOptions,
  folderName: string,
  fill: (ours: Artifortress) => Promise<Filling>,
): Promise<{ ours: Artifortress; filling: Filling }> {
  const folder = join(root, folderName);
  const bootstrapToken = newBootstrapToken();
  const start = (env: Readonly<Record<string, string>>) => startArtifortress(stack, folder, bootstrapToken, env);
  const first = await start({ ...environmentOf({ ...options, cpuProfileFolder: null }), ARTIFORTRESS_WORKER: 'false' });
  const token = await prepareRepository(first.port, bootstrapToken);
  const filling = await fill(artifortressAt(first, token));
  await first.child.stop();
  return { ours: artifortressAt(await start(environmentOf(options)), token), filling };
}

function environmentOf({ cpuProfileFolder, serverSettings }: ServerOptions): Record<string, string> {
  const profiling = cpuProfileFolder === null ? {} : { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${cpuProfileFolder}` };
  return { ...profiling, ARTIFORTRESS_METRICS_OPEN: 'true', ...serverSettings };
}
