import { loadConfig } from '../kernel/config.ts';
import { AppError, messageOf, StartupError } from '../kernel/errors.ts';
import { createLogger } from '../kernel/log.ts';
import { StoreError } from '../objects/errors.ts';
import { type Installation, openInstallation } from './installation.ts';

/** What an operator's command ends with where database or store are away: nothing was found out. */
const UNAVAILABLE = 6;

/** Runs an operator's command on the installation of the settings. @returns the exit code. */
export async function withInstallation(
  command: string,
  work: (installation: Installation) => Promise<number>,
): Promise<number> {
  try {
    const { settings } = loadConfig(process.env);
    const log = createLogger(settings.logLevel ?? 'error');
    await using installation = await openInstallation(settings, log, command);
    return await work(installation);
  } catch (error) {
    if (error instanceof StartupError) {
      process.stderr.write(`artifortress: ${error.message}\n`);
      return 1;
    }
    if (error instanceof StoreError || error instanceof AppError) {
      const cause = error.cause === undefined ? '' : ` (${messageOf(error.cause)})`;
      process.stderr.write(
        `artifortress: ${error.message}${cause}\nNothing more was checked or changed; run it again.\n`,
      );
      return UNAVAILABLE;
    }
    throw error;
  }
}
