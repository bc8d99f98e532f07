import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { statCommand as blobStatCommand } from './blob.ts';

/** `artifortress stat`: `blob stat` for short. */
export function statCommand(context: CliContext): Command {
  return blobStatCommand(context, 'artifortress stat');
}
