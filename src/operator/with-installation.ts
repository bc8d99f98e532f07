import { loadConfig } from '../kernel/config.ts';
import { AppError, messageOf, StartupError } from '../kernel/errors.ts';
import { createLogger, type Logger } from '../kernel/log.ts';
import type { Settings } from '../kernel/settings.ts';
import { StoreError } from '../objects/errors.ts';
import { type Installation, openInstallation } from './installation.ts';

/** What an operator's command ends with where database or store are away: nothing was found out. */
const UNAVAILABLE = 6;

/** Runs an operator's command on the installation of the settings. @returns the exit code. */
export async function withInstallation(
  command: string,
  work: (installation: Installation) => Promise<number>,
): Promise<number> {
  return await withSettings(async (settings, log) => {
    await using installation = await openInstallation(settings, log, command);
    return await work(installation);
  }, 'error');
}

/**
 * Runs an operator's command with the settings of the server. What goes wrong is in the message of the failure: a log besides is for who
 * sets its level. @returns the exit code.
 */
export async function withSettings(
  work: (settings: Settings, log: Logger) => Promise<number>,
  leastLevel: 'error' | 'fatal' = 'fatal',
): Promise<number> {
  try {
    const { settings } = loadConfig(process.env);
    return await work(settings, createLogger(settings.logLevel ?? leastLevel));
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
