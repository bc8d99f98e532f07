import { declareEpoch } from '../operator/declare-epoch.ts';
import { withInstallation } from '../operator/with-installation.ts';

/** `artifortress audit new-epoch`. @returns the exit code. */
export async function runNewEpoch(note: string): Promise<number> {
  return await withInstallation('audit new-epoch', async ({ services }) => {
    const { epoch, afterBatch } = await declareEpoch(services, note);
    process.stdout.write(
      `Opened epoch ${epoch} behind batch ${afterBatch}. What is sealed from now on belongs to it.\n`,
    );
    return 0;
  });
}
